"""python -m tools <verb>: everything that is done with the numbers once they are measured. Needs no torch.

Exit codes of every verb: 0 nothing regressed, 1 regressed, 2 usage or unreadable input, 3 could not judge.
"""

import datetime
import io
import re
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tools import report as reports
from tools.ab.checkouts import UnusableRevision
from tools.ab.command import ab
from tools.ab.contest import NothingToCompare
from tools.ab.selection import BadExpression
from tools.ab.workers import WorkerLost
from tools.annotations import annotations as annotated
from tools.arguments import ROOT, Baselines, RunFile
from tools.campaign.command import campaign
from tools.compare import exit_code
from tools.doctor import doctor
from tools.durations import store_durations
from tools.export.command import export
from tools.files import UnusableFile, write_all_atomically, write_atomically
from tools.gate.command import validate_gate
from tools.history.command import history
from tools.interruption import Interrupted
from tools.judged import judged
from tools.kernels import side_by_side
from tools.memory_diff import contradictions, difference, told_apart
from tools.merge import benchmarks, merge, read_parts
from tools.page.document import html as whole_page
from tools.page.subject import Subject, subject_of
from tools.pull_request import comment
from tools.quantities import counted
from tools.records import BadRecord, Run
from tools.refresh import Refused, Worse, refresh
from tools.runs import read_run, write_run
from tools.snapshots import read_snapshot
from tools.startup.command import startup
from tools.succession import MOST_PROCESSES, Manner
from tools.tables import complaint, printable
from tools.terminal import console, show, show_page, tell
from tools.views import VIEWS, cases, changes

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

SnapshotName = Annotated[str, typer.Argument(help="RUN::CASE, or a file: json.dump(torch.cuda.memory_stats(), file)")]


class Format(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


@app.command()
def compare(
    file: RunFile,
    baselines: Baselines = ROOT,
    format: Annotated[Format, typer.Option(help="how to print")] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="inconclusive also exits 3")] = False,
    require_baseline: Annotated[bool, typer.Option("--require-baseline", help="new also exits 3")] = False,
) -> None:
    """Judge a run against the stored baselines of its device."""
    found = judged(file, baselines)
    run, findings = found.run, found.findings
    code = exit_code(run, findings, strict=strict, require_baseline=require_baseline)
    if format is Format.JSON:
        print(reports.to_json(findings, code))
    else:
        sentences = [*reports.explained(findings), *reports.summary(run, findings, file, found.own)]
        if format is Format.MARKDOWN:
            print(reports.markdown([cases(run, findings)], sentences))
        else:
            show(cases(run, findings))
            print("\n".join(printable(sentence) for sentence in sentences))
    raise typer.Exit(code)


@app.command()
def report(
    file: RunFile,
    baselines: Baselines = ROOT,
    view: Annotated[str, typer.Option(help=f"one of: {', '.join(VIEWS)}")] = "cases",
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write Markdown here, and plots beside it, instead of printing")
    ] = None,
    ab: Annotated[
        list[Path] | None, typer.Option("--ab", metavar="FILE", help="an A/B of this run's suspects; may be repeated")
    ] = None,
    history: Annotated[
        str, typer.Option(metavar="STORE", help="of  python -m tools history, for the course of each case")
    ] = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="write the whole report as one HTML file")] = None,
    pull_request: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write a comment of a screenful, in Markdown")
    ] = None,
    annotations: Annotated[bool, typer.Option("--annotations", help="print GitHub's workflow commands")] = False,
    link: Annotated[str, typer.Option(metavar="URL", help="where the comment says the whole report is")] = "",
) -> None:
    """Show a run: one view, or HTML, or a comment. Never judges: the exit code is 0 when the run can be read."""
    if view not in VIEWS:
        raise typer.BadParameter(f"unknown view {view!r}, expected one of: {', '.join(VIEWS)}")
    subject = subject_of(file, baselines, ab or [], history)
    documents = {}
    if html is not None:
        documents[html] = whole_page(subject)
    if pull_request is not None:
        documents[pull_request] = comment(subject, link)
    if markdown is not None:
        documents |= reports.documents(*told_by(view, subject), markdown)
    write_all_atomically(documents, "report")
    if annotations:
        print("\n".join(annotated(subject)))
    for written in (each for each in (html, pull_request) if each is not None):
        print(printable(f"wrote {written}"))
    if not documents and not annotations:
        tables, _ = told_by(view, subject)
        show_page(console(tables.tables), tables)


def told_by(view: str, subject: Subject) -> tuple[reports.Page, Sequence[str]]:
    found = VIEWS[view](subject.run, subject.findings)
    return found, [*found.sentences, *reports.summary(subject.run, subject.findings, subject.file, subject.own)]


@app.command("memory-diff")
def memory_diff(
    a: SnapshotName,
    b: SnapshotName,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write Markdown here instead of printing")
    ] = None,
) -> None:
    """Hold statistics of torch's allocator side by side. Exit code 3 when one of the two contradicts itself."""
    pair = told_apart(read_snapshot(a), read_snapshot(b))
    page, broken = difference(*pair), [sentence for each in pair for sentence in contradictions(each)]
    if markdown is None:
        show_page(console(page.tables), page)
    else:
        write_all_atomically(reports.documents(page, page.sentences, markdown), "report")
        for sentence in broken:
            tell(sentence)
    raise typer.Exit(3 if broken else 0)


