"""What a page is about: a run, what was said of it, and whatever explains that."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.ab.outcome import Outcome
from tools.baselines import Baseline, Stored, read_baselines
from tools.compare import Finding, judge_run
from tools.decided import decided, read_outcomes
from tools.records import Metric, Record, Run
from tools.runs import read_run

Recent = Mapping[tuple[str, str], Sequence[tuple[str, float]]]  # case, metric -> commit, value, in the order of time


@dataclass(frozen=True)
class Subject:
    """findings: worst first; outcomes: A/B jobs, if any; recent: earlier runs, if any; file: the run's."""

    run: Run
    findings: Sequence[Finding]
    baselines: Mapping[str, Baseline]
    outcomes: Sequence[Outcome]
    recent: Recent
    file: Path

    @cached_property
    def records(self) -> Mapping[str, Record]:
        return {record.case: record for record in self.run.records}

    @cached_property
    def by_case(self) -> Mapping[str, Sequence[Finding]]:
        """Case -> its findings, worst first, the worst case first."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.case, []).append(finding)
        return found

    def stored(self, case: str, metric: str) -> Stored | None:
        baseline = self.baselines.get(case.partition("/")[0])
        kept = baseline.cases.get(case) if baseline else None
        return kept.metrics.get(metric) if kept else None

    def metrics(self, case: str) -> Mapping[str, Metric]:
        """Empty for a case that left no record."""
        record = self.records.get(case)
        return record.metrics if record else {}


def subject_of(file: Path, baselines: Path, ab: Iterable[Path] = (), history: str = "") -> Subject:
    """A run file as its baselines and A/Bs judge it, and its past, if a store is named. Raises UnusableFile."""
    run = read_run(file)
    stored, outcomes = read_baselines(baselines, run.fingerprint.slug), read_outcomes(ab, run)
    findings = decided(run, judge_run(run, stored), outcomes)
    return Subject(run, findings, stored, outcomes, past(history, run.fingerprint.slug), file)


def past(store: str, slug: str) -> Recent:
    if not store:
        return {}
    from tools.history.trends import recent  # its libraries are an extra

    return recent(store, slug)
