"""What a store says of one number over time: series of one place, their points, and where they changed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from tools.history.places import Place, place_of
from tools.history.store import ATTEMPTS, Catalog, Part, columns_at, damaged, read_catalog

T = TypeVar("T")


def asked(place: Place, question: Callable[[Catalog], T]) -> T:
    """The answer of one state of the store, asked again where another process merged its parts meanwhile."""
    for attempt in range(ATTEMPTS):
        try:
            return question(read_catalog(place))
        except FileNotFoundError as error:
            if attempt == ATTEMPTS - 1:
                raise damaged(place, error) from error
    raise AssertionError("unreachable")


def recent(store: Path, slug: str, runs: int = 40) -> Mapping[tuple[str, str], Sequence[tuple[str, float]]]:
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
