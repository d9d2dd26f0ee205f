"""Records against baselines: one verdict, with its reason, for every metric of every case. Pure functions."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tools import spread
from tools.baselines import Baseline, Stored, StoredCase, worth_pooling
from tools.disturbance import disturbed
from tools.goal import gravest, judge_goal
from tools.opinion import Number, Opinion, judge_twice
from tools.policy import STATUS_SCOPE, Policy, Rule, identifies_gpu, policy_of, policy_on
from tools.records import Fingerprint, Record, Run, timed
from tools.verdict import SEVERITY, WORSE, Verdict

# What is gone has no lines in a source; what does its work now has.
WORK_WENT_TO = {
    "tensor_core_count": "fp32_multiply_add_count",
    "global_load_wide_fraction": "global_load_width_bytes",
    "global_store_wide_fraction": "global_store_width_bytes",
}


@dataclass(frozen=True)
class Finding:
    """The verdict on one metric of one case.

    change, low, high  relative change (0.05 = 5 % more) and the interval outside which chance does not reach
    anchor             see tools.opinion.Opinion
    goal               what is to be said of the case's own goal; "" where it is met or there is none
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
    goal: str = ""

    def sentence(self) -> str:
        return f"{self.case}: {self.metric} {self.verdict}: {self.reason}"


def judge_run(run: Run, baselines: Mapping[str, Baseline]) -> list[Finding]:
    """All findings of a run, worst first, each case's in a stable order."""
    findings = [f for record in run.records for f in judge_record(record, baselines.get(record.path), run.fingerprint)]
    findings += missing_cases(run, baselines)
    return sorted(findings, key=lambda f: (SEVERITY[f.verdict], f.case, f.metric))


def judge_record(record: Record, baseline: Baseline | None, fingerprint: Fingerprint) -> list[Finding]:
    """Status first; metrics only where both sides have numbers, and what misses a goal of its own. `fingerprint` is the
    run's."""
    fingerprint = record.place or fingerprint
    return with_goals(judge_against(record, baseline, fingerprint), record, fingerprint)


def judge_against(record: Record, baseline: Baseline | None, fingerprint: Fingerprint) -> list[Finding]:
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
    why = disturbed(record, policy.on_host) if policy.noisy else ""
    return Opinion(Verdict.INCONCLUSIVE, why) if why else None


def with_goals(findings: Sequence[Finding], record: Record, fingerprint: Fingerprint) -> list[Finding]:
    """The findings, with those goals of the case that are not met, or not surely, whatever a baseline says."""
    missed = goals(record, fingerprint)
    found = [with_goal(finding, missed.get(finding.metric)) for finding in findings]
    return found + [
        of_goal(record, name, missed[name]) for name in sorted(missed.keys() - {finding.metric for finding in findings})
    ]


def goals(record: Record, fingerprint: Fingerprint) -> dict[str, Opinion]:
    """Metric -> what is to be said of its goal, where that is not met."""
    times = {name: metric for name, metric in record.metrics.items() if timed(name)}
    known = identifies_gpu(fingerprint.machine)
    found = {name: judge_goal(metric, policy_of(name), known) for name, metric in times.items()}
    return {name: unless_disturbed(opinion, record, name) for name, opinion in found.items() if opinion}


def unless_disturbed(opinion: Opinion, record: Record, name: str) -> Opinion:
    why = disturbed(record, policy_of(name).on_host)
    return Opinion(Verdict.INCONCLUSIVE, f"{opinion.reason}; {why}") if why else opinion


def with_goal(finding: Finding, opinion: Opinion | None) -> Finding:
    if opinion is None:
        return finding
    verdict = gravest(finding.verdict, opinion.verdict)
    both = f"{finding.reason}; {opinion.reason}"
    return replace(
        finding,
        verdict=verdict,
        reason=both if verdict is finding.verdict else opinion.reason,
        goal=opinion.reason,
    )


def of_goal(record: Record, name: str, opinion: Opinion) -> Finding:
    value = record.metrics[name].value
    return Finding(record.case, name, opinion.verdict, opinion.reason, None, value, goal=opinion.reason)


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
