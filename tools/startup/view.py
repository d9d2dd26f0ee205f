"""The published grid, of the starts that a run measured: a column a case, medians of its processes."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from tools.compare import Finding
from tools.quantities import binary_size
from tools.records import Metric, Record, Run
from tools.report import Page
from tools.startup.grid import BLANK, grid, identities, rounded, signed
from tools.startup.nesting import Timings, residuals
from tools.startup.phases import PHASES, metric_of
from tools.tables import Table

PATH = "startup"
COMMAND = "no start of an engine was measured: pytest perf_tests/test_startup.py"
FACTS = {
    "kv_block_count": "KV blocks",
    "kv_token_count": "KV tokens",
    "weights_bytes": "weights",
    "kv_cache_bytes": "KV cache",
    "profiled_peak_bytes": "peak of profiling",
    "fresh_graph_count": "graphs compiled",
    "cached_graph_count": "graphs from cache",
}


def startup(run: Run, findings: Sequence[Finding]) -> Page:
    """Phases and what they do not add up to, of the cases that are ok; facts of all; why the others have no column."""
    records = [record for record in run.records if record.path.startswith(PATH)]
    if not records:
        return Page((), (COMMAND,))
    measured = {name: record for name, record in zip(headings(records), records, strict=True) if record.status == "ok"}
    return Page((*times(measured), facts(records)), tuple(map(failure, failed(records))))


def times(measured: Mapping[str, Record]) -> tuple[Table, ...]:
    if not measured:
        return ()
    phases = {name: phases_of(record) for name, record in measured.items()}
    cells = {name: {phase: cell(metric) for phase, metric in each.items()} for name, each in phases.items()}
    return grid("start-up, s, median", cells), identities({name: left_over(each) for name, each in phases.items()})


def phases_of(record: Record) -> dict[str, Metric]:
    found = {phase: record.metrics.get(metric_of(phase)) for phase in PHASES}
    return {phase: metric for phase, metric in found.items() if metric is not None}


def cell(metric: Metric) -> str:
    """The median, and half of what lies between the fastest and the slowest of several starts: `2.07 ±0.03`."""
    if len(metric.samples) < 2:
        return rounded(metric.value)
    return f"{rounded(metric.value)} ±{signed((max(metric.samples) - min(metric.samples)) / 2)}"


def left_over(phases: Mapping[str, Metric]) -> list[float | None]:
    """Of each identity the median over the starts, for medians of phases need not add up; None if it has none."""
    starts = [[each.seconds for each in residuals(Timings(start))] for start in starts_of(phases)]
    return [median_of(values) for values in zip(*starts, strict=True)]


def starts_of(phases: Mapping[str, Metric]) -> list[dict[str, float]]:
    """The phases start by start; where they have no samples, or not as many, the medians as the only start."""
    counts = {len(metric.samples) for metric in phases.values()}
    if len(counts) != 1 or counts == {0}:
        return [{phase: metric.value for phase, metric in phases.items()}]
    return [{phase: metric.samples[start] for phase, metric in phases.items()} for start in range(counts.pop())]


def median_of(values: Sequence[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return statistics.median(told) if told else None


def facts(records: Sequence[Record]) -> Table:
    """The columns that any case fills."""
    filled = {name: label for name, label in FACTS.items() if any(name in record.metrics for record in records)}
    rows = tuple(
        (
            record.case,
            record.status,
            *(fact(name, record.metrics.get(name)) for name in filled),
            concurrency(record),
        )
        for record in records
    )
    columns = ("case", "status", *filled.values(), "concurrency")
    return Table("facts of the starts", columns, rows, frozenset({"case", "status"}))


def concurrency(record: Record) -> str:
    """Requests of the greatest length whose keys and values fit at once."""
    length, tokens = record.params.get("max_length"), record.metrics.get("kv_token_count")
    if tokens is None or type(length) is not int or length < 1:
        return BLANK
    return f"{tokens.value / length:.2f}x"


def fact(name: str, metric: Metric | None) -> str:
    if metric is None:
        return BLANK
    return binary_size(metric.value) if name.endswith("_bytes") else f"{metric.value:,.0f}"


def failed(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.status != "ok"]


def failure(record: Record) -> str:
    return f"{record.case}: {record.status}" + (f": {record.reason}" if record.reason else "")


def headings(records: Sequence[Record]) -> list[str]:
    """What the parameters say, or the case where that does not tell it from another."""
    names = [heading(record) for record in records]
    shared = Counter(names)
    return [record.case if shared[name] > 1 else name for record, name in zip(records, names, strict=True)]


def heading(record: Record) -> str:
    """`qwen2-4l 0.3 cold`; those of another path than ours say it: `qwen2-4l 0.3 cold (startup_vllm)`."""
    told = [str(record.params[name]) for name in ("model", "utilization", "cache") if name in record.params]
    if not told:
        return record.case
    return " ".join(told) + ("" if record.path == PATH else f" ({record.path})")
