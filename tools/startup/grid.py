"""The published grid of start-ups: a row a phase, a column a start; below it what the phases do not add up to."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.files import UnusableFile
from tools.report import Page
from tools.startup.log import FACTS, WHAT, StartupLog, read_log
from tools.startup.phases import FURTHER, IDENTITIES, PUBLISHED
from tools.tables import Table

BLANK = "--"  # as the published table shows a phase that did not happen
STUDIED = re.compile(r"output_model_(?P<model>.+)_gpu-memory-utilization_(?P<share>\d+(?:\.\d+)?)")
SUFFIXES = (".txt", ".log", ".out")


def read_columns(files: Sequence[Path]) -> dict[str, StartupLog]:
    """Heading -> log, in the order of the files. Raises UnusableFile."""
    return dict(zip(headings(files), map(read_log, files), strict=True))


def startup_page(columns: Mapping[str, StartupLog]) -> Page:
    """columns: heading -> log."""
    left = {name: [each.seconds for each in log.residuals()] for name, log in columns.items()}
    cells = {name: {phase: rounded(value) for phase, value in log.phases.items()} for name, log in columns.items()}
    tables = (grid("start-up, s", cells), identities(left), facts(columns))
    return Page(tables, (*contradictory(columns), *differences(columns)))


def contradictory(columns: Mapping[str, StartupLog]) -> tuple[str, ...]:
    """A sentence for each identity that a log breaks."""
    return tuple(each.sentence(name) for name, log in columns.items() for each in log.residuals() if each.is_broken)


def grid(title: str, columns: Mapping[str, Mapping[str, str]]) -> Table:
    """columns: heading -> phase -> text. The published rows always, the further ones where a column has them."""
    further = (phase for phase in FURTHER if any(phase in cells for cells in columns.values()))
    rows = tuple((phase, *(cells.get(phase, BLANK) for cells in columns.values())) for phase in (*PUBLISHED, *further))
    return Table(title, ("Metric", *columns), rows, frozenset({"Metric"}))


def identities(columns: Mapping[str, Sequence[float | None]]) -> Table:
    """columns: heading -> what each identity has left, in seconds, in the order of IDENTITIES."""
    rows = tuple(
        (identity.sentence(), *(BLANK if left is None else signed(left) for left in row))
        for identity, row in zip(IDENTITIES, zip(*columns.values(), strict=True), strict=True)
    )
    return Table("identities, s", ("identity", *columns), rows, frozenset({"identity"}))


def rounded(seconds: float) -> str:
    """Two decimals at most, as the published table has them: `2.3`, `18.77`."""
    return str(round(seconds, 2))


def signed(seconds: float) -> str:
    """Two decimals, and no minus before a zero."""
    return f"{round(seconds, 2) + 0.0:.2f}"


def facts(columns: Mapping[str, StartupLog]) -> Table:
    rows = tuple((name, *(fact(log, name) for log in columns.values())) for name in fact_names(columns))
    return Table("facts", ("fact", *columns), rows, frozenset({"fact"}))


def fact_names(columns: Mapping[str, StartupLog]) -> list[str]:
    """Of the facts that any log tells, in the order in which logs tell them."""
    told = {name for log in columns.values() for name in log.facts}
    return [name for name in FACTS if name in told]


def fact(log: StartupLog, name: str) -> str:
    value = log.facts.get(name, BLANK)
    return f"{value:,}" if isinstance(value, int) else str(value)


def differences(columns: Mapping[str, StartupLog]) -> tuple[str, ...]:
    """A sentence that names the facts in which the logs differ: what explains a time before any code does."""
    apart = [name for name in fact_names(columns) if len({fact(log, name) for log in columns.values()}) > 1]
    return (f"facts that differ between the logs: {', '.join(apart)}",) if apart else ()


def document(columns: Mapping[str, StartupLog]) -> str:
    """`{"columns": {name: {"phases_s": {phase: seconds}, "facts": {name: value}}}}` as JSON."""
    told = {name: {"phases_s": dict(log.phases), "facts": dict(log.facts)} for name, log in columns.items()}
    return json.dumps({"columns": told}, indent=1) + "\n"


def headings(files: Sequence[Path]) -> list[str]:
    """A name for each file, with as many folders as tell it from the others. Raises UnusableFile for a file twice."""
    places = [file.absolute() for file in files]
    for place, count in Counter(places).items():
        if count > 1:
            raise UnusableFile(f"{WHAT} {place}: given {count} times, expected each log once; leave the others out")
    names, folders = [heading(place, 0) for place in places], 0
    while duplicates := {name for name, count in Counter(names).items() if count > 1}:
        folders += 1
        names = [
            deeper(place, folders) if name in duplicates else name for place, name in zip(places, names, strict=True)
        ]
    return names


def deeper(place: Path, folders: int) -> str:
    """The heading with folders; the whole path where even all of them do not tell it from another."""
    return heading(place, folders) if folders < len(place.parts) - 1 else str(place)


def heading(place: Path, folders: int) -> str:
    """`output_model_qwen-1.8b_gpu-memory-utilization_0.3.txt` -> `qwen-1.8b 0.3`; any other file's name as it is."""
    stem = place.stem if place.suffix in SUFFIXES else place.name
    studied = STUDIED.fullmatch(stem)
    label = f"{studied['model']} {studied['share']}" if studied else stem
    return "/".join([*place.parent.parts[len(place.parent.parts) - folders :], label])
