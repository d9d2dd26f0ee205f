"""Small inline SVG: charts, strips, bars, sparklines. Colours come from the page (theme.css), texts are escaped.

Whoever puts one on a page puts theme.css there, too. Every drawing has a title for those who do not see it, and every
mark one to hover over. Numbers that cannot be drawn (zero on a log axis, beyond what a metric can hold) are left out.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tools.page.scales import Scale, drawable, scale, ticks
from tools.tables import printable

WIDTH, HEIGHT = 360, 230  # readable on a phone as it is; wider places scale it up
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 26, 40
ROW, ROW_LABEL, ROWS_BOTTOM = 34, 14, 34  # of strips and bars: each row has its label above
COLOURS = 8  # theme.css has as many

# Centred on 0, about 8 wide. Their number and that of the colours have no common divisor, so that no two series look
# alike before the 56th, and what colour says is also said by shape.
SHAPES = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "M-3.5-3.5h7v7h-7z",
    "M0-4.5L4.5 3.5H-4.5z",
    "M0-5L5 0L0 5L-5 0z",
    "M0 4.5L4.5-3.5H-4.5z",
    "M-4-4L4 4M4-4L-4 4",
    "M0-5V5M-5 0H5",
)


def short(value: float) -> str:
    return f"{value:.4g}"


@dataclass(frozen=True)
class Axis:
    """label says the unit; form writes a tick; ticks: False where positions have no numbers worth reading.

    unit  ticks are round multiples of it: 1024 where they are read as KiB
    """

    label: str
    log: bool = False
    form: Callable[[float], str] = short
    ticks: bool = True
    unit: float = 1.0


@dataclass(frozen=True)
class Mark:
    """label: shown when hovered over; series: its colour and shape, counted on; tone: a verdict, or "" (theme.css)."""

    x: float
    y: float
    label: str
    series: int = 0
    tone: str = ""


@dataclass(frozen=True)
class Line:
    """points in the order in which they are joined; kind: `line`, `front`, `roof` or `change` (theme.css)."""

    points: tuple[tuple[float, float], ...]
    label: str = ""
    kind: str = "line"


@dataclass(frozen=True)
class Row:
    """Of a strip: every value is a dot, the middle a bar. Of bars: the first value is its length."""

    label: str
    values: tuple[float, ...]
    tone: str = ""
    series: int = 0


def chart(
    title: str,
    x: Axis,
    y: Axis,
    marks: Sequence[Mark],
    lines: Sequence[Line] = (),
    width: int = WIDTH,
    height: int = HEIGHT,
) -> str:
    """Marks and lines between two axes. A line of kind `change` stands upright at the x of its first point."""
    marks = [mark for mark in marks if drawable(mark.x, x.log) and drawable(mark.y, y.log)]
    joined = [replace(line, points=tuple(fitting(line, x, y))) for line in lines]
    spans = [point for line in joined if line.kind in ("line", "front") for point in line.points]
    across = scale([*(mark.x for mark in marks), *(p[0] for p in spans)], x.log, LEFT, width - RIGHT)
    up = scale([*(mark.y for mark in marks), *(p[1] for p in spans)], y.log, height - BOTTOM, TOP)
    root = drawing(title, width, height)
    x_axis(root, across, x, height - BOTTOM, TOP)
    y_axis(root, up, y, width - RIGHT)
    for line in joined:
        draw_line(root, line, across, up)
    for mark in marks:
        draw_mark(root, mark, across(mark.x), up(mark.y))
    return text_of(root)


def fitting(line: Line, x: Axis, y: Axis) -> Iterator[tuple[float, float]]:
    return (point for point in line.points if drawable(point[0], x.log) and drawable(point[1], y.log))


def strip(title: str, rows: Sequence[Row], x: Axis, width: int = WIDTH) -> str:
    """A row a distribution: every value a dot, the median a bar across it."""
    height = ROW * len(rows) + ROWS_BOTTOM
    across = scale([value for row in rows for value in row.values], x.log, RIGHT, width - RIGHT)
    root = drawing(title, width, height)
    x_axis(root, across, x, height - ROWS_BOTTOM, 0)
    for number, row in enumerate(rows):
        draw_row(root, row, number * ROW, width)
        values = sorted(value for value in row.values if drawable(value, x.log))
        draw_values(root, row, values, across, number * ROW + ROW_LABEL + 9, x)
    return text_of(root)


def draw_values(root: ET.Element, row: Row, values: Sequence[float], across: Scale, y: float, x: Axis) -> None:
    name = f"dot {tone_class(row.tone)} s{row.series % COLOURS}"
    for value in values:
        child(root, "circle", {"class": name, "cx": number(across(value)), "cy": number(y), "r": "3"}, x.form(value))
    if values:
        middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
        told = f"median {x.form(middle)}, {len(values)} values"
        child(root, "path", {"class": "median", "d": f"M{number(across(middle))} {number(y - 8)}v16"}, told)


def bars(title: str, rows: Sequence[Row], x: Axis, width: int = WIDTH) -> str:
    """A bar a row from 0 on, its label above and its number behind it."""
    height = ROW * len(rows) + ROWS_BOTTOM
    across = scale([row.values[0] for row in rows], x.log, RIGHT, width - RIGHT - 40, least=0.0)
    root = drawing(title, width, height)
    x_axis(root, across, x, height - ROWS_BOTTOM, 0)
    for place, row in enumerate(rows):
        top = place * ROW
        draw_row(root, row, top, width)
        end = across(row.values[0]) if drawable(row.values[0]) else across(0.0)
        shape = {"x": number(RIGHT), "y": number(top + ROW_LABEL + 3), "width": number(end - RIGHT), "height": "12"}
        child(root, "rect", {"class": f"bar {tone_class(row.tone)} s{row.series % COLOURS}", **shape}, row.label)
        write(root, x.form(row.values[0]), end + 4, top + ROW_LABEL + 13, "start")
    return text_of(root)


def draw_row(root: ET.Element, row: Row, top: float, width: int) -> None:
    text = write(root, row.label, RIGHT, top + ROW_LABEL - 3, "start")
    longest = (width - 2 * RIGHT) // 6
    if len(row.label) > longest:
        text.text = f"{printable(row.label)[: longest - 1]}…"


def sparkline(
    title: str, values: Sequence[float], marked: Collection[int] = (), width: int = 96, height: int = 22
) -> str:
    """A line without axes, its last value a dot, and those whose numbers are `marked` (change points) rings."""
    found = {place: value for place, value in enumerate(values) if drawable(value)}
    across = scale(found, False, 3, width - 3)
    up = scale(found.values(), False, height - 3, 3)
    root = drawing(title, width, height, "spark")
    points = {place: f"{across(place):.0f},{up(value):.0f}" for place, value in found.items()}
    child(root, "polyline", {"points": " ".join(points.values())})
    for place in [*(each for each in marked if each in found), *list(found)[-1:]]:
        kind = "change" if place in marked else "last"
        cx, cy = points[place].split(",")
        child(root, "circle", {"class": kind, "cx": cx, "cy": cy, "r": "2.5"})
    return text_of(root)


def symbol(series: int) -> str:
    """The mark of a series, for a legend."""
    root = drawing("", 14, 14, "symbol")
    child(
        root,
        "path",
        {"class": f"mark s{series % COLOURS}", "d": SHAPES[series % len(SHAPES)], "transform": "translate(7 7)"},
    )
    return text_of(root)


def drawing(title: str, width: int, height: int, kind: str = "drawing") -> ET.Element:
    root = ET.Element("svg", {"class": kind, "viewBox": f"0 0 {width} {height}", "role": "img"})
    if kind != "drawing":
        root.attrib |= {"width": str(width), "height": str(height)}
    if title:
        ET.SubElement(root, "title").text = printable(title)
    else:
        root.attrib |= {"aria-hidden": "true"}
    return root


def x_axis(root: ET.Element, across: Scale, axis: Axis, bottom: float, top: float) -> None:
    for value in apart(ticks(across, axis.unit), across, axis) if axis.ticks else ():
        at = number(across(value))
        child(root, "path", {"class": "grid", "d": f"M{at} {number(top)}V{number(bottom)}"})
        write(root, axis.form(value), across(value), bottom + 14)
    child(root, "path", {"class": "axis", "d": f"M{number(across.start)} {number(bottom)}H{number(across.end)}"})
    below = bottom + (30 if axis.ticks else 16)
    write(root, axis.label, (across.start + across.end) / 2, below, kind="name")


def apart(values: Sequence[float], across: Scale, axis: Axis) -> list[float]:
    """Those whose texts do not run into each other."""
    found: list[float] = []
    for value in values:
        room = 3.4 * (len(axis.form(value)) + len(axis.form(found[-1])) + 2) if found else 0.0
        if not found or abs(across(value) - across(found[-1])) >= room:
            found.append(value)
    return found


def y_axis(root: ET.Element, up: Scale, axis: Axis, right: float) -> None:
    for value in ticks(up, axis.unit) if axis.ticks else ():
        at = number(up(value))
        child(root, "path", {"class": "grid", "d": f"M{LEFT} {at}H{number(right)}"})
        write(root, axis.form(value), LEFT - 5, up(value) + 4, "end")
    write(root, axis.label, 2, TOP - 14, "start", kind="name")


def draw_line(root: ET.Element, line: Line, across: Scale, up: Scale) -> None:
    if not line.points:
        return
    if line.kind == "change":
        way = f"M{number(across(line.points[0][0]))} {number(up.start)}V{number(up.end)}"
    else:
        clipped = [point for part in pairwise(line.points) for point in clip(part, across, up)]
        way = "".join(f"{'M' if first else 'L'}{x} {y}" for first, x, y in clipped)
    if way:
        child(root, "path", {"class": f"line {line.kind}", "d": way}, line.label)


def clip(
    part: tuple[tuple[float, float], tuple[float, float]], across: Scale, up: Scale
) -> Iterator[tuple[bool, str, str]]:
    """What of a straight piece lies inside the frame, by Liang and Barsky's method; nothing where it misses it."""
    (x0, y0), (x1, y1) = ((across(x), up(y)) for x, y in part)
    start, end = 0.0, 1.0
    sides = ((x0 - x1, x0 - across.start), (x1 - x0, across.end - x0), (y0 - y1, y0 - up.end), (y1 - y0, up.start - y0))
    for toward, room in sides:
        if toward == 0 and room < -1e-9:
            return
        if toward < 0:
            start = max(start, room / toward)
        elif toward > 0:
            end = min(end, room / toward)
    if start <= end:
        for at in (start, end):
            yield at == start, number(x0 + at * (x1 - x0)), number(y0 + at * (y1 - y0))


def draw_mark(root: ET.Element, mark: Mark, x: float, y: float) -> None:
    place = {"d": SHAPES[mark.series % len(SHAPES)], "transform": f"translate({number(x)} {number(y)})"}
    child(root, "path", {"class": f"mark {tone_class(mark.tone)} s{mark.series % COLOURS}", **place}, mark.label)


def tone_class(tone: str) -> str:
    """Verdicts are words of ours, but a class comes from nowhere else."""
    return tone if tone.isalpha() else ""


def child(root: ET.Element, name: str, attributes: dict[str, str], title: str = "") -> ET.Element:
    found = ET.SubElement(root, name, attributes)
    if title:
        ET.SubElement(found, "title").text = printable(title)
    return found


def write(root: ET.Element, text: str, x: float, y: float, anchor: str = "middle", kind: str = "") -> ET.Element:
    place = {"x": number(x), "y": number(y), "text-anchor": anchor}
    found = ET.SubElement(root, "text", {**place, **({"class": kind} if kind else {})})
    found.text = printable(text)
    return found


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def text_of(root: ET.Element) -> str:
    return ET.tostring(root, encoding="unicode")
