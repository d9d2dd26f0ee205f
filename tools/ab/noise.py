"""How noisy a machine is now: equal code against itself in pairs of fresh workers, and what an A/B could see.

Too short for a verdict, which takes six to thirty pairs. The spread between a few pairs is taken for that of all, and
what the later looks would show is worked out from it (tools.ab.rule.Estimate.detectable).
"""

import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.stats import chi2

from tools.ab.contest import Request, driven
from tools.ab.job import common_metrics
from tools.ab.pairs import Driver, Match
from tools.ab.rule import MARGINS, Estimate, Rule, estimate
from tools.ab.slots import Duel, commonest_objection, log_ratios, rejected_share
from tools.quantities import counted

LEAST_PAIRS = 2
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Noise:
    """Of one case on this machine now. Changes are relative (0.03: 3 %).

    spread      standard deviation of a pair's log ratio; None for fewer than two pairs
    detectable  look (pairs) -> the smallest slow-down that it shows 9 times out of 10
    rejected    share of the alternations that others disturbed, and by what
    """

    case: str
    metric: str
    pairs: int
    spread: float | None
    detectable: dict[int, float]
    rejected: float
    objection: str


def measured_noise(
    request: Request, tables: Sequence[str], cases: Sequence[str], seconds: float, say: Callable[[str], None]
) -> list[Noise]:
    """Pairs until the next one would end too late; at least one is begun. Raises WorkerLost."""
    rule, start_s = Rule(), time.monotonic()
    with driven(request, rule, random.SystemRandom().getrandbits(32), start_s) as driver:
        driver.tables = list(tables)
        duels = taken(driver, [Match(case, case, case) for case in cases], start_s + seconds, say)
    return [noise_of(case, duels, rule, request.device or "cpu") for case in cases]


def taken(driver: Driver, matches: Sequence[Match], end_s: float, say: Callable[[str], None]) -> list[Duel]:
    duels: list[Duel] = []
    pair_s = 0.0
    while time.monotonic() + pair_s <= end_s or not driver.pairs:
        fit = [match for match in matches if match.name not in driver.statuses | driver.doubts]
        if not fit:
            break
        begun_s = time.monotonic()
        duels += driver.run(fit, "decide", twin=False)
        pair_s = time.monotonic() - begun_s
        say(f"pair {driver.pairs}: {counted(len(fit), 'case')}, {pair_s:.0f} s")
    return duels


def noise_of(case: str, duels: Sequence[Duel], rule: Rule, device: str) -> Noise:
    """Of the metric that is nearest to the device, where the pairs have more than one."""
    own = [duel for duel in duels if duel.case == case]
    metric = "device_s" if "device_s" in common_metrics(own) else "latency_s"
    ratios = log_ratios(own, metric)
    spread = statistics.stdev(ratios) if len(ratios) >= LEAST_PAIRS else None
    seen = detectable(ratios, rule, device, metric)
    return Noise(case, metric, len(ratios), spread, seen, rejected_share(own), commonest_objection(own))


def detectable(ratios: Sequence[float], rule: Rule, device: str, metric: str) -> dict[int, float]:
    """As one case alone: Holm asks for more where a job has many."""
    found, margins = estimate(ratios) or plain(ratios), MARGINS[device, metric]
    if found is None:
        return {}
    least = {look.pairs: found.detectable(look, math.log1p(margins.bias)) for look in rule.looks}
    return {pairs: max(math.expm1(ratio), margins.fail) for pairs, ratio in least.items()}


def plain(ratios: Sequence[float]) -> Estimate | None:
    """Mean and standard error: of so few nothing can be trimmed, and no verdict would be built on them."""
    count = len(ratios)
    if count < LEAST_PAIRS:
        return None
    error = max(statistics.stdev(ratios) / math.sqrt(count), 1e-9)
    return Estimate(statistics.fmean(ratios), error, count - 1, count)


def largest_factor(pairs: int) -> float:
    """By how much the true spread may exceed one found from so many pairs (95 %, one-sided, normal log ratios)."""
    return math.sqrt((pairs - 1) / float(chi2.ppf(1 - CONFIDENCE, pairs - 1)))
