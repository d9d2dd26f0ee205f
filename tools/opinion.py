"""What stored values say of a number, rule by rule: a verdict and its reason. Pure functions."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from tools import paired, spread
from tools.baselines import Anchor, Stored
from tools.policy import Policy, Rule
from tools.records import Metric, Outcomes
from tools.verdict import WORSE, Verdict

Number = int | float

# One-sided error rates. RED: how often chance alone may turn any noisy metric of one path red in one run; it is shared
# out evenly over the path's noisy metrics (Bonferroni), so a long table raises no more alarms than a short one.
# SCREEN: how often a single time may become a suspect, which costs an A/B and nothing else.
RED_FAMILY_ALPHA = 0.005
SCREEN_ALPHA = 0.025


class Opinion(NamedTuple):
    """What stored values say of a number.

    bounds  what chance explains, where the rule is one of spread
    anchor  the revision that the number crept away from; only an A/B against that one can decide it
    """

    verdict: Verdict
    reason: str
    bounds: spread.Interval | None = None
    anchor: str | None = None


def judge_twice(metric: Metric, kept: Stored, others: spread.Pool, policy: Policy) -> Opinion:
    """Against the rolling values, which find a jump, and against the anchor, which finds the creep they follow."""
    now = judge_value(metric, kept, others, policy)
    if kept.anchor is None:
        return now
    then = judge_value(metric, kept.anchor, others, policy)
    return crept(metric.value, kept, kept.anchor, now, then, policy)


def judge_value(metric: Metric, kept: Stored | Anchor, others: spread.Pool, policy: Policy) -> Opinion:
    if kept.outcomes is not None:
        return Opinion(*judge_paired(metric.outcomes, kept.outcomes))
    if policy.rule is Rule.HINT:
        return Opinion(*judge_hint(metric.value, statistics.median(kept.values), policy))
    if policy.rule is Rule.EXACT:
        return Opinion(*judge_exact(metric.value, statistics.median(kept.values), policy))
    if policy.rule is Rule.ERROR:
        return Opinion(*judge_error(metric, statistics.median(kept.values), policy))
    return judge_spread(metric.value, kept.values, others, policy)


def judge_paired(now: Outcomes | None, before: Outcomes) -> tuple[Verdict, str]:
    """By the examples that were right only before and only now; by any loss at all, if it is beyond chance."""
    if now is None or (now.examples, now.count) != (before.examples, before.count):
        return Verdict.INCOMPARABLE, f"the baseline's {before.count} examples are others than these; refresh it"
    found = paired.flips(before, now)
    if found.lost == found.won == 0:
        return Verdict.UNCHANGED, f"the same of {found.count} examples are right"
    interval = paired.score_interval(found.lost, found.won, found.count)
    told = (
        f"of {found.count} examples {found.lost} lost, {found.won} won: {points(-found.drop)} points "
        f"({points(-interval.high)} to {points(-interval.low)})"
    )
    if paired.chance_of_loss(found) <= paired.ALPHA:
        return Verdict.REGRESSED, told
    if paired.chance_of_gain(found) <= paired.ALPHA:
        return Verdict.IMPROVED, told
    if interval.high <= paired.SAME:
        return Verdict.UNCHANGED, told
    return Verdict.INCONCLUSIVE, f"{told}; some {paired.deciding_count(found):,} examples would decide"


def points(fraction: float) -> str:
    """In hundredths, as accuracies are told."""
    return f"{fraction * 100 + 0.0:+.1f}"  # never -0.0


def crept(value: Number, kept: Stored, anchor: Anchor, now: Opinion, then: Opinion, policy: Policy) -> Opinion:
    """The opinion on the rolling values, unless these follow a creep that only the anchor shows.

    Exact numbers turn red at once: no refresh goes past an anchor's bounds without a reason, and one with a reason
    moves it, so that this red is always a fresh one. Noisy numbers are suspect: anchor and run lie weeks apart, and a
    machine changes in weeks.
    """
    if then.verdict not in WORSE or now.verdict in (Verdict.REGRESSED, Verdict.INCOMPARABLE):
        return now
    since = f"since the anchor {anchor.origin.commit} ({anchor.origin.created_utc[:10]})"
    if not policy.noisy:
        return Opinion(then.verdict, f"crept: {then.reason} {since}; no step since went beyond the bounds")
    moved = f"{relative_change(value, anchor.values):+.1%} {since}"
    if now.verdict is Verdict.SUSPECT:
        return now._replace(reason=f"{now.reason}; {moved}")
    lately = f", {relative_change(value, kept.values):+.1%} since the baseline" if now.bounds else ""
    told = f"crept: {moved}{lately}; {decider(policy, f' against {anchor.origin.revision}')}"
    return Opinion(Verdict.SUSPECT, told, now.bounds, anchor.origin.revision)


def judge_exact(value: Number, base: Number, policy: Policy) -> tuple[Verdict, str]:
    gain = value - base if policy.higher_is_better else base - value
    if abs(gain) <= max(policy.floor, policy.margin * abs(base)):
        return Verdict.UNCHANGED, "same" if value == base else "within the margin"
    return (Verdict.IMPROVED if gain > 0 else Verdict.REGRESSED), f"{plain(base)} -> {plain(value)}"


def judge_hint(value: Number, base: Number, policy: Policy) -> tuple[Verdict, str]:
    verdict, reason = judge_exact(value, base, policy)
    if verdict is Verdict.REGRESSED:
        return Verdict.SUSPECT, f"{reason} (only a hint)"
    return verdict, reason


def judge_error(metric: Metric, base: Number, policy: Policy) -> tuple[Verdict, str]:
    """Twice the stored error plus a tenth of the case's tolerance: a lucky base must not make the rule absurd."""
    slack = (metric.limit or 0.0) / 10
    if metric.value > policy.margin * base + slack:
        return Verdict.REGRESSED, f"error {base:.3g} -> {metric.value:.3g}, more than {policy.margin:g} x + {slack:.1g}"
    if base > policy.margin * metric.value + slack:
        return Verdict.IMPROVED, f"error {base:.3g} -> {metric.value:.3g}"
    return Verdict.UNCHANGED, "within a factor of two"


