"""What one case yielded and what one invocation yielded. Standard library only: both sides of the house use it."""

import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

# Format history of a Run in its file:
#   1  first form
#   2  a record may name the software that only its case needs; a file of version 1 is one of version 2 without any
#   3  a metric may hold the outcomes that it is the mean of; a file of version 2 is one of version 3 without any
#   4  a record may have a place of its own, a metric one in a source; a file of version 3 is one of version 4 without
#   5  a record may tell its test, its wall time and the conditions it was measured under; a selection may be a shard of
#      a larger one; a file of version 4 is one of version 5 without
#   6  a metric may say why it has a limit; a file of version 5 is one of version 6 without
SCHEMA_VERSION = 6

Status = Literal["ok", "oom", "unsupported", "error"]

# The law of names: a metric says its unit at its end. tools/policy.py holds one rule for each.
UNITS = {
    "_bytes": "bytes",
    "_s": "seconds",
    "_count": "count",
    "_error": "relative or absolute error",
    "_db": "decibel",
    "_ratio": "speed-up: time of the yardstick over time of the case, same rounds",
    "_fraction": "part of a whole, deterministic",
    "_share": "part of a whole, sampled; never judged",
    "_per_s": "rate derived from a time; never judged",
    "_calls": "calls; never judged",
}

# Units of times -> the relation of a goal for one. What others do on the machine moves these numbers and no others.
TIMED = {"_s": "<=", "_ratio": ">="}

# Paths that are there only where something brings them: an option (models, pretrained, vLLM), or nvcc on this machine.
BROUGHT = ("inference_", "compression_", "startup_", "kernels_nvcc_")

# The slugs of places that are no machine begin so: their numbers, and so their baselines, hold on all of them.
STATIC = "static-"

LARGEST = 2**64  # no count, size or rate comes near; beyond it, ratios of numbers would overflow


class BadRecord(ValueError):
    """A record or metric that breaks the rules of this module."""


@functools.cache
def unit_suffix(name: str) -> str:
    """The longest suffix in UNITS that `name` ends with. Raises BadRecord when there is none."""
    matches = [suffix for suffix in UNITS if name.endswith(suffix)]
    if not matches:
        raise BadRecord(f"metric {name!r} names no unit: expected one of {', '.join(UNITS)} at its end")
    return max(matches, key=len)


def timed(name: str) -> bool:
    """Whether a metric is a time or made of times, so that its goal is judged by `tools.goal`."""
    return unit_suffix(name) in TIMED


def check_size(value: int | float) -> None:
    """Raises BadRecord for a number that is infinite, not a number or too large to be measured."""
    if not abs(value) <= LARGEST:
        raise BadRecord("a number that is not finite or beyond 2**64; expected a measured one")


@dataclass(frozen=True)
class Outcomes:
    """Right or wrong, example by example.

    examples  tells these examples, in this order, from others
    count     of the examples
    right     a bit each, 1 for right, the first example's the highest, in hexadecimal digits
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    examples: str
    count: int
    right: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]+", self.right) or self.count < 1 or self.bits >> self.count:
            raise BadRecord(f"outcomes of {self.count} examples: expected a bit each in hexadecimal digits")

    @property
    def bits(self) -> int:
        return int(self.right, 16)


def outcomes_of(right: Sequence[bool], examples: str) -> Outcomes:
    return Outcomes(examples, len(right), f"{int(''.join('01'[each] for each in right), 2):x}")


@dataclass(frozen=True)
class Metric:
    """One number of a case.

    value     the number; for timings the median over rounds
    samples   the raw rounds of a timing, in the order they were taken, or the course of a search; empty for others
    limit     the case's own bound: an accuracy tolerance, which scales what counts as a change, or a goal
    outcomes  of the examples that `value` is the mean of, where it is one
    where     the lines of a source that it comes from, where they are known: `dequantize.py:40-43, 51`
    why       the limit is what it is, in words
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    value: int | float
    samples: tuple[float, ...] = ()
    limit: float | None = None
    outcomes: Outcomes | None = None
    where: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        check_size(self.value)


