"""Records against baselines: one verdict, with its reason, for every metric of every case. Pure functions."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tools import paired, spread
from tools.baselines import Anchor, Baseline, Stored, StoredCase, worth_pooling
from tools.policy import STATUS_SCOPE, Policy, Rule, policy_of, policy_on
from tools.records import Fingerprint, Metric, Outcomes, Record, Run

Number = int | float


class Verdict(StrEnum):
    """What is said of one metric. Declared worst first: the order of the report."""

    REGRESSED = "regressed"
    MISSING = "missing"
    INCOMPARABLE = "incomparable"
    SUSPECT = "suspect"
    NEW = "new"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"


SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}
WORSE = (Verdict.REGRESSED, Verdict.SUSPECT)

# One-sided error rates. RED: how often chance alone may turn any noisy metric of one path red in one run; it is shared
# out evenly over the path's noisy metrics (Bonferroni), so a long table raises no more alarms than a short one.
# SCREEN: how often a single time may become a suspect, which costs an A/B and nothing else.
RED_FAMILY_ALPHA = 0.005
SCREEN_ALPHA = 0.025

# What is gone has no lines in a source; what does its work now has.
WORK_WENT_TO = {
    "tensor_core_count": "fp32_multiply_add_count",
    "global_load_wide_fraction": "global_load_width_bytes",
    "global_store_wide_fraction": "global_store_width_bytes",
}

# Times taken while others used more of the machine than this decide nothing. A busy second core of two (50 %) moved
# speed-ups by up to 29 % and times by up to 3 x between runs of the same code; an idle one shows 0.4 % (median of 63).
LARGEST_DISTURBANCE = 0.05
# Work of a GPU needs a core to launch it, and has one while half of them are idle; ci/gpus.sh keeps some of the others
# busy with shards of its own. What the processor computes by itself is held to the first.
LARGEST_DISTURBANCE_OF_LAUNCHES = 0.5


class Opinion(NamedTuple):
    """What stored values say of a number.

    bounds  what chance explains, where the rule is one of spread
    anchor  the revision that the number crept away from; only an A/B against that one can decide it
    """

    verdict: Verdict
    reason: str
    bounds: spread.Interval | None = None
    anchor: str | None = None


@dataclass(frozen=True)
class Finding:
    """The verdict on one metric of one case.

    change, low, high  relative change (0.05 = 5 % more) and the interval outside which chance does not reach
    anchor             see Opinion
    """

    case: str
    metric: str
    verdict: Verdict
    reason: str
    baseline: Number | str | None = None
    value: Number | str | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    anchor: str | None = None

    def sentence(self) -> str:
        return f"{self.case}: {self.metric} {self.verdict}: {self.reason}"


def judge_run(run: Run, baselines: Mapping[str, Baseline]) -> list[Finding]:
    """All findings of a run, worst first, each case's in a stable order."""
    findings = [f for record in run.records for f in judge_record(record, baselines.get(record.path), run.fingerprint)]
    findings += missing_cases(run, baselines)
    return sorted(findings, key=lambda f: (SEVERITY[f.verdict], f.case, f.metric))


def judge_record(record: Record, baseline: Baseline | None, fingerprint: Fingerprint) -> list[Finding]:
    """Status first; metrics only where both sides have numbers. `fingerprint` is the run's."""
    fingerprint = record.place or fingerprint
    stored = baseline.cases.get(record.case) if baseline else None
    if record.status == "error":
        return [
            Finding(record.case, "status", Verdict.REGRESSED, record.reason, stored.status if stored else None, "error")
        ]
    if baseline is None or stored is None:
        return new_case(record)
    if record.definition != stored.definition:
        text = f"the case was redefined ({stored.definition} -> {record.definition}); refresh it"
        return [Finding(record.case, "definition", Verdict.INCOMPARABLE, text, stored.definition, record.definition)]
    status = judge_status(record, stored, elsewhere(record, stored, baseline, fingerprint, STATUS_SCOPE))
    return [status, *judge_metrics(record, stored, baseline, fingerprint)]


def elsewhere(
    record: Record, stored: StoredCase, baseline: Baseline, fingerprint: Fingerprint, scope: tuple[str, ...]
) -> list[str]:
    """In what the baseline differs from where the record comes from, as far as `scope` goes."""
    found = fingerprint.differences(baseline.fingerprint, scope)
    return found + (software_differences(record.software, stored.software or {}) if "software" in scope else [])


def software_differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """`software.package: theirs -> ours`, of what single cases need."""
    names = sorted(ours.keys() | theirs.keys())
    told = {name: (theirs.get(name) or "none", ours.get(name) or "none") for name in names}
    return [f"software.{name}: {before} -> {now}" for name, (before, now) in told.items() if before != now]


