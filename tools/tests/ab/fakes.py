"""Pairs without processes: log ratios drawn from a seeded generator, slots made to show them."""

import math

import numpy as np

from tools.ab.slots import Alternation, Duel, Slot
from tools.ab.workers import WorkerLost


def slot(seconds, metric="latency_s", wall_s=0.05, **conditions):
    return Slot({metric: (seconds,) * 3}, wall_s=wall_s, cpu_s=wall_s, **conditions)


def alternation(log_ratio, base_first=True, base_s=1e-3, **conditions):
    return Alternation(slot(base_s), slot(base_s * math.exp(log_ratio), **conditions), base_first)


def duel(case, purpose, pair, ratios, objections=None):
    taken = tuple(alternation(ratio, base_first=number % 2 == 0) for number, ratio in enumerate(ratios))
    return Duel(case, purpose, pair, float(pair), 1.0, taken, tuple(objections or [None] * len(taken)))


class FakePairs:
    """`effects`: case -> true relative change; every pair draws one log ratio of spread `sd` around it."""

    def __init__(self, effects, sd=0.01, seed=0, twin=0.0, statuses=None, lost_at=None, objection=None):
        self.effects, self.sd, self.twin = effects, sd, twin
        self.rng = np.random.default_rng(seed)
        self.statuses, self.lost_at, self.objection = statuses or {}, lost_at, objection
        self.runs = []

    def run(self, matches, purpose, twin):
        if len(self.runs) == self.lost_at:
            raise WorkerLost("head (abc): the worker was killed by SIGKILL during `slot x`")
        number = len(self.runs)
        self.runs.append((purpose, [match.name for match in matches], twin))
        found = []
        for match in matches:
            found.append(self.duel(match.name, purpose, number, self.effect(match.name, purpose)))
            if twin:
                found.append(self.duel(match.name, "twin", number, self.twin))
        return found

    def effect(self, name, purpose):
        effect = self.effects[name]
        return effect[purpose] if isinstance(effect, dict) else effect

    def duel(self, name, purpose, number, effect):
        ratio = math.log1p(effect) + self.rng.normal(0, self.sd)
        return duel(name, purpose, number, [ratio] * 3, [self.objection] * 3)
