"""The trials by which the gate is validated: raw rounds of every process, kept so that any rule can be tried."""

import dataclasses
import gzip
import json
import math
import statistics
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import TypeAdapter, ValidationError

from tools.ab.slots import balanced
from tools.files import UnusableFile, first_problem, reason, write_atomically
from tools.verdict import Verdict

# Format history of a TrialFile:
#   1  first form
#   2  workloads and metrics of a file, the metric of a trial, whether the time cut it off, the clocks of a pair; files
#      of version 1 are read: theirs are the workloads of a CPU, judged by latency_s to the end, without clocks
SCHEMA_VERSION = 2
READABLE = (1, 2)

WHAT = "trial file"
REMEDY = "make it anew: python -m tools validate-gate"

# Name of an injection -> per cent more work on average. `bimodal`: every tenth call does 30 % more, the others none.
INJECTED = {"0": 0.0, "0.5": 0.5, "1": 1.0, "2": 2.0, "3": 3.0, "5": 5.0, "10": 10.0, "bimodal": 3.0}
UNCHANGED = "0"
BIMODAL = "bimodal"

# Name of a set of workloads -> its injections.
DOSES = {"cpu": ("0", "1", "2", "3", "5", "10", "bimodal"), "gpu": ("0", "0.5", "1", "2", "3")}
LATENCY = "latency_s"
METRICS = (LATENCY, "device_s", "graph_s")
STEADY = tuple(name for name in INJECTED if name != BIMODAL)  # every call does the same work

VERDICTS: tuple[str, ...] = (Verdict.REGRESSED, Verdict.IMPROVED, Verdict.UNCHANGED, Verdict.INCONCLUSIVE)

DIGITS = 6  # of a stored time: 10 ns in 10 ms, less than a clock and a call of it cost

SHORTEST_S, LONGEST_S = 1e-12, 1e8  # between which every round of a call lies; beyond, sums and ratios overflow

Rounds = tuple[float, ...]
Slots = tuple[Rounds, ...]


class BadTrial(ValueError):
    """A trial or pair that breaks the rules of this module."""


@dataclass(frozen=True)
class Pair:
    """Two fresh processes that ran in turns, one slot of base and one of head at a time.

    kind        `ab`: the comparison; `confirm`: its repetition after a first `regressed`
    start_s     seconds since the campaign began
    base, head  one tuple a slot, in it seconds per call of each round
    base_first  whether base had the first slot of each alternation
    clocks_mhz  median clock of the GPU's multiprocessors in the slots of base, and of head; None where nobody told it
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    kind: Literal["ab", "confirm"]
    start_s: float
    base: Slots
    head: Slots
    base_first: tuple[bool, ...]
    clocks_mhz: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.base or not len(self.base) == len(self.head) == len(self.base_first):
            raise BadTrial(f"{len(self.base)} slots of base, {len(self.head)} of head; expected as many of each")
        if any(not slot or not SHORTEST_S < min(slot) <= max(slot) < LONGEST_S for slot in (*self.base, *self.head)):
            raise BadTrial("a slot without rounds, or a round that took no time or years; expected seconds above 0")

    @property
    def log_ratio(self) -> float:
        """What one pair of processes is worth: see tools.ab.slots.balanced."""
        ratios = [
            math.log(statistics.median(head) / statistics.median(base))
            for base, head in zip(self.base, self.head, strict=True)
        ]
        found = balanced(ratios, self.base_first)
        if found is None:
            raise BadTrial("all alternations in one order; expected a pair that counts")
        return found

    @property
    def counts(self) -> bool:
        """Whether enough of it was left undisturbed: an alternation of each order."""
        return len(set(self.base_first)) == 2

    @property
    def round_count(self) -> int:
        return sum(len(slot) for slot in (*self.base, *self.head))


@dataclass(frozen=True)
class Trial:
    """One comparison of one workload with itself, or with itself and a known amount of work more, by one metric.

    verdict              what the A/B said at its end
    estimate, low, high  its log ratio and the bounds of the 95 % interval; bounds None where it had too few pairs
    wall_s               machine time of this comparison in seconds, its share of starting workers included; it gave
                         all metrics at once
    cut                  the time was over after a look and before a verdict
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    campaign: int
    workload: str
    injected: str
    verdict: str
    estimate: float
    low: float | None
    high: float | None
    pairs: tuple[Pair, ...]
    wall_s: float
    metric: str = LATENCY
    cut: bool = False

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise BadTrial(f"metric {self.metric!r}; expected one of {', '.join(METRICS)}")
        if self.injected not in INJECTED:
            raise BadTrial(f"injection {self.injected!r}; expected one of {', '.join(INJECTED)}")
        if self.verdict not in VERDICTS:
            raise BadTrial(f"verdict {self.verdict!r}; expected one of {', '.join(VERDICTS)}")
        if (self.low is None) != (self.high is None):
            raise BadTrial("an interval with one bound; expected both or none")

    @property
    def ab_pairs(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.kind == "ab" and pair.counts)

    @property
    def true_log_ratio(self) -> float:
        return math.log1p(INJECTED[self.injected] / 100)

    def seconds_of(self, rounds: int) -> float:
        """Machine time of so many of its rounds: their share of all of it, starting and warming workers included."""
        total = sum(pair.round_count for pair in self.pairs)
        return self.wall_s * rounds / total if total else 0.0


