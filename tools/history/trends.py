"""What a store says of one number over time: series of one place, their points, and where they changed."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from tools.history.changes import Step, exact, noisy, steps, worse
from tools.history.creep import Creep, crept
from tools.history.places import Place, place_of
from tools.history.rows import Array
from tools.history.series import Mark, Series
from tools.history.store import ATTEMPTS, Catalog, Part, columns_at, damaged, read_catalog

T = TypeVar("T")
LATELY = 5  # runs whose median is where a time stands


@dataclass(frozen=True)
class Trend:
    """A series and what changed in it.

    steps      in the order of time; `first` counts all points of the series, also the disturbed ones
    creep      against the anchor, or None
    anchor     number of the point that begins it
    """

    series: Series
    steps: tuple[Step, ...]
    creep: Creep | None
    anchor: int = 0

    @property
    def judged(self) -> bool:
        return noisy(self.series.policy) or exact(self.series.policy)

    @property
    def worse(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if worse(step.before, step.after, self.series.policy))

    @property
    def level(self) -> float:
        """Where it stands now: of a time the median of its last undisturbed runs, of a number that repeats the last."""
        counting = self.series.values[self.series.steady]
        if not len(counting):
            return float(self.series.values[-1])
        return float(np.median(counting[-LATELY:])) if noisy(self.series.policy) else float(counting[-1])

    @property
    def loss(self) -> float:
        """How much worse it is than before its steps and creep, as a log ratio; 0 where all of that was won back."""
        return max([0.0, *(self.lost(step) for step in self.worse), *self.lost_by_creep()])

    def lost(self, step: Step) -> float:
        """What of a step is still there at the end; nothing where most of it was won back."""
        if step.before <= 0 or step.after <= 0 or self.level <= 0:
            return math.inf if worse(step.before, self.level, self.series.policy) else 0.0
        size, left = math.log(step.after / step.before), math.log(self.level / step.before)
        return abs(left) if left / size > 0.5 else 0.0

    def lost_by_creep(self) -> list[float]:
        return [abs(math.log1p(self.creep.drift)) if self.creep.drift < math.inf else math.inf] if self.creep else []


def trend(series: Series, catalog: Catalog, anchor: str = "") -> Trend:
    """Steps between one mark and the next, and creep since the first runs, or since those of the commit `anchor`."""
    judged = np.flatnonzero(series.steady)
    values = series.values[judged]
    marks = {int(np.searchsorted(judged, mark.first)): mark for mark in series.marks}
    found = [step for first, part in pieces(values, marks) for step in moved(steps(part, series.policy), first)]
    begin = max(
        [
            first_of(series, judged, catalog, anchor),
            *(place for place, mark in marks.items() if ends_past(mark, series)),
        ]
    )
    cuts = sorted({each - begin for each in [*marks, *(step.first for step in found)] if begin < each < len(values)})
    creep = crept(values[begin:], cuts, [step for step in found if step.first > begin], series.policy)
    placed = tuple(replace(step, first=int(judged[step.first])) for step in found)
    return Trend(series, placed, creep, int(judged[begin]) if begin < len(judged) else 0)


def ends_past(mark: Mark, series: Series) -> bool:
    """Whether what was before cannot be an anchor: of another case, or a number that other software alone explains."""
    return mark.redefined or exact(series.policy)


def pieces(values: Array, marks: Collection[int]) -> list[tuple[int, Array]]:
    """The parts between marks, and where each begins."""
    edges = sorted({0, *marks})
    return [(edge, part) for edge, part in zip(edges, np.split(values, edges[1:]), strict=True) if len(part)]


def moved(found: Sequence[Step], by: int) -> list[Step]:
    return [replace(step, first=step.first + by) for step in found]


def first_of(series: Series, judged: Array, catalog: Catalog, anchor: str) -> int:
    """Number of the first judged point of that commit; 0 where the series has none, or none was asked for."""
    commits = [catalog.runs[run].header.commit for run in series.runs[judged].tolist()] if anchor else []
    return next((place for place, commit in enumerate(commits) if commit.startswith(anchor)), 0)


def asked(place: Place, question: Callable[[Catalog], T]) -> T:
    """The answer of one state of the store, asked again where another process merged its parts meanwhile."""
    for attempt in range(ATTEMPTS):
        try:
            return question(read_catalog(place))
        except FileNotFoundError as error:
            if attempt == ATTEMPTS - 1:
                raise damaged(place, error) from error
    raise AssertionError("unreachable")


def recent(store: Path | str, slug: str, runs: int = 40) -> Mapping[tuple[str, str], Sequence[tuple[str, float]]]:
    """(case, metric) -> (commit, value) in the order of time, of the last so many runs of a device.

    A commit of a run that held uncommitted changes ends with "+". Nothing where the store has no run of the device.
    Raises UnusableFile for a store that cannot be read.
    """
    place = place_of(str(store))
    return asked(place, lambda catalog: recent_of(place, catalog, slug, runs))


def recent_of(
    place: Place, catalog: Catalog, slug: str, runs: int
) -> Mapping[tuple[str, str], Sequence[tuple[str, float]]]:
    last = last_runs(catalog, slug, runs)
    columns = columns_at(place, holding(catalog.parts, last), ("run", "case", "metric", "value"))
    rank = np.full(len(catalog.runs) + 1, -1)
    rank[last] = np.arange(len(last))
    chosen = np.flatnonzero(rank[columns["run"]] >= 0)
    order = chosen[np.argsort(rank[columns["run"][chosen]], kind="stable")]
    revisions = [run.header.revision for run in catalog.runs]
    found: dict[tuple[int, int], list[tuple[str, float]]] = {}
    for case, metric, run, value in zip(
        *(columns[name][order].tolist() for name in ("case", "metric", "run", "value")), strict=True
    ):
        found.setdefault((case, metric), []).append((revisions[run], value))
    words = catalog.words
    return {(words[case], words[metric]): points for (case, metric), points in found.items() if words[metric]}


def last_runs(catalog: Catalog, slug: str, runs: int) -> list[int]:
    """Numbers of the last runs of a device, in the order of time."""
    of_device = [number for number, run in enumerate(catalog.runs) if run.header.slug == slug]
    return sorted(of_device, key=lambda number: (catalog.runs[number].header.time_s, number))[-runs:]


def holding(parts: Sequence[Part], runs: Collection[int]) -> list[Part]:
    """The parts that can hold rows of these runs."""
    return [part for part in parts if any(part.first_run <= run <= part.last_run for run in runs)]
