"""The inference matrix as the published study printed it: a row a model and runtime, a column a batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.compare import Finding
from tools.records import Metric, Record, Run
from tools.tables import Table

BLANK = "–"
BEST = " *"
Cell = tuple[str, str, int]  # model, runtime, batch


@dataclass(frozen=True)
class Face:
    """One table of the matrix: what stands in its cells, and which one of a model and batch is best (None: none is)."""

    title: str
    value: Callable[[Record], float | None]
    form: Callable[[float], str]
    best: Callable[[Sequence[float]], float] | None


def inference(run: Run, findings: Sequence[Finding]) -> tuple[Table, ...]:
    """Time a sample, speed-up over eager, memory, model bytes, F1; a status stands where there is no number."""
    grid = {cell_of(record): record for record in run.records if is_cell(record)}
    return tuple(face_table(face, grid) for face in FACES)


def is_cell(record: Record) -> bool:
    kinds = {"model": str, "runtime": str, "batch": int}
    named = all(isinstance(record.params.get(name), kind) for name, kind in kinds.items())
    return record.path == "inference" and named


def cell_of(record: Record) -> Cell:
    return record.params["model"], record.params["runtime"], record.params["batch"]


def face_table(face: Face, grid: Mapping[Cell, Record]) -> Table:
    batches = sorted({batch for _, _, batch in grid})
    rows = dict.fromkeys((model, runtime) for model, runtime, _ in grid)  # in the order of the run
    best = best_values(face, grid)
    cells = tuple(
        (model, runtime, *(shown(face, grid.get((model, runtime, batch)), best.get((model, batch))) for batch in batches))
        for model, runtime in rows
    )
    columns = ("model", "runtime", *(f"batch {batch}" for batch in batches))
    return Table(face.title, columns, cells, frozenset({"model", "runtime"}))


def best_values(face: Face, grid: Mapping[Cell, Record]) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], list[float]] = {}
    for (model, _, batch), record in grid.items():
        value = face.value(record)
        if value is not None:
            found.setdefault((model, batch), []).append(value)
    return {where: face.best(values) for where, values in found.items() if face.best and len(values) > 1}


def shown(face: Face, record: Record | None, best: float | None) -> str:
    if record is None:
        return BLANK
    value = face.value(record)
    if value is None:
        return record.status if record.status != "ok" else BLANK
    return face.form(value) + (BEST if value == best else "")


def number(name: str) -> Callable[[Record], float | None]:
    def value(record: Record) -> float | None:
        metric: Metric | None = record.metrics.get(name)
        return None if metric is None else metric.value

    return value


def ms_per_sample(record: Record) -> float | None:
    """Of one call, divided by all of its samples: no batch here is partly filled."""
    metric = record.metrics.get("latency_s")
    return None if metric is None else metric.value / record.params["batch"] * 1e3


def mebibytes(value: float) -> str:
    return f"{value / 2**20:.2f}"


FACES = (
    Face("inference time, ms a sample (* best of its model and batch)", ms_per_sample, "{:.3f}".format, min),
    Face("speed-up over eager", number("speedup_over_eager_ratio"), "{:.2f}x".format, max),
    Face("peak memory of a call, MiB", number("peak_allocated_bytes"), mebibytes, min),
    Face("model, MiB", number("model_bytes"), mebibytes, min),
    Face("F1, macro", number("f1_macro_fraction"), "{:.3f}".format, None),
)
