"""Compression as a lab report shows it: accuracy against width, format, sparsity and trials, as tables and plots."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tools.compare import Finding
from tools.matrix import failure
from tools.paired import ALPHA, Flips, chance_of_loss
from tools.plots import Level, Line, Plot
from tools.plots import Point as Drawn
from tools.records import Metric, Record, Run
from tools.report import Page
from tools.tables import Table

BLANK = "–"
NOTHING = "nothing of compression was measured"
DENSE = "masks are dense: no zero is skipped, so sparsity alone gives no speed-up"
TOP1 = "top-1, %"

FIXED_POINT = "integer"  # the family that is measured at many widths
METHODS = {"ptq": "PTQ", "qat": "QAT"}
TARGETS = {"prune-weight": "weights", "prune-input": "inputs", "prune-both": "weights and inputs"}
ORDERS = {"quantize-prune": "quantized first", "prune-quantize": "pruned first"}
ROLES = {
    **dict.fromkeys(METHODS, ("model", "family")),
    **dict.fromkeys(TARGETS, ("model", "method", "scope")),
    **dict.fromkeys(ORDERS, ("model", "family")),
}
COURSE = (1, 4, 8)  # trials after which a search is looked at
SAME_CHOICE = {"uncompressed_top1_fraction": "uncompressed", "bare_top1_fraction": "untuned"}  # other measures of it

Exhibit = tuple[Table, Plot | None]
K = TypeVar("K")


@dataclass(frozen=True)
class Axis:
    """What the points of a curve differ in.

    letter  stands before the number in metric names
    asked   the parameter of a case that lists its points
    """

    letter: str
    asked: str
    label: str
    heading: Callable[[int], str]


@dataclass(frozen=True)
class Curve:
    """A case's accuracy, as a share, at each of its points in their order; None where it was asked for in vain."""

    model: str
    label: str
    points: Mapping[int, float | None]
    plain: float | None


@dataclass(frozen=True)
class Caption:
    """name: of the plot; heading: of the table's first column."""

    name: str
    title: str
    heading: str
    axis: Axis


WIDTH = Axis("w", "widths", "bits a value", lambda bits: f"{bits} bit" if bits == 1 else f"{bits} bits")
SPARSITY = Axis("s", "percents", "sparsity asked for, %", "{}%".format)


def compression(run: Run, findings: Sequence[Finding]) -> Page:
    """The curves of each model, what searches found, and what the numbers cannot tell."""
    exhibits = [
        *fixed_point(run),
        *formats(run),
        *stored_sizes(run),
        *sparsities(run),
        *pipelines(run),
        *searches(run),
    ]
    plots = {table: plot for table, plot in exhibits if plot}
    sentences = (*speed(run), *realised(run), *judges(run), *reasons(run))
    return Page(tuple(table for table, _ in exhibits), sentences if exhibits or sentences else (NOTHING,), plots)


# ---------------------------------------------------------------- curves


def fixed_point(run: Run) -> list[Exhibit]:
    curves = [
        curve(record, WIDTH, f"{record.params['model']}, {METHODS[kind_of(record)]}")
        for record in of_kinds(run, METHODS)
        if record.params["family"] == FIXED_POINT
    ]
    return exhibit(Caption("width", "fixed point: top-1 against width", "model", WIDTH), curves)


def formats(run: Run) -> list[Exhibit]:
    """One for each model and method that was measured with more than fixed point."""
    found: list[Exhibit] = []
    for (kind, model), records in grouped(of_kinds(run, METHODS), lambda record: (kind_of(record), model_of(record))):
        curves = [curve(record, WIDTH, record.params["family"]) for record in records]
        small = {width for each in curves if each.label != FIXED_POINT for width in each.points}
        caption = Caption(f"format-{model}-{kind}", f"{model}, {METHODS[kind]}: top-1 by format", "format", WIDTH)
        found += exhibit(caption, [within(each, small) for each in curves] if small else [])
    return found


def within(curve: Curve, points: Iterable[int]) -> Curve:
    return dataclasses.replace(curve, points={point: curve.points[point] for point in curve.points if point in points})


def sparsities(run: Run) -> list[Exhibit]:
    found: list[Exhibit] = []
    for (kind, model), records in grouped(of_kinds(run, TARGETS), lambda record: (kind_of(record), model_of(record))):
        curves = [curve(each, SPARSITY, f"{each.params['method']}, {each.params['scope']}") for each in records]
        title = f"{model}, {TARGETS[kind]} pruned: top-1 against sparsity"
        found += exhibit(Caption(f"{kind}-{model}", title, "method", SPARSITY), curves)
    return found


def pipelines(run: Run) -> list[Exhibit]:
    """Both orders of quantizing and pruning."""
    found: list[Exhibit] = []
    for model, records in grouped(of_kinds(run, ORDERS), model_of):
        curves = [curve(each, SPARSITY, f"{format_of(each)}, {ORDERS[kind_of(each)]}") for each in records]
        title = f"{model}, quantized and pruned: top-1 against sparsity"
        found += exhibit(Caption(f"pipeline-{model}", title, "format, order", SPARSITY), curves)
    return found


