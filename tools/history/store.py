"""The columnar store: Parquet parts of rows, and one small file that says which of them count.

    <store>/store.json                  which files count, and digests of itself and of the next three; replaced as a
                                        whole, so that a killed writer changes nothing
    <store>/words-N.parquet             every text once; the rows hold its place
    <store>/runs-N.parquet              a row a run: tools.history.rows.Header, and the file it came from
    <store>/files-N.parquet             which files were seen, how they looked, and what was wrong with the broken ones
    <store>/points-N.parquet            a row a run, case and metric, in the order of metric, case, run

A part of a few runs is cheap to add and dear to search, so that more than SMALL_PARTS of them become one. A part of
FULL_ROWS is never touched again: what one more run costs does not grow with the store. Everything in it can be made
anew from the run files.
"""

import dataclasses
import hashlib
import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.files import UnusableFile
from tools.history.places import Place, needed
from tools.history.rows import COLUMNS, WORDS, Array, Header, Rows
from tools.records import digest

if TYPE_CHECKING:
    import pyarrow

STORE_VERSION = 1
INDEX = "store.json"
STORED = {"run": np.int32, **COLUMNS}
FULL_ROWS = 500_000
SMALL_PARTS = 8
ROW_GROUP = 1 << 14
ATTEMPTS = 5  # of a reader whose parts were merged under its eyes


@dataclass(frozen=True)
class Part:
    """A file of rows, and the first and the last run in it."""

    name: str
    rows: int
    first_run: int
    last_run: int


@dataclass(frozen=True)
class StoredRun:
    """A run and the file it was read from. Its number is its place in the catalog."""

    header: Header
    file: str


@dataclass(frozen=True)
class Seen:
    """How a file looked when it was read, and why it was left out: "" for a run, NO_RUN for what never was one."""

    stamp: str
    problem: str


@dataclass(frozen=True)
class Catalog:
    """All of a store but its rows.

    number  of the catalog, counted up by every change; names of new files bear it
    """

    number: int = 0
    words: tuple[str, ...] = ()
    runs: tuple[StoredRun, ...] = ()
    files: Mapping[str, Seen] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


def arrow() -> Any:
    import pyarrow
    import pyarrow.dataset
    import pyarrow.fs
    import pyarrow.parquet

    return pyarrow


def read_catalog(place: Place) -> Catalog:
    """An empty one where there is no store yet. Raises UnusableFile for a damaged one."""
    for attempt in range(ATTEMPTS):
        try:
            return catalog_at(place)
        except FileNotFoundError as error:
            if attempt == ATTEMPTS - 1:
                raise damaged(place, error) from error
    raise AssertionError("unreachable")


def catalog_at(place: Place) -> Catalog:
    if not (place / INDEX).exists():
        return Catalog()
    try:
        index = json.loads((place / INDEX).read())
        if index.get("schema_version") != STORE_VERSION:
            raise ValueError(f"found schema version {index.get('schema_version')!r}, expected {STORE_VERSION}")
        digests = checked(index)
        tables = {name: table_at(place / file, digests.get(name)) for name, file in index["tables"].items()}
        return Catalog(
            index["number"],
            tuple(row["word"] for row in tables["words"]),
            tuple(StoredRun(header_of(row), row["file"]) for row in tables["runs"]),
            {row["file"]: Seen(row["stamp"], row["problem"]) for row in tables["files"]},
            tuple(Part(**part) for part in index["parts"]),
        )
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise damaged(place, error) from error


def checked(index: dict[str, Any]) -> dict[str, str]:
    """Table -> digest of its file; none in a store that was written before there were any. Raises ValueError."""
    told = index.pop("digest", None)
    if told not in (None, digest(index)):
        raise ValueError(f"{INDEX} was changed by something else")
    digests: dict[str, str] = index.get("digests", {})
    return digests


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def header_of(row: dict[str, Any]) -> Header:
    return Header(**{name: value for name, value in row.items() if name != "file"})


def damaged(place: Place, error: Exception) -> UnusableFile:
    return UnusableFile(
        f"history {place.name}: cannot be used ({str(error)[:200]}); delete the folder, it is made anew from the runs"
    )


def table_at(place: Place, told: str | None) -> list[dict[str, Any]]:
    """The rows. Raises FileNotFoundError, ValueError and OSError for another file than that of this digest."""
    pyarrow, content = needed(arrow), place.read()
    if told not in (None, digest_of(content)):
        raise ValueError(f"{place.name} is damaged")
    file = pyarrow.BufferReader(content)  # no thread of pyarrow's is to hold a Python file while Python ends
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(file, use_threads=False, pre_buffer=False).to_pylist()
    return rows


def parquet(table: "pyarrow.Table") -> bytes:
    pyarrow = needed(arrow)
    written = io.BytesIO()
    pyarrow.parquet.write_table(table, written, row_group_size=ROW_GROUP, compression="zstd", write_page_checksum=True)
    return written.getvalue()


def add(place: Place, catalog: Catalog, batch: Sequence[tuple[Rows, str]], seen: Mapping[str, Seen]) -> Catalog:
    """The store with these runs (and their files) in it, written. `seen`: all that is new to know of files."""
    number, vocabulary = catalog.number + 1, {word: place for place, word in enumerate(catalog.words)}
    first = len(catalog.runs)
    numbered = [columns_of(rows, first + place, vocabulary) for place, (rows, _) in enumerate(batch)]
    fresh = {name: np.concatenate([each[name] for each in numbered]) for name in STORED} if numbered else {}
    parts = [*catalog.parts, *([write_part(place, f"points-{number}a.parquet", fresh)] if numbered else [])]
    grown = Catalog(
        number,
        tuple(vocabulary),
        (*catalog.runs, *(StoredRun(rows.header, file) for rows, file in batch)),
        {**catalog.files, **seen},
        tuple(merged(place, parts, f"points-{number}b.parquet")),
    )
    write_catalog(place, grown)
    clear(place, grown, catalog)
    return grown


