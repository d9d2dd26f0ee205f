"""A table of plain strings and its two renderings. Cells come from files, so they are escaped, never interpreted."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import rich.box
import rich.table
from rich.text import Text

STYLES = {
    "regressed": "bold red",
    "missing": "bold magenta",
    "incomparable": "magenta",
    "suspect": "yellow",
    "new": "cyan",
    "improved": "green",
    "unchanged": "dim green",
    "inconclusive": "dim",
}

MOST_SAID = 1_200  # characters of a complaint


@dataclass(frozen=True)
class Table:
    """title, column headings and rows of equal length; columns named in `left` are text, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[str] = frozenset()

    def without(self, column: str) -> "Table":
        kept = [place for place, name in enumerate(self.columns) if name != column]
        columns, *rows = (tuple(row[place] for place in kept) for row in (self.columns, *self.rows))
        return Table(self.title, columns, tuple(rows), self.left)


def to_rich(table: Table, wide: bool = True) -> rich.table.Table:
    """For the terminal: verdict words are coloured, nothing else is; on a wide one only the last column wraps."""
    view = rich.table.Table(
        title=Text(printable(table.title), no_wrap=True, overflow="ignore"),
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in table.columns:
        left = column in table.left
        view.add_column(
            Text(printable(column)),
            justify="left" if left else "right",
            no_wrap=wide and column != table.columns[-1],
            overflow="fold",
        )
    for row in table.rows:
        view.add_row(*(Text(printable(cell), style=STYLES.get(cell, "")) for cell in row))
    return view


def to_markdown(table: Table) -> str:
    rule = [":---" if column in table.left else "---:" for column in table.columns]
    lines = [markdown_row(table.columns), markdown_row(rule, raw=True), *(markdown_row(row) for row in table.rows)]
    return f"**{escape_markdown(table.title)}**\n\n" + "\n".join(lines) + "\n"


def markdown_row(cells: Sequence[str], raw: bool = False) -> str:
    return "| " + " | ".join(cell if raw else escape_markdown(cell) for cell in cells) + " |"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: no HTML, no table cell of its own, no emphasis, link or mention."""
    plain = html.escape(printable(text), quote=False)
    return "".join(f"\\{char}" if char in "\\`*_[]|@#~" else char for char in plain)


def printable(text: str) -> str:
    """Line breaks and control characters (which could repaint a terminal) made visible."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def complaint(text: str) -> str:
    """What is wrong, fit to be printed: a file can hold names of any length, and what to do stands at the end."""
    told = printable(text)
    return told if len(told) <= MOST_SAID else f"{told[: MOST_SAID // 2]} … {told[-MOST_SAID // 2 :]}"
