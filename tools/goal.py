"""A case's own goal for a time or speed-up: whether it was met, as far as the rounds and the machine tell."""

import math

from tools import spread
from tools.opinion import RED_FAMILY_ALPHA, SCREEN_ALPHA, Opinion, decider
from tools.policy import Policy
from tools.records import Metric
from tools.verdict import CLEAN, SEVERITY, Verdict

# What neighbours on the host, whom nobody here sees, can make of a speed-up on a machine that is no known GPU: of equal
# code, 18.1 became 10.6 and 0.090 became 0.054, a factor of 1.7 both times.
UNSEEN_NEIGHBOURS = 2.0


def judge_goal(metric: Metric, policy: Policy, known_gpu: bool) -> Opinion | None:
    """None where the goal is met by the whole interval of the rounds' median, or where there is none.

    Missed by the whole interval it is suspect; red if it is missed by the wider one, too, with which red errs, on a
    known GPU, and elsewhere by more than neighbours explain.
    """
    if metric.limit is None:
        return None
    worst, best = ends(metric, SCREEN_ALPHA, policy)
    if room(worst, metric.limit, policy) >= 0:
        return None
    told = words(metric, min(worst, best), max(worst, best), policy)
    if room(best, metric.limit, policy) >= 0:
        return Opinion(Verdict.INCONCLUSIVE, f"{told}; the rounds do not tell whether it is met")
    _, best_of_all = ends(metric, RED_FAMILY_ALPHA, policy)
    excused = 0.0 if known_gpu else -math.log(UNSEEN_NEIGHBOURS)
    if room(best_of_all, metric.limit, policy) < excused:
        return Opinion(Verdict.REGRESSED, told)
    doubt = "" if known_gpu else "unseen neighbours can do this, "
    return Opinion(Verdict.SUSPECT, f"{told}; {doubt}{decider(policy)}")


def ends(metric: Metric, alpha: float, policy: Policy) -> tuple[float, float]:
    """The worse and the better end of the interval of the rounds' median."""
    low, high = spread.median_interval(metric.samples or (metric.value,), alpha)
    return (low, high) if policy.higher_is_better else (high, low)


def room(value: float, goal: float, policy: Policy) -> float:
    """Logarithm of how much better than its goal it is; negative where it is worse, or no time at all."""
    if min(value, goal) <= 0:
        return -math.inf
    return math.log(value / goal) if policy.higher_is_better else math.log(goal / value)


def words(metric: Metric, low: float, high: float, policy: Policy) -> str:
    side = "least" if policy.higher_is_better else "most"
    why = f": {metric.why}" if metric.why else ""
    return f"{metric.value:.3g} ({low:.3g} to {high:.3g}), the goal is at {side} {metric.limit:g}{why}"


def gravest(first: Verdict, second: Verdict) -> Verdict:
    """Of two verdicts on one metric the one that is told. That a goal may be missed is graver than no change."""
    return min(first, second, key=lambda verdict: (verdict in CLEAN, SEVERITY[verdict]))
