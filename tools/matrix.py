"""The inference matrix as the published study printed it: tables of a model, a row a runtime, a column a batch."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.compare import Finding
from tools.records import LARGEST, Record, Run
from tools.report import Page
from tools.tables import Table

BLANK = "–"
BEST = " *"
BEST_TOLD = "(* best of its batch)"
NOTHING = "nothing of the inference matrix was measured"
BUILD = "tensorrt-rtx-build"  # the runtime of records that time the making of an engine; they have no batch
STATUS_WORDS = {"ok": "ok", "oom": "OutOfMemory", "unsupported": "unsupported", "error": "RuntimeError"}
MIB_PER_BYTE = 2**-20
FEWEST_DECIMALS, MOST_DECIMALS = 3, 12
DIGITS = 4

Model = tuple[str, str]  # path, name
Cells = Mapping[tuple[str, int], Record]  # runtime, batch
Value = Callable[[Record], float | None]
Form = Callable[[Sequence[float]], Callable[[float], str]]  # the numbers of a column -> how each of them is written
Best = Callable[[Sequence[float]], float]
Texts = Callable[[Sequence[Record]], list[str]]


@dataclass(frozen=True)
class Face:
    """One table of a model.

    title     without the model; says what a mark means
    texts     what the records of a column say, "" for one that says nothing
    statuses  True where the table is worth its place though it has only statuses and no number
    """

    title: str
    texts: Texts
    statuses: bool = False


def inference(run: Run, findings: Sequence[Finding]) -> Page:
    """The tables of each model, the engines that were built, and why cells have no number."""
    tables = [
        model_table(label(*model), face, cells)
        for model, cells in cells_by_model(run).items()
        for face in FACES
        if has_content(face, cells)
    ]
    tables += engine_tables(run)
    return Page(tuple(tables), reasons(run) if tables else (NOTHING,))


def cells_by_model(run: Run) -> dict[Model, dict[tuple[str, int], Record]]:
    """In the order of the run; of two records of one cell, which only a file made by hand has, the first."""
    found: dict[Model, dict[tuple[str, int], Record]] = {}
    for record in filter(is_cell, run.records):
        cells = found.setdefault((record.path, record.params["model"]), {})
        cells.setdefault((record.params["runtime"], record.params["batch"]), record)
    return found


def is_cell(record: Record) -> bool:
    """Whether the parameters name a cell of the matrix; those of a file can be anything."""
    batch = record.params.get("batch")
    return (
        (record.path == "inference" or record.path.startswith("inference_"))
        and has_names(record)
        and not is_build(record)
        and type(batch) is int  # True is an instance of int
        and 0 < batch <= LARGEST
    )


def is_build(record: Record) -> bool:
    return has_names(record) and record.params["runtime"] == BUILD


def has_names(record: Record) -> bool:
    return all(isinstance(record.params.get(name), str) for name in ("model", "runtime"))


def label(path: str, name: str) -> str:
    """A model that a user brought has a path of its own, so its name may be that of one of ours."""
    return name if path == "inference" else f"{name} ({path})"


def has_content(face: Face, cells: Cells) -> bool:
    records = list(cells.values())
    return any(face.texts(records)) or (face.statuses and any(record.status != "ok" for record in records))


def model_table(model: str, face: Face, cells: Cells) -> Table:
    runtimes = tuple(dict.fromkeys(runtime for (runtime, _), record in cells.items() if has_row(face, record)))
    batches = sorted({batch for _, batch in cells})
    columns = [column(face, [cells.get((runtime, batch)) for runtime in runtimes]) for batch in batches]
    headings = ("runtime", *(f"batch {batch}" for batch in batches))
    rows = tuple(zip(runtimes, *columns, strict=True))
    return Table(f"{model}: {face.title}", headings, rows, frozenset({"runtime"}))


def has_row(face: Face, record: Record) -> bool:
    """What a machine cannot do at all is told once, in the first table."""
    return face.statuses or record.status != "unsupported"


def column(face: Face, records: Sequence[Record | None]) -> list[str]:
    """The texts of one batch; a status or a blank where there is none."""
    texts = iter(face.texts([record for record in records if record]))
    return [(next(texts) or without_text(record)) if record else BLANK for record in records]


def without_text(record: Record) -> str:
    return BLANK if record.status == "ok" else STATUS_WORDS[record.status]


def engine_tables(run: Run) -> tuple[Table, ...]:
    """One row a build, with the columns that any of them fills; no table without a build."""
    builds = [record for record in run.records if is_build(record)]
    told = {heading: texts(builds) for heading, texts in ENGINE_COLUMNS.items()}
    columns = {heading: [text or BLANK for text in texts] for heading, texts in told.items() if any(texts)}
    named = [(record.case, STATUS_WORDS[record.status]) for record in builds]
    rows = tuple((*names, *cells) for names, *cells in zip(named, *columns.values(), strict=True))
    table = Table("engines built", ("case", "status", *columns), rows, frozenset({"case", "status"}))
    return (table,) if builds else ()


def reasons(run: Run) -> tuple[str, ...]:
    """A sentence for each reason, with the runtimes that share it and the models that it left without numbers."""
    models: dict[tuple[str, str], dict[str, None]] = {}  # runtime, failure -> models
    for record in run.records:
        if record.status != "ok" and (is_cell(record) or is_build(record)):
            models.setdefault((record.params["runtime"], failure(record)), {})[label_of(record)] = None
    runtimes: dict[tuple[str, str], list[str]] = {}  # failure, models -> runtimes
    for (runtime, told), names in models.items():
        runtimes.setdefault((told, ", ".join(names)), []).append(runtime)
    return tuple(f"{', '.join(names)}: {told} ({where})" for (told, where), names in runtimes.items())


def failure(record: Record) -> str:
    return ": ".join(part for part in (STATUS_WORDS[record.status], record.reason) if part)


def label_of(record: Record) -> str:
    return label(record.path, record.params["model"])


def numbers(value: Value, form: Form, best: Best | None = None) -> Texts:
    """Texts of one number each. Where there are several, those that read like the best of them are marked."""

    def texts(records: Sequence[Record]) -> list[str]:
        values = [value(record) for record in records]
        known = [each for each in values if each is not None]
        write = form(known)
        marked = write(best(known)) if best and len(known) > 1 else None
        written = ["" if each is None else write(each) for each in values]
        return [text + BEST if text == marked else text for text in written]

    return texts


def metric(*names: str, scale: float = 1.0) -> Value:
    """The first of these metrics that a record has."""

    def value(record: Record) -> float | None:
        found = [record.metrics[name].value * scale for name in names if name in record.metrics]
        return found[0] if found else None

    return value


def ms_per_sample(record: Record) -> float | None:
    """Of one call, divided by all of its samples: no batch here is partly filled."""
    time_ms = metric("device_s", "latency_s", scale=1e3)(record)
    return None if time_ms is None else time_ms / record.params["batch"]


def speedup_over_eager(record: Record) -> float | None:
    """Eager is its own yardstick, so it was given none."""
    is_eager = record.params["runtime"] == "eager" and ms_per_sample(record) is not None
    return 1.0 if is_eager else metric("speedup_over_eager_ratio")(record)


def of_torch_on_gpu(record: Record) -> float | None:
    """On the host, the whole process was seen, and torch's allocator is a part of it."""
    return metric("peak_allocated_bytes", scale=MIB_PER_BYTE)(record) if "device_s" in record.metrics else None


