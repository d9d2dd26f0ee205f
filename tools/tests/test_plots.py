import dataclasses
import re
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest

from tools import plots
from tools.files import UnusableFile
from tools.plots import Level, Line, Plot, file_names, svg
from tools.tests.samples import NASTY
from tools.tests.test_tables import HOSTILE

ROOT = Path(__file__).resolve().parents[2]
NAMES = [*HOSTILE, "$x$", r"$\frac{1}{$", "_hidden", "-->", "<!-- -- -->", "]]>", "", "中文", "x" * 500]


def lines(count):
    return tuple(Line(f"line {n}", tuple((x, 50.0 + n + x) for x in (4, 6, 8))) for n in range(count))


def plot(*drawn, **changes):
    made = Plot("width", "a title", "bits", "top-1, %", drawn or lines(3), (Level("plain", 95.0),))
    return dataclasses.replace(made, **changes)


@pytest.fixture
def drawn(monkeypatch):
    """The axes of a plot as matplotlib holds them, what the legend names, and the file."""

    def axes_of(made):
        found = []

        def keep(axes, entries):
            found.append((axes, entries))
            add_legend(axes, entries)

        add_legend = plots.add_legend
        with monkeypatch.context() as patch:
            patch.setattr(plots, "add_legend", keep)
            text = svg(made)
        return (*found[0], text)

    return axes_of