def columns_of(rows: Rows, run: int, vocabulary: dict[str, int]) -> dict[str, Array]:
    """A run's columns with its number in the store, and its words' places there; `vocabulary` learns the new ones."""
    places = np.array([vocabulary.setdefault(word, len(vocabulary)) for word in rows.words], np.int32)
    found = {name: places[values] if name in WORDS else values for name, values in rows.columns.items()}
    return {"run": np.full(len(found["case"]), run, np.int32), **found}


def write_part(place: Place, name: str, columns: Mapping[str, Array]) -> Part:
    """In the order of metric, case, run: the rows of a question lie together, and most row groups hold none of them."""
    pyarrow = needed(arrow)
    order = np.lexsort((columns["run"], columns["case"], columns["metric"]))
    table = pyarrow.table({column: columns[column][order] for column in STORED})
    (place / name).write(parquet(table))
    runs = columns["run"]
    return Part(name, len(order), int(runs.min(initial=2**31 - 1)), int(runs.max(initial=-1)))


def merged(place: Place, parts: Sequence[Part], name: str) -> list[Part]:
    """The parts as they are, or, where too many are small, with the smallest of them made one."""
    small = sorted((part for part in parts if part.rows < FULL_ROWS), key=lambda part: part.rows)
    if len(small) <= SMALL_PARTS:
        return list(parts)
    sums = np.cumsum([part.rows for part in small])
    chosen = small[: int(np.searchsorted(sums, FULL_ROWS)) + 1]
    one = write_part(place, name, columns_at(place, chosen))
    return [*(part for part in parts if part not in chosen), one]


def write_catalog(place: Place, catalog: Catalog) -> None:
    """The index last: until then the store is what it was."""
    pyarrow = needed(arrow)
    runs = [dataclasses.asdict(run.header) | {"file": run.file} for run in catalog.runs]
    files = [{"file": name, **dataclasses.asdict(seen)} for name, seen in catalog.files.items()]
    tables = {
        "words": pyarrow.table({"word": pyarrow.array(catalog.words, pyarrow.string())}),
        "runs": pyarrow.Table.from_pylist(runs),
        "files": pyarrow.Table.from_pylist(files),
    }
    contents = {name: parquet(table) for name, table in tables.items()}
    index: dict[str, Any] = {
        "schema_version": STORE_VERSION,
        "number": catalog.number,
        "tables": {name: f"{name}-{catalog.number}.parquet" for name in tables},
        "digests": {name: digest_of(content) for name, content in contents.items()},
        "parts": [dataclasses.asdict(part) for part in catalog.parts],
    }
    for name, content in contents.items():
        (place / index["tables"][name]).write(content)
    index["digest"] = digest(index)
    (place / INDEX).write(json.dumps(index, indent=1).encode())


def clear(place: Place, *kept: Catalog) -> None:
    """Remove what no catalog of these names: a reader may still be at the one before, a killed writer left anything."""
    names = {INDEX} | {part.name for catalog in kept for part in catalog.parts}
    names |= {f"{table}-{catalog.number}.parquet" for catalog in kept for table in ("words", "runs", "files")}
    for name in place.names():
        if name.endswith(".parquet") and name not in names:
            (place / name).remove()


def columns_at(
    place: Place,
    parts: Sequence[Part],
    columns: Sequence[str] = tuple(STORED),
    metrics: Collection[int] | None = None,
    cases: Collection[int] | None = None,
) -> dict[str, Array]:
    """The columns of all rows of these parts, or only those of some metrics and cases (their words' places).

    Raises FileNotFoundError where another process has merged a part meanwhile, UnusableFile for a damaged one.
    """
    pyarrow = needed(arrow)
    if not parts:
        return {name: np.empty(0, STORED[name]) for name in columns}
    chosen = {"metric": metrics, "case": cases}
    wanted = [pyarrow.dataset.field(name).isin(list(each)) for name, each in chosen.items() if each is not None]
    options = pyarrow.dataset.ParquetFragmentScanOptions(page_checksum_verification=True)
    try:
        found = pyarrow.dataset.dataset(
            [(place / part.name).root for part in parts],
            format=pyarrow.dataset.ParquetFileFormat(default_fragment_scan_options=options),
            filesystem=file_system(place),
        ).to_table(
            list(columns), filter=None if not wanted else wanted[0] if len(wanted) == 1 else wanted[0] & wanted[1]
        )
        rows = {name: found[name].to_numpy() for name in columns}
        if odd := [name for name in columns if rows[name].dtype != STORED[name]]:
            raise ValueError(f"column {odd[0]} is of another type")
    except FileNotFoundError:
        raise
    except (pyarrow.ArrowException, ValueError, OSError, MemoryError) as error:  # Parquet fails with all of them
        raise damaged(place, error) from error
    return rows


def file_system(place: Place) -> Any:
    filesystems = needed(arrow).fs
    return (
        filesystems.LocalFileSystem() if place.local else filesystems.PyFileSystem(filesystems.FSSpecHandler(place.fs))
    )
