"""python -m tools <verb>: everything that is done with the numbers once they are measured. Needs no torch.

Exit codes of every verb: 0 nothing regressed, 1 regressed, 2 usage or unreadable input, 3 could not judge.
"""

import datetime
import io
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools import report as reports
from tools.baselines import read_baselines
from tools.compare import Finding, exit_code, judge_run
from tools.files import UnusableFile, write_atomically
from tools.records import BadRecord, Run
from tools.refresh import Refused, Worse, refresh
from tools.runs import read_run
from tools.tables import Table, printable, to_rich
from tools.views import VIEWS

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

RunFile = Annotated[Path, typer.Argument(metavar="RUN", help="a run file, as the suite writes it to runs/")]
Baselines = Annotated[Path, typer.Option("--baselines", metavar="DIR", help="folder of the stored baselines")]
ROOT = Path("baselines")
WIDE = 140  # columns a terminal needs so that no case id breaks


class Format(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


def console() -> Console:
    """Wide enough for the table when nobody's terminal says otherwise (CI logs, pipes)."""
    measured = Console(highlight=False, markup=False)
    return measured if measured.is_terminal else Console(highlight=False, markup=False, width=180)


def show(view: Console, table: Table) -> None:
    view.print(to_rich(table, wide=view.width >= WIDE))


def judged_run(file: Path, baselines: Path) -> tuple[Run, list[Finding], bool]:
    run = read_run(file)
    stored = read_baselines(baselines, run.fingerprint.slug)
    return run, judge_run(run, stored), bool(stored)


@app.command()
def compare(
    file: RunFile,
    baselines: Baselines = ROOT,
    format: Annotated[Format, typer.Option(help="how to print")] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="inconclusive also exits 3")] = False,
    require_baseline: Annotated[bool, typer.Option("--require-baseline", help="new also exits 3")] = False,
) -> None:
    """Judge a run against the stored baselines of its device."""
    run, findings, has_baseline = judged_run(file, baselines)
    code = exit_code(run, findings, strict=strict, require_baseline=require_baseline)
    if format is Format.JSON:
        print(reports.to_json(findings, code))
    else:
        sentences = [*reports.explained(findings), *reports.summary(run, findings, file, has_baseline)]
        if format is Format.MARKDOWN:
            print(reports.markdown(VIEWS["cases"](run, findings), sentences))
        else:
            show(console(), VIEWS["cases"](run, findings))
            print("\n".join(printable(sentence) for sentence in sentences))
    raise typer.Exit(code)


@app.command()
def report(
    file: RunFile,
    baselines: Baselines = ROOT,
    view: Annotated[str, typer.Option(help=f"one of: {', '.join(VIEWS)}")] = "cases",
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write Markdown here instead of printing")
    ] = None,
) -> None:
    """Show a run as one of its tables. Never judges: the exit code is 0 when the run can be read."""
    if view not in VIEWS:
        raise typer.BadParameter(f"unknown view {view!r}, expected one of: {', '.join(VIEWS)}")
    run, findings, has_baseline = judged_run(file, baselines)
    table = VIEWS[view](run, findings)
    if markdown is None:
        show(console(), table)
    else:
        write_atomically(
            markdown, reports.markdown(table, reports.summary(run, findings, file, has_baseline)), "report"
        )


@app.command("refresh")
def refresh_command(
    files: Annotated[list[Path], typer.Argument(metavar="RUN...", help="run files of fresh processes on one device")],
    baselines: Baselines = ROOT,
    reason: Annotated[str, typer.Option(help="why worse or other numbers are right; stored with them")] = "",
    keyword: Annotated[str, typer.Option("-k", metavar="REGEX", help="only the cases whose id matches")] = "",
) -> None:
    """Make the baselines of these runs' paths from them."""
    runs = [read_run(file) for file in files]
    result = refresh(runs, baselines, reason, datetime.datetime.now(datetime.UTC), matching(runs, keyword))
    for finding in result.changes:
        print(printable(finding.sentence()))
    print(f"wrote {', '.join(str(file) for file in result.files)} from {len(runs)} run{'s' if len(runs) > 1 else ''}")


def matching(runs: list[Run], keyword: str) -> list[str] | None:
    if not keyword:
        return None
    try:
        pattern = re.compile(keyword)
    except re.error as error:
        raise typer.BadParameter(f"-k {keyword!r} is no regular expression: {error}") from error
    return [record.case for run in runs for record in run.records if pattern.search(record.case)]


def main() -> None:
    """The one edge where named errors become one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a sign that cannot be printed is no regression
    try:
        app()
    except Worse as error:
        fail(error, 1)
    except (UnusableFile, Refused, BadRecord) as error:
        fail(error, 2)
    except Exception as error:  # a bug of ours must not end in 1, which says regressed
        fail(RuntimeError(f"internal error, please report it: {type(error).__name__}: {error}"), 3)


def fail(error: Exception, code: int) -> None:
    print(f"perf-ratchet: {printable(str(error))}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
