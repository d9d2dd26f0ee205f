"""Numbers to positions on an axis, and the round numbers that are written along it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tools.records import LARGEST

STEPS = (1, 2, 5, 10)
LARGEST_DRAWN = 100.0 * LARGEST
BEYOND = 0.04  # what an axis goes beyond its marks, of its length


@dataclass(frozen=True)
class Scale:
    """Numbers of an axis -> positions in the drawing."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def __call__(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def drawable(value: float, log: bool = False) -> bool:
    return abs(value) <= LARGEST_DRAWN and (value > 0 or not log)


def scale(values: Iterable[float], log: bool, start: float, end: float, least: float | None = None) -> Scale:
    """Round every value with a little room at both ends. least: a number the axis holds whatever the values."""
    found = [value for value in values if drawable(value, log)]
    found += [] if least is None else [least]
    low, high = (min(found), max(found)) if found else (1.0, 2.0)
    if log:
        span = (high / low) ** BEYOND if high > low * 1.001 else 1.5
        return Scale(low / span, high * span, start, end, True)
    room = (high - low) * BEYOND or abs(high) * 0.05 or 1.0
    return Scale(low if low == least else low - room, high + room, start, end, False)


def ticks(on: Scale, unit: float = 1.0, wanted: int = 6) -> list[float]:
    """Round numbers, about as many as wanted; on a log axis powers of ten, or 1, 2, 5 times these where few."""
    if on.log:
        return log_ticks(on, wanted)
    return [unit * value for value in linear_ticks(on.low / unit, on.high / unit, wanted)]


def linear_ticks(low: float, high: float, wanted: int) -> list[float]:
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in STEPS if power * each >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def log_ticks(on: Scale, wanted: int) -> list[float]:
    first, last = math.floor(math.log10(on.low)), math.ceil(math.log10(on.high))
    fine = [
        each * 10.0**power for power in range(first, last + 1) for each in STEPS[:-1] if on.holds(each * 10.0**power)
    ]
    whole = [value for value in fine if on.holds(value) and math.isclose(math.log10(value) % 1, 0, abs_tol=1e-9)]
    if len(whole) >= 3:
        return whole[:: math.ceil(len(whole) / wanted)]
    return fine if len(fine) >= 2 else linear_ticks(on.low, on.high, wanted)
