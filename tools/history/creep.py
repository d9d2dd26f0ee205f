"""Slow creep: a level that left its anchor behind, by more than the margin, and no step says where."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.history.changes import (
    CHANCE,
    ENDS,
    Step,
    beyond,
    clipped,
    exact,
    noise_of,
    noisy,
    off_line,
    t_quantile,
    worse,
)
from tools.history.rows import Array
from tools.policy import Policy


@dataclass(frozen=True)
class Creep:
    """anchor, last: the levels at both ends, in the metric's unit; drift: relative, what no step or mark explains."""

    anchor: float
    last: float
    drift: float


def crept(values: Array, cuts: Sequence[int], steps: Sequence[Step], policy: Policy) -> Creep | None:
    """The creep of a series since its first runs, which are the anchor; None where there is none for the worse.

    cuts  first runs after every step or mark: what changes there is explained
    """
    if noisy(policy):
        return noisy_creep(values, cuts, policy)
    return exact_creep(values, steps, policy) if exact(policy) and len(values) else None


def noisy_creep(values: Array, cuts: Sequence[int], policy: Policy) -> Creep | None:
    """What lies between the ends of all segments must together be beyond the margin and, by a t test, beyond chance."""
    if len(values) < 2 * ENDS:
        return None
    logs, sign = clipped(np.log(values)), -1 if policy.higher_is_better else 1
    parts = [part for part in np.split(logs, cuts) if len(part) >= 4]
    drifts = [ends(part) for part in parts]
    noise = noise_of([off_line(part) for part in parts])
    drift, margin = sum(change for change, _ in drifts), math.log1p(policy.margin)
    chance = t_quantile(CHANCE, noise.freedom) * noise.sd * math.sqrt(sum(2 / count for _, count in drifts))
    anchor, last = float(logs[:ENDS].mean()), float(logs[-ENDS:].mean())
    found = Creep(math.exp(anchor), math.exp(last), math.expm1(drift))
    if sign * drift <= max(margin, chance) or sign * (last - anchor) <= margin:
        return None
    return found if abs(found.last - found.anchor) >= policy.floor else None


def ends(part: Array) -> tuple[float, int]:
    """From the level of its first runs to that of its last, and how many runs make each."""
    count = min(ENDS, len(part) // 2)
    return float(part[-count:].mean() - part[:count].mean()), count


def exact_creep(values: Array, steps: Sequence[Step], policy: Policy) -> Creep | None:
    """Beyond the margin, though none of the steps was."""
    anchor, last = float(values[0]), float(values[-1])
    if not worse(anchor, last, policy) or not beyond(anchor, last, policy):
        return None
    if any(beyond(step.before, step.after, policy) for step in steps):
        return None
    return Creep(anchor, last, last / anchor - 1 if anchor else math.inf)
