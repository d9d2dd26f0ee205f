"""Statistics of torch's allocator as a person names them: a file that torch wrote, or a case of a run."""

import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.files import UnusableFile, read_json
from tools.memory_stats import KNOWN, Snapshot, stats_of, values_of
from tools.records import LARGEST, Record, Run
from tools.runs import KEY as RUN_KEY
from tools.runs import read_run
from tools.tables import printable

WHAT = "memory statistics"
MADE_BY = "json.dump(torch.cuda.memory_stats(), file)"
MEASURED_BY = "pytest perf_tests/test_training_memory.py"
MOST_NAMED = 3


class UnusableSnapshot(UnusableFile):
    """What was named holds no statistics of an allocator. One line, as of any UnusableFile."""


def read_snapshot(argument: str) -> Snapshot:
    """The snapshot in FILE, or that of one case of a run: RUN::CASE, CASE an id or the part of just one.

    FILE is JSON of torch.cuda.memory_stats() or of torch.cuda.memory_stats_as_nested_dict(). Raises UnusableFile.
    """
    file, separator, case = argument.partition("::")
    if separator and not os.path.isfile(argument):
        return snapshot_of_case(Path(file), case)
    path = Path(argument)
    document = read_json(path, WHAT)
    if isinstance(document, dict) and RUN_KEY in document:
        raise UnusableSnapshot(
            which_case(path, read_run(path), "found a run, expected the allocator statistics of one case")
        )
    return Snapshot(path.stem, stats_in(document, path), relative=False)


def stats_in(document: Any, path: Path) -> dict[str, int]:
    if not isinstance(document, dict):
        found = f"found {type(document).__name__}, expected an object of key and number"
        raise UnusableSnapshot(f"{WHAT} {path}: {found}; write it with {MADE_BY}")
    flat = flatten(document)
    if not KNOWN & flat.keys():
        found = f"found {shortened(list(flat)) or 'no key at all'}, expected keys like active_bytes.all.peak"
        raise UnusableSnapshot(f"{WHAT} {path}: {found}; write it with {MADE_BY}")
    return whole_numbers(flat, f"{WHAT} {path}", f"write it with {MADE_BY}")


def whole_numbers(values: Mapping[str, Any], where: str, advice: str) -> dict[str, int]:
    """Raises UnusableSnapshot for anything else, and for what no allocator can have counted."""
    for key, value in values.items():
        if type(value) is not int or abs(value) > LARGEST:  # True is an instance of int
            found = f"found {value!r:.60}, expected a whole number up to 2**64"
            raise UnusableSnapshot(f"{where}: at {key!r}: {found}; {advice}")
    return dict(values)


def flatten(document: Mapping[str, Any]) -> dict[str, Any]:
    """Objects within objects as one, in sorted order: {"a": {"b": 1}} -> {"a.b": 1}."""
    flat, waiting = {}, [("", document)]
    while waiting:  # no recursion: a file may be nested as deeply as it likes
        prefix, inner = waiting.pop()
        for name, value in inner.items():
            if isinstance(value, dict):
                waiting.append((f"{prefix}{name}.", value))
            else:
                flat[f"{prefix}{name}"] = value
    return dict(sorted(flat.items()))


def snapshot_of_case(path: Path, case: str) -> Snapshot:
    run = read_run(path)
    record = record_named(case, run, path)
    stats = whole_numbers(values_of(record), f"run file {path}: {record.case!r}", "measure it again")
    if not stats:
        why = printable(record.reason) or "no reason is told"
        status = "" if record.status == "ok" else f": it is {record.status}, {why}"
        raise UnusableSnapshot(which_case(path, run, f"{record.case!r} has no allocator statistics{status}"))
    torch = run.fingerprint.software.get("torch")
    return Snapshot(record.case, stats, f"torch {torch}" if torch else "")


def record_named(case: str, run: Run, path: Path) -> Record:
    """The record of this id, or the only one whose id has `case` in it. Raises UnusableSnapshot."""
    found = [record for record in run.records if case in record.case]
    exact = [record for record in found if record.case == case]
    if len(exact) != 1 and len(found) != 1:
        ids = shortened([record.case for record in found])
        told = f"{case!r} is in the ids of {len(found)} cases ({ids})" if found else f"no case has {case!r} in its id"
        raise UnusableSnapshot(which_case(path, run, told))
    return (exact or found)[0]


def which_case(path: Path, run: Run, found: str) -> str:
    """A complaint that ends in the cases that can be asked for."""
    having = [record.case for record in run.records if stats_of(record)]
    if not having:
        return f"run file {path}: {found}; none of its cases has any; {MEASURED_BY} measures them"
    return f"run file {path}: {found}; name one as {path}::CASE: {shortened(having)}"


def shortened(names: Sequence[str]) -> str:
    """The first few, then an ellipsis."""
    return ", ".join([*map(printable, names[:MOST_NAMED]), *(["…"] if len(names) > MOST_NAMED else [])])