@dataclass(frozen=True)
class TrialFile:
    """All trials of one machine under one frozen rule.

    commit     at which rule and defaults were frozen, before the first trial; one for each time that trials were added
    machine    slug of the device, as in baselines/
    rule       the constants of the rule, for the record
    workloads  which set of them, a key of DOSES
    metrics    by which every comparison is judged
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    schema_version: int
    commit: str
    created_utc: str
    machine: str
    rule: dict[str, Any]
    trials: tuple[Trial, ...]
    workloads: str = "cpu"
    metrics: tuple[str, ...] = (LATENCY,)

    def __post_init__(self) -> None:
        if self.workloads not in DOSES:
            raise BadTrial(f"workloads {self.workloads!r}; expected one of {', '.join(DOSES)}")
        strange = sorted({trial.metric for trial in self.trials}.difference(self.metrics))
        if strange or not self.metrics:
            raise BadTrial(
                f"trials by {', '.join(strange) or 'nothing'}; expected {', '.join(self.metrics) or 'a metric'}"
            )

    @property
    def doses(self) -> tuple[str, ...]:
        return DOSES[self.workloads]

    def by(self, metric: str) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.metric == metric)


@dataclass(frozen=True)
class Header:
    """What a file of any version has."""

    schema_version: int


def read_trials(path: Path) -> TrialFile:
    """Raises UnusableFile for a file that is missing, cut off, damaged or of another schema."""
    text = unzipped(path)
    try:
        check_version(TypeAdapter(Header).validate_json(text).schema_version, path)
        return TypeAdapter(TrialFile).validate_json(text, strict=True)
    except (ValidationError, RecursionError) as error:
        raise UnusableFile(f"{WHAT} {path}: {first_problem(error)}; {REMEDY}") from error


def unzipped(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnusableFile(f"{WHAT} {path}: not gzip, cut off or damaged ({error}); {REMEDY}") from error
    except OSError as error:
        raise UnusableFile(
            f"{WHAT} {path}: cannot be read ({reason(error)}); give an existing, readable file"
        ) from error


def check_version(found: int, path: Path) -> None:
    if found not in READABLE:
        newer = "it was written by a newer perf-ratchet: update this checkout"
        advice = newer if found > SCHEMA_VERSION else REMEDY
        expected = " or ".join(map(str, READABLE))
        raise UnusableFile(f"{WHAT} {path}: found schema version {found}, expected {expected}; {advice}")


def write_trials(path: Path, trials: TrialFile) -> None:
    """All or nothing, times to DIGITS digits; equal trials make equal bytes. Raises UnusableFile."""
    text = json.dumps(shortened(dataclasses.asdict(trials)), sort_keys=True, separators=(",", ":")) + "\n"
    write_atomically(path, gzip.compress(text.encode(), mtime=0), WHAT)


def shortened(document: Any) -> Any:
    """As it is read back: numbers to DIGITS digits, tuples as lists."""
    if isinstance(document, float):
        return float(f"{document:.{DIGITS}g}")
    if isinstance(document, dict):
        return {key: shortened(value) for key, value in document.items()}
    return [shortened(value) for value in document] if isinstance(document, list | tuple) else document
