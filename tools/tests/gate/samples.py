"""Trials with a known truth: log-normal processes, rounds around them, and the verdict of the real rule."""

import math

import numpy

from tools.ab.rule import estimate
from tools.gate.rules import RULES, Archive
from tools.gate.trials import INJECTED, Pair, Trial
from tools.verdict import Verdict

RULE = {rule.name: rule for rule in RULES}
SLOTS, ROUNDS = 5, 5


def arm(rng, middle_s, process_sd, round_sd):
    """One process: its own speed, and rounds around it."""
    speed = middle_s * math.exp(process_sd * rng.standard_normal())
    return tuple(
        tuple(float(speed * factor) for factor in slot)
        for slot in numpy.exp(round_sd * rng.standard_normal((SLOTS, ROUNDS)))
    )


def pair(rng, slowdown=1.0, process_sd=0.01, round_sd=0.005, kind="ab", middle_s=0.01):
    base, head = (arm(rng, middle_s * factor, process_sd, round_sd) for factor in (1.0, slowdown))
    return Pair(kind, 0.0, base, head, tuple(number % 2 == 0 for number in range(SLOTS)))


def trial(rng, slowdown=None, injected="0", pairs=12, campaign=0, workload="sort", wall_s=60.0, **spread):
    """`slowdown`: what the head really is; without it what `injected` says."""
    factor = 1 + INJECTED[injected] / 100 if slowdown is None else slowdown
    made = tuple(pair(rng, factor, **spread) for _ in range(pairs))
    found = estimate([one.log_ratio for one in made])
    low, high = (found.low(0.025), found.high(0.025)) if found else (None, None)
    return Trial(campaign, workload, injected, verdict(found), found.centre if found else 0.0, low, high, made, wall_s)


def verdict(found):
    if found is None:
        return Verdict.INCONCLUSIVE
    if found.p_slower(0.005) < 0.001:
        return Verdict.REGRESSED
    if found.high(0.001) < -0.005:
        return Verdict.IMPROVED
    return Verdict.UNCHANGED if found.low(0.025) > -0.02 and found.high(0.025) < 0.02 else Verdict.INCONCLUSIVE


def told(said, injected="0", value=0.0, half_width=0.01, campaign=0, workload="sort"):
    """A trial of which only what the A/B said matters."""
    bounds = (None, None) if half_width is None else (value - half_width, value + half_width)
    return Trial(campaign, workload, injected, said, value, *bounds, (), 1.0)


def flags(name, trials):
    """How many of the trials the rule of that name flags; it must be able to judge all of them."""
    archive = Archive.of(trials)
    return sum(RULE[name].judge(one, archive).flagged for one in trials)


def campaigns(rng, count=4, doses=("0", "1", "3", "5", "10", "bimodal"), workloads=("sort", "copy"), **options):
    return tuple(
        trial(rng, injected=dose, campaign=campaign, workload=workload, **options)
        for campaign in range(count)
        for workload in workloads
        for dose in doses
    )
