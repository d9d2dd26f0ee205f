"""How near a case comes to what the machine's ceilings allow: rooflines where bytes and operations are known.

Source of the model: Williams, Waterman, Patterson, Roofline, CACM 52(4), 2009. The ceiling is each case's own: a copy
of as many bytes, a product in its precision (fixtures/ceilings.py). The time that both rates share cancels out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.page.drawings import Axis, Line, Mark, Row, bars, chart
from tools.records import Record, Run

MOST_BARS = 40
ROOF_WIDTH = 1.12


@dataclass(frozen=True)
class Roofline:
    """One path. names: of the series, in the order of their symbols."""

    title: str
    svg: str
    names: Sequence[str]


@dataclass(frozen=True)
class Work:
    """intensity: operations a byte; done: operations a second; roof: those that the ceilings allow, None if unknown."""

    case: str
    intensity: float
    done: float
    roof: float | None


def rooflines(run: Run) -> list[Roofline]:
    found = [roofline(path, work) for path, work in works(run).items() if any(each.roof for each in work)]
    left = shares(run, {each.case for work in works(run).values() for each in work if each.roof})
    return found + left


def works(run: Run) -> Mapping[str, Sequence[Work]]:
    found: dict[str, list[Work]] = {}
    for record in run.records:
        if work := work_of(record):
            found.setdefault(record.path, []).append(work)
    return found


def work_of(record: Record) -> Work | None:
    moved, done = (positive(record, name) for name in ("moved_bytes_per_s", "flops_per_s"))
    if moved is None or done is None:
        return None
    share = positive(record, "floor_share")
    return Work(record.case, done / moved, done, done / share if share else None)


def positive(record: Record, name: str) -> float | None:
    metric = record.metrics.get(name)
    return float(metric.value) if metric and metric.value > 0 else None


def roofline(path: str, work: Sequence[Work]) -> Roofline:
    names = list(dict.fromkeys(method(each.case) for each in work))
    marks = [Mark(each.intensity, each.done, told(each), names.index(method(each.case))) for each in work]
    lines = [line for each in work if each.roof for line in ceiling(each, each.roof)]
    title = f"{path}: operations a second against operations a byte, under the ceiling of each"
    x, y = Axis("FLOP a byte", True, "{:.2g}".format), Axis("GFLOP/s", True, lambda value: f"{value / 1e9:.3g}")
    return Roofline(title, chart(title, x, y, marks, lines), names)


def told(work: Work) -> str:
    share = f", {work.done / work.roof:.0%} of its ceiling" if work.roof else ""
    return f"{work.case}: {work.intensity:.2g} FLOP a byte, {work.done / 1e9:.3g} GFLOP/s{share}"


def ceiling(work: Work, roof: float) -> tuple[Line, Line]:
    """The way that is left to go, and the short roof above it."""
    low, high = work.intensity / ROOF_WIDTH, work.intensity * ROOF_WIDTH
    label = f"ceiling of {work.case}: {roof / 1e9:.3g} GFLOP/s"
    return (
        Line(((work.intensity, work.done), (work.intensity, roof)), label),
        Line(((low, roof), (high, roof)), label, "roof"),
    )


def method(case: str) -> str:
    return case.split("/")[1] if "/" in case else case


def shares(run: Run, drawn: set[str]) -> list[Roofline]:
    """Bars of the cases whose share of the ceiling is known, and not both of their rates."""
    rows = [
        Row(record.case, (share,))
        for record in run.records
        if record.case not in drawn and (share := positive(record, "floor_share")) is not None
    ]
    worst = sorted(rows, key=lambda row: row.values[0])[:MOST_BARS]
    title = "share of the time that the ceilings explain" + (
        f", the lowest {MOST_BARS}" if len(rows) > MOST_BARS else ""
    )
    return [Roofline(title, bars(title, worst, Axis("of roofline", form="{:.0%}".format)), ())] if worst else []
