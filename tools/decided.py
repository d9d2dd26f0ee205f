"""A run and the A/Bs of its suspects, put together: final verdicts, and the exit code of both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tools.ab.checkouts import WORKTREE
from tools.ab.job import Judgement
from tools.ab.outcome import UNJUDGED, Outcome, numbers, read_outcome
from tools.ab.rule import MARGINS
from tools.compare import Finding, exit_code
from tools.files import UnusableFile
from tools.goal import gravest
from tools.records import BROUGHT, Run
from tools.verdict import SEVERITY, Verdict

TIMES = frozenset(metric for _, metric in MARGINS)  # what an A/B measures
OPEN = (Verdict.SUSPECT, Verdict.INCONCLUSIVE)  # what a stored number left open

Key = tuple[str, str]  # case, metric


def read_outcomes(files: Iterable[Path], run: Run) -> tuple[Outcome, ...]:
    """The A/Bs in these files. Raises UnusableFile, also for one that says nothing of this run."""
    found = []
    for file in files:
        outcome = read_outcome(file)
        if told := foreign(outcome, run):
            raise UnusableFile(f"A/B file {file}: {told}")
        found.append(outcome)
    return tuple(found)


def decided(run: Run, findings: Sequence[Finding], outcomes: Iterable[Outcome]) -> list[Finding]:
    """The findings, worst first, with what A/Bs of the same files decided.

    What was open (suspect, inconclusive) takes the verdict and words of an A/B; what was not is only ever overruled by
    a regression, which is also added where the run has no such finding. A suspect that no A/B could decide says why.
    Raises UnusableFile for an A/B of another run's files.
    """
    known = list(outcomes)
    for outcome in known:
        if told := foreign(outcome, run):
            raise UnusableFile(f"A/B of {outcome.head.name} against {outcome.base.name}: {told}")
    settled = {(finding.case, finding.metric): settle(finding, known) for finding in findings}
    for outcome in known:
        for judgement in outcome.judgements:
            if judgement.verdict is Verdict.REGRESSED and judgement.judged:
                overrule(settled, judgement, outcome)
    return sorted(settled.values(), key=lambda found: (SEVERITY[found.verdict], found.case, found.metric))


def foreign(outcome: Outcome, run: Run) -> str:
    """Why an A/B says nothing of a run; "" where it does: of another device, of other files, or of earlier ones.

    A run knows the first digits of its commit. Files as they were (`worktree`) are the run's if the A/B came later.
    """
    again = "python -m tools ab --base REV --suspects RUN --json FILE makes one that does"
    head, run_of = outcome.head.commit, f"{run.commit}{' and changed files' if run.dirty else ''}"
    if outcome.slug != run.fingerprint.slug:
        return f"found device {outcome.slug}, expected the run's, {run.fingerprint.slug}; {again}"
    if head == WORKTREE:
        earlier = outcome.created_utc < run.created_utc
        told = f"found one that ended {outcome.created_utc}, expected one after the run of {run.created_utc}; {again}"
        return told if earlier else ""
    same = bool(run.commit) and head.startswith(run.commit) and not run.dirty
    return "" if same else f"found head {head[:12]}, expected the files of the run, {run_of}; {again}"


def settle(finding: Finding, outcomes: Iterable[Outcome]) -> Finding:
    """The finding as the A/Bs that can judge it leave it; the worst of them where they differ."""
    if finding.verdict not in OPEN or not measured_by_ab(finding):
        return finding
    fit = [outcome for outcome in outcomes if reaches(outcome, finding)]
    answers = [(found, outcome) for outcome in fit if (found := answer(finding, outcome)) is not None]
    final = [each for each in answers if each[0].judged]
    if final:
        return with_verdict(finding, *min(final, key=lambda each: SEVERITY[each[0].verdict]))
    if answers and finding.verdict is Verdict.SUSPECT:
        return replace(finding, reason=f"{finding.reason}; A/B: not decided: {answers[-1][0].reason}")
    return finding


def measured_by_ab(finding: Finding) -> bool:
    """Whether an A/B measures it: times of a call, and the case's part of a speed-up, of what a checkout holds."""
    timed = finding.metric in TIMES or finding.metric.endswith("_ratio")
    return timed and not finding.case.startswith(BROUGHT)


