"""The rule by which base and head are told apart. Its figures were fixed before the data that validate it were taken.

Estimate: 20 % trimmed mean of one log ratio a pair of workers, with the interval of Tukey and McLaughlin (1963;
scipy.stats.mstats.trimmed_mean_ci). Its looks share the error rate by Bonferroni; Holm (1979) over
the cases; a red needs a fresh confirmation.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from scipy.stats import mstats
from scipy.stats import t as student_t

from tools.verdict import Verdict

T = TypeVar("T")

TRIM = (0.2, 0.2)
LEAST_TWINS = 2
LEAST_PAIRS = 4  # a trimmed interval of fewer has no degrees of freedom worth the name


@dataclass(frozen=True)
class Margins:
    """Relative sizes that a metric is judged by.

    bias       what repetition cannot remove (rebuilds, layout); a change must be beyond it
    same       `unchanged` says: surely less than this
    fail       the smallest estimate that fails a job
    """

    bias: float
    same: float
    fail: float


MARGINS: Mapping[tuple[str, str], Margins] = {
    ("cpu", "latency_s"): Margins(bias=0.005, same=0.025, fail=0.01),
    ("cuda", "latency_s"): Margins(bias=0.005, same=0.02, fail=0.005),
    ("cuda", "device_s"): Margins(bias=0.005, same=0.01, fail=0.005),
    ("cuda", "graph_s"): Margins(bias=0.0025, same=0.005, fail=0.0025),
}


@dataclass(frozen=True)
class Look:
    """After how many pairs it is looked at, and the one-sided error rate spent there."""

    pairs: int
    alpha: float


@dataclass(frozen=True)
class Rule:
    """All that is fixed before a job begins.

    slot_s            a slot is at least one round and lasts about so long; a round is one call or least_round_s of
                      them. Short, for a core of a shared machine changes its speed from one hundredth of a second to
                      the next (1.7 times, with what the neighbour on its other thread does): sixteen alternations of
                      0.015 s spread less than as many of 0.03 s (SD of a pair 1.3 against 2.3 %, geometric mean of 18
                      workloads, five and six pairs each)
    settle_s          a call longer than this is not repeated, unrecorded, before each slot
    alternations      of a case in one pair, fewer where they would take longer than case_pair_s
    passes            over which they are spread, the case built anew in each: the neighbours of a shared machine are
                      loud for seconds, and where its memory lies decides the speed of a case. Three passes of five
                      spread less than fifteen alternations in one (SD of a pair of a generator in Python 1.7 against
                      4.4 %, of a regular expression 2.5 against 4.6 %, eight pairs)
    warm_s            of calls before the first slot of a pair
    looks, confirm    a red passes both: 0.005 for all looks of a case and 0.03 for all of its confirmation
    family_alpha      Holm over the cases of the job, before the confirmation
    improved_alpha    for all looks of a case; stricter, for nothing confirms it
    twin_every        each so many pairs a second checkout of base is held against base; more often in a job of fewer
                      cases, for its alarm needs as many ratios as an estimate does
    rejected_share    more alternations rejected than this: inconclusive
    """

    slot_s: float = 0.01
    least_round_s: float = 0.005
    settle_s: float = 0.03
    warm_s: float = 0.05
    alternations: int = 16
    passes: int = 4
    case_pair_s: float = 4.0
    least_alternations: int = 4
    looks: tuple[Look, ...] = (Look(6, 0.0005), Look(12, 0.001), Look(18, 0.0015), Look(30, 0.002))
    confirm: tuple[Look, ...] = (Look(6, 0.01), Look(12, 0.01), Look(18, 0.01))
    family_alpha: float = 0.05
    improved_alpha: float = 0.001
    same_alpha: float = 0.025  # of the printed interval, and of `unchanged` at each look
    twin_every: int = 4
    twin_alpha: float = 0.01
    rejected_share: float = 1 / 3

    @property
    def alpha(self) -> float:
        return sum(look.alpha for look in self.looks)


@dataclass(frozen=True)
class Estimate:
    """Trimmed mean of log ratios, its standard error and degrees of freedom."""

    centre: float
    standard_error: float
    degrees: int
    pairs: int

    def low(self, alpha: float) -> float:
        return self.centre - self.quantile(alpha) * self.standard_error

    def high(self, alpha: float) -> float:
        return self.centre + self.quantile(alpha) * self.standard_error

    def quantile(self, alpha: float) -> float:
        return float(student_t.ppf(1 - alpha, self.degrees))

    def p_slower(self, bound: float) -> float:
        """One-sided p of `not slower than bound` (a log ratio)."""
        return float(student_t.sf((self.centre - bound) / self.standard_error, self.degrees))

    def detectable(self, look: Look, bias: float, power: float = 0.9) -> float:
        """The smallest log ratio beyond `bias` that this spread shows with that power, had it come to this look."""
        degrees = kept(look.pairs) - 1
        quantiles = float(student_t.ppf(1 - look.alpha, degrees) + student_t.ppf(power, degrees))
        return bias + quantiles * self.standard_error * math.sqrt(self.pairs / look.pairs)


def estimate(ratios: Sequence[float]) -> Estimate | None:
    """None for too few pairs. Identical ratios have a standard error that is tiny, not zero."""
    if len(ratios) < LEAST_PAIRS:
        return None
    error = max(float(mstats.trimmed_stde(ratios, limits=TRIM)), 1e-9)
    return Estimate(float(mstats.trimmed_mean(ratios, limits=TRIM)), error, kept(len(ratios)) - 1, len(ratios))


def kept(pairs: int) -> int:
    """How many of so many log ratios the trimming leaves."""
    return pairs - 2 * int(TRIM[0] * pairs)


@dataclass(frozen=True)
class Opinion:
    """What a look says of one case and metric: a verdict, or None for `collect more`."""

    verdict: Verdict | None
    estimate: Estimate
    p: float
    reason: str = ""


def spent(rule: Rule, p: float, look: Look) -> float:
    """The p of one look as one of all looks together (weighted Bonferroni)."""
    return min(1.0, p * rule.alpha / look.alpha)


def opinion(found: Estimate, look: Look, rule: Rule, margins: Margins) -> Opinion:
    """One look at one case on its own, without the other cases of the job (see `holm`)."""
    bias, same, fail = (math.log1p(margin) for margin in (margins.bias, margins.same, margins.fail))
    p_slower = spent(rule, found.p_slower(bias), look)
    p_faster = spent(rule, mirrored(found).p_slower(bias), look)
    low, high = found.low(rule.same_alpha), found.high(rule.same_alpha)
    if p_slower <= rule.alpha and found.centre >= fail:
        return Opinion(Verdict.REGRESSED, found, p_slower)
    if p_faster <= rule.improved_alpha:
        return Opinion(Verdict.IMPROVED, found, p_slower)
    # Surely slower, by what would fail a job: collected further, though it may still be within what `unchanged` allows.
    if -same < low and high < same and (low <= bias or found.centre < fail):
        return Opinion(Verdict.UNCHANGED, found, p_slower)
    return Opinion(None, found, p_slower)


def mirrored(found: Estimate) -> Estimate:
    return Estimate(-found.centre, found.standard_error, found.degrees, found.pairs)


def holm(p_values: Mapping[T, float], alpha: float) -> set[T]:
    """Names whose hypothesis falls by Holm's step-down procedure at family level `alpha`."""
    fallen: set[T] = set()
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        if p_values[name] > alpha / (len(p_values) - rank):
            break
        fallen.add(name)
    return fallen


def confirms(found: Estimate, look: Look, margins: Margins) -> bool:
    """Fresh pairs must show the slow-down again: surely there, and large enough to fail a job."""
    return found.low(look.alpha) > 0 and found.centre >= math.log1p(margins.fail)


def alarmed(ratios: Sequence[Sequence[float]], rule: Rule, margins: Margins) -> Estimate | None:
    """Base against base, the log ratios of all cases pair by pair: the estimate if it claims a difference, else None.

    The cases of a pair share its processes, so that their interval alone is too narrow: every pair must say the same.
    """
    found = estimate([ratio for pair in ratios for ratio in pair])
    if found is None or len(ratios) < LEAST_TWINS:
        return None
    bias, side = math.log1p(margins.bias), rule.twin_alpha / 2
    middles = [statistics.median(pair) for pair in ratios]
    slower = found.low(side) > bias and min(middles) > bias
    faster = found.high(side) < -bias and max(middles) < -bias
    return found if slower or faster else None
