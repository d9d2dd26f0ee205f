"""Numbers as a person reads them."""

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def binary_size(value: float) -> str:
    """Bytes in binary units; exact below 1 KiB. The sign of a difference stands before the size of its magnitude."""
    scaled = float(value)
    for unit in UNITS[:-1]:
        if abs(scaled) < 1024:
            return f"{scaled:.0f} B" if unit == "B" else f"{scaled:.2f} {unit}"
        scaled /= 1024
    return f"{scaled:.2f} {UNITS[-1]}"


def counted(number: int, noun: str) -> str:
    """1 case, 2 cases; 1 process, 2 processes."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else ending}"
