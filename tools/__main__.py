"""python -m tools <verb>: everything that is done with the numbers once they are measured. Needs no torch.

Exit codes of every verb: 0 nothing regressed, 1 regressed, 2 usage or unreadable input, 3 could not judge.
"""

import contextlib
import datetime
import importlib.util
import io
import math
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools import report as reports
from tools.ab.checkouts import WORKTREE, UnusableRevision, commit_of
from tools.ab.contest import PROFILES, NothingToCompare, Request, contest
from tools.ab.outcome import Outcome, sentences, table
from tools.ab.rule import Rule
from tools.ab.selection import BadExpression
from tools.ab.workers import WorkerLost
from tools.annotations import annotations as annotated
from tools.baselines import has_baseline, read_baselines
from tools.compare import Finding, Verdict, exit_code, judge_run
from tools.decided import measured_by_ab
from tools.doctor import doctor
from tools.durations import store_durations
from tools.export.command import export
from tools.files import UnusableFile, check_writable, exclusive, write_all_atomically, write_atomically
from tools.gate.collect import collect
from tools.gate.plot import write_power_plot
from tools.gate.rates import all_rates
from tools.gate.report import exit_code as gate_exit_code
from tools.gate.report import markdown as gate_markdown
from tools.gate.report import sentences as gate_sentences
from tools.gate.report import tables as gate_tables
from tools.gate.trials import read_trials
from tools.history.command import history
from tools.kernels import side_by_side
from tools.memory_diff import contradictions, difference, told_apart
from tools.merge import benchmarks, merge, read_parts
from tools.page.document import html as whole_page
from tools.page.subject import Subject, subject_of
from tools.pull_request import comment
from tools.records import BROUGHT, BadRecord, Run
from tools.refresh import Refused, Worse, refresh
from tools.runs import read_run, write_run
from tools.snapshots import read_snapshot
from tools.startup.grid import contradictory, document, read_columns, startup_page
from tools.succession import MOST_PROCESSES, Manner
from tools.tables import Table, complaint, printable, to_rich
from tools.views import VIEWS, cases, changes

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

RunFile = Annotated[Path, typer.Argument(metavar="RUN", help="a run file, as the suite writes it to runs/")]
Baselines = Annotated[Path, typer.Option("--baselines", metavar="DIR", help="folder of the stored baselines")]
SnapshotName = Annotated[str, typer.Argument(help="RUN::CASE, or a file: json.dump(torch.cuda.memory_stats(), file)")]
ROOT = Path("baselines")
WIDE = 140  # columns a terminal needs so that no case id breaks
LEAST_WHY = 24  # columns in which a reason can be read
SPARED = ("why", "of roofline", "peak memory", "accuracy", "speed-up")  # reasons stand below the table, too


class Format(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


def console(tables: Sequence[Table] = ()) -> Console:
    """Wide enough for these tables when nobody's terminal says otherwise (CI logs, pipes)."""
    measured = Console(highlight=False, markup=False)
    if measured.is_terminal:
        return measured
    return Console(highlight=False, markup=False, width=max([180, *map(natural_width, tables)]))


def show(table: Table, view: Console | None = None) -> None:
    """On the terminal, or as wide as the table is."""
    view = view or console([table])
    view.print(to_rich(fitting(table, view.width), wide=view.width >= WIDE))


def fitting(table: Table, width: int) -> Table:
    """A table of verdicts, without the columns that a terminal of this width has no room for."""
    for column in SPARED if table.columns[:1] == ("verdict",) else ():
        if column in table.columns and not fits(table, width):
            table = table.without(column)
    return table


def fits(table: Table, width: int) -> bool:
    reasons = table.columns[-1] == "why"  # which may wrap
    return natural_width(table.without("why")) + (LEAST_WHY if reasons else 0) <= width


def natural_width(table: Table) -> int:
    return Console(width=10**6).measure(to_rich(table)).maximum


def show_page(view: Console, page: reports.Page) -> None:
    for each in page.tables:
        show(each, view)
    for sentence in (*page.sentences, *([reports.DRAWN_ON_REQUEST] if page.plots else [])):
        print(printable(sentence))


def judged_run(file: Path, baselines: Path) -> tuple[Run, list[Finding], bool]:
    run = read_run(file)
    stored = read_baselines(baselines, run.fingerprint.slug)
    return run, judge_run(run, stored), has_baseline(stored, run.fingerprint.slug)


@app.command()
def compare(
    file: RunFile,
    baselines: Baselines = ROOT,
    format: Annotated[Format, typer.Option(help="how to print")] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="inconclusive also exits 3")] = False,
    require_baseline: Annotated[bool, typer.Option("--require-baseline", help="new also exits 3")] = False,
) -> None:
    """Judge a run against the stored baselines of its device."""
    run, findings, own = judged_run(file, baselines)
    code = exit_code(run, findings, strict=strict, require_baseline=require_baseline)
    if format is Format.JSON:
        print(reports.to_json(findings, code))
    else:
        sentences = [*reports.explained(findings), *reports.summary(run, findings, file, own)]
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
    own = has_baseline(subject.baselines, subject.run.fingerprint.slug)
    return found, [*found.sentences, *reports.summary(subject.run, subject.findings, subject.file, own)]


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
def startup(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="what vLLM printed, one file a start")],
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="write Markdown here, not the terminal")] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write phases and facts here")] = None,
) -> None:
    """Lay logs of vLLM's start-up side by side, phase by phase. Exit code 3 when one of them contradicts itself."""
    if markdown is not None and markdown == json:
        raise typer.BadParameter(f"--markdown and --json are both {json}, expected a file each")
    columns = read_columns(logs)
    page, broken = startup_page(columns), contradictory(columns)
    files = {} if json is None else {json: document(columns)}
    if markdown is not None:
        files |= reports.documents(page, page.sentences, markdown)
    write_all_atomically(files, "report")
    if not files:
        show_page(console(page.tables), page)
    for sentence in broken if files else ():
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
    for finding in result.changes:
        print(printable(finding.sentence()))
    print(f"wrote {', '.join(str(file) for file in result.files)} from {len(runs)} run{'s' if len(runs) > 1 else ''}")