def lost_points(records: Sequence[Record]) -> list[str]:
    return [lost_interval(record) for record in records]


def lost_interval(record: Record) -> str:
    low = metric("top1_drop_low_fraction", scale=100)(record)
    high = metric("top1_drop_high_fraction", scale=100)(record)
    return "" if low is None or high is None else f"{low:+z.1f} … {high:+z.1f}"


def fixed(template: str) -> Form:
    return lambda column: template.format


def lined_up(column: Sequence[float]) -> Callable[[float], str]:
    """Three decimals, or as many as a tiny number needs for four digits: the same in a column, so points line up."""
    smallest = min((abs(value) for value in column if value), default=1.0)
    needed = DIGITS - 1 - math.floor(math.log10(smallest)) if smallest < 0.1 else FEWEST_DECIMALS
    return f"{{:.{min(needed, MOST_DECIMALS)}f}}".format


def mebibytes(*names: str, best: Best | None = None) -> Texts:
    return numbers(metric(*names, scale=MIB_PER_BYTE), fixed("{:.3f}"), best)


FACES = (
    Face(f"inference time, ms a sample {BEST_TOLD}", numbers(ms_per_sample, lined_up, min), statuses=True),
    Face(f"speed-up over eager {BEST_TOLD}", numbers(speedup_over_eager, fixed("{:.2f}x"), max)),
    Face(f"peak memory of a call, host, MiB {BEST_TOLD}", mebibytes("host_peak_bytes", best=min)),
    Face(
        "peak memory of a call, torch's allocator, MiB (no best: other runtimes' allocators are not in it)",
        numbers(of_torch_on_gpu, fixed("{:.3f}")),
    ),
    Face(f"process memory on the GPU, MiB {BEST_TOLD}", mebibytes("process_memory_bytes", best=min)),
    Face(f"model or engine, MiB {BEST_TOLD}", mebibytes("model_bytes", "engine_bytes", best=min)),
    Face("F1, macro", numbers(metric("f1_macro_fraction"), fixed("{:.3f}"))),
    Face("top-1 lost against eager, percentage points, 95 % interval", lost_points),
    Face("build, s (export, calibration and compilation)", numbers(metric("build_s"), fixed("{:.2f}"))),
)

ENGINE_COLUMNS = {
    "build, s": numbers(metric("latency_s"), fixed("{:.2f}")),
    "engine, MiB": mebibytes("engine_bytes"),
    "ONNX, MiB": mebibytes("onnx_bytes"),
    "layers": numbers(metric("network_layer_count"), fixed("{:.0f}")),
}
