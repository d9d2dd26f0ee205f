"""How far a fresh process may lie from the processes of a baseline before chance no longer explains it.

The unit of replication is the process, not the round. The spread of one case over three processes is a poor
estimate, so it is pooled with the median spread of its neighbours (weight PRIOR_WEIGHT, as if they were eight more
observations), then used in a t prediction interval for one more process.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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


def typical_sd(families: Iterable[Sequence[float]]) -> float:
    """Median spread over the cases of a baseline that hold more than one process."""
    spreads = [log_sd(values) for values in families if len(values) > 1]
    return statistics.median(spreads) if spreads else 0.0


def pooled_sd(values: Sequence[float], neighbours_sd: float) -> float:
    degrees = len(values) - 1
    variance = (PRIOR_WEIGHT * neighbours_sd**2 + degrees * log_sd(values) ** 2) / (PRIOR_WEIGHT + degrees)
    return max(math.sqrt(variance), FLOOR_SD)


def interval(value: float, values: Sequence[float], neighbours_sd: float, one_sided_alpha: float) -> Interval:
    """Interval of ln(value / median of values) for one more process. All values > 0, LEAST_PROCESSES or more."""
    spread = pooled_sd(values, neighbours_sd) * math.sqrt(1 + 1 / len(values))
    quantile = float(student_t.ppf(1 - one_sided_alpha, PRIOR_WEIGHT + len(values) - 1))
    return Interval(math.log(value) - math.log(statistics.median(values)), quantile * spread)
