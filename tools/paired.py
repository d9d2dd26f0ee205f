"""Right or wrong on the same examples, before and after: what the difference proves, and how many would prove more."""

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.stats import binom, norm

from tools.records import Outcomes

CONFIDENCE = 0.95

# How often examples that flip by chance, either way alike, may look like a loss. Half a point of 1,797 examples is
# nine, and nine that are lost with none won are 0.2 %; with fewer than nine flips nothing is ever proven.
ALPHA = 0.0025
# A loss of less than half a point is none.
SAME = 0.005


@dataclass(frozen=True)
class Drop:
    """What is lost against another model on the same samples: between `low` and `high` with 95 % confidence."""

    low: float
    high: float


@dataclass(frozen=True)
class Flips:
    """Of `count` examples, `lost` were right only before, `won` only after."""

    lost: int
    won: int
    count: int

    @property
    def drop(self) -> float:
        return (self.lost - self.won) / self.count


def flips(before: Outcomes, after: Outcomes) -> Flips:
    """Of the same examples: the caller has compared their digests."""
    was, now = before.bits, after.bits
    return Flips((was & ~now).bit_count(), (now & ~was).bit_count(), before.count)


def chance_of_loss(found: Flips) -> float:
    """McNemar's exact test, one-sided: how often a fair coin decides so many flips for the worse."""
    return float(binom.sf(found.lost - 1, found.lost + found.won, 0.5))


def chance_of_gain(found: Flips) -> float:
    return chance_of_loss(Flips(found.won, found.lost, found.count))


def deciding_count(found: Flips) -> int:
    """How many examples would decide if they flipped as these did: for a change, or that no loss is worth the name."""
    moving, counts = (found.lost + found.won) / found.count, []
    if found.drop != 0:
        counts.append(norm.isf(ALPHA) ** 2 * moving / found.drop**2)
    if found.drop < SAME:
        counts.append(norm.isf((1 - CONFIDENCE) / 2) ** 2 * moving / (SAME - found.drop) ** 2)
    return math.ceil(min(counts))


def score_interval(lost: int, won: int, n: int) -> Drop:
    """Of (lost - won) / n, where `lost` samples are right only before and `won` only after.

    Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design",
    Statistics in Medicine 17 (1998). It has a width also where both models answer alike: few samples prove little.
    """
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    middle = (lost - won) / n

    def beyond(drop: float, wanted: float) -> float:
        return score(drop, lost, won, n) - wanted

    edge = 1 - 1e-12
    low = -1.0 if beyond(-edge, z) < 0 else brentq(beyond, -edge, middle, args=(z,))
    high = 1.0 if beyond(edge, -z) > 0 else brentq(beyond, middle, edge, args=(-z,))
    return Drop(low, high)


def score(drop: float, lost: int, won: int, n: int) -> float:
    """Tango's statistic for the hypothesis that the true drop is `drop`; normal if it is."""
    difference = lost - won - n * drop
    b = -lost - won + (2 * n - lost + won) * drop
    c = -won * drop * (1 - drop)
    likely_won = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)  # share, given the hypothesis
    variance = n * (2 * likely_won + drop * (1 - drop))
    if difference == 0:
        return 0.0
    return difference / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, difference)
