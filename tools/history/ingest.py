"""Run files into the store: only those not seen before are read, each run once, and what is broken is named."""

import concurrent.futures
import gc
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.files import UnusableFile, exclusive
from tools.history.places import Found, Place, place_of
from tools.history.rows import NoRun, Rows, read_rows
from tools.history.store import FULL_ROWS, Catalog, Seen, add, read_catalog

NO_RUN = "no run"  # a file that never was one, such as an A/B
WORTH_WORKERS = 24  # files; a process takes about as long to start as ten of them to be read
MOST_WORKERS = 8


@dataclass(frozen=True)
class Ingested:
    """What became of the files: how many were read now, were known, held a run that the store has already, hold none.

    broken  the reason of each file that cannot be read, whether found out now or before
    gone    files whose runs the store keeps although they are there no more
    """

    catalog: Catalog
    read: int = 0
    known: int = 0
    repeated: int = 0
    no_runs: int = 0
    gone: int = 0
    broken: tuple[str, ...] = ()


def ingest(folders: Sequence[str], store: str) -> Ingested:
    """Bring the store up to what lies in these folders or files, and tell what it then holds.

    A run whose file is gone stays: files of a fleet expire. Raises UnusableFile where a folder or the store cannot be
    used, or where another process is writing to a store on this disk.
    """
    place, files = place_of(store), list(listed(folders))
    if not place.local:
        return brought(place, files)
    with exclusive(Path(place.root), "history"):
        return brought(place, files)


def listed(folders: Iterable[str]) -> Iterator[Found]:
    """Every file once, whatever folders name it."""
    found: dict[str, Found] = {}
    for folder in folders:
        place = place_of(folder)
        if not place.exists():
            raise UnusableFile(f"history {folder}: found nothing there, expected run files or a folder of them")
        found |= {each.name: each for each in place.documents()}
    yield from found.values()


def brought(place: Place, files: Sequence[Found]) -> Ingested:
    catalog = read_catalog(place)
    fresh = [each for each in files if each.name not in catalog.files or catalog.files[each.name].stamp != each.stamp]
    before = len(catalog.runs)
    offered = 0
    for batch in batches(read_all(fresh)):
        runs, seen = sorted_out(batch, catalog)
        offered += sum(not each.problem for each in seen.values())
        catalog = add(place, catalog, runs, seen)
    told = {each.name: catalog.files[each.name].problem for each in files if each.name in catalog.files}
    read = len(catalog.runs) - before
    return Ingested(
        catalog,
        read=read,
        known=len(files) - len(fresh),
        repeated=offered - read,
        no_runs=sum(problem == NO_RUN for problem in told.values()),
        gone=gone(catalog, files),
        broken=tuple(problem for problem in told.values() if problem not in ("", NO_RUN)),
    )


def gone(catalog: Catalog, files: Sequence[Found]) -> int:
    there = {each.name for each in files}
    return sum(run.file not in there for run in catalog.runs)


Outcome = tuple[Found, Rows | str]


def sorted_out(batch: Sequence[Outcome], catalog: Catalog) -> tuple[list[tuple[Rows, str]], dict[str, Seen]]:
    """The runs that the store has not, and what is to be remembered of all files."""
    known = {run.header.identity for run in catalog.runs}
    runs: list[tuple[Rows, str]] = []
    for found, outcome in batch:
        if not isinstance(outcome, str) and outcome.header.identity not in known:
            known.add(outcome.header.identity)
            runs.append((outcome, found.name))
    seen = {found.name: Seen(found.stamp, outcome if isinstance(outcome, str) else "") for found, outcome in batch}
    return runs, seen


def batches(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """As many as fill a part, so that memory stays bounded and an interrupted ingest has lost little."""
    batch: list[Outcome] = []
    rows = 0
    for outcome in outcomes:
        batch.append(outcome)
        rows += 0 if isinstance(outcome[1], str) else len(outcome[1].columns["case"])
        if rows >= FULL_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def read_all(files: Sequence[Found]) -> Iterator[Outcome]:
    """In the order of the files; many of them by several processes."""
    here = any(each.place.speaks("memory") for each in files)  # no other process sees it
    if here or len(files) < WORTH_WORKERS or workers() < 2:
        yield from zip(files, map(read_one, (each.place for each in files)), strict=True)
        return
    context = multiprocessing.get_context("spawn")  # pyarrow has threads, which a fork would not take along
    with concurrent.futures.ProcessPoolExecutor(workers(), context) as pool:
        yield from in_turn(files, lambda place: pool.submit(read_one, place))


def in_turn(
    files: Sequence[Found], submit: Callable[[Place], "concurrent.futures.Future[Rows | str]"]
) -> Iterator[Outcome]:
    """A few ahead of what is taken, for what has been read lies in memory."""
    waiting, ahead = iter(files), 4 * workers()
    under_way = [(each, submit(each.place)) for each in itertools.islice(waiting, ahead)]
    while under_way:
        found, future = under_way.pop(0)
        yield found, future.result()
        under_way += [(each, submit(each.place)) for each in itertools.islice(waiting, 1)]


def workers() -> int:
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_WORKERS)


def read_one(place: Place) -> Rows | str:
    """The run in a file, or why there is none."""
    gc.disable()  # a run is a hundred thousand objects without a cycle, which it would walk through again and again
    try:
        return read_rows(place.read(), place.name)
    except NoRun:
        return NO_RUN
    except FileNotFoundError:
        return f"run file {place.name}: vanished while it was to be read; run this again"
    except UnusableFile as error:
        return str(error)
    finally:
        gc.enable()
