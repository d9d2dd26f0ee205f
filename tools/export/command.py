"""python -m tools export: a run in the words of other tools."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tools.compare import Finding
from tools.export import bencher, benchmark_action, junit, openmetrics, otava
from tools.files import write_all_atomically
from tools.page.subject import subject_of
from tools.records import Run
from tools.runs import read_run


class Target(StrEnum):
    JUNIT = "junit"
    BENCHMARK_ACTION = "github-action-benchmark"
    BENCHMARK_ACTION_BIGGER = "github-action-benchmark-bigger"
    BENCHER = "bencher"
    OTAVA = "otava"
    OPENMETRICS = "openmetrics"


# Those that tell one run; a series of them is otava's alone.
WRITERS: Mapping[Target, Callable[[Run, Sequence[Finding]], str]] = {
    Target.JUNIT: junit.export,
    Target.BENCHMARK_ACTION: benchmark_action.smaller,
    Target.BENCHMARK_ACTION_BIGGER: benchmark_action.bigger,
    Target.BENCHER: bencher.export,
    Target.OPENMETRICS: openmetrics.export,
}


def export(
    files: Annotated[list[Path], typer.Argument(metavar="RUN...", help="a run file; for otava one or more")],
    to: Annotated[Target, typer.Option("--to", help="whose format")],
    baselines: Annotated[Path, typer.Option(metavar="DIR", help="folder of the stored baselines")] = Path("baselines"),
    ab: Annotated[
        list[Path] | None, typer.Option("--ab", metavar="FILE", help="an A/B of this run's suspects; may be repeated")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="write here instead of printing")] = None,
) -> None:
    """Write a run as other tools read it. Never judges: the exit code is 0 when the run can be read."""
    if to is Target.OTAVA:
        documents = series([read_run(file) for file in files], output)
    elif len(files) > 1:
        raise typer.BadParameter(f"--to {to} takes one run, found {len(files)}; python -m tools merge joins shards")
    else:
        subject = subject_of(files[0], baselines, ab or [])
        documents = {output: WRITERS[to](subject.run, subject.findings)}
    if output is None:
        print(documents[None], end="")
    else:
        write_all_atomically({file: text for file, text in documents.items() if file}, "export")


def series(runs: Sequence[Run], output: Path | None) -> dict[Path | None, str]:
    """The CSV, and beside a file the configuration that reads it."""
    table = otava.export(runs)
    return {output: table, **({output.with_suffix(".yaml"): otava.tests(runs, output)} if output else {})}
