"""A run file as the stored baselines judge it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.baselines import Baseline, has_baseline, read_baselines
from tools.compare import Finding, judge_run
from tools.records import Run
from tools.runs import read_run


@dataclass(frozen=True)
class Judged:
    """findings: worst first; baselines: all that the run is judged against, by path."""

    run: Run
    findings: Sequence[Finding]
    baselines: Mapping[str, Baseline]

    @property
    def own(self) -> bool:
        """Whether the device of the run has baselines at all."""
        return has_baseline(self.baselines, self.run.fingerprint.slug)


def judged(file: Path, baselines: Path) -> Judged:
    """Raises UnusableFile."""
    run = read_run(file)
    stored = read_baselines(baselines, run.fingerprint.slug)
    return Judged(run, judge_run(run, stored), stored)