def format_of(record: Record) -> str:
    width = record.params.get("width")
    return f"{record.params['family']}{width if type(width) is int else ''}"


def exhibit(caption: Caption, curves: Sequence[Curve]) -> list[Exhibit]:
    """Table and plot of the curves, a table alone where no point has a number; nothing of no curve."""
    if not curves:
        return []
    measured = any(share is not None for each in curves for share in each.points.values())
    return [(curve_table(caption, curves), curve_plot(caption, curves) if measured else None)]


def curve_table(caption: Caption, curves: Sequence[Curve]) -> Table:
    points = sorted({point for each in curves for point in each.points})
    columns = (caption.heading, "plain", *(caption.axis.heading(point) for point in points))
    rows = tuple((each.label, percent(each.plain), *(percent(each.points.get(at)) for at in points)) for each in curves)
    return Table(caption.title, columns, rows, frozenset({caption.heading}))


def curve_plot(caption: Caption, curves: Sequence[Curve]) -> Plot:
    lines = tuple(line(each.label, each.points.items()) for each in curves)
    return Plot(caption.name, caption.title, caption.axis.label, TOP1, lines, levels(curves))


def levels(curves: Sequence[Curve]) -> tuple[Level, ...]:
    """What each model reaches uncompressed; all of its cases say the same."""
    plain: dict[str, float] = {}
    for each in curves:
        if each.plain is not None:
            plain.setdefault(each.model, each.plain)
    several = len(plain) > 1
    return tuple(Level(f"{model}, plain" if several else "plain", 100 * share) for model, share in plain.items())


def line(label: str, points: Iterable[tuple[int, float | None]]) -> Line:
    drawn: list[Drawn] = [(at, None if share is None else 100 * share) for at, share in points]
    return Line(label, tuple(drawn))


def curve(record: Record, axis: Axis, label: str) -> Curve:
    points = points_of(record, f"top1_{axis.letter}#_fraction", axis)
    return Curve(model_of(record), label, points, value(record, "top1_plain_fraction"))


def points_of(record: Record, names: str, axis: Axis) -> dict[int, float | None]:
    """Metric of each point, by the number that stands for # in its name; None for one that was asked for in vain."""
    pattern = names.replace("#", "(0|[1-9][0-9]{0,2})")
    matches = {name: re.fullmatch(pattern, name) for name in record.metrics}
    found = {int(match[1]): record.metrics[name].value for name, match in matches.items() if match}
    return {at: found.get(at) for at in sorted({*found, *asked_points(record, axis)})}


def asked_points(record: Record, axis: Axis) -> list[int]:
    """Those of a file can be anything."""
    asked = record.params.get(axis.asked)
    known = asked if isinstance(asked, list | tuple) else ()
    return [point for point in known if type(point) is int and 0 <= point < 1000]


def stored_sizes(run: Run) -> list[Exhibit]:
    """Of each model in each format; training changes none, so the first of PTQ and QAT tells it."""
    sizes: dict[str, dict[int, float | None]] = {}
    for record in of_kinds(run, METHODS):
        points = points_of(record, "model_w#_bytes", WIDTH)
        if any(size is not None for size in points.values()):
            sizes.setdefault(f"{model_of(record)}, {record.params['family']}", points)
    widths = sorted({at for points in sizes.values() for at in points})
    rows = tuple((name, *(kibibytes(points.get(at)) for at in widths)) for name, points in sizes.items())
    columns = ("model, format", *(WIDTH.heading(at) for at in widths))
    return [(Table("stored model, KiB", columns, rows, frozenset({"model, format"})), None)] if rows else []


# ---------------------------------------------------------------- searches


def searches(run: Run) -> list[Exhibit]:
    """One for each study, a row and a line a case."""
    found: list[Exhibit] = []
    for study, records in grouped(of_searches(run), study_of):
        title = f"search, {study}: best validation top-1 so far"
        lines = tuple(line(search_name(each), enumerate(course(each), 1)) for each in records if course(each))
        plot = Plot(f"search-{study}", title, "trials", "best validation top-1 so far, %", lines)
        found.append((search_table(title, records), plot if lines else None))
    return found


def search_table(title: str, records: Sequence[Record]) -> Table:
    """Columns of the same choice judged otherwise only where any search has it."""
    others = {name: heading for name, heading in SAME_CHOICE.items() if any(name in each.metrics for each in records)}
    looks = ("first", *(f"after {trial}" for trial in COURSE[1:]), "last")
    rows = tuple(
        (search_name(each), *map(percent, (*looked_at(each), *held_out(each, others))), rate(each)) for each in records
    )
    return Table(title, ("search", *looks, "held-out top-1", *others.values(), "trials/s"), rows, frozenset({"search"}))


def looked_at(record: Record) -> list[float | None]:
    """The best so far at the trials of COURSE and at the end."""
    values = course(record)
    found = [values[trial - 1] if trial <= len(values) else None for trial in COURSE]
    return [*found, values[-1] if values else value(record, "best_validation_fraction")]