def told_with(reason: str, runs: Sequence[Run]) -> list[str]:
    """What a reviewer asks beside the numbers."""
    commits = ", ".join(dict.fromkeys(run.commit for run in runs))
    where = f"{len(runs)} process{'es' if len(runs) > 1 else ''} on {runs[0].fingerprint.slug}, commit {commits}"
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
    print(f"{output}: {len(run.records)} cases from {len(parts)} shard{'s' if len(parts) > 1 else ''}")


@app.command("durations")
def durations_command(
    files: Annotated[list[Path], typer.Argument(metavar="RUN...", help="run files of one device")],
    baselines: Baselines = ROOT,
) -> None:
    """Store how long each case takes on a device: by these times --splits N --group I cuts shards of equal length."""
    print(f"wrote {store_durations([read_run(file) for file in files], baselines)}")


class Interrupted(Exception):
    """Stopped from outside, by Ctrl-C or a signal."""


@app.command()
def ab(
    base: Annotated[str, typer.Option("--base", metavar="REV", help="what head is held against")],
    head: Annotated[
        str, typer.Option("--head", metavar="REV", help="a revision, or the files as they are now")
    ] = WORKTREE,
    keyword: Annotated[str, typer.Option("-k", metavar="EXPR", help="as pytest reads it, on case ids")] = "",
    suspects: Annotated[
        Path | None, typer.Option("--suspects", metavar="RUN", help="only the cases that this run leaves suspect")
    ] = None,
    baselines: Baselines = ROOT,
    profile: Annotated[str, typer.Option(metavar="|".join(PROFILES), help="which cases")] = "standard",
    device: Annotated[str | None, typer.Option(metavar="cpu|cuda", help="default: cuda where there is one")] = None,
    base_python: Annotated[str, typer.Option(metavar="EXE", help="interpreter of base")] = sys.executable,
    head_python: Annotated[str, typer.Option(metavar="EXE", help="interpreter of head")] = sys.executable,
    max_minutes: Annotated[
        float, typer.Option(min=0.0, help="what is undecided then is inconclusive: exit 3")
    ] = math.inf,
    hang_s: Annotated[float, typer.Option(min=1.0, help="a worker that answers nothing for so long is lost")] = 900.0,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="keep every raw slot here")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="inconclusive also exits 3")] = False,
) -> None:
    """Measure two revisions (or environments) side by side, in turns, and say which cases changed."""
    if profile not in PROFILES:
        raise typer.BadParameter(f"unknown profile {profile!r}, expected one of: {', '.join(PROFILES)}")
    if device not in (None, "cpu", "cuda"):
        raise typer.BadParameter(f"unknown device {device!r}, expected cpu or cuda")
    chosen = None
    if suspects:
        chosen, measured_on = suspect_cases(suspects, baselines, base)
        device = device or measured_on
        if not chosen:
            print(f"{suspects} leaves no suspect that an A/B against {base} decides")
            return
    if json is not None:
        check_writable(json, "A/B file")
    request = Request(
        Path(),
        base,
        head,
        interpreter(base_python),
        interpreter(head_python),
        keyword,
        chosen,
        profile,
        device,
        max_minutes,
        hang_s,
    )
    with interruptible():
        outcome = contest(request, Rule(), tell)
    tell_outcome(outcome, json)
    raise typer.Exit(outcome.exit_code(strict=strict))


