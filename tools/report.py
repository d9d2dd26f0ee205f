"""What a run says, as text, Markdown or JSON: the same findings, the same order, the same exit code."""

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.compare import Finding, Verdict
from tools.records import Run
from tools.tables import Table, escape_markdown, to_markdown

EXPLAINED = (Verdict.REGRESSED, Verdict.MISSING, Verdict.INCOMPARABLE, Verdict.SUSPECT)


@dataclass(frozen=True)
class Page:
    """The tables of a view, one below the other, and the sentences under them."""

    tables: tuple[Table, ...]
    sentences: tuple[str, ...] = ()


def summary(run: Run, findings: Sequence[Finding], run_file: Path | None, has_baseline: bool) -> list[str]:
    """Sentences under the table: counts, effort, and the next command."""
    return [counts(run, findings), effort(run), *next_steps(run, findings, run_file, has_baseline)]


def counts(run: Run, findings: Sequence[Finding]) -> str:
    statuses = Counter(record.status for record in run.records)
    verdicts = Counter(finding.verdict for finding in findings)
    told = ", ".join(
        f"{statuses[status]} {status}" for status in ("ok", "oom", "unsupported", "error") if statuses[status]
    )
    judged = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict])
    return f"{len(run.records)} cases ({told or 'none measured'}); {len(findings)} metrics judged: {judged or 'none'}"


def effort(run: Run) -> str:
    phases = sorted(run.effort.phases_s.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} {value / run.effort.wall_s:.0%}" for name, value in phases) if run.effort.wall_s else ""
    return f"{run.effort.wall_s:.0f} s wall, {run.effort.measured_share:.0%} of it measured or warmed work ({told})"


def next_steps(run: Run, findings: Sequence[Finding], run_file: Path | None, has_baseline: bool) -> list[str]:
    verdicts = {finding.verdict for finding in findings}
    name = str(run_file) if run_file else "RUN"
    steps = []
    if not has_baseline:
        steps.append(f"{run.fingerprint.slug} has no baseline: make one with  bash ci/refresh.sh --runs 3")
    elif verdicts & {Verdict.NEW, Verdict.IMPROVED}:
        steps.append(f"new or improved: store it with  python -m tools refresh {name}")
    if verdicts & {Verdict.INCOMPARABLE, Verdict.MISSING}:
        steps.append('if that is meant: bash ci/refresh.sh --runs 3 --reason "..."')
    if verdicts & {Verdict.SUSPECT}:
        ab = f"python -m tools ab --base REV --suspects {name}"
        steps.append(f"suspects are times that a stored number cannot decide; side by side they can:  {ab}")
    return steps


def explained(findings: Sequence[Finding]) -> list[str]:
    """A sentence for every finding that asks for somebody's attention."""
    return [finding.sentence() for finding in findings if finding.verdict in EXPLAINED]


def markdown(tables: Sequence[Table], sentences: Sequence[str]) -> str:
    items = "".join(f"- {escape_markdown(sentence)}\n" for sentence in sentences)
    return "\n".join([*(to_markdown(table) for table in tables), items])


def to_json(findings: Sequence[Finding], code: int) -> str:
    """`{"verdicts": [{"case", "metric", "verdict", "reason", "baseline", "value", ...}], "exit_code": n}`."""
    return json.dumps({"verdicts": [dataclasses.asdict(finding) for finding in findings], "exit_code": code}, indent=1)
