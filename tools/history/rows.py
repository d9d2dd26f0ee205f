"""One run file as columns: a row for every metric of every case, and what is said once of the run."""

import datetime
import functools
import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from tools.disturbance import disturbed
from tools.files import UnusableFile, first_problem, remedy, version_advice
from tools.records import SCHEMA_VERSION, Fingerprint, Metric, Record, Run
from tools.runs import KEY

WHAT = "run file"
Array = NDArray[Any]

# Of one row. What is text is the place of its word in the words of the run, later of the store.
#   metric        "" for a case that yielded none
#   environment   JSON of slug, device, machine and software: the run's or the record's own place, with its software
#   sample_count  rounds that `value` is the median of, with their quartiles; 0 where it is no distribution
#   disturbed     why the times of the case decide nothing
COLUMNS = {
    "case": np.int32,
    "metric": np.int32,
    "environment": np.int32,
    "definition": np.int32,
    "status": np.int32,
    "disturbed": np.int32,
    "value": np.float64,
    "sample_count": np.int32,
    "quartile1": np.float64,
    "quartile3": np.float64,
    "wall_s": np.float32,
}
WORDS = ("case", "metric", "environment", "definition", "status", "disturbed")


class NoRun(Exception):
    """A JSON file that never was a run: an A/B, a report of another tool."""


@dataclass(frozen=True)
class Header:
    """What a run says of itself.

    identity  tells this run from every other, whatever its file is called and however it is laid out
    time_s    of its start, in seconds since 1970
    wall_s    that it took
    """

    identity: str
    time_s: float
    created_utc: str
    commit: str
    dirty: bool
    profile: str
    slug: str
    fingerprint: str
    software: str
    cases: int
    wall_s: float

    @property
    def revision(self) -> str:
        return f"{self.commit}+" if self.dirty else self.commit


@dataclass(frozen=True)
class Rows:
    """A run as columns of equal length (see COLUMNS); text columns hold places in `words`."""

    header: Header
    words: tuple[str, ...]
    columns: dict[str, Array]


@dataclass(frozen=True)
class Document:
    """Of pytest-benchmark's file only our key matters here."""

    perf_ratchet: Run


@functools.cache
def adapter() -> TypeAdapter[Document]:
    """Made once: it takes longer than reading a run does."""
    return TypeAdapter(Document)


def read_rows(content: bytes, name: str) -> Rows:
    """The run that a file holds, as strictly read as tools.runs.read_run does. Raises UnusableFile and NoRun."""
    return rows_of(parsed(content, name), name)


def parsed(content: bytes, name: str) -> Run:
    try:
        run = adapter().validate_json(content, strict=True).perf_ratchet
    except (ValidationError, ValueError, RecursionError) as error:
        raise refusal(content, name, error) from error
    if not 1 <= run.schema_version <= SCHEMA_VERSION:
        raise wrong_version(run.schema_version, name)
    twice = {record.case for record in run.records}
    if len(twice) < len(run.records):
        raise UnusableFile(f"{WHAT} {name}: a case is in it more than once; {remedy(WHAT)}")
    return run