def legend_texts(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def curve_of(axes, label):
    """Points of a line by the text that the legend has for it."""
    handles = axes.get_legend().legend_handles
    [colour] = [h.get_color() for h, text in zip(handles, legend_texts(axes), strict=True) if text == label]
    [line] = [line for line in axes.get_lines() if line.get_color() == colour]
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


# ---------------------------------------------------------------- what is drawn


def test_the_same_plot_makes_the_same_bytes_in_any_process():
    program = (
        "from tools.tests.test_plots import plot, svg; import matplotlib; matplotlib.rcParams['lines.linewidth'] = 9; "
        "import hashlib; print(hashlib.sha256(svg(plot()).encode()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert svg(plot()) == svg(plot())
    assert svg(plot()) != svg(plot(*lines(2)))


def test_a_plot_is_a_drawing_on_white_without_a_date():
    text = svg(plot())
    assert xml.etree.ElementTree.fromstring(text).tag.endswith("svg")
    assert "fill: #ffffff" in text
    assert "<dc:date>" not in text


def test_title_labels_legend_and_level_are_there(drawn):
    axes, *_ = drawn(plot())
    assert (axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()) == ("a title", "bits", "top-1, %")
    assert legend_texts(axes) == ["line 0", "line 1", "line 2", "plain"]
    assert curve_of(axes, "line 1") == [(4, 55.0), (6, 57.0), (8, 59.0)]
    [level] = [line for line in axes.get_lines() if line.get_color() == plots.LEVEL_COLOUR]
    assert set(level.get_ydata()) == {95.0}
    assert level.is_dashed()


def test_the_legend_stands_beside_the_lines(drawn):
    axes, *_ = drawn(plot())
    assert axes.get_legend().get_window_extent().x0 > axes.get_window_extent().x1


def test_a_missing_point_leaves_a_gap_and_no_zero(drawn):
    axes, *_ = drawn(plot(Line("a", ((4, 90.0), (6, None), (8, 95.0))), levels=()))
    (_, first), (_, missing), (_, last) = curve_of(axes, "a")
    assert (first, last) == (90.0, 95.0)
    assert missing != missing  # not a number: matplotlib draws no line to it
    assert axes.get_ylim()[0] > 80


def test_no_two_of_many_lines_look_alike(drawn):
    _, entries, _ = drawn(plot(*lines(40)))
    looks = [(h.get_color(), h.get_marker(), h._unscaled_dash_pattern) for h, _ in entries[:-1]]
    assert len(set(map(str, looks))) == 40
    assert len({marker for _, marker, _ in looks[:7]}) == len({str(dash) for *_, dash in looks[:5]}) + 2 == 7


def test_levels_differ_from_each_other(drawn):
    _, entries, _ = drawn(plot(*lines(1), levels=(Level("a", 1.0), Level("b", 2.0))))
    assert len({str(handle._unscaled_dash_pattern) for handle, _ in entries[1:]}) == 2


def test_every_width_has_a_tick_and_many_trials_have_fewer(drawn):
    axes, *_ = drawn(plot(Line("a", ((4, 1.0), (5, 2.0), (32, 3.0))), Line("b", ((1, 1.0),))))
    assert list(axes.get_xticks()) == [1, 4, 5, 32]
    axes, *_ = drawn(plot(Line("a", tuple((x, 1.0) for x in range(1, 201)))))
    assert len(axes.get_xticks()) < 20
    assert all(tick == int(tick) for tick in axes.get_xticks())


def test_long_lines_have_fewer_markers_unless_a_point_is_nothing_else(drawn):
    def every(points):
        _, [(handle, _), *_], _ = drawn(plot(Line("a", points)))
        return handle.get_markevery()

    course = tuple((x, float(x)) for x in range(1, 65))
    assert (every(course[:16]), every(course)) == (1, 4)
    assert every((*course, (65, None), (66, 1.0))) == 1


@pytest.mark.parametrize("points", [(), ((4, None),), ((4, float("inf")),)])
def test_a_line_without_a_number_is_not_in_the_legend(drawn, points):
    axes, *_ = drawn(plot(Line("empty", points), *lines(1)))
    assert legend_texts(axes) == ["line 0", "plain"]
    assert svg(plot(Line("empty", points), levels=())).startswith("<?xml")


@pytest.mark.parametrize("value", [1e300, -1e308, 100 * 2.0**64, 5e-324, -1.0, float("nan")])
def test_any_number_is_drawn_or_left_out(value):
    assert svg(plot(Line("a", ((4, value), (6, 50.0))), levels=(Level("plain", value),))).startswith("<?xml")


# ---------------------------------------------------------------- names from files


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_shown_and_never_interpreted(drawn, name):
    made = plot(Line(name, ((4, 90.0),)), title=name, x_label=name, y_label=name, levels=(Level(name, 1.0),))
    axes, _, text = drawn(made)
    elements = xml.etree.ElementTree.fromstring(text).iter()
    assert {element.tag.rpartition("}")[2] for element in elements} <= {
        *("svg", "metadata", "RDF", "Work", "type", "format", "defs", "style", "g", "path", "use", "clipPath", "rect")
    }
    texts = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.get_legend().get_texts()]
    assert not any(text.get_parse_math() for text in texts)
    assert len(axes.get_legend().get_texts()) == 2


def test_a_dollar_sign_is_drawn_and_mathematics_is_not(monkeypatch):
    def glyphs(title):
        return svg(plot(title=title)).count("<use ") - svg(plot(title="")).count("<use ")

    assert (glyphs("abc"), glyphs("$x$")) == (3, 3)
    monkeypatch.setitem(plots.SETTINGS, "text.parse_math", True)
    assert glyphs("$x$") == 1  # planted: what it is where signs are read as mathematics


def test_a_long_name_leaves_room_for_the_lines(drawn):
    axes, *_ = drawn(plot(Line("x" * 500, ((4, 90.0),)), title="y" * 500))
    assert legend_texts(axes)[0] == "x" * (plots.LONGEST_LABEL - 1) + "…"
    assert axes.get_position().width > 0.4


# ---------------------------------------------------------------- names of files


def test_a_file_is_named_after_the_page_and_the_plot():
    assert file_names("page", [plot(name="width"), plot(name="Format-encoder")]) == [
        "page-width.svg",
        "page-format-encoder.svg",
    ]


@pytest.mark.parametrize("name", [*NAMES, "../../etc/passwd", "a/b", "CON:", ".", "é"])
def test_a_name_from_a_file_leads_nowhere_else(name):
    [found] = file_names("page", [plot(name=name)])
    assert re.fullmatch(r"page-[a-z0-9-]{0,80}\.svg", found)


def test_names_that_become_alike_stay_apart():
    names = ["a b", "a-b", "A B", "a b 2", "a-b-2", "-", "$", "z" * 500, "z" * 501]
    found = file_names("page", [plot(name=name) for name in names])
    assert len(set(found)) == len(names)
    assert max(map(len, found)) < 200


# ---------------------------------------------------------------- matplotlib


def test_without_matplotlib_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UnusableFile, match=r"found no matplotlib .* python -m pip install matplotlib"):
        svg(plot())


def test_the_readers_own_settings_are_left_as_they_were():
    import matplotlib

    with matplotlib.rc_context({"font.size": 31, "axes.facecolor": "#123456"}):
        text = svg(plot())
        assert matplotlib.rcParams["font.size"] == 31
    assert text == svg(plot())


def test_matplotlib_is_loaded_only_to_draw():
    program = "import sys, tools.plots, tools.report, tools.views; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_a_name_with_markup_is_no_element():
    assert "<script" not in svg(plot(title=NASTY))
