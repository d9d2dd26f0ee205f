"""How far a fresh process may lie from the processes of a baseline before chance no longer explains it.

The unit of replication is the process, not the round. The spread of one case over three processes is a poor
estimate, so it is pooled with the mean variance of its neighbours (as if they were up to PRIOR_WEIGHT more
observations), then used in a t prediction interval for one more process.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.stats import binom
from scipy.stats import t as student_t

PRIOR_WEIGHT = 8
LEAST_PROCESSES = 3
FLOOR_SD = 0.002


@dataclass(frozen=True)
class Interval:
    """A change as a log ratio and the half-width of its prediction interval."""

    log_ratio: float
    half_width: float

    @property
    def low(self) -> float:
        return self.log_ratio - self.half_width

    @property
    def high(self) -> float:
        return self.log_ratio + self.half_width


def relative(log_ratio: float) -> float:
    """0.05 for 5 % more; infinite where a float cannot hold it."""
    return math.expm1(log_ratio) if log_ratio < 700 else math.inf


def log_sd(values: Sequence[float]) -> float:
    """Standard deviation of the natural logarithms; 0 for a single value."""
    return statistics.stdev(math.log(value) for value in values) if len(values) > 1 else 0.0


def centre(values: Sequence[float]) -> float:
    """Geometric mean: the centre that the prediction interval is made for."""
    return math.exp(statistics.fmean(math.log(value) for value in values))


def median_interval(samples: Sequence[float], alpha: float) -> tuple[float, float]:
    """Outside which the median of what was sampled lies with a chance of `alpha` at most on each side.

    From the k-th smallest sample to the k-th largest, by the binomial distribution alone (David, Nagaraja, Order
    Statistics, 7.1). All samples where they are too few for that.
    """
    ordered = sorted(samples)
    k = max(1, int(binom.ppf(alpha, len(ordered), 0.5)))  # P(fewer than k below the median) <= alpha
    return ordered[k - 1], ordered[-k]


@dataclass(frozen=True)
class Prior:
    """What the neighbours of a case say of its spread: their pooled spread, and how many observations that is worth.

    Never more than the neighbours have, so that a path with one case leans on nothing but itself.
    """

    sd: float
    weight: int


@dataclass(frozen=True)
class Pool:
    """Sums over the metrics of a path, so that each one's neighbours are had by leaving its own share out.

    count     metrics
    told      of these, those of several processes; one says nothing of spread
    degrees   their processes, less one each
    variance  sum of their squared log_sd
    """

    count: int = 0
    told: int = 0
    degrees: int = 0
    variance: float = 0.0

    def __sub__(self, other: "Pool") -> "Pool":
        left = max(0.0, self.variance - other.variance)  # never less for the rounding
        return Pool(self.count - other.count, self.told - other.told, self.degrees - other.degrees, left)

    @property
    def prior(self) -> Prior:
        # Mean variance, not median spread: a few cases run at one of two speeds, and which ones only chance shows.
        if not self.told:
            return Prior(0.0, 0)
        return Prior(math.sqrt(self.variance / self.told), min(PRIOR_WEIGHT, self.degrees))


def pool(metrics: Iterable[Sequence[float]]) -> Pool:
    """Of what each metric's processes found."""
    found = list(metrics)
    told = [values for values in found if len(values) > 1]
    variance = math.fsum(log_sd(values) ** 2 for values in told)
    return Pool(len(found), len(told), sum(len(values) - 1 for values in told), variance)


def pooled_sd(values: Sequence[float], before: Prior) -> float:
    degrees = len(values) - 1
    variance = (before.weight * before.sd**2 + degrees * log_sd(values) ** 2) / (before.weight + degrees)
    return max(math.sqrt(variance), FLOOR_SD)


def interval(value: float, values: Sequence[float], before: Prior, one_sided_alpha: float) -> Interval:
    """Interval of ln(value / centre of values) for one more process. All values > 0, LEAST_PROCESSES or more."""
    spread = pooled_sd(values, before) * math.sqrt(1 + 1 / len(values))
    quantile = float(student_t.ppf(1 - one_sided_alpha, before.weight + len(values) - 1))
    return Interval(math.log(value) - math.log(centre(values)), quantile * spread)
