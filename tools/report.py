"""What a run says, as text, Markdown or JSON: the same findings, the same order, the same exit code."""

import dataclasses
import errno
import json
import os
import urllib.parse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.compare import Finding
from tools.files import UnusableFile, unwritable
from tools.plots import Plot, file_names, svg
from tools.policy import Rule, policy_of
from tools.quantities import counted
from tools.records import Run, Selection, path_of
from tools.tables import Table, escape_markdown, to_markdown
from tools.verdict import Verdict

DEFAULT_PROFILE = "standard"
DRAWN_ON_REQUEST = "the curves are drawn by  --markdown FILE: an SVG for each beside FILE"
EXPLAINED = (Verdict.REGRESSED, Verdict.MISSING, Verdict.INCOMPARABLE, Verdict.SUSPECT)


@dataclass(frozen=True)
class Page:
    """The tables of a view, one below the other, the sentences under them, and the plots of some of the tables."""

    tables: tuple[Table, ...]
    sentences: tuple[str, ...] = ()
    plots: Mapping[Table, Plot] = field(default_factory=dict)


def summary(run: Run, findings: Sequence[Finding], run_file: Path | None, has_baseline: bool) -> list[str]:
    """Sentences under the table: counts, effort, and the next command."""
    return [
        *part(run.selection),
        counts(run, findings),
        effort(run),
        *next_steps(run, findings, run_file, has_baseline),
    ]


def part(selection: Selection) -> list[str]:
    """What this run leaves to others, or out."""
    found = []
    if selection.shard:
        here = f"{len(selection.selected)} of {counted(len(selection.shard.asked), 'case')}"
        found.append(f"shard {selection.shard.name}: {here}; python -m tools merge joins all shards")
    if selection.affected:
        told = counted(len(selection.selected), "case") if selection.selected else "no case"
        found.append(f"{told} can be reached by what changed since {selection.affected}")
    return found


def counts(run: Run, findings: Sequence[Finding]) -> str:
    statuses = Counter(record.status for record in run.records)
    verdicts = Counter(finding.verdict for finding in findings)
    told = ", ".join(
        f"{statuses[status]} {status}" for status in ("ok", "oom", "unsupported", "error") if statuses[status]
    )
    judged = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict])
    seen = f"{counted(len(run.records), 'case')} ({told or 'none measured'})"
    return f"{seen}; {counted(len(findings), 'metric')} judged: {judged or 'none'}"


def news(findings: Sequence[Finding]) -> list[str]:
    """A sentence each; what is merely new is counted, path by path: nothing there is to be decided."""
    new = [finding for finding in findings if finding.verdict is Verdict.NEW]
    cases, metrics = Counter(path_of(case) for case in {f.case for f in new}), Counter(path_of(f.case) for f in new)
    told = [
        f"{path} is new: {counted(cases[path], 'case')}, {counted(metrics[path], 'metric')}" for path in sorted(cases)
    ]
    return [*(finding.sentence() for finding in findings if finding.verdict is not Verdict.NEW), *told]


def effort(run: Run) -> str:
    phases = sorted(run.effort.phases_s.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} {value / run.effort.wall_s:.0%}" for name, value in phases) if run.effort.wall_s else ""
    return f"{run.effort.wall_s:.0f} s wall, {run.effort.measured_share:.0%} of it measured or warmed work ({told})"


def next_steps(run: Run, findings: Sequence[Finding], run_file: Path | None, has_baseline: bool) -> list[str]:
    verdicts = {finding.verdict for finding in findings}
    name = str(run_file) if run_file else "RUN"
    steps = []
    if not has_baseline:
        profile = "" if run.profile == DEFAULT_PROFILE else f" --perf-profile {run.profile}"
        steps.append(f"{run.fingerprint.slug} has no baseline: make one with  bash ci/refresh.sh --runs 3{profile}")
    elif verdicts & {Verdict.NEW, Verdict.IMPROVED}:
        steps.append(f"new or improved: store it with  python -m tools refresh {name}")
    if verdicts & {Verdict.INCOMPARABLE, Verdict.MISSING}:
        steps.append('if that is meant: bash ci/refresh.sh --runs 3 --reason "..."')
    suspects = [policy_of(finding.metric) for finding in findings if finding.verdict is Verdict.SUSPECT]
    if any(policy.noisy and not policy.on_host for policy in suspects):
        ab = f"python -m tools ab --base REV --suspects {name}"
        steps.append(f"suspects are times that a stored number cannot decide; side by side they can:  {ab}")
    if any(policy.rule is Rule.HINT for policy in suspects):
        view = f"python -m tools report {name} --view kernels"
        steps.append(f"hints may pay for themselves, which only a time on a GPU can tell; all numbers:  {view}")
    return steps


def explained(findings: Sequence[Finding]) -> list[str]:
    """A sentence for every finding that asks for attention; for what cannot be compared, one for each reason."""
    told: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.verdict in EXPLAINED:
            told.setdefault((finding.verdict, together(finding)), []).append(finding)
    return [sentence(group) for group in told.values()]


def together(finding: Finding) -> str:
    """What several findings may share a sentence by: other software makes thousands of metrics incomparable at once."""
    return finding.reason if finding.verdict is Verdict.INCOMPARABLE else f"{finding.case}: {finding.metric}"


def sentence(group: Sequence[Finding]) -> str:
    if len(group) == 1:
        return group[0].sentence()
    cases = list(dict.fromkeys(finding.case for finding in group))
    more = f" and {counted(len(cases) - 1, 'more case')}" if len(cases) > 1 else ""
    return f"{cases[0]}{more}: {len(group)} metrics {group[0].verdict}: {group[0].reason}"


def markdown(tables: Sequence[Table], sentences: Sequence[str], pictures: Mapping[Table, str] | None = None) -> str:
    """pictures: the Markdown of what stands above a table."""
    items = "".join(f"- {escape_markdown(sentence)}\n" for sentence in sentences)
    above = pictures or {}
    return "\n".join([*(above.get(table, "") + to_markdown(table) for table in tables), items])


def documents(page: Page, sentences: Sequence[str], file: Path) -> dict[Path, str]:
    """What becomes of a page: Markdown in `file` and an SVG beside it for each plot.

    Raises UnusableFile without matplotlib, and where a folder is in the way, which would show only half way through.
    """
    names = dict(zip(page.plots, file_names(file.stem, page.plots.values()), strict=True))
    pictures = {table: picture(plot.title, names[table]) for table, plot in page.plots.items()}
    drawings = {file.parent / names[table]: svg(plot) for table, plot in page.plots.items()}
    found = {file: markdown(page.tables, sentences, pictures), **drawings}
    for place in found:
        if place.is_dir():
            raise UnusableFile(unwritable(place, "report", IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))))
    return found


def picture(title: str, name: str) -> str:
    return f"![{escape_markdown(title)}]({urllib.parse.quote(os.fsencode(name))})\n\n"


def to_json(findings: Sequence[Finding], code: int) -> str:
    """`{"verdicts": [{"case", "metric", "verdict", "reason", "baseline", "value", ...}], "exit_code": n}`."""
    return json.dumps({"verdicts": [dataclasses.asdict(finding) for finding in findings], "exit_code": code}, indent=1)