def held_out(record: Record, others: Iterable[str]) -> list[float | None]:
    return [value(record, name) for name in ("best_top1_fraction", *others)]


def rate(record: Record) -> str:
    trials_per_s = value(record, "trials_per_s")
    return BLANK if trials_per_s is None else f"{trials_per_s:.3g}"


def course(record: Record) -> tuple[float, ...]:
    """Best validation accuracy so far, after each trial."""
    metric = record.metrics.get("best_top1_fraction")
    return metric.samples if metric else ()


def study_of(record: Record) -> str:
    return record.case.split("/", 2)[1]


def search_name(record: Record) -> str:
    return record.case.split("/", 2)[2]


# ---------------------------------------------------------------- what stands under the tables


def speed(run: Run) -> list[str]:
    """What pruned models took, held against plain ones."""
    records = of_kinds(run, TARGETS)
    measured = [value(record, "speedup_over_plain_ratio") for record in records]
    ratios = [ratio for ratio in measured if ratio is not None]
    if not ratios:
        return [DENSE] if records else []
    low, high = f"{min(ratios):.2f}x", f"{max(ratios):.2f}x"
    return [f"{DENSE} (measured: {low if low == high else f'{low} to {high}'} of the plain models)"]


def realised(run: Run) -> list[str]:
    points = [points_of(record, "sparsity_s#_fraction", SPARSITY) for record in of_kinds(run, TARGETS)]
    off = [abs(100 * share - at) for found in points for at, share in found.items() if share is not None]
    return [f"pruned weights: no sparsity is more than {max(off):.2f} points off what was asked for"] if off else []


def judges(run: Run) -> list[str]:
    """How many examples stand behind the accuracies, and what they can tell apart."""
    curves = [
        metric
        for record in of_kinds(run, ROLES)
        for name, metric in record.metrics.items()
        if name.startswith("top1_") and metric.outcomes
    ]
    chosen = [each.metrics["best_top1_fraction"] for each in of_searches(run) if "best_top1_fraction" in each.metrics]
    return [
        *(f"each point of a curve is judged by {told(count)}" for count in counts(curves)),
        *(f"what a search chose is judged by {told(count)}" for count in counts(chosen)),
    ]


def counts(metrics: Iterable[Metric]) -> list[int]:
    return sorted({metric.outcomes.count for metric in metrics if metric.outcomes}, reverse=True)


def told(count: int) -> str:
    """With the smallest loss that a pair of models can show on so many examples."""
    beyond_chance = (lost for lost in range(1, count + 1) if chance_of_loss(Flips(lost, 0, count)) <= ALPHA)
    lost = next(beyond_chance, None)
    if lost is None:
        return f"{count:,} examples, too few to tell any two apart"
    smallest = f"{lost} lost and none won, {100 * lost / count:.2f} points"
    return f"{count:,} examples; the smallest loss between two that is beyond chance ({ALPHA:.2%}): {smallest}"


def reasons(run: Run) -> list[str]:
    """A sentence for each reason why cases have no numbers."""
    records = [record for record in run.records if record.status != "ok" and (has_role(record) or is_search(record))]
    return [f"{', '.join(each.case for each in cases)}: {why}" for why, cases in grouped(records, failure)]


# ---------------------------------------------------------------- records


def of_kinds(run: Run, kinds: Iterable[str]) -> list[Record]:
    """What was measured of these kinds, in the order of the run."""
    return [each for each in run.records if each.status == "ok" and has_role(each) and kind_of(each) in kinds]


def of_searches(run: Run) -> list[Record]:
    return [record for record in run.records if record.status == "ok" and is_search(record)]


def has_role(record: Record) -> bool:
    """Whether the id and the parameters tell which curve it is; those of a file can be anything."""
    path, _, rest = record.case.partition("/")
    ours = path == "compression" or path.startswith("compression_")  # a model that a user brought
    roles = ROLES.get(rest.partition("/")[0], ()) if ours else ()
    return bool(roles) and all(isinstance(record.params.get(role), str) for role in roles)


def is_search(record: Record) -> bool:
    return record.path == "search" and record.case.count("/") >= 2


def kind_of(record: Record) -> str:
    return record.case.split("/", 2)[1]


def model_of(record: Record) -> str:
    model: str = record.params["model"]
    return model


def grouped(records: Iterable[Record], key: Callable[[Record], K]) -> list[tuple[K, list[Record]]]:
    """By key, both in the order of the run."""
    found: dict[K, list[Record]] = {}
    for record in records:
        found.setdefault(key(record), []).append(record)
    return list(found.items())


def value(record: Record, name: str) -> float | None:
    return record.metrics[name].value if name in record.metrics else None


def percent(share: float | None) -> str:
    return BLANK if share is None else f"{share:.1%}"


def kibibytes(size: float | None) -> str:
    return BLANK if size is None else f"{size / 1024:.1f}"
