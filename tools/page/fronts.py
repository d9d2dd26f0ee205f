"""What a faster or smaller variant costs: time against accuracy and against memory, and who is beaten by nobody."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tools.page.drawings import Axis, Line, Mark, chart
from tools.quantities import UNITS, binary_size
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
    """higher: whether more is better; axis: of these values, where its ticks depend on them."""

    label: str
    value: Callable[[Record], float | None]
    form: Callable[[float], str]
    log: bool = False
    higher: bool = False
    axis: Callable[[Sequence[float]], Axis] | None = None


@dataclass(frozen=True)
class Point:
    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Front:
    """best: names of the points that no other beats."""

    title: str
    svg: str
    best: Sequence[str]


@dataclass(frozen=True)
class Gallery:
    """The fronts of a path. names: of the series, in the order of their symbols, the same in all of them."""

    path: str
    names: Sequence[str]
    fronts: Sequence[Front]


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


def percent(value: float) -> str:
    return f"{value * 100:.4g}%"


def in_bytes(values: Sequence[float]) -> Axis:
    """Ticks in the binary unit that the largest is read in."""
    power = min(len(UNITS) - 1, int(math.log2(max(1.0, *values)) // 10))
    unit = 1024.0**power
    return Axis("", form=lambda value: f"{value / unit:.4g} {UNITS[power]}", unit=unit)


TIME = Measure("time", time_s, in_seconds, log=True)
MEMORY = Measure("peak memory", memory_bytes, binary_size, axis=in_bytes)
QUALITIES = (
    Measure("top-1", of_metrics("top1_fraction"), percent, higher=True),
    Measure("signal to error, dB", sqnr_db, "{:.4g}".format, higher=True),
)


def galleries(run: Run) -> list[Gallery]:
    """Of each group of variants its time against accuracy and against memory; of compression sizes and accuracy."""
    found = [gallery(run, kind) for kind in KINDS] + [sizes(run)]
    return [each for each in found if each.fronts]


def gallery(run: Run, kind: Kind) -> Gallery:
    known = groups(run, kind)
    names = list(dict.fromkeys(kind.name(record) for records in known.values() for record in records))
    fronts: list[Front] = []
    for group, records in known.items():
        quality = next((made for each in QUALITIES if (made := front(group, records, kind, names, each))), None)
        memory = front(group, records, kind, names, MEMORY)
        fronts += [made for made in (quality, memory) if made]
    return Gallery(kind.path, names, fronts)


def groups(run: Run, kind: Kind) -> Mapping[str, Sequence[Record]]:
    found: dict[str, list[Record]] = {}
    for record in run.records:
        if record.path == kind.path and record.status == "ok":
            found.setdefault(kind.group(record), []).append(record)
    return found


def front(group: str, records: Sequence[Record], kind: Kind, names: Sequence[str], y: Measure) -> Front | None:
    points = [Point(kind.name(record), *both) for record in records if (both := values(record, TIME, y))]
    return drawn(f"{group}: {TIME.label} and {y.label}", points, names, TIME, y)


def values(record: Record, x: Measure, y: Measure) -> tuple[float, float] | None:
    first, second = x.value(record), y.value(record)
    return None if first is None or second is None else (first, second)


def drawn(title: str, points: Sequence[Point], names: Sequence[str], x: Measure, y: Measure) -> Front | None:
    """None where there are too few points, or none differs from another in y."""
    if len(points) < FEWEST or len({point.y for point in points}) < 2:
        return None
    best = [points[each] for each in pareto([(point.x, point.y) for point in points], more_is_better=y.higher)]
    marks = [mark(point, names.index(point.name), x, y) for point in points]
    line = Line(tuple((point.x, point.y) for point in best), "beaten by none", "front")
    svg = chart(title, axis(x, [point.x for point in points]), axis(y, [point.y for point in points]), marks, (line,))
    return Front(title, svg, list(dict.fromkeys(point.name for point in best)))


def pareto(points: Sequence[tuple[float, float]], more_is_better: bool = False) -> list[int]:
    """Numbers of the points that no other one beats: less x and less y (or more y). In the order of x."""
    sign = -1 if more_is_better else 1
    order = sorted(range(len(points)), key=lambda each: (points[each][0], sign * points[each][1]))
    front: list[int] = []
    for each in order:
        if not front or sign * points[each][1] < sign * points[front[-1]][1]:
            front.append(each)
    return front


def axis(measure: Measure, values: Sequence[float]) -> Axis:
    made = measure.axis(values) if measure.axis else Axis("", measure.log, measure.form)
    return replace(made, label=measure.label)


def mark(point: Point, series: int, x: Measure, y: Measure) -> Mark:
    return Mark(point.x, point.y, f"{point.name}: {x.form(point.x)}, {y.form(point.y)}", series)


# compression: a case is a curve, each of its points a model with a size and an accuracy

SIZE = Measure("size of the model", memory_bytes, binary_size, axis=in_bytes)


def sizes(run: Run) -> Gallery:
    models: dict[str, list[Point]] = {}
    for record in run.records:
        if record.path.startswith("compression") and record.status == "ok":
            models.setdefault(str(record.params.get("model", "model")), []).extend(curve(record))
    names = list(dict.fromkeys(point.name for points in models.values() for point in points))
    made = (drawn(f"{model}: size and top-1", points, names, SIZE, QUALITIES[0]) for model, points in models.items())
    return Gallery("compression", names, [each for each in made if each])


def curve(record: Record) -> Iterable[Point]:
    """`model_w4_bytes` and `top1_w4_fraction` are one point."""
    for name, metric in record.metrics.items():
        label = re.fullmatch(r"model_(\w+)_bytes", name)
        top1 = record.metrics.get(f"top1_{label[1]}_fraction") if label else None
        if top1 is not None:
            yield Point("/".join(record.case.split("/")[1:]), float(metric.value), float(top1.value))
