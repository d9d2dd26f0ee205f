"""Base beside head: the pairs of an A/B where there was one, else the baseline's processes and the run's rounds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tools.ab.outcome import Outcome
from tools.ab.slots import Duel
from tools.page.subject import Subject
from tools.quantities import counted
from tools.records import unit_suffix

MOST_VALUES = 30  # of a side: evenly chosen from their order, both ends among them
TIME_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
TWIN = "twin"  # base against base


@dataclass(frozen=True)
class Side:
    """label: what a value is one of."""

    label: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Distribution:
    """Both sides in `unit`."""

    metric: str
    unit: str
    base: Side
    head: Side


def distribution(subject: Subject, case: str, metric: str) -> Distribution | None:
    """None where there is nothing to see: less than two different values, or a number that has no spread."""
    found = of_pairs(subject.outcomes, case, metric) or of_processes(subject, case, metric)
    if found is None:
        return None
    unit, scale = unit_of(metric, [*found[0].values, *found[1].values])
    base, head = (Side(side.label, tuple(value / scale for value in few(side.values))) for side in found)
    return Distribution(metric, unit, base, head) if len({*base.values, *head.values}) > 1 else None


def of_pairs(outcomes: Sequence[Outcome], case: str, metric: str) -> tuple[Side, Side] | None:
    """A value a pair of processes: the median of what its alternations took; of the last A/B that measured the case."""
    for outcome in reversed(outcomes):
        duels = [duel for duel in outcome.duels if duel.case == case and duel.purpose != TWIN and duel.valid()]
        duels = [duel for duel in duels if metric in duel.metrics]
        if duels:
            base, head = ([arm_s(duel, arm, metric) for duel in duels] for arm in ("base", "head"))
            told = f"{counted(len(duels), 'pair')} of processes, A/B"
            return Side(f"{outcome.base.name}: {told}", tuple(base)), Side(f"{outcome.head.name}: {told}", tuple(head))
    return None


def arm_s(duel: Duel, arm: str, metric: str) -> float:
    return statistics.median(getattr(each, arm).median_s(metric) for each in duel.valid())


def of_processes(subject: Subject, case: str, metric: str) -> tuple[Side, Side] | None:
    found, stored = subject.metrics(case).get(metric), subject.stored(case, metric)
    if found is None or (len(found.samples) < 2 and (stored is None or len(stored.values) < 2)):
        return None
    before = tuple(float(value) for value in stored.values) if stored else ()
    now = found.samples or (float(found.value),)
    stored_side = f"baseline, {counted(len(before), 'process')}" if before else "no baseline"
    return Side(stored_side, before), Side(f"this run, {counted(len(now), 'round')}", now)


def unit_of(metric: str, values: Sequence[float]) -> tuple[str, float]:
    """Of times the unit that the smallest one is read in; of others their own."""
    if unit_suffix(metric) != "_s":
        return "x" if metric.endswith("_ratio") else unit_suffix(metric).removeprefix("_"), 1.0
    smallest = min((abs(value) for value in values if value), default=1.0)
    return next((each for each in TIME_UNITS if smallest >= each[1]), TIME_UNITS[-1])


def few(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    if len(ordered) <= MOST_VALUES:
        return ordered
    return [ordered[round(each * (len(ordered) - 1) / (MOST_VALUES - 1))] for each in range(MOST_VALUES)]