def judge_spread(value: Number, values: Sequence[Number], others: spread.Pool, policy: Policy) -> Opinion:
    """A noisy number against the processes of its baseline; `others` are the other noisy metrics of the path.

    Red only beyond the path's share of RED_FAMILY_ALPHA and beyond the margin, and only under the rule SPREAD, which
    stands for a time, too, where tools.policy lets it decide.
    """
    if len(values) < spread.LEAST_PROCESSES:
        told = f"the baseline holds {len(values)} process, expected {spread.LEAST_PROCESSES}"
        return Opinion(Verdict.INCONCLUSIVE, told)
    if min(value, *values) <= 0:
        return Opinion(Verdict.INCOMPARABLE, "a time or ratio that is not positive; refresh the baseline")
    if abs(value - spread.centre(values)) < policy.floor:
        return Opinion(Verdict.UNCHANGED, f"within {policy.floor:g}")
    before = others.prior
    red = spread.interval(value, values, before, min(policy.alpha, RED_FAMILY_ALPHA / (1 + others.count)))
    screen = spread.interval(value, values, before, SCREEN_ALPHA)
    return Opinion(*spread_verdict(red, screen, policy, times(value, values)), screen)


def spread_verdict(red: spread.Interval, screen: spread.Interval, policy: Policy, change: str) -> tuple[Verdict, str]:
    worse = -red.log_ratio if policy.higher_is_better else red.log_ratio
    margin, may_decide = math.log1p(policy.margin), policy.rule is Rule.SPREAD
    visible = f"a change under {size_when_worse(screen, policy):.0%} would not show"
    if may_decide and worse - red.half_width > margin:
        return Verdict.REGRESSED, f"{change}; chance explains {size_when_worse(red, policy):.0%}"
    if worse > max(screen.half_width, margin):
        return Verdict.SUSPECT, f"{change}; {visible}; {decider(policy)}"
    if may_decide and -worse - red.half_width > margin:
        return Verdict.IMPROVED, change
    if abs(worse) + screen.half_width < margin:
        return Verdict.UNCHANGED, visible
    return Verdict.INCONCLUSIVE, visible


def decider(policy: Policy, against: str = "") -> str:
    """Who decides a suspect. Arms of an A/B take turns on calls, and not on what a process compiles or builds once."""
    return "no A/B measures it: measure it again" if policy.on_host else f"an A/B{against} decides"


def size_when_worse(found: spread.Interval, policy: Policy) -> float:
    """The half-width as a change for the worse: half the speed-up lost is 50 %, twice the time taken 100 %."""
    return abs(spread.relative(-found.half_width if policy.higher_is_better else found.half_width))


def times(value: Number, values: Sequence[Number]) -> str:
    return f"{spread.centre(values):.4g} -> {value:.4g} ({relative_change(value, values):+.1%})"


def relative_change(value: Number, values: Sequence[Number]) -> float:
    """Against the centre of the processes, all of them positive."""
    return value / spread.centre(values) - 1


def plain(value: Number) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
