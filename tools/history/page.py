"""Trends as one HTML page: a chart of every series that changed, and a table of all with their course in small."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.history import view
from tools.history.changes import Step, worse
from tools.history.store import Catalog
from tools.history.trends import Trend
from tools.page.drawings import Axis, Line, Mark, chart, sparkline
from tools.page.shell import page as shell
from tools.page.shell import safe
from tools.tables import printable

MOST_CHARTS = 40
MOST_MARKS = 120  # of a chart; between them the line tells the course
MOST_JOINED = 400  # points of a line
SMALL = 32  # points of a small course


@dataclass(frozen=True)
class Figure:
    title: str
    told: str
    svg: Any


def page(trends: Sequence[Trend], catalog: Catalog, sentences: Sequence[str]) -> str:
    """The whole file. Raises UnusableFile without jinja2."""
    order = view.ranked(trends)
    changed = [each for each in order if each.steps or each.creep] or order[:1]
    rows = [(view.row(each, catalog), safe(small(each))) for each in order]
    return shell(
        "history",
        "Performance over time",
        {},
        columns=view.COLUMNS,
        rows=[([printable(cell) for cell in row], spark) for row, spark in rows],
        figures=[figure(each, catalog) for each in changed[:MOST_CHARTS]],
        left_out=max(len(changed) - MOST_CHARTS, 0),
        sentences=[printable(each) for each in sentences],
    )


def small(trend: Trend) -> str:
    """The course as medians of equal stretches, ringed where a step is."""
    values = trend.series.values
    count = min(SMALL, len(values))
    stretches = np.array_split(values, count)
    marked = {min(step.first * count // len(values), count - 1) for step in trend.steps}
    return sparkline("", [float(np.median(each)) for each in stretches], marked)


def figure(trend: Trend, catalog: Catalog) -> Figure:
    series = trend.series
    title = printable(f"{series.case} {series.metric}")
    y = Axis(series.metric, form=lambda value: view.form(series.metric, value))
    lines = [course(trend), *changes(trend, catalog)]
    drawn = chart(title, Axis("runs, oldest first", ticks=False), y, marks(trend, catalog), lines)
    told = f"{view.state(trend) or 'unchanged'} on {series.place}: {view.what_changed(trend, catalog) or 'no change'}"
    return Figure(title, printable(told), safe(drawn))


def course(trend: Trend) -> Line:
    """All that counts, or as many points of it as a chart can show: of each stretch its smallest and its largest."""
    places = np.flatnonzero(trend.series.steady)
    values = trend.series.values[places]
    if len(places) > MOST_JOINED:
        stretches = np.array_split(np.arange(len(places)), MOST_JOINED // 2)
        kept = {int(each[extreme(values[each])]) for each in stretches for extreme in (np.argmin, np.argmax)}
        chosen = np.array(sorted(kept))
        places, values = places[chosen], values[chosen]
    return Line(tuple(zip(places.astype(float).tolist(), values.tolist(), strict=True)))


def changes(trend: Trend, catalog: Catalog) -> list[Line]:
    """An upright line at every step and every mark."""
    series = trend.series
    told = [(step.first, f"{view.percent(step.change)} at {where(trend, step.first, catalog)}") for step in trend.steps]
    told += [(mark.first, f"{mark.text} at {where(trend, mark.first, catalog)}") for mark in series.marks]
    return [Line(((first - 0.5, float(series.values[first])),), text, "change") for first, text in told]


def marks(trend: Trend, catalog: Catalog) -> list[Mark]:
    """A point to hover over for a run, its commit and value; always for those at a step, and the last."""
    count = len(trend.series.values)
    steps = {step.first: step for step in trend.steps}
    shown = set(range(0, count, -(-count // MOST_MARKS))) | set(steps) | {count - 1}
    return [mark(trend, place, steps.get(place), catalog) for place in sorted(shown)]


def mark(trend: Trend, place: int, step: Step | None, catalog: Catalog) -> Mark:
    series, value = trend.series, float(trend.series.values[place])
    tone = "" if series.steady[place] else "inconclusive"
    if step:
        tone = "regressed" if worse(step.before, step.after, series.policy) else "improved"
    disturbed = "" if series.steady[place] else ", disturbed"
    told = f"{view.form(series.metric, value)}, {where(trend, place, catalog)}{disturbed}"
    return Mark(float(place), value, told, tone=tone)


def where(trend: Trend, place: int, catalog: Catalog) -> str:
    run = view.file_of(catalog, int(trend.series.runs[place]))
    return f"{view.revision(trend.series, place, catalog)} ({view.day(trend.series, place, catalog)}, {run})"
