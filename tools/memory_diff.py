"""Statistics of torch's allocator side by side: any two snapshots, and training with and without fake quantization."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tools.compare import Finding
from tools.memory_stats import Snapshot, broken_identities, is_bytes, stats_of
from tools.quantities import binary_size, counted
from tools.records import LARGEST, Record, Run
from tools.report import Page
from tools.snapshots import MEASURED_BY, shortened
from tools.tables import Table

BLANK = "–"
NOTHING = f"no memory of training was measured; {MEASURED_BY} measures it"
PATH = "training_memory"
LABELS = {"qat": "QAT", "plain": "plain"}  # params' word for a method -> its heading, in the order of the columns

ACTIVE, RESERVED, SPLIT = (f"{family}_bytes.all.peak" for family in ("active", "reserved", "inactive_split"))
REQUESTS = "allocation.all.allocated"
COMPARED = (ACTIVE, RESERVED, REQUESTS)
# What an allocator makes of the requests depends on its version, so that these inform and never judge.
SHARES = {"slack": (RESERVED, ACTIVE), "fragmentation": (SPLIT, RESERVED)}

# What a step is summed up in -> the first of these metrics that a case has.
SUMMED_UP = {
    "peak": ("allocator.active.all.peak_bytes", "peak_allocated_bytes"),
    "allocations a step": ("step_allocation_count",),
    "allocated a step": ("step_allocated_bytes",),
    "left after a step": ("step_end_bytes",),
}


# ---------------------------------------------------------------- two snapshots


def difference(a: Snapshot, b: Snapshot) -> Page:
    """Every key of either side and a - b, then what the numbers do not show by themselves."""
    a, b = told_apart(a, b)
    return Page((difference_table(f"memory_stats: {a.label} - {b.label}", a, b),), remarks(a, b))


def told_apart(a: Snapshot, b: Snapshot) -> tuple[Snapshot, Snapshot]:
    """The same case of two runs, or two files of one name, have one label between them."""
    if a.label != b.label:
        return a, b
    return replace(a, label=f"{a.label} (A)"), replace(b, label=f"{b.label} (B)")


def difference_table(title: str, a: Snapshot, b: Snapshot) -> Table:
    rows = tuple(
        (key, quantity(key, a.stats.get(key)), quantity(key, b.stats.get(key)), quantity(key, less(key, a, b)))
        for key in sorted(a.stats.keys() | b.stats.keys())
    )
    left, right = without_common_path(a.label, b.label)
    return Table(title, ("key", left, right, f"{left} - {right}"), rows, frozenset({"key"}))


def without_common_path(a: str, b: str) -> tuple[str, str]:
    """`mode/qat-b64` and `mode/plain-b64` as `qat-b64` and `plain-b64`: the title has them in full."""
    path = f"{posixpath.commonpath([f'/{a}', f'/{b}'])}/".removeprefix("/")
    return a.removeprefix(path), b.removeprefix(path)


def less(key: str, a: Snapshot, b: Snapshot) -> int | None:
    return a.stats[key] - b.stats[key] if key in a.stats and key in b.stats else None


def quantity(key: str, value: int | None) -> str:
    if value is None:
        return BLANK
    return binary_size(value) if is_bytes(key) else f"{value:,}"


def remarks(a: Snapshot, b: Snapshot) -> tuple[str, ...]:
    """Which versions and keys differ, what contradicts itself, and the soft figures."""
    found = [versions(a, b), only_in(a, b), only_in(b, a), *contradictions(a), *contradictions(b)]
    found += [share_sentence(name, a, b) for name in SHARES]
    return tuple(sentence for sentence in (*found, ratios(a, b)) if sentence)


def versions(a: Snapshot, b: Snapshot) -> str:
    differ = a.software and b.software and a.software != b.software
    return f"{a.software} against {b.software}: allocators differ between versions" if differ else ""


def only_in(one: Snapshot, other: Snapshot) -> str:
    keys = sorted(one.stats.keys() - other.stats.keys())
    return f"{counted(len(keys), 'key')} only in {one.label}: {shortened(keys)}" if keys else ""


def contradictions(snapshot: Snapshot) -> list[str]:
    return [
        f"{snapshot.label} contradicts itself: {broken}"
        for broken in broken_identities(snapshot.stats, snapshot.relative)
    ]


def share_sentence(name: str, a: Snapshot, b: Snapshot) -> str:
    part, whole = SHARES[name]
    shares = {each.label: ratio(each.stats.get(part), each.stats.get(whole)) for each in (a, b)}
    told = ", ".join(f"{label} {share}" for label, share in shares.items() if share != BLANK)
    return f"{name} ({part} / {whole}): {told}" if told else ""


def ratios(a: Snapshot, b: Snapshot) -> str:
    found = {key: ratio(a.stats.get(key), b.stats.get(key)) for key in COMPARED}
    told = ", ".join(f"{key} {value}" for key, value in found.items() if value != BLANK)
    return f"{a.label} / {b.label}: {told}" if told else ""


def ratio(above: float | None, below: float | None) -> str:
    return BLANK if above is None or not below else f"{above / below:.3f}"


# ---------------------------------------------------------------- training with and without fake quantization


@dataclass(frozen=True, order=True)
class Step:
    """What is done once, with and without fake quantization."""

    mode: str
    model: str
    batch: int

    def __str__(self) -> str:
        return f"{self.mode}, {self.model}, batch {self.batch}"


Sides = Mapping[str, Record]  # method -> its case


def memory_stats_view(run: Run, findings: Sequence[Finding]) -> Page:
    """What each step comes to; below it all its statistics, QAT beside plain."""
    steps = sides_by_step(run)
    if not steps:
        return Page((), (NOTHING,))
    details = [details_of(step, sides) for step, sides in steps.items()]
    tables = [table for page in details for table in page.tables]
    sentences = [sentence for page in details for sentence in page.sentences]
    return Page((summary(steps), *tables), tuple(sentences))


def sides_by_step(run: Run) -> dict[Step, dict[str, Record]]:
    """Sorted; of two records of one step and method, which only a file made by hand has, the first."""
    found: dict[Step, dict[str, Record]] = {}
    for record in filter(is_side, run.records):
        step = Step(record.params["mode"], record.params["model"], record.params["batch"])
        found.setdefault(step, {}).setdefault(record.params["method"], record)
    return dict(sorted(found.items()))


def is_side(record: Record) -> bool:
    """Whether the parameters name a side of a step; those of a file can be anything."""
    batch = record.params.get("batch")
    return (
        record.path == PATH
        and all(isinstance(record.params.get(name), str) for name in ("mode", "model"))
        and record.params.get("method") in tuple(LABELS)
        and type(batch) is int  # True is an instance of int
        and 0 < batch <= LARGEST
    )


def summary(steps: Mapping[Step, Sides]) -> Table:
    rows = tuple(
        (str(step), what, *with_ratio(sides, metrics))
        for step, sides in steps.items()
        for what, metrics in SUMMED_UP.items()
    )
    columns = ("step", "figure", *LABELS.values(), " / ".join(LABELS.values()))
    return Table("training memory: QAT against plain", columns, rows, frozenset({"step", "figure"}))


def with_ratio(sides: Sides, metrics: Sequence[str]) -> tuple[str, str, str]:
    """QAT, plain, QAT / plain, of the first of the metrics that a side has."""
    above, below = (value_of(sides.get(method), metrics) for method in LABELS)
    qat, plain = (quantity_of(metrics[0], value) for value in (above, below))
    return qat, plain, ratio(above, below)


def value_of(record: Record | None, metrics: Sequence[str]) -> int | float | None:
    found = [record.metrics[name].value for name in metrics if name in record.metrics] if record else []
    return found[0] if found else None


def quantity_of(metric: str, value: int | float | None) -> str:
    if value is None:
        return BLANK
    return binary_size(value) if metric.endswith("_bytes") else f"{value:,}"


def details_of(step: Step, sides: Sides) -> Page:
    """The statistics of both sides, and why one has none; no table where none has any."""
    snapshots = [Snapshot(label, stats_of_side(sides.get(method))) for method, label in LABELS.items()]
    absent = [absence(step, label, sides.get(method)) for method, label in LABELS.items()]
    if not any(snapshot.stats for snapshot in snapshots):
        return Page((), tuple(filter(None, absent)))
    qat, plain = snapshots
    both = remarks(qat, plain) if qat.stats and plain.stats else (*contradictions(qat), *contradictions(plain))
    title = f"{step}: torch allocator statistics"
    told = (*filter(None, absent), *(f"{step}: {sentence}" for sentence in both))
    return Page((difference_table(title, qat, plain),), told)


def stats_of_side(record: Record | None) -> dict[str, int]:
    return stats_of(record) if record else {}


def absence(step: Step, label: str, record: Record | None) -> str:
    """Why a side has no numbers; "" where it has."""
    if record is None:
        return f"{step}: {label} was not measured"
    return "" if record.status == "ok" else f"{step}: {label} is {record.status}: {record.reason}".removesuffix(": ")