def new_case(record: Record) -> list[Finding]:
    status = Finding(record.case, "status", Verdict.NEW, "no baseline yet", None, record.status)
    return [status, *(judge_alone(record, name) or new_metric(record, name) for name in judged(record.metrics))]


def new_metric(record: Record, name: str) -> Finding:
    return Finding(record.case, name, Verdict.NEW, "no baseline yet", None, record.metrics[name].value)


def judge_alone(record: Record, name: str) -> Finding | None:
    """The verdict on a metric that needs no baseline: whether it stays within the case's own bound. None for others."""
    metric, policy = record.metrics[name], policy_of(name)
    if policy.rule is not Rule.BOUND:
        return None
    if metric.limit is not None and metric.value <= metric.limit:
        return Finding(record.case, name, Verdict.UNCHANGED, f"within {metric.limit:g}", None, metric.value)
    allowed = "no bound is told" if metric.limit is None else f"{metric.limit:g} is allowed"
    text = f"{policy.doubt}: up to {metric.value:.3g} is possible, {allowed}"
    return Finding(record.case, name, Verdict.INCONCLUSIVE, text, None, metric.value)


def judged(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if policy_of(name).rule is not Rule.NONE)


def judge_status(record: Record, stored: StoredCase, differences: list[str]) -> Finding:
    def finding(verdict: Verdict, reason: str) -> Finding:
        return Finding(record.case, "status", verdict, reason, stored.status, record.status)

    if record.status == stored.status:
        return finding(Verdict.UNCHANGED, record.reason or "same status")
    if differences:
        return finding(Verdict.INCOMPARABLE, other_environment(differences))
    change = f"{stored.status} -> {record.status}" + (f": {record.reason}" if record.reason else "")
    return finding(Verdict.IMPROVED if record.status == "ok" else Verdict.REGRESSED, change)


def judge_metrics(record: Record, stored: StoredCase, baseline: Baseline, fingerprint: Fingerprint) -> list[Finding]:
    if record.status != "ok" or stored.status != "ok":
        return []
    findings = [judge_metric(record, name, stored, baseline, fingerprint) for name in judged(record.metrics)]
    gone = judged(stored.metrics.keys() - record.metrics.keys())
    return findings + [missing_metric(record.case, name, stored) for name in gone]


def missing_metric(case: str, name: str, stored: StoredCase) -> Finding:
    text = "the baseline has this metric, the run has not; measure it again or refresh"
    return Finding(case, name, Verdict.MISSING, text, statistics.median(stored.metrics[name].values), None)


def judge_metric(
    record: Record, name: str, stored: StoredCase, baseline: Baseline, fingerprint: Fingerprint
) -> Finding:
    alone = judge_alone(record, name)
    if alone or name not in stored.metrics:
        return alone or new_metric(record, name)
    metric, policy, kept = record.metrics[name], policy_of(name), stored.metrics[name]
    opinion = undecided(record, policy, elsewhere(record, stored, baseline, fingerprint, policy.scope))
    if opinion is None:
        others = neighbours(baseline, name, kept)
        opinion = judge_twice(metric, kept, others, policy_on(name, fingerprint.machine, len(kept.values)))
    return measured(record.case, name, metric.value, kept.values, located(opinion, lines_of(record, name)))


def located(opinion: Opinion, where: str) -> Opinion:
    """With the lines of the source, where something got worse and the lines are known."""
    return opinion._replace(reason=f"{opinion.reason} at {where}") if opinion.verdict in WORSE and where else opinion


def lines_of(record: Record, name: str) -> str:
    successor = record.metrics.get(WORK_WENT_TO.get(name, ""))
    return record.metrics[name].where or (successor.where if successor else "")


def undecided(record: Record, policy: Policy, differences: list[str]) -> Opinion | None:
    """Why the baseline says nothing of this metric here; None where it does."""
    if differences:
        return Opinion(out_of_scope(policy, differences), other_environment(differences))
    if policy.noisy and record.disturbed:
        return Opinion(Verdict.INCONCLUSIVE, record.disturbed)
    if policy.noisy and disturbance(record) > allowed_disturbance(record, policy.on_host):
        told = f"other processes used {disturbance(record):.0%} of the machine while this was timed"
        return Opinion(Verdict.INCONCLUSIVE, told)
    return None


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
    told = f"crept: {moved}{lately}; an A/B against {anchor.origin.revision} decides"
    return Opinion(Verdict.SUSPECT, told, now.bounds, anchor.origin.revision)


def disturbance(record: Record) -> float:
    """Share of the machine that others used during the timed rounds; 0 where it was not recorded."""
    found = record.metrics.get("foreign_load_share")
    return found.value if found else 0.0


