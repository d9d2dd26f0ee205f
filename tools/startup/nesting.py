"""Whether the phases that a start tells can be true together: what the whole has left once its parts are taken off."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tools.startup.phases import IDENTITIES, Identity

PROFILING, COMPILE, CACHED = "kv_cache_profiling", "torch.compile", "graph_compile_cached"
PARTS_OF_COMPILE = ("dynamo_transform_time", "graph_compile_general_shape")
PRINTED = 0.01  # s: the last digit of a time with two decimals
BELOW_PRINT = 1e-9  # s: sums of floats that were printed


@dataclass(frozen=True)
class Timings:
    """What one process told, or a start as a whole.

    seconds     phase -> seconds; a phase that did not happen is not there
    resolution  phase -> seconds that its last printed digit is worth
    """

    seconds: Mapping[str, float]
    resolution: Mapping[str, float] = field(default_factory=dict)

    def slack_s(self, phases: Iterable[str]) -> float:
        """How far rounding alone can move a sum of these phases, in seconds."""
        told = (phase for phase in phases if phase in self.seconds)
        return sum(self.resolution.get(phase, PRINTED) / 2 for phase in told) + BELOW_PRINT


@dataclass(frozen=True)
class Residual:
    """What an identity has left. seconds: None where it cannot be formed; slack_s: what rounding explains."""

    identity: Identity
    seconds: float | None
    slack_s: float = 0.0

    @property
    def is_broken(self) -> bool:
        if self.seconds is None:
            return False
        return self.seconds < -self.slack_s or (self.identity.exact and self.seconds > self.slack_s)

    def sentence(self, name: str) -> str:
        expected = "expected 0 within" if self.identity.exact else "expected 0 or more within"
        return f"{name}: {self.identity.sentence()} is {self.seconds:.2f} s, {expected} {self.slack_s:.2f} s"


def residuals(whole: Timings, processes: Sequence[Timings] = (), compiles_apart: bool = False) -> list[Residual]:
    """One for each identity, in their order.

    processes       what each rank told. The maxima over ranks need not come from one of them, so an identity is formed
                    rank by rank where a rank tells all of it, and the smallest residual counts.
    compiles_apart  see `residual`
    """
    return [smallest(identity, whole, processes, compiles_apart) for identity in IDENTITIES]


def smallest(identity: Identity, whole: Timings, processes: Sequence[Timings], compiles_apart: bool) -> Residual:
    ranks = [process for process in processes if identity.residual_s(process.seconds) is not None]
    found = [residual(identity, timings, compiles_apart) for timings in ranks or [whole]]
    return min(found, key=lambda each: float("inf") if each.seconds is None else each.seconds)


def residual(identity: Identity, timings: Timings, compiles_apart: bool = False) -> Residual:
    """An identity in one process.

    What torch.compile's total holds changed twice, so two things are decided here:
      - At first the total was Dynamo and fresh compiles; later the load of cached graphs is in it, too. Where it is
        more than Dynamo and fresh compiles, the load is taken to be in it, and is not subtracted a second time.
      - Versions that say `torch.compile took` may compile before memory is profiled (`compiles_apart`). There, a
        profiling shorter than the compile does not hold it: the identity does not apply, and nothing is broken.
        Versions that say `takes` always compile within it, and are held to that.
    """
    if identity.whole != PROFILING:
        return formed(identity, timings)
    if CACHED in identity.optional and holds_cached_load(timings):
        identity = replace(identity, optional=tuple(part for part in identity.optional if part != CACHED))
    found = formed(identity, timings)
    return Residual(identity, None) if compiles_apart and found.is_broken else found


def formed(identity: Identity, timings: Timings) -> Residual:
    phases = (identity.whole, *identity.parts, *identity.optional)
    return Residual(identity, identity.residual_s(timings.seconds), timings.slack_s(phases))


def holds_cached_load(timings: Timings) -> bool:
    """Whether torch.compile's total is more than Dynamo and the fresh compiles, beyond rounding."""
    more = timings.seconds.get(COMPILE, 0.0) - sum(timings.seconds.get(part, 0.0) for part in PARTS_OF_COMPILE)
    return more > timings.slack_s((COMPILE, *PARTS_OF_COMPILE))
