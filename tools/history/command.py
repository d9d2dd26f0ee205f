"""python -m tools history: what a folder of runs says over time."""

import fnmatch
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools.files import UnusableFile, check_writable, write_all_atomically
from tools.history import view
from tools.history.ingest import Ingested, ingest
from tools.history.places import Place, place_of
from tools.history.series import Series, all_series, primary_series
from tools.history.store import Catalog
from tools.history.trends import Trend, asked, trend
from tools.records import UNITS
from tools.report import markdown as markdown_of
from tools.tables import Table, complaint, printable, to_rich

HIDDEN = ".history"
MOST_BROKEN = 20


def history(
    runs: Annotated[
        list[str], typer.Argument(metavar="DIR|FILE...", help="folders or URLs of run files, or run files")
    ],
    store: Annotated[
        str | None,
        typer.Option(metavar="DIR", help=f"folder or URL of the store; default: {HIDDEN} in the first folder"),
    ] = None,
    keyword: Annotated[str, typer.Option("-k", metavar="REGEX", help="only the cases whose id matches")] = "",
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="default: the time of each case; * is a wildcard"),
    ] = None,
    device: Annotated[str, typer.Option(metavar="SLUG", help="only this device")] = "",
    anchor: Annotated[
        str, typer.Option(metavar="COMMIT", help="what creep is held against; default: the first ten runs of a trend")
    ] = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="write one page with charts here")] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write Markdown here instead of printing")
    ] = None,
) -> None:
    """Trends of a folder of runs, and where they changed. Never judges: the exit code is 0 where there is a trend."""
    if html is not None and html == markdown:
        raise typer.BadParameter(f"--html and --markdown are both {html}, expected a file each")
    for file in (each for each in (html, markdown) if each is not None):
        check_writable(file, "history")
    pattern, where = compiled(keyword), store or default_store(runs[0])
    place, found = place_of(where), ingest(runs, where)
    tell_broken(found)
    if not found.catalog.runs:
        stop(f"{where} holds no run, so there is no trend; give a folder of run files")
    check_known(found.catalog, device, anchor)
    trends = asked(place, lambda catalog: judged(place, catalog, pattern, metric or [], device, anchor))
    if not trends:
        stop(f"no run has such a case and metric (-k {keyword!r}, --metric {', '.join(metric or ['time'])})")
    deliver(trends, found, where, html, markdown)


def default_store(first: str) -> str:
    """Beside the runs: what is asked is where it lies."""
    place = place_of(first)
    if not place.exists():
        raise UnusableFile(f"history {first}: found nothing there, expected run files or a folder of them")
    folder = place.name if place.is_folder() else place.name.rpartition("/")[0]
    return f"{folder.rstrip('/')}/{HIDDEN}"


def compiled(keyword: str) -> re.Pattern[str]:
    try:
        return re.compile(keyword)
    except re.error as error:
        raise typer.BadParameter(f"-k {keyword!r} is no regular expression: {error}") from error


def check_known(catalog: Catalog, device: str, anchor: str) -> None:
    if anchor and not any(run.header.commit.startswith(anchor) for run in catalog.runs):
        raise typer.BadParameter(f"--anchor {anchor!r}: no run is of this commit; give one as the table shows it")
    slugs = sorted({run.header.slug for run in catalog.runs})
    if device and not any(f'"slug": "{device}"' in word for word in catalog.words):
        raise typer.BadParameter(f"--device {device!r}: no run is of this device; there are {', '.join(slugs)}")


def judged(
    place: Place, catalog: Catalog, pattern: re.Pattern[str], metrics: Sequence[str], device: str, anchor: str
) -> list[Trend]:
    return [trend(each, catalog, anchor) for each in chosen(place, catalog, pattern, metrics, device)]


def chosen(
    place: Place, catalog: Catalog, pattern: re.Pattern[str], metrics: Sequence[str], device: str
) -> Iterator[Series]:
    """The series that were asked for. A word of the store can be a case of one run and a metric of another."""
    cases = None if not pattern.pattern else [word for word in catalog.words if pattern.search(word)]
    if not metrics:
        yield from primary_series(place, catalog, cases, device)
        return
    names = [word for word in catalog.words if word.endswith(tuple(UNITS)) and matches(word, metrics)]
    yield from all_series(place, catalog, names, cases, device)


def matches(word: str, metrics: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(word, each) for each in metrics)


def deliver(trends: Sequence[Trend], found: Ingested, store: str, html: Path | None, markdown: Path | None) -> None:
    catalog = found.catalog
    tables = [view.points_table(trends[0], catalog)] if len(trends) == 1 else [view.trend_table(trends, catalog)]
    sentences = [*view.sentences(trends, catalog), *view.summary(trends, found, store)]
    files: dict[Path, str | bytes] = {}
    if markdown is not None:
        files[markdown] = markdown_of(tables, sentences)
    if html is not None:
        from tools.history.page import page

        files[html] = page(trends, catalog, sentences)
    write_all_atomically(files, "history")
    if markdown is None:
        show(tables, sentences)


def show(tables: Sequence[Table], sentences: Sequence[str]) -> None:
    drawn = [to_rich(table) for table in tables]
    measured, endless = Console(highlight=False, markup=False), Console(width=10**6)
    wide = max([180, *(endless.measure(each).maximum for each in drawn)])
    console = measured if measured.is_terminal else Console(highlight=False, markup=False, width=wide)
    for each in drawn:
        console.print(each)
    print("\n".join(printable(sentence) for sentence in sentences))


def tell_broken(found: Ingested) -> None:
    """Each in a line; the rest of very many is counted."""
    for problem in found.broken[:MOST_BROKEN]:
        print(complaint(problem), file=sys.stderr)
    if len(found.broken) > MOST_BROKEN:
        print(f"and {len(found.broken) - MOST_BROKEN} more that are broken", file=sys.stderr)


def stop(text: str) -> None:
    print(f"perf-ratchet: {printable(text)}", file=sys.stderr)
    raise typer.Exit(3)