def allowed_disturbance(record: Record, on_host: bool) -> float:
    of_gpu = "device_s" in record.metrics and not on_host
    return LARGEST_DISTURBANCE_OF_LAUNCHES if of_gpu else LARGEST_DISTURBANCE


def measured(case: str, name: str, value: Number, values: Sequence[Number], opinion: Opinion) -> Finding:
    bounds = opinion.bounds
    middle = spread.centre(values) if bounds else statistics.median(values)
    moved = finite(value / middle - 1) if middle else None
    low, high = (finite(spread.relative(bounds.low)), finite(spread.relative(bounds.high))) if bounds else (None, None)
    return Finding(case, name, opinion.verdict, opinion.reason, middle, value, moved, low, high, opinion.anchor)


def finite(number: float) -> float | None:
    """None where the number is too large to be shown or to stand in JSON."""
    return number if math.isfinite(number) else None


def out_of_scope(policy: Policy, differences: list[str]) -> Verdict:
    """Another machine of the same kind is no fault of anybody: times are merely undecided there."""
    only_machine = policy.rule is Rule.SCREEN and all(text.startswith("machine.") for text in differences)
    return Verdict.INCONCLUSIVE if only_machine else Verdict.INCOMPARABLE


def other_environment(differences: list[str]) -> str:
    named = "; ".join(differences[:4]) + (f"; and {len(differences) - 4} more" if len(differences) > 4 else "")
    return f"the baseline was made elsewhere ({named}); refresh it, or compare both with python -m tools ab"


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
        return Verdict.SUSPECT, f"{change}; {visible}; an A/B decides"
    if may_decide and -worse - red.half_width > margin:
        return Verdict.IMPROVED, change
    if abs(worse) + screen.half_width < margin:
        return Verdict.UNCHANGED, visible
    return Verdict.INCONCLUSIVE, visible


def size_when_worse(found: spread.Interval, policy: Policy) -> float:
    """The half-width as a change for the worse: half the speed-up lost is 50 %, twice the time taken 100 %."""
    return abs(spread.relative(-found.half_width if policy.higher_is_better else found.half_width))


def times(value: Number, values: Sequence[Number]) -> str:
    return f"{spread.centre(values):.4g} -> {value:.4g} ({relative_change(value, values):+.1%})"


def relative_change(value: Number, values: Sequence[Number]) -> float:
    """Against the centre of the processes, all of them positive."""
    return value / spread.centre(values) - 1


def neighbours(baseline: Baseline, name: str, kept: Stored) -> spread.Pool:
    """The path's other metrics that are judged by the same rule."""
    everything = baseline.pools.get(policy_of(name).rule, spread.Pool())
    return everything - spread.pool([kept.values]) if worth_pooling(name, kept.values) else everything


def missing_cases(run: Run, baselines: Mapping[str, Baseline]) -> list[Finding]:
    """Baseline entries without a record, unless this invocation was told to leave them out; selected cases likewise."""
    recorded = {record.case for record in run.records}
    missing = [
        Finding(case, "status", Verdict.MISSING, "selected, but it left no record")
        for case in run.selection.selected
        if case not in recorded
    ]
    for path, baseline in baselines.items():
        missing += [
            Finding(case, "status", Verdict.MISSING, vanished(path, run), stored.status, None)
            for case, stored in sorted(baseline.cases.items())
            if expected(path, case, run)
        ]
    return missing


def expected(path: str, case: str, run: Run) -> bool:
    """Whether the run should have known this baseline entry, and did not."""
    known = run.selection.known.get(path)
    return run.selection.misses(path) if known is None else case not in known


def vanished(path: str, run: Run) -> str:
    what = "case" if path in run.selection.known else "path"
    return f"the baseline has this {what}, perf_tests has not: renamed or deleted? Refresh with a reason if it is meant"


def plain(value: Number) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def exit_code(run: Run, findings: Iterable[Finding], *, strict: bool = False, require_baseline: bool = False) -> int:
    """0 nothing regressed, 1 regressed, 3 could not judge (missing, incomparable, nothing measured)."""
    found = {finding.verdict for finding in findings}
    unjudged = {Verdict.MISSING, Verdict.INCOMPARABLE}
    unjudged |= {Verdict.INCONCLUSIVE} if strict else set()
    unjudged |= {Verdict.NEW} if require_baseline else set()
    if Verdict.REGRESSED in found:
        return 1
    return 3 if found & unjudged or not (measured_anything(run) or run.selection.idle) else 0


def measured_anything(run: Run) -> bool:
    return any(record.status == "ok" for record in run.records)


def worst(findings: Iterable[Finding]) -> Verdict:
    """The verdict of a case: that of its worst metric. A time nobody can judge does not hide what could be judged."""
    return min((finding.verdict for finding in findings), key=SEVERITY.__getitem__)