@app.command()
def kernels(
    a: RunFile,
    b: RunFile,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="write Markdown here, not the terminal")] = None,
) -> None:
    """Hold what two runs compiled side by side, kernel by kernel, also of two compilers. Never judges."""
    page = side_by_side(read_run(a), read_run(b))
    if markdown is None:
        show_page(console(page.tables), page)
    else:
        write_all_atomically(reports.documents(page, page.sentences, markdown), "report")


@app.command("refresh")
def refresh_command(
    files: Annotated[list[Path], typer.Argument(metavar="RUN...", help="run files of fresh processes on one device")],
    baselines: Baselines = ROOT,
    reason: Annotated[str, typer.Option(help="why worse or other numbers are right; stored with them")] = "",
    keyword: Annotated[str, typer.Option("-k", metavar="REGEX", help="only the cases whose id matches")] = "",
    append: Annotated[
        bool, typer.Option("--append", help=f"add to the stored times and speed-ups; the last {MOST_PROCESSES} stay")
    ] = False,
    anchor: Annotated[bool, typer.Option("--anchor", help="pin the anchors to these numbers")] = False,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write what changes here, for who reviews it")
    ] = None,
) -> None:
    """Make the baselines of these runs' paths from them."""
    runs, now = [read_run(file) for file in files], datetime.datetime.now(datetime.UTC)
    result = refresh(runs, baselines, reason, now, matching(runs, keyword), Manner(append, anchor))
    if markdown is not None:
        write_atomically(markdown, reports.markdown([changes(result.changes)], told_with(reason, runs)), "report")
    for sentence in reports.news(result.changes):
        print(printable(sentence))
    for sentence in stored(result.files, len(runs)):
        print(printable(sentence))


def stored(files: Sequence[Path], runs: int) -> list[str]:
    """A line a device."""
    folders = dict.fromkeys(file.parent for file in files)
    names = {folder: ", ".join(file.name for file in files if file.parent == folder) for folder in folders}
    told = [f"wrote {folder}/ from {counted(runs, 'run')}: {names[folder]}" for folder in folders]
    return told or ["nothing was written: what is stored says the same"]


def told_with(reason: str, runs: Sequence[Run]) -> list[str]:
    """What a reviewer asks beside the numbers."""
    commits = ", ".join(dict.fromkeys(run.commit for run in runs))
    where = f"{counted(len(runs), 'process')} on {runs[0].fingerprint.slug}, commit {commits}"
    return [f"reason: {reason.strip() or 'none was needed'}", where]


def matching(runs: list[Run], keyword: str) -> list[str] | None:
    if not keyword:
        return None
    try:
        pattern = re.compile(keyword)
    except re.error as error:
        raise typer.BadParameter(f"-k {keyword!r} is no regular expression: {error}") from error
    return [record.case for run in runs for record in run.records if pattern.search(record.case)]


@app.command("merge")
def merge_command(
    files: Annotated[list[Path], typer.Argument(metavar="RUN...", help="all shards of one selection")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="where the joined run goes")],
    with_holes: Annotated[
        bool, typer.Option("--with-holes", help="a shard may be missing: its cases are, too, in the joined run")
    ] = False,
) -> None:
    """Join the shards of one selection. Exit code 2 names what overlaps, is missing or differs."""
    parts = read_parts(files)
    run = merge(parts, with_holes=with_holes)
    write_run(output, run, benchmarks(part.file for part in parts))
    print(f"{output}: {counted(len(run.records), 'case')} from {counted(len(parts), 'shard')}")


@app.command("durations")
def durations_command(
    files: Annotated[list[Path], typer.Argument(metavar="RUN...", help="run files of one device")],
    baselines: Baselines = ROOT,
) -> None:
    """Store how long each case takes on a device: by these times --splits N --group I cuts shards of equal length."""
    print(f"wrote {store_durations([read_run(file) for file in files], baselines)}")


for verb in (ab, doctor, export, history, startup):
    app.command()(verb)
app.command("validate-gate")(validate_gate)
app.command(context_settings={"allow_extra_args": True})(campaign)


def main() -> None:
    """The one edge where named errors become one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a sign that cannot be printed is no regression
    try:
        app()
    except Worse as error:
        fail(error, 1)
    except (UnusableFile, Refused, BadRecord, UnusableRevision, BadExpression) as error:
        fail(error, 2)
    except (WorkerLost, NothingToCompare, Interrupted) as error:
        fail(error, 3)
    except Exception as error:  # a bug of ours must not end in 1, which says regressed
        fail(RuntimeError(f"internal error, please report it: {type(error).__name__}: {error}"), 3)


def fail(error: Exception, code: int) -> None:
    print(f"perf-ratchet: {complaint(str(error))}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
