"""Line plots as SVG, the same bytes for the same numbers. Labels come from files: they are shown, never interpreted."""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.files import UnusableFile
from tools.records import LARGEST
from tools.tables import printable

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.container import Container

Point = tuple[float, float | None]  # x, y; None leaves a gap
Entry = tuple["Artist | Container", str]  # of a legend: what was drawn, and what it is called
Draw = Callable[["Axes"], Sequence[Entry]]

SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "perf-ratchet",  # ids in the file are random without it
    "svg.fonttype": "path",  # looks the same where a font is missing
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.parse_math": False,  # a "$" in a label is a "$"
}

# Colours of Okabe and Ito, which colour-blind readers tell apart; marker and dash say the same once more. As no two of
# the three lists have a common divisor in their lengths, no two lines look alike before the 280th.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "x", "<")
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (1, 1.3)), (0, (6, 2, 1, 2)), (0, (3, 1.5)))
LEVEL_COLOUR = "#555555"
LEVEL_DASHES: tuple[Any, ...] = ((0, (8, 4)), (0, (2, 3)), (0, (8, 3, 2, 3)))

MOST_TICKS = 16
LONGEST_TITLE, LONGEST_LABEL = 80, 36
LONGEST_NAME = 80
LARGEST_DRAWN = 100 * LARGEST  # percent of what a metric can hold; the axis of a larger number would overflow


@dataclass(frozen=True)
class Line:
    """points in the order of x; a y of None was not measured and leaves a gap."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Level:
    """One y whatever x is: what the lines are held against."""

    label: str
    y: float


@dataclass(frozen=True)
class Plot:
    """name: stands in the name of its file; labels say the units."""

    name: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    levels: tuple[Level, ...] = ()


def file_names(stem: str, plots: Iterable[Plot]) -> list[str]:
    """`<stem>-<plot name>.svg`, each once: what a name has beside ASCII letters and digits becomes a dash."""
    found: list[str] = []
    for plot in plots:
        name = re.sub(r"[^a-z0-9]+", "-", plot.name.lower()).strip("-")[:LONGEST_NAME]
        wanted = [f"{stem}-{name}.svg", *(f"{stem}-{name}-{number}.svg" for number in range(2, len(found) + 2))]
        found.append(next(each for each in wanted if each not in found))
    return found


def svg(plot: Plot) -> str:
    """Raises UnusableFile without matplotlib."""
    return drawn(lambda axes: draw(axes, plot))


def drawn(draw: Draw) -> str:
    """The SVG of what `draw` puts on the axes and names for the legend. Raises UnusableFile without matplotlib."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnusableFile(f"plots: found no matplotlib ({error}); python -m pip install matplotlib") from error

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a sign that the font lacks is drawn as a box
        matplotlib.rcdefaults()  # whatever style the reader's own settings ask for
        matplotlib.rcParams.update(SETTINGS)
        figure = Figure(figsize=(9, 4.8), layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        add_legend(axes, draw(axes))
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def add_legend(axes: "Axes", entries: Sequence[Entry]) -> None:
    """Beside the axes. Its texts are set afterwards: matplotlib leaves out what is called `_x`."""
    if entries:
        handles, blanks = [handle for handle, _ in entries], ["-"] * len(entries)
        legend = axes.legend(handles, blanks, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        for text, (_, label) in zip(legend.get_texts(), entries, strict=True):
            text.set_text(label)


def dress(axes: "Axes", title: str, x_label: str, y_label: str) -> None:
    axes.set_title(title, loc="left")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#EEEEEE", zorder=0)


def draw(axes: "Axes", plot: Plot) -> list[Entry]:
    dress(axes, *(shown(text, LONGEST_TITLE) for text in (plot.title, plot.x_label, plot.y_label)))
    lines = [line for line in plot.lines if any(drawable(y) for _, y in line.points)]
    entries = [draw_line(axes, line, number) for number, line in enumerate(lines)]
    entries += [draw_level(axes, level, number) for number, level in enumerate(plot.levels) if drawable(level.y)]
    mark_x(axes, sorted({x for line in lines for x, _ in line.points}))
    return entries


def draw_line(axes: "Axes", line: Line, number: int) -> Entry:
    values = [y if y is not None and drawable(y) else math.nan for _, y in line.points]
    alone = any(map(math.isnan, values))  # a point between gaps is nothing but its marker
    [handle] = axes.plot(
        [x for x, _ in line.points],
        values,
        color=COLOURS[number % len(COLOURS)],
        marker=MARKERS[number % len(MARKERS)],
        markevery=1 if alone else 1 + len(values) // (MOST_TICKS + 1),
        linestyle=DASHES[number % len(DASHES)],
        linewidth=1.4,
        markersize=6,
        markerfacecolor="none",  # a line that runs below another stays visible
        markeredgewidth=1.2,
        zorder=3,
    )
    return handle, shown(line.label, LONGEST_LABEL)


def draw_level(axes: "Axes", level: Level, number: int) -> Entry:
    dash = LEVEL_DASHES[number % len(LEVEL_DASHES)]
    handle = axes.axhline(level.y, color=LEVEL_COLOUR, linestyle=dash, linewidth=1.0, zorder=2)
    return handle, shown(level.label, LONGEST_LABEL)


def mark_x(axes: "Axes", values: Sequence[float]) -> None:
    """A tick for every x that is asked for, unless they are too many: then whole numbers."""
    from matplotlib.ticker import MaxNLocator

    if len(values) <= MOST_TICKS:
        axes.set_xticks(values)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def drawable(y: float | None) -> bool:
    return y is not None and abs(y) <= LARGEST_DRAWN


def shown(text: str, longest: int) -> str:
    """One line of visible characters, cut where it would leave no room for the lines."""
    plain = printable(text)
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
