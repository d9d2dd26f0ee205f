import html

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from tools.tables import STYLES, Table, complaint, escape_markdown, printable, to_markdown, to_rich
from tools.tests.samples import NASTY

HOSTILE = [
    NASTY,
    "a|b",
    "**bold** _x_ ~~gone~~ `code`",
    "[link](http://x) ![image](y)",
    "<img src=x onerror=alert(1)>",
    "&amp; &lt;b&gt;",
    "# no heading #1",
    "\\| \\",
    "line\nbreak\r\n| x |",
    "tab\tbell\x07 esc\x1b[2J\x1b]0;title\x07",
    "right\u202eleft zero\u200bwidth",
    "\ud800",
]


def terminal_text(table, width=400):
    view = Console(width=width, color_system="truecolor", force_terminal=True, highlight=False, markup=False)
    with view.capture() as captured:
        view.print(to_rich(table))
    return captured.get()


def plain_text(table, width=400, wide=True):
    view = Console(width=width, color_system=None, highlight=False, markup=False)
    with view.capture() as captured:
        view.print(to_rich(table, wide))
    return captured.get()


def rendered_cells(text):
    """The cells as a Markdown renderer shows them. Fails where anything but plain text came out."""
    cells, tokens = [], MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    for token in tokens:
        for child in token.children or ():
            assert child.type in ("text", "text_special", "strong_open", "strong_close"), child
        if token.type == "inline":
            cells.append("".join(child.content for child in token.children))
    return cells


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_any_cell_as_it_is(text):
    table = Table(text, ("case", "n"), ((text, "1"), ("plain", text)), frozenset({"case"}))
    shown = printable(text)
    assert rendered_cells(to_markdown(table)) == [shown, "case", "n", shown, "1", "plain", shown]


def test_markdown_asks_for_no_mention_and_no_html():
    escaped = escape_markdown(NASTY)
    assert "<" not in escaped
    assert "\\@user" in escaped
    assert html.unescape(escaped.replace("\\", "")) == NASTY


def test_markdown_aligns_text_left_and_numbers_right():
    lines = to_markdown(Table("t", ("case", "n"), (("a", "1"),), frozenset({"case"}))).splitlines()
    assert lines == ["**t**", "", "| case | n |", "| :--- | ---: |", "| a | 1 |"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_gets_any_cell_and_title_as_plain_text(text):
    out = plain_text(Table(text, ("case", "n"), ((text, "1"),), frozenset({"case"})))
    assert out.count(printable(text).rstrip()) == 2
    assert all(line.isprintable() for line in out.splitlines())
    assert not any(control in out for control in "\x1b\x07\r")


def test_only_verdict_words_are_coloured():
    for word in STYLES:
        assert "\x1b[" in terminal_text(Table("", ("v",), ((word,),))).split("\n", 2)[2]
    shown = terminal_text(Table("", ("v",), (("[bold red]x[/]",),)))
    assert "[bold red]x[/]" in shown


def test_a_narrow_terminal_loses_no_letter():
    case = "attention/" + "x" * 60
    out = plain_text(Table("t", ("case", "n"), ((case, "1"),), frozenset({"case"})), width=30, wide=False)
    assert out.count("x") == 60
    assert "…" not in out


def test_a_wide_terminal_breaks_only_the_last_column():
    case = "attention/" + "x" * 60
    out = plain_text(Table("t", ("case", "why"), ((case, "word " * 30),), frozenset({"case", "why"})), width=120)
    assert case in out
    assert out.count("word") == 30


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb", "a\\x0ab"), ("\x1b[31m", "\\x1b[31m"), ("µ – … 1.5x", "µ – … 1.5x"), ("\u202e", "\\x202e"), ("", "")],
)
def test_control_characters_become_visible(text, shown):
    assert printable(text) == shown


def test_a_complaint_is_short_and_ends_in_what_to_do():
    told = complaint(f"run file x: metric '{'A' * 100_000}' names no unit; make it anew\n")
    assert len(told) < 1_300
    assert told.startswith("run file x: metric 'AAA")
    assert told.endswith("names no unit; make it anew\\x0a")
    assert complaint("short\n") == "short\\x0a"
