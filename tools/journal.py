"""Records as they are made, a line each, so that what was broken off goes on where it was."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import TypeAdapter, ValidationError

from tools.files import UnusableFile, first_problem, read_text, unwritable
from tools.records import Record

# Format history of a journal:
#   1  first form
SCHEMA_VERSION = 1

WHAT = "journal"
REMEDY = "delete it to measure everything anew"


@dataclass(frozen=True)
class Origin:
    """What all records of a journal have in common: numbers of other code, settings or devices are no part of it.

    place  digest of the fingerprint's software and device. Another machine of the kind may go on: see Journal.mixed
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    commit: str
    profile: str
    place: str
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Entry:
    """A line: one of `origin` (the first), the `machine` that goes on from here, a case that was `begun`, one that was
    `left` on purpose, or its `record`."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    origin: Origin | None = None
    machine: str = ""
    begun: str = ""
    left: str = ""
    record: Record | None = None


ENTRY = TypeAdapter(Entry)


@dataclass
class Journal:
    """What a file holds, and its end, where more is written.

    records   by case, as far as they were made
    open      the case that was begun and of which nothing more is known: its process ended; "" for none
    machines  digests of the machine parts of the fingerprints, of all that have written here
    """

    file: Path
    records: dict[str, Record] = field(default_factory=dict)
    open: str = ""
    machines: set[str] = field(default_factory=set)

    @property
    def mixed(self) -> bool:
        """Whether several machines were at it: times of two GPUs are times of neither."""
        return len(self.machines) > 1

    def kept(self, case: str, definition: str) -> Record | None:
        """The record of a case that need not be measured again. A case that ended its process is an error, and is one
        only once: with it in every process, no other case would be measured."""
        if case == self.open:
            self.end(Record(case, definition, "error", "its process ended before it did; see the log"))
        found = self.records.get(case)
        return found if found and found.definition == definition else None

    def begin(self, case: str) -> None:
        self.append(Entry(begun=case))
        self.open = case

    def leave(self, case: str) -> None:
        """It was broken off from outside, which says nothing of it."""
        self.append(Entry(left=case))
        self.open = ""

    def end(self, record: Record) -> None:
        self.append(Entry(record=record))
        self.records[record.case], self.open = record, ""

    def append(self, entry: Entry) -> None:
        """One write a line: of a process that is killed meanwhile a part of it is left at most. Raises OSError."""
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(line(entry))


def line(entry: Entry) -> str:
    told = {name: value for name, value in dataclasses.asdict(entry).items() if value}
    return json.dumps(told, sort_keys=True, separators=(",", ":")) + "\n"


def open_journal(file: Path, origin: Origin, machine: str) -> Journal:
    """What is in `file`, or a new one, which `machine` writes from now on. Raises UnusableFile for one that is damaged
    or of another origin."""
    found = Journal(file)
    whole = whole_lines(file)
    for number, text in enumerate(whole, 1):
        take(found, entry_of(text, file, number), origin, first=number == 1)
    if not whole:
        begin(found, Entry(origin=origin))
    if machine not in found.machines:
        begin(found, Entry(machine=machine))
        found.machines.add(machine)
    return found


def begin(journal: Journal, entry: Entry) -> None:
    try:
        journal.file.parent.mkdir(parents=True, exist_ok=True)
        journal.append(entry)
    except OSError as error:
        raise UnusableFile(unwritable(journal.file, WHAT, error)) from error


def whole_lines(file: Path) -> list[str]:
    """Without what a killed process left of a last one, which is removed."""
    if not file.exists():
        return []
    text = read_text(file, WHAT)
    whole, _, torn = text.rpartition("\n")
    if torn:
        with file.open("r+b") as stream:
            stream.truncate(len(f"{whole}\n".encode()) if whole else 0)
    return whole.splitlines()


def entry_of(text: str, file: Path, number: int) -> Entry:
    try:
        return ENTRY.validate_json(text, strict=True)
    except (ValidationError, ValueError, RecursionError) as error:
        raise UnusableFile(f"{WHAT} {file}, line {number}: {first_problem(error)}; {REMEDY}") from error


def take(found: Journal, entry: Entry, origin: Origin, *, first: bool) -> None:
    if first:
        refuse_other(entry.origin, origin, found.file)
    elif entry.machine:
        found.machines.add(entry.machine)
    elif entry.record is not None:
        found.records[entry.record.case], found.open = entry.record, ""
    else:
        found.open = entry.begun


def refuse_other(theirs: Origin | None, ours: Origin, file: Path) -> None:
    if theirs is None:
        raise UnusableFile(f"{WHAT} {file}, line 1: found no origin, so it is no journal of perf-ratchet; {REMEDY}")
    other = [
        f"{name}: {getattr(theirs, name)} -> {getattr(ours, name)}"
        for name in (each.name for each in dataclasses.fields(Origin))
        if getattr(theirs, name) != getattr(ours, name)
    ]
    if other:
        raise UnusableFile(f"{WHAT} {file}: was begun elsewhere ({'; '.join(other)}); give another file, or {REMEDY}")
