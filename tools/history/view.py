"""What the trends say, as a table and sentences: what got worse first, and by what command it is looked into."""

import datetime
import math
import re
from collections.abc import Sequence

from tools.history.changes import MIN_RUNS, Step, worse
from tools.history.ingest import Ingested
from tools.history.series import Mark, Series
from tools.history.store import Catalog
from tools.history.trends import Trend
from tools.records import Metric
from tools.tables import Table
from tools.views import show

BLOCKS = "▁▂▃▄▅▆▇█"
SPARK = 24  # signs of a trend in the terminal
MOST_QUIET = 40  # series that are all listed, though nothing happened in some
MOST_TOLD = 20  # sentences of one kind
COLUMNS = ("state", "case", "metric", "device", "runs", "first", "last", "change", "trend", "what changed")
LEFT = frozenset({"state", "case", "metric", "device", "trend", "what changed"})


def state(trend: Trend) -> str:
    """`worse` and `crept` where it still is, `better` where it has become that, `recovered`, or nothing."""
    if trend.loss:
        return "crept" if trend.creep and trend.loss in trend.lost_by_creep() else "worse"
    if trend.worse:
        return "recovered"
    return "better" if trend.steps else ""


def ranked(trends: Sequence[Trend]) -> list[Trend]:
    """Worst first, then what else changed, then the rest by its case."""
    return sorted(trends, key=lambda each: (-each.loss, -len(each.steps), each.series.case, each.series.metric))


def trend_table(trends: Sequence[Trend], catalog: Catalog) -> Table:
    """Of many series only those in which something changed: the rest is counted below."""
    shown = ranked(trends)
    if len(shown) > MOST_QUIET:
        shown = [each for each in shown if each.steps or each.creep]
    title = f"{len(shown)} of {len(trends)} trends" if len(shown) < len(trends) else f"{len(trends)} trends"
    return Table(title, COLUMNS, tuple(row(each, catalog) for each in shown), LEFT)


def row(trend: Trend, catalog: Catalog) -> tuple[str, ...]:
    series = trend.series
    first, last = float(series.values[0]), trend.level
    return (
        state(trend),
        series.case,
        series.metric,
        series.place,
        str(len(series.runs)),
        form(series.metric, first),
        form(series.metric, last),
        percent(last / first - 1) if first else "",
        blocks(series.values.tolist()),
        what_changed(trend, catalog),
    )


def form(metric: str, value: float) -> str:
    """In the form its unit is read in."""
    return show(metric, Metric(value))


def percent(change: float) -> str:
    return f"{change:+.1%}" if math.isfinite(change) else "from nothing"