def reaches(outcome: Outcome, finding: Finding) -> bool:
    """What crept away from its anchor is no slower than yesterday: only an A/B against the anchor can tell."""
    return finding.anchor is None or outcome.base.commit.startswith(finding.anchor)


def answer(finding: Finding, outcome: Outcome) -> Judgement | None:
    """What an A/B says of a finding's metric; of a speed-up what it says of the case's time; else of the whole case."""
    of_case = {found.metric: found for found in outcome.judgements if found.case == finding.case}
    if finding.metric.endswith("_ratio"):
        times = [found for found in of_case.values() if found.metric in TIMES]
        ranked = sorted(times, key=lambda found: (not found.judged, SEVERITY[found.verdict]))
        return ranked[0] if ranked else whole(of_case)
    return of_case.get(finding.metric) or whole(of_case)


def whole(of_case: Mapping[str, Judgement]) -> Judgement | None:
    """Of a case that could not be timed, or that the two revisions do not both have."""
    found = of_case.get("status") or of_case.get("definition")
    return replace(found, judged=False) if found and found.verdict is not Verdict.REGRESSED else found


def with_verdict(finding: Finding, found: Judgement, outcome: Outcome) -> Finding:
    """A goal stays missed though the code is no slower than it was: an A/B does not know it."""
    same = found.metric == finding.metric
    verdict = gravest(found.verdict, Verdict.INCONCLUSIVE) if finding.goal else found.verdict
    reason = words(found, outcome, "" if same else f"{found.metric}, ") + (f"; {finding.goal}" if finding.goal else "")
    told = replace(finding, verdict=verdict, reason=reason)
    if not same or found.change is None:
        return told
    return replace(told, baseline=found.base_s, value=found.head_s, change=found.change, low=found.low, high=found.high)


def words(found: Judgement, outcome: Outcome, of: str) -> str:
    """`A/B against main: +6.7% (+6.0% to +7.5%, 12 pairs); confirmed by 6 fresh pairs: +6.0%`."""
    return f"{of}A/B against {outcome.base.name}: {numbers(found)}{found.reason}".removesuffix("; ")


def overrule(settled: dict[Key, Finding], found: Judgement, outcome: Outcome) -> None:
    """Nothing that is surely slower is lost, whatever a stored number said of it."""
    key = (found.case, found.metric)
    if key not in settled or settled[key].verdict is not Verdict.REGRESSED:
        before = settled.get(key) or Finding(found.case, found.metric, found.verdict, "")
        settled[key] = with_verdict(before, found, outcome)


def final_code(
    run: Run,
    final: Sequence[Finding],
    outcomes: Sequence[Outcome],
    *,
    strict: bool = False,
    require_baseline: bool = False,
) -> int:
    """Exit code of a run and its A/Bs, `final` being what `decided` gave: 1 if either regressed, else 3 if either could
    not judge, else 0. What one A/B left open and another decided is not held against the first."""
    code = exit_code(run, final, strict=strict, require_baseline=require_baseline)
    if code == 1:
        return 1
    return 3 if any(left_open(outcome, outcomes, strict) for outcome in outcomes) else code


def left_open(outcome: Outcome, outcomes: Iterable[Outcome], strict: bool) -> bool:
    if outcome.exit_code(strict=strict) != 3:
        return False
    missed = {found.case for found in outcome.judgements if not decides(found, strict)}
    elsewhere = {
        found.case for other in outcomes if other is not outcome for found in other.judgements if decides(found, strict)
    }
    return not missed or not missed <= elsewhere


def decides(found: Judgement, strict: bool) -> bool:
    open_verdicts = (*UNJUDGED, Verdict.INCONCLUSIVE) if strict else UNJUDGED
    return found.judged and found.verdict not in open_verdicts