def refusal(content: bytes, name: str, error: Exception) -> Exception:
    """Why the content is no run, found out anew: a run of another version is told from a damaged one."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as broken:
        return UnusableFile(f"{WHAT} {name}: not JSON, cut off or damaged ({broken}); {remedy(WHAT)}")
    if not isinstance(document, dict) or KEY not in document:
        return NoRun(name)
    ours = document[KEY]
    version = ours.get("schema_version") if isinstance(ours, dict) else None
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        return wrong_version(version, name)
    return UnusableFile(f"{WHAT} {name}: {first_problem(error)}; {remedy(WHAT)}")


def wrong_version(found: Any, name: str) -> UnusableFile:
    advice = version_advice(found, SCHEMA_VERSION, WHAT)
    return UnusableFile(f"{WHAT} {name}: found schema version {found!r}, expected 1 to {SCHEMA_VERSION}; {advice}")


def rows_of(run: Run, name: str) -> Rows:
    """Raises UnusableFile where the run does not say when it was."""
    vocabulary: dict[str, int] = {}
    columns = columns_of(run, vocabulary)
    words = tuple(vocabulary)
    return Rows(header_of(run, name, identity(run, words, columns)), words, columns)


def header_of(run: Run, name: str, identity: str) -> Header:
    return Header(
        identity,
        seconds_since_1970(run.created_utc, name),
        run.created_utc,
        run.commit,
        run.dirty,
        run.profile,
        run.fingerprint.slug,
        run.fingerprint.hash,
        json.dumps(run.fingerprint.software, sort_keys=True),
        len(run.records),
        run.effort.wall_s,
    )


def seconds_since_1970(created_utc: str, name: str) -> float:
    try:
        moment = datetime.datetime.fromisoformat(created_utc)
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        told = f"found created_utc {created_utc[:40]!r}, expected a time as 2026-11-21T06:00:00+00:00"
        raise UnusableFile(f"{WHAT} {name}: {told}; {remedy(WHAT)}") from error


def identity(run: Run, words: Sequence[str], columns: dict[str, Array]) -> str:
    """First 16 hex digits of a SHA-256 of all that the store keeps of a run."""
    said = (run.created_utc, run.commit, run.dirty, run.profile, run.fingerprint.hash, words)
    found = hashlib.sha256(json.dumps(said).encode())
    for name in COLUMNS:
        found.update(columns[name].tobytes())
    return found.hexdigest()[:16]


def columns_of(run: Run, vocabulary: dict[str, int]) -> dict[str, Array]:
    """What is said of a case is repeated for each of its metrics; a case without any has one row, of metric ""."""

    def word(text: str) -> int:
        return vocabulary.setdefault(text, len(vocabulary))

    cases = run.records
    count = np.fromiter((len(record.metrics) or 1 for record in cases), np.int64, len(cases))
    environments = Environments(run.fingerprint)
    said = {
        "case": [word(record.case) for record in cases],
        "environment": [word(environments.text(record)) for record in cases],
        "definition": [word(record.definition) for record in cases],
        "status": [word(record.status) for record in cases],
        "disturbed": [word(disturbed(record, on_host=False)) for record in cases],
        "wall_s": [record.wall_s for record in cases],
    }
    found = {name: np.repeat(np.array(values, COLUMNS[name]), count) for name, values in said.items()}
    metrics = [item for record in cases for item in (record.metrics.items() or NO_METRICS)]
    found["metric"] = np.array([word(name) for name, _ in metrics], np.int32)
    found["value"] = np.array([metric.value for _, metric in metrics], np.float64)
    return found | spreads([metric.samples for _, metric in metrics])


NO_METRICS = {"": Metric(0.0)}.items()


class Environments:
    """The text of a record's environment; most records of a run share one."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.texts: dict[tuple[str, ...], str] = {}

    def text(self, record: Record) -> str:
        key = (record.place.hash if record.place else "", *itertools.chain(*sorted(record.software.items())))
        if key not in self.texts:
            place = record.place or self.fingerprint
            parts = {"slug": place.slug, "device": place.device, "machine": place.machine}
            self.texts[key] = json.dumps(parts | {"software": place.software | record.software}, sort_keys=True)
        return self.texts[key]


def spreads(samples: Sequence[tuple[float, ...]]) -> dict[str, Array]:
    """How many samples, and their quartiles (linear between neighbours), all of one length at once."""
    counts = np.fromiter(map(len, samples), np.int32, len(samples))
    quartiles = np.full((2, len(samples)), np.nan)
    for count in np.unique(counts[counts > 0]):
        chosen = np.flatnonzero(counts == count).tolist()
        quartiles[:, chosen] = np.quantile(np.array([samples[place] for place in chosen]), (0.25, 0.75), axis=1)
    return {"sample_count": counts, "quartile1": quartiles[0], "quartile3": quartiles[1]}
