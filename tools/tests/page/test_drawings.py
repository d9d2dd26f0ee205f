"""Drawings: marks where they belong, nothing outside the frame, every text a text."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from tools.page import drawings
from tools.page.drawings import Axis, Line, Mark, Row, bars, chart, sparkline, strip
from tools.tests.samples import NASTY

PLAIN = Axis("x")
LOG = Axis("x", log=True)


def parts(text, name, kind=""):
    found = ET.fromstring(text).iter(name)
    return [each for each in found if kind in each.get("class", "").split() or not kind]


def place(mark):
    return tuple(float(each) for each in mark.get("transform").removeprefix("translate(").removesuffix(")").split())


def made(marks, x=PLAIN, y=PLAIN, lines=()):
    return chart("title", x, y, marks, lines)


@pytest.mark.parametrize("axis", [PLAIN, LOG])
def test_more_is_further_right_and_higher_up(axis):
    marks = parts(made([Mark(1, 10, "a"), Mark(2, 20, "b"), Mark(4, 40, "c")], axis, axis), "path", "mark")
    xs, ys = zip(*(place(mark) for mark in marks), strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys, reverse=True)
    assert all(drawings.LEFT <= x <= drawings.WIDTH - drawings.RIGHT for x in xs)
    assert all(drawings.TOP <= y <= drawings.HEIGHT - drawings.BOTTOM for y in ys)
    assert (xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)) == axis.log


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf"), 1e300])
def test_what_cannot_be_drawn_is_left_out(bad):
    text = made([Mark(1, 1, "a"), Mark(bad, 1, "x"), Mark(2, bad, "y")], LOG, LOG)
    assert len(parts(text, "path", "mark")) == 1
    assert "nan" not in text
    assert "inf" not in text


@pytest.mark.parametrize("marks", [[], [Mark(3, 3, "alone")], [Mark(0, 0, "zero")]])
def test_few_marks_are_drawn_too(marks):
    assert len(parts(made(marks), "path", "mark")) == len(marks)


def test_a_mark_tells_its_label_as_text():
    text = made([Mark(1, 1, NASTY + "\x1b\u202e", tone='x" onload="y')])
    [mark] = parts(text, "path", "mark")
    assert mark.find("title").text == NASTY + "\\x1b\\x202e"
    assert "onload" not in mark.attrib["class"]
    assert {each.tag for each in ET.fromstring(text).iter()} <= {"svg", "title", "path", "text"}


def test_no_two_series_look_alike():
    looks = set()
    for series in range(56):
        [mark] = parts(made([Mark(1, 1, "", series)]), "path", "mark")
        looks.add((mark.get("d"), mark.get("class")))
        assert mark.get("d") in drawings.symbol(series)
    assert len(looks) == 56


def test_a_line_is_cut_at_the_frame():
    roof = Line(((0.001, 1.0), (1000.0, 1.0)), "roof", "roof")
    [line] = parts(made([Mark(1, 0.5, ""), Mark(10, 2, "")], LOG, LOG, [roof]), "path", "roof")
    numbers = [float(each) for each in line.get("d").replace("M", " ").replace("L", " ").split()]
    assert numbers[0] == pytest.approx(drawings.LEFT, abs=0.1)
    assert numbers[2] == pytest.approx(drawings.WIDTH - drawings.RIGHT, abs=0.1)
    assert numbers[1] == numbers[3]


@pytest.mark.parametrize("points", [((1.0, 1e6), (10.0, 1e6)), ((1e-3, 1.0), (1.0, 1e4)), ((20.0, 1.0), (20.0, 2.0))])
def test_a_line_beside_the_frame_is_not_drawn(points):
    away = Line(points, "", "roof")
    assert not parts(made([Mark(1, 0.5, ""), Mark(10, 2, "")], LOG, LOG, [away]), "path", "roof")


def test_a_change_stands_upright_at_its_place():
    change = Line(((5.0, 0.0),), "step", "change")
    [line] = parts(made([Mark(0, 1, ""), Mark(10, 2, "")], lines=[change]), "path", "change")
    middle = (drawings.LEFT + drawings.WIDTH - drawings.RIGHT) / 2
    assert float(line.get("d").removeprefix("M").split()[0]) == pytest.approx(middle, abs=0.1)


def test_a_strip_has_a_dot_a_value_and_a_median_a_row():
    text = strip(
        "s", [Row("base", (1.0, 2.0, 4.0, 8.0)), Row(NASTY + "\x1b", (3.0,), "regressed"), Row("none", ())], PLAIN
    )
    dots, medians = parts(text, "circle", "dot"), parts(text, "path", "median")
    assert [dot.find("title").text for dot in dots] == ["1", "2", "4", "8", "3"]
    assert [median.find("title").text for median in medians] == ["median 3, 4 values", "median 3, 1 values"]
    at = [float(median.get("d").removeprefix("M").split()[0]) for median in medians]
    assert at[0] == at[1] == float(dots[4].get("cx"))
    assert "regressed" in dots[4].get("class").split()
    assert any(each.text == NASTY + "\\x1b" for each in parts(text, "text"))


def test_a_value_beyond_all_measure_does_not_squeeze_the_others():
    dots = parts(strip("s", [Row("base", (1.0, 2.0, float("inf"), 1e300))], PLAIN), "circle")
    assert [float(dot.get("cx")) for dot in dots] == pytest.approx([26.3, 333.7], abs=1)


def test_bars_begin_at_zero_and_grow_with_their_number():
    rects = parts(bars("b", [Row("a", (0.2,)), Row("b", (0.4,)), Row("c" * 300, (0.0,))], PLAIN), "rect")
    lengths = [float(rect.get("width")) for rect in rects]
    assert lengths[1] == pytest.approx(2 * lengths[0], abs=0.2)
    assert lengths[2] == 0


def test_a_sparkline_marks_its_last_value_and_its_changes():
    text = sparkline("s", [1.0, 5.0, float("nan"), 2.0], marked=(1, 2))
    [line] = parts(text, "polyline")
    points = line.get("points").split()
    assert len(points) == 3
    last, [change] = parts(text, "circle", "last"), parts(text, "circle", "change")
    assert [f"{each.get('cx')},{each.get('cy')}" for each in (*last, change)] == [points[2], points[1]]
    assert float(points[1].split(",")[1]) < float(points[0].split(",")[1])


@pytest.mark.parametrize("values", [[], [1.0], [float("inf")]])
def test_a_sparkline_of_little_is_no_error(values):
    assert "<svg" in sparkline("s", values)


def test_texts_of_an_axis_do_not_run_into_each_other():
    axis = Axis("x", form=lambda value: f"{value:.1f} microseconds")
    text = made([Mark(each, 1, "") for each in range(10)], axis)
    told = [each for each in parts(text, "text") if "microseconds" in each.text]
    places = [float(each.get("x")) for each in told]
    assert len(told) >= 2
    assert all(after - before > 6 * len("0.0 microseconds") for before, after in pairwise(places))