@dataclass(frozen=True)
class Fingerprint:
    """Where numbers come from. The three hard parts decide what a baseline may speak about; `soft` only explains.

    software  versions that change results, compiled code or allocations
    device    the kind of machine: processor or GPU model, sizes, thread and allocator settings
    machine   this very machine (GPU: UUID, driver, clocks); empty where a machine cannot be told from its like
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    slug: str
    software: dict[str, str]
    device: dict[str, str]
    machine: dict[str, str]
    soft: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.slug):
            raise BadRecord(
                f"device slug {self.slug!r}: expected small letters, digits and single dashes: it is a folder"
            )

    @property
    def hash(self) -> str:
        return digest({"software": self.software, "device": self.device, "machine": self.machine})

    def differences(self, other: "Fingerprint", parts: tuple[str, ...]) -> list[str]:
        """`part.name: theirs -> ours` for every hard field of `parts` in which `other` (the baseline) differs."""
        found = []
        for part in parts:
            ours, theirs = getattr(self, part), getattr(other, part)
            names = sorted(ours.keys() | theirs.keys())
            found += [f"{part}.{n}: {theirs.get(n)} -> {ours.get(n)}" for n in names if ours.get(n) != theirs.get(n)]
        return found


@dataclass(frozen=True)
class Record:
    """Everything one case yielded. Without status `ok` it has no metrics: a wrong result's numbers are never kept.

    software    package -> version, of those that this case needs and others do not; "" for one that is not installed
    place       where its numbers come from, if that is not where the run was made: code for a GPU that was not there
    node, line  the test that measured it, as pytest names it, and where it begins; "" and 0 where unknown
    wall_s      seconds that the whole case took, building and proving included
    conditions  what was seen of the device while the case was timed: clocks, temperature, power
    disturbed   why its times decide nothing, in words ("throttled: thermal"); "" where nothing is known against them
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    case: str
    definition: str
    status: Status
    reason: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)
    place: Fingerprint | None = None
    node: str = ""
    line: int = 0
    wall_s: float = 0.0
    conditions: dict[str, float] = field(default_factory=dict)
    disturbed: str = ""

    def __post_init__(self) -> None:
        if self.status != "ok" and self.metrics:
            raise BadRecord(f"{self.case!r}: status {self.status} carries metrics, expected none")
        for name in self.metrics:
            unit_suffix(name)

    @property
    def path(self) -> str:
        return path_of(self.case)


def path_of(case: str) -> str:
    """The first part of its id, which names the file of its baseline."""
    return case.partition("/")[0]


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of what was asked for; `asked` are the ids of all parts together."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    number: int
    count: int
    asked: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise BadRecord(f"shard {self.number} of {self.count}: expected a number from 1 to {self.count}")

    @property
    def name(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True)
class Selection:
    """Which cases an invocation knew and which it was asked to measure.

    known     path -> every case id in the files that were collected as a whole, whatever the profile or -k says
    selected  the ids that were to be measured
    whole     True when all of perf_tests was collected, so that a path without any case is a path that vanished
    shard     set where others measure the rest of what was asked for
    affected  the revision since which a change can have reached the selected cases; "" where that was not asked
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    known: dict[str, tuple[str, ...]]
    selected: tuple[str, ...]
    whole: bool
    shard: Shard | None = None
    affected: str = ""

    @property
    def idle(self) -> bool:
        """Whether nothing is left to be measured, and rightly so: other shards do, or no change reaches any case."""
        return not self.selected and bool(self.affected or (self.shard and self.shard.asked))

    def misses(self, path: str) -> bool:
        """Whether a path with a baseline should have had cases. Not one that only an option brings: BROUGHT."""
        return self.whole and path not in self.known and not path.startswith(BROUGHT)


@dataclass(frozen=True)
class Effort:
    """Wall seconds of an invocation, and where they went (phase -> seconds)."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    wall_s: float
    phases_s: dict[str, float]

    USEFUL = ("time", "warm", "probe", "inspect")

    @property
    def measured_share(self) -> float:
        """Share of the wall time spent in timed rounds, warm-up, probes (compile times) and inspections."""
        return sum(self.phases_s.get(phase, 0.0) for phase in self.USEFUL) / self.wall_s if self.wall_s else 0.0


@dataclass(frozen=True)
class Run:
    """The records of one invocation."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    schema_version: int
    created_utc: str
    commit: str
    dirty: bool
    profile: str
    fingerprint: Fingerprint
    selection: Selection
    effort: Effort
    records: tuple[Record, ...]


def digest(document: Mapping[str, Any]) -> str:
    """First 12 hex digits of the SHA-256 of the document as canonical JSON."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
