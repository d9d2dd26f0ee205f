"""What a faster or smaller variant costs: time against accuracy and against memory, and who is beaten by nobody."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tools.page.drawings import Axis, Line, Mark, chart, pareto
from tools.quantities import binary_size
from tools.records import Metric, Record, Run
from tools.views import peak_memory, primary_time, seconds

MOST_DB = 300.0  # stands for no error at all
FEWEST = 3  # a front of two points tells nothing that their rows do not


@dataclass(frozen=True)
class Kind:
    """group, name: of a case's place in its path, what is compared with each other, and what tells the points apart."""

    path: str
    group: Callable[[Record], str]
    name: Callable[[Record], str]


@dataclass(frozen=True)
class Measure:
    """higher: whether more is better."""

    label: str
    value: Callable[[Record], float | None]
    form: Callable[[float], str]
    log: bool = False
    higher: bool = False


@dataclass(frozen=True)
class Point:
    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Front:
    """names: of the series, in the order of their symbols."""

    title: str
    svg: str
    names: Sequence[str]
    best: Sequence[str]


def method(record: Record) -> str:
    return record.case.split("/")[1] if "/" in record.case else record.case


def rest(record: Record) -> str:
    return "/".join(record.case.split("/")[2:])


KINDS = (
    Kind("inference", rest, method),
    Kind("quantizers", method, rest),
    Kind("mxint8", rest, method),
)


def of_metrics(*names: str) -> Callable[[Record], float | None]:
    def value(record: Record) -> float | None:
        return next((float(record.metrics[name].value) for name in names if name in record.metrics), None)

    return value


def time_s(record: Record) -> float | None:
    metric = record.metrics.get(primary_time(record.metrics))
    return None if metric is None else float(metric.value)


def memory_bytes(record: Record) -> float | None:
    metric = peak_memory(record.metrics)
    return None if metric is None else float(metric.value)


def sqnr_db(record: Record) -> float | None:
    """20 log10 of signal over error, both Euclidean norms: so a relative error is one, too."""
    known = of_metrics("gaussian_sqnr_db", "sqnr_db")(record)
    error = of_metrics("relative_error")(record)
    if known is not None or error is None:
        return known
    return min(MOST_DB, -20 * math.log10(error)) if error > 0 else MOST_DB


def in_seconds(value: float) -> str:
    return seconds(Metric(value))


TIME = Measure("time", time_s, in_seconds, log=True)
MEMORY = Measure("peak memory", memory_bytes, binary_size)
QUALITIES = (
    Measure("top-1", of_metrics("top1_fraction"), "{:.1%}".format, higher=True),
    Measure("signal to error, dB", sqnr_db, "{:.0f}".format, higher=True),
)


def fronts(run: Run) -> list[Front]:
    """Of each group of variants: its time against accuracy and against memory, and compression's sizes."""
    found = []
    for kind in KINDS:
        for group, records in groups(run, kind).items():
            title = f"{kind.path}, {group}"
            quality = next((drawn for each in QUALITIES if (drawn := front(title, records, kind, TIME, each))), None)
            memory = front(title, records, kind, TIME, MEMORY)
            found += [drawn for drawn in (quality, memory) if drawn]
    return found + sizes(run)


def groups(run: Run, kind: Kind) -> Mapping[str, Sequence[Record]]:
    found: dict[str, list[Record]] = {}
    for record in run.records:
        if record.path == kind.path and record.status == "ok":
            found.setdefault(kind.group(record), []).append(record)
    return found


def front(title: str, records: Sequence[Record], kind: Kind, x: Measure, y: Measure) -> Front | None:
    points = [Point(kind.name(record), *both) for record in records if (both := values(record, x, y))]
    return drawn(f"{title}: {x.label} and {y.label}", points, x, y)


def values(record: Record, x: Measure, y: Measure) -> tuple[float, float] | None:
    first, second = x.value(record), y.value(record)
    return None if first is None or second is None else (first, second)


def drawn(title: str, points: Sequence[Point], x: Measure, y: Measure) -> Front | None:
    """None where there are too few points, or none differs from another in y."""
    if len(points) < FEWEST or len({point.y for point in points}) < 2:
        return None
    best = [points[each] for each in pareto([(point.x, point.y) for point in points], more_is_better=y.higher)]
    names = list(dict.fromkeys(point.name for point in points))
    marks = [mark(point, names.index(point.name), x, y) for point in points]
    line = Line(tuple((point.x, point.y) for point in best), "beaten by none", "front")
    svg = chart(title, Axis(x.label, x.log, x.form), Axis(y.label, y.log, y.form), marks, (line,))
    return Front(title, svg, names, list(dict.fromkeys(point.name for point in best)))


def mark(point: Point, series: int, x: Measure, y: Measure) -> Mark:
    return Mark(point.x, point.y, f"{point.name}: {x.form(point.x)}, {y.form(point.y)}", series)


# compression: a case is a curve, each of its points a model with a size and an accuracy

SIZE = Measure("size of the model", lambda record: None, binary_size)
TOP1 = replace(QUALITIES[0], label="top-1")


def sizes(run: Run) -> list[Front]:
    models: dict[str, list[Point]] = {}
    for record in run.records:
        if record.path.startswith("compression") and record.status == "ok":
            models.setdefault(str(record.params.get("model", "model")), []).extend(curve(record))
    found = (drawn(f"compression, {model}: size and top-1", points, SIZE, TOP1) for model, points in models.items())
    return [each for each in found if each]


def curve(record: Record) -> Iterable[Point]:
    """`model_w4_bytes` and `top1_w4_fraction` are one point."""
    for name, metric in record.metrics.items():
        label = re.fullmatch(r"model_(\w+)_bytes", name)
        top1 = record.metrics.get(f"top1_{label[1]}_fraction") if label else None
        if top1 is not None:
            yield Point("/".join(record.case.split("/")[1:]), float(metric.value), float(top1.value))