def blocks(values: Sequence[float]) -> str:
    """The course in a few signs: medians of equal stretches, on a scale from the smallest to the largest of them."""
    count = min(SPARK, len(values))
    stretches = [
        sorted(values[place * len(values) // count : (place + 1) * len(values) // count]) for place in range(count)
    ]
    middles = [each[len(each) // 2] for each in stretches]
    low, high = min(middles), max(middles)
    if high - low <= 0.01 * abs(high):
        return BLOCKS[3] * count
    return "".join(BLOCKS[round((each - low) / (high - low) * (len(BLOCKS) - 1))] for each in middles)


def what_changed(trend: Trend, catalog: Catalog) -> str:
    """The last change points, the creep, and where other software or another definition began."""
    told = [f"{percent(step.change)} at {revision(trend.series, step.first, catalog)}" for step in trend.steps[-2:]]
    more = len(trend.steps) - len(told)
    told = [f"{more} more before", *told] if more else told
    told += [f"crept {percent(trend.creep.drift)} since {since(trend, catalog)}"] if trend.creep else []
    return "; ".join(
        told + [f"{mark.text} at {revision(trend.series, mark.first, catalog)}" for mark in trend.series.marks[-1:]]
    )


def revision(series: Series, place: int, catalog: Catalog) -> str:
    return catalog.runs[int(series.runs[place])].header.revision[:13]


def since(trend: Trend, catalog: Catalog) -> str:
    return f"{revision(trend.series, trend.anchor, catalog)} ({day(trend.series, trend.anchor, catalog)})"


def day(series: Series, place: int, catalog: Catalog) -> str:
    seconds = catalog.runs[int(series.runs[place])].header.time_s
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()


def file_of(catalog: Catalog, run: int) -> str:
    """The end of its name, by which it is found in its folder."""
    return "/".join(catalog.runs[run].file.split("/")[-2:])


def before(series: Series, place: int) -> int:
    """The last point before this one that counts."""
    return max((each for each in range(place) if series.steady[each]), default=max(place - 1, 0))


def sentences(trends: Sequence[Trend], catalog: Catalog) -> list[str]:
    """One for all series that got worse between the same two runs, one for each that crept; worst first."""
    groups: dict[tuple[int, ...], list[Trend]] = {}
    for place, each in enumerate(each for each in ranked(trends) if each.loss):
        groups.setdefault((-1, place) if state(each) == "crept" else between(each), []).append(each)
    told = [sentence(group, catalog) for group in list(groups.values())[:MOST_TOLD]]
    return told + (
        [f"and {len(groups) - MOST_TOLD} more places where something got worse"] if len(groups) > MOST_TOLD else []
    )


def between(trend: Trend) -> tuple[int, int]:
    """Numbers of the runs before and after the worst step."""
    step = max(trend.worse, key=trend.lost)
    old, new = before(trend.series, step.first), step.first
    return int(trend.series.runs[old]), int(trend.series.runs[new])


def sentence(group: Sequence[Trend], catalog: Catalog) -> str:
    """What to know of the worst of a group, how many more there are, and the next command."""
    worst, series = group[0], group[0].series
    more = f" and {len(group) - 1} more trend{'s' * (len(group) > 2)}" if len(group) > 1 else ""
    if state(worst) == "crept" and worst.creep:
        levels = f"{form(series.metric, worst.creep.anchor)} -> {form(series.metric, worst.creep.last)}"
        moved = f"crept {percent(worst.creep.drift)} since {since(worst, catalog)} ({levels}); no step explains it"
        runs = int(series.runs[worst.anchor]), int(series.runs[-1])
        return f"{series.case}: {series.metric} {moved}; {decide(series, *runs, catalog)}"
    step, (old, new) = max(worst.worse, key=worst.lost), between(worst)
    told = " and ".join(catalog.runs[run].header.revision[:13] for run in (old, new))
    levels = f"{form(series.metric, step.before)} -> {form(series.metric, step.after)}"
    where = f"between {told} (run {file_of(catalog, new)}, {day(series, step.first, catalog)})"
    moved = f"{series.metric} {percent(step.change)} ({levels}) {where}"
    return f"{series.case}{more}: {moved}; {decide(series, old, new, catalog)}"


def decide(series: Series, old: int, new: int, catalog: Catalog) -> str:
    """The next command: of a time an A/B of both revisions, of a number that repeats the commits between them."""
    commits = [catalog.runs[run].header.commit for run in (old, new)]
    if commits[0] == commits[1]:
        return f"both are {commits[0]}: not the code, but the machine or uncommitted changes"
    if series.policy.noisy:
        return (
            f'an A/B decides:  python -m tools ab --base {commits[0]} --head {commits[1]} -k "{words_of(series.case)}"'
        )
    return f"the commits:  git log {commits[0]}..{commits[1]}"


def words_of(case: str) -> str:
    """The id as pytest's -k reads it; around signs that -k does not take, the parts joined by `and`."""
    return " and ".join(re.findall(r"[\w:+./\[\]-]+", case))


def summary(trends: Sequence[Trend], found: Ingested, store: str) -> list[str]:
    """What was read, what was left out, and how much the trends can say."""
    devices = len({run.header.slug for run in found.catalog.runs})
    told = (
        f"runs: {len(found.catalog.runs)} of {devices} device{'s' * (devices != 1)} in {store} ({found.read} read now)"
    )
    parts = [
        (found.repeated, "held a run that was there already"),
        (found.no_runs, "other JSON"),
        (len(found.broken), "broken and left out"),
        (found.gone, "kept whose file is gone"),
    ]
    return [f"{told}{''.join(f'; {count} {what}' for count, what in parts if count)}", counts(trends)]


def counts(trends: Sequence[Trend]) -> str:
    states = [state(each) for each in trends]
    named = ", ".join(
        f"{states.count(each)} {each}" for each in ("worse", "crept", "recovered", "better") if each in states
    )
    short = sum(each.judged and int(each.series.steady.sum()) < 2 * MIN_RUNS for each in trends)
    few = (
        f"; {short} have fewer than {2 * MIN_RUNS} undisturbed runs, in which no change of a time can show"
        if short
        else ""
    )
    unjudged = sum(not each.judged for each in trends)
    never = f"; {unjudged} of metrics that are never judged" if unjudged else ""
    return f"trends: {len(trends)}, {named or 'none changed'}{few}{never}"


def points_table(trend: Trend, catalog: Catalog) -> Table:
    """Every point of one series, in the order of time."""
    series = trend.series
    steps, marks = {step.first: step for step in trend.steps}, {mark.first: mark for mark in series.marks}
    rows = []
    for place, number in enumerate(series.runs.tolist()):
        run = catalog.runs[number]
        rows.append(
            (
                run.header.created_utc,
                run.header.revision,
                form(series.metric, float(series.values[place])),
                happened(series, place, steps, marks),
                file_of(catalog, number),
            )
        )
    columns = ("time", "commit", series.metric, "what happened", "run")
    return Table(f"{series.case} on {series.place}", columns, tuple(rows), frozenset(columns) - {series.metric})


def happened(series: Series, place: int, steps: dict[int, Step], marks: dict[int, Mark]) -> str:
    told = [] if series.steady[place] else ["disturbed"]
    if place in steps:
        step = steps[place]
        told.append(f"{'worse' if worse(step.before, step.after, series.policy) else 'better'}: {percent(step.change)}")
    return "; ".join(told + ([marks[place].text] if place in marks else []))
