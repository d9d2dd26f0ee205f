"""What a person sees: tables as wide as the terminal, or as wide as they are, and progress apart from results."""

import sys
from collections.abc import Sequence

from rich.console import Console

from tools import report as reports
from tools.tables import Table, printable, to_rich

WIDE = 140  # columns a terminal needs so that no case id breaks
LEAST_WHY = 24  # columns in which a reason can be read
SPARED = ("why", "of roofline", "peak memory", "accuracy", "speed-up")  # reasons stand below the table, too


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


def tell(text: str) -> None:
    """Progress, apart from the result."""
    print(printable(text), file=sys.stderr, flush=True)