@app.command("validate-gate")
def validate_gate(
    file: Annotated[Path, typer.Argument(metavar="TRIALS", help="trial file (.json.gz), read or made")],
    minutes: Annotated[float, typer.Option(min=0.0, help="first measure for so long")] = 0.0,
    append: Annotated[bool, typer.Option("--append", help="add to the trials that the file has")] = False,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="write the report here")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write the plot here (SVG; needs matplotlib)")
    ] = None,
) -> None:
    """Measure the gate itself: false alarms on equal code, and how often known slow-downs are found, rule by rule."""
    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise typer.BadParameter("--plot needs matplotlib: python -m pip install matplotlib")
    before = 0
    if minutes:
        if file.exists() and not append:
            raise typer.BadParameter(f"{file} holds trials already: --append adds to them, another name begins anew")
        check_writable(file, "trial file")
        with interruptible(), exclusive(file.absolute().parent, "trials in"):
            known = read_trials(file) if file.exists() else None
            before = len(known.trials) if known else 0
            collect(Path(), sys.executable, file, minutes, tell, known)
    trials = read_trials(file)
    rates = all_rates(trials.trials)
    for each in gate_tables(trials, rates):
        show(each)
    print("\n".join(printable(sentence) for sentence in gate_sentences(trials)))
    if markdown is not None:
        write_atomically(markdown, gate_markdown(trials, rates), "report")
    if plot is not None:
        write_power_plot(plot, rates, f"{trials.machine}: how often a slow-down is flagged")
    raise typer.Exit(gate_exit_code(trials.trials[before:]))


def interpreter(python: str) -> str:
    """Its whole path, for workers run elsewhere; links are kept, for they tell a virtual environment."""
    found = shutil.which(python)
    if found is None:
        raise typer.BadParameter(f"{python}: no such interpreter, expected an executable file")
    return os.path.abspath(found)


def suspect_cases(run_file: Path, baselines: Path, base: str) -> tuple[frozenset[str], str]:
    """The cases whose suspects an A/B against `base` can decide, and the device of the run; the others are named."""
    run, findings, _ = judged_run(run_file, baselines)
    suspects = {found: left_open(found, base, run_file) for found in findings if found.verdict is Verdict.SUSPECT}
    for finding, why in suspects.items():
        if why:
            print(printable(f"{finding.case}: {finding.metric} stays suspect: {why}"))
    decided = frozenset(finding.case for finding, why in suspects.items() if not why)
    return decided, "cpu" if run.fingerprint.slug.startswith("cpu-") else "cuda"


def left_open(finding: Finding, base: str, run_file: Path) -> str:
    """Why an A/B against `base` does not decide a suspect; "" where it does. What crept is no slower than yesterday."""
    if finding.case.startswith(BROUGHT):
        return "it came by an option, and no checkout holds it; measure again, or refresh with more processes"
    if not measured_by_ab(finding):
        return "an A/B does not measure it"
    if finding.anchor and not same_commit(finding.anchor, base):
        return f"it crept, which shows in  python -m tools ab --base {finding.anchor} --suspects {run_file}"
    return ""


def same_commit(first: str, second: str) -> bool:
    try:
        return commit_of(Path(), first) == commit_of(Path(), second)
    except UnusableRevision:
        return first == second


def tell(text: str) -> None:
    """Progress, apart from the result."""
    print(printable(text), file=sys.stderr, flush=True)


def tell_outcome(outcome: Outcome, file: Path | None) -> None:
    """The table first: a file that cannot be written must not cost the verdicts."""
    show(table(outcome))
    print("\n".join(printable(sentence) for sentence in sentences(outcome)))
    if file is not None:
        write_atomically(file, outcome.document(), "A/B file")


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """A polite end of the process (CI that cancels) unwinds as Ctrl-C does: workers are killed, checkouts removed."""
    heard = [kind for kind in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(kind) is not signal.SIG_IGN]  # nohup
    before = {kind: signal.signal(kind, signal.default_int_handler) for kind in heard}
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted, so nothing was judged; nothing is left behind") from error
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


for verb in (history, export, doctor):
    app.command()(verb)


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
