"""What workers report and what is made of it: slots, alternations, and one log ratio a pair of workers."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Rejected before any time is looked at, both arms together: an alternation, or all that a pair took of a case. The
# machine's counters tick in steps of 10 ms, which are many in a short slot. Steal: the host took the core away.
# Foreign: others than the two workers used it.
LARGEST_STOLEN_SHARE = 0.02
LARGEST_FOREIGN_SHARE = 0.10
TICK_S = 0.01  # one too many or too few is nobody's fault

# NVML's reasons why clocks are lower than they could be, that no measurement survives: HwSlowdown, SwThermalSlowdown,
# HwThermalSlowdown, HwPowerBrakeSlowdown. A power cap (0x4) is how a GPU runs under load and is only recorded.
THROTTLED = 0x8 | 0x20 | 0x40 | 0x80


@dataclass(frozen=True)
class Slot:
    """One stretch of timed calls in one worker, in which nothing else of ours runs.

    rounds    metric -> seconds per call, one number a round
    wall_s    of the slot; cpu_s: CPU seconds of all threads of the worker in it
    busy_s    CPU seconds that the whole machine used meanwhile, stolen_s those that the host took; None: not counted
    switches  involuntary context switches of the worker
    core      that its main thread was on
    gpu       what the driver tells: sm_clock_mhz, memory_clock_mhz, power_w, temperature_c, event_reasons, processes;
              empty on a CPU
    """

    rounds: Mapping[str, tuple[float, ...]]
    wall_s: float
    cpu_s: float
    busy_s: float | None = None
    stolen_s: float | None = None
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    pressure_s: float | None = None
    gpu: Mapping[str, float] = field(default_factory=dict)
    core: int | None = None

    def median_s(self, metric: str) -> float:
        return statistics.median(self.rounds[metric])


@dataclass(frozen=True)
class Alternation:
    """A slot of each arm, seconds or less apart."""

    base: Slot
    head: Slot
    base_first: bool

    def log_ratio(self, metric: str) -> float:
        return math.log(self.head.median_s(metric)) - math.log(self.base.median_s(metric))

    @property
    def slots(self) -> tuple[Slot, Slot]:
        return self.base, self.head

    def objection(self, cores: int, workers: int) -> str | None:
        """Why it must not count, None if it may. `workers` live on the machine and on the GPU."""
        for slot in self.slots:
            if int(slot.gpu.get("event_reasons", 0)) & THROTTLED:
                return "the GPU was throttled"
            if slot.gpu.get("processes", 0) > workers:
                return "a foreign process was on the GPU"
        return disturbed(self.slots, cores)


def disturbed(slots: Sequence[Slot], cores: int) -> str | None:
    """By whom the processor was used beside the workers, beyond what is allowed; None if by nobody."""
    available_s = cores * sum(slot.wall_s for slot in slots)
    stolen_s = sum(slot.stolen_s or 0.0 for slot in slots)
    foreign_s = sum(slot.busy_s - slot.cpu_s for slot in slots if slot.busy_s is not None) - stolen_s
    if stolen_s > LARGEST_STOLEN_SHARE * available_s + TICK_S:
        return "the host took the processor away"
    if foreign_s > LARGEST_FOREIGN_SHARE * available_s + 2 * TICK_S:
        return "other processes used the machine"
    return None


def objections(taken: Sequence[Alternation], cores: int, workers: int) -> tuple[str | None, ...]:
    """One for each. A neighbour too small to be seen in one of them, for the ticks, is seen in all of them together."""
    throughout = disturbed([slot for each in taken for slot in each.slots], cores)
    return tuple(each.objection(cores, workers) or throughout for each in taken)


def balanced(ratios: Sequence[float], base_first: Sequence[bool]) -> float | None:
    """Median of either order, then the mean of the two: what grows from slot to slot (a clock that sinks, a cache that
    fills) cancels. None without one of each order."""
    orders = [
        [ratio for ratio, first in zip(ratios, base_first, strict=True) if first is order] for order in (True, False)
    ]
    return statistics.fmean(statistics.median(found) for found in orders) if all(orders) else None


@dataclass(frozen=True)
class Duel:
    """What one pair of workers found of one case: the unit of replication, worth one log ratio a metric.

    purpose     `decide`, `confirm`, or `twin` (base against a second checkout of base)
    start_s     since the job began
    objections  one for each alternation; None where it counts
    """

    case: str
    purpose: str
    pair: int
    start_s: float
    wall_s: float
    alternations: tuple[Alternation, ...]
    objections: tuple[str | None, ...]

    def log_ratio(self, metric: str) -> float | None:
        """Of the alternations that count, see `balanced`."""
        valid = self.valid()
        return balanced([each.log_ratio(metric) for each in valid], [each.base_first for each in valid])

    def valid(self) -> list[Alternation]:
        paired = zip(self.alternations, self.objections, strict=True)
        return [alternation for alternation, objection in paired if objection is None]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those that every slot has: a graph that could not be captured in one arm is no metric."""
        return in_all([slot for each in self.alternations for slot in each.slots])

    @property
    def lost_metrics(self) -> tuple[str, ...]:
        """Those that base has and head has not."""
        base, head = (in_all([getattr(each, arm) for each in self.alternations]) for arm in ("base", "head"))
        return tuple(name for name in base if name not in head)


def in_all(slots: Sequence[Slot]) -> tuple[str, ...]:
    return tuple(name for name in slots[0].rounds if all(name in slot.rounds for slot in slots)) if slots else ()


def log_ratios(duels: Sequence[Duel], metric: str) -> list[float]:
    """One number a pair; pairs without the metric or without valid alternations of both orders are left out."""
    return [ratio for duel in duels if metric in duel.metrics and (ratio := duel.log_ratio(metric)) is not None]


def rejected_share(duels: Sequence[Duel]) -> float:
    objections = [objection for duel in duels for objection in duel.objections]
    return sum(objection is not None for objection in objections) / len(objections) if objections else 0.0


def commonest_objection(duels: Sequence[Duel]) -> str:
    found = [objection for duel in duels for objection in duel.objections if objection]
    return statistics.mode(found) if found else ""
