"""What a page is about: a run, what was said of it, and whatever explains that."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.ab.outcome import Outcome
from tools.baselines import Stored
from tools.compare import Finding
from tools.decided import decided, read_outcomes
from tools.judged import Judged, judged
from tools.records import Metric, Record, path_of

Recent = Mapping[tuple[str, str], Sequence[tuple[str, float]]]  # case, metric -> commit, value, in the order of time


@dataclass(frozen=True)
class Subject(Judged):
    """outcomes: A/B jobs, if any; recent: earlier runs, if any; file: the run's."""

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
        baseline = self.baselines.get(path_of(case))
        kept = baseline.cases.get(case) if baseline else None
        return kept.metrics.get(metric) if kept else None

    def metrics(self, case: str) -> Mapping[str, Metric]:
        """Empty for a case that left no record."""
        record = self.records.get(case)
        return record.metrics if record else {}


def subject_of(file: Path, baselines: Path, ab: Iterable[Path] = (), history: str = "") -> Subject:
    """A run file as its baselines and A/Bs judge it, and its past, if a store is named. Raises UnusableFile."""
    found = judged(file, baselines)
    run, outcomes = found.run, read_outcomes(ab, found.run)
    findings = decided(run, found.findings, outcomes)
    return Subject(run, findings, found.baselines, outcomes, past(history, run.fingerprint.slug), file)


def past(store: str, slug: str) -> Recent:
    if not store:
        return {}
    from tools.history.trends import recent  # its libraries are an extra

    return recent(store, slug)
