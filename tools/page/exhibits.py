"""The published tables that have rows in this run, with their plots where matplotlib is installed."""

import base64
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tools.page.subject import Subject
from tools.plots import Plot, svg
from tools.report import Page
from tools.tables import Table
from tools.views import VIEWS

OWN = "cases"  # the page has that table already
WITHOUT = "the plots of this view need matplotlib: python -m pip install matplotlib"


@dataclass(frozen=True)
class Picture:
    """address: of an image that is in the page, so that its ids and colours stay its own."""

    title: str
    address: str


@dataclass(frozen=True)
class Exhibit:
    """pictures: those of each table, in its place."""

    name: str
    tables: Sequence[tuple[Table, Sequence[Picture]]]
    sentences: Sequence[str]


def exhibits(subject: Subject) -> Iterable[Exhibit]:
    for name, view in VIEWS.items():
        page = None if name == OWN else view(subject.run, subject.findings)
        tables = [table for table in page.tables if table.rows] if page else []
        if page and tables:
            yield exhibit(name, page, tables)


def exhibit(name: str, page: Page, tables: Sequence[Table]) -> Exhibit:
    able = importlib.util.find_spec("matplotlib") is not None
    drawn = [(table, pictures(page.plots.get(table)) if able else ()) for table in tables]
    lacking = (WITHOUT,) if page.plots and not able else ()
    return Exhibit(name, drawn, (*page.sentences, *lacking))


def pictures(plot: Plot | None) -> Sequence[Picture]:
    if plot is None:
        return ()
    return (Picture(plot.title, f"data:image/svg+xml;base64,{base64.b64encode(svg(plot).encode()).decode()}"),)
