"""The tables a person reads: all cases worst first, and the published tables of each path."""

import statistics
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence

from tools.compare import Finding, worst
from tools.compression import compression
from tools.graphs import graphs_view
from tools.instruments import instruments_view
from tools.kernels import kernels_view
from tools.matrix import inference
from tools.memory_diff import memory_stats_view
from tools.quantities import binary_size, counted
from tools.records import Metric, Record, Run
from tools.report import Page
from tools.startup.phases import WHOLE, metric_of
from tools.startup.view import startup
from tools.tables import Table
from tools.verdict import SEVERITY, Verdict

BLANK = "–"
WHY_WIDTH = 70  # the whole sentence stands under the table
Size = tuple[int, int, str]  # d_model, seq_len, method: the order of the published rows
View = Callable[[Run, Sequence[Finding]], Page]

CASE_COLUMNS = ("verdict", "case", "latency", "change", "of roofline", "speed-up", "peak memory", "accuracy", "why")


def cases(run: Run, findings: Sequence[Finding]) -> Table:
    """One row a case, worst first: what was measured, how it moved, and the reason of the worst verdict."""
    by_case: dict[str, list[Finding]] = {}
    for finding in findings:
        by_case.setdefault(finding.case, []).append(finding)
    records = {record.case: record for record in run.records}
    order = sorted(by_case, key=lambda case: (SEVERITY[worst(by_case[case])], case))
    rows = tuple(case_row(case, records.get(case), by_case[case]) for case in order)
    return Table(
        f"{counted(len(order), 'case')} on {run.fingerprint.slug}",
        CASE_COLUMNS,
        rows,
        frozenset({"verdict", "case", "why"}),
    )


def changes(findings: Sequence[Finding]) -> Table:
    """What new numbers say of stored ones, a row a metric: of a refresh, for who reviews it."""
    columns = ("verdict", "case", "metric", "stored", "now", "change", "why")
    rows = tuple(
        (f.verdict, f.case, f.metric, shown(f.metric, f.baseline), shown(f.metric, f.value), change(f), f.reason)
        for f in findings
    )
    return Table(f"{len(rows)} changes", columns, rows, frozenset({"verdict", "case", "metric", "why"}))


def shown(name: str, value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or BLANK
    return show(name, Metric(value))


def case_row(case: str, record: Record | None, findings: Sequence[Finding]) -> tuple[str, ...]:
    metrics = record.metrics if record else {}
    time = next((f for f in findings if f.metric == primary_time(metrics)), None)
    return (
        worst(findings),
        case,
        seconds(metrics.get(primary_time(metrics))),
        change(time),
        floor_share(metrics),
        best_speedup(metrics),
        size(peak_memory(metrics)),
        accuracy(metrics),
        textwrap.shorten(why(findings, record), WHY_WIDTH, placeholder=" …"),
    )


def primary_time(metrics: Mapping[str, Metric]) -> str:
    """Of a call on its device, of the start of a process, or of a call."""
    return next((name for name in ("device_s", metric_of(WHOLE)) if name in metrics), "latency_s")


def floor_share(metrics: Mapping[str, Metric]) -> str:
    """How much of the time the machine's ceilings explain: `83%` of it would be needed in any case."""
    return f"{metrics['floor_share'].value:.0%}" if "floor_share" in metrics else BLANK


def peak_memory(metrics: Mapping[str, Metric]) -> Metric | None:
    """On the CPU all that a call needs, where it was measured: not every runtime allocates through torch."""
    host = None if "device_s" in metrics else metrics.get("host_peak_bytes")
    return host or metrics.get("peak_allocated_bytes")


def best_speedup(metrics: Mapping[str, Metric]) -> str:
    named = [(name, metric) for name, metric in sorted(metrics.items()) if name.endswith("_ratio")]
    return (
        ", ".join(
            f"{metric.value:.2f}x {name.removeprefix('speedup_over_').removesuffix('_ratio')}" for name, metric in named
        )
        or BLANK
    )


def accuracy(metrics: Mapping[str, Metric]) -> str:
    if "mismatch_count" in metrics:
        count = metrics["mismatch_count"].value
        return "bit-exact" if count == 0 else f"{count} differ"
    if "sqnr_db" in metrics:
        return f"{metrics['sqnr_db'].value:.1f} dB"
    return f"{metrics['relative_error'].value:.1e}" if "relative_error" in metrics else BLANK


def why(findings: Sequence[Finding], record: Record | None) -> str:
    """The reason of the worst finding; of a quiet case what its status has to say, or why its time was not judged."""
    worst_verdict = worst(findings)
    if worst_verdict in (Verdict.UNCHANGED, Verdict.INCONCLUSIVE):
        quiet = f"{record.status}: {record.reason}" if record and record.status != "ok" else ""
        return quiet or unjudged_time(findings, record)
    same = [finding for finding in findings if finding.verdict is worst_verdict]
    more = f" (+{len(same) - 1} more)" if len(same) > 1 else ""
    prefix = "" if same[0].metric == "status" else f"{same[0].metric}: "
    if worst_verdict is Verdict.NEW:
        return f"{record.status}: {record.reason}" if record and record.status != "ok" else same[0].reason
    return f"{prefix}{same[0].reason}{more}"


def unjudged_time(findings: Sequence[Finding], record: Record | None) -> str:
    """Why a time that moved has no bounds beside it: it was disturbed, or the baseline holds too few processes."""
    name = primary_time(record.metrics if record else {})
    time = next((f for f in findings if f.metric == name and f.verdict is Verdict.INCONCLUSIVE), None)
    return f"{name}: {time.reason}" if time and time.low is None else ""


def attention(run: Run, findings: Sequence[Finding]) -> Table:
    """The published attention table: a row a size and method, forward beside backward, memory before backward last."""
    found: dict[Size, dict[str, Record]] = {}
    for record in of_path(run, "attention"):
        if has_published_size(record):
            key: Size = (record.params["d_model"], record.params["seq_len"], record.params["method"])
            found.setdefault(key, {})[record.params["direction"]] = record
    columns = (
        "method",
        "d_model",
        "seq_len",
        "status",
        "fwd_mean_ms",
        "fwd_std_ms",
        "bwd_mean_ms",
        "bwd_std_ms",
        "mem_before_bwd",
    )
    rows = tuple(attention_row(key, found[key]) for key in sorted(found))
    return Table("attention, batch 8, fp32", columns, rows, frozenset({"method", "status"}))


def has_published_size(record: Record) -> bool:
    """Whether the parameters name a row of the published table; those of a file can be anything."""
    kinds = {"d_model": int, "seq_len": int, "method": str, "direction": str}
    return all(isinstance(record.params.get(name), kind) for name, kind in kinds.items())


def attention_row(key: tuple[int, int, str], records: Mapping[str, Record]) -> tuple[str, ...]:
    d_model, seq_len, method = key
    forward, backward = records.get("forward"), records.get("backward")
    statuses = sorted({record.status for record in records.values()})
    memory = backward.metrics.get("before_call_bytes") if backward else None
    held = backward.status.upper() if backward and backward.status == "oom" else size(memory)
    return (
        method,
        str(d_model),
        str(seq_len),
        "/".join(statuses).upper(),
        *mean_and_deviation(forward),
        *mean_and_deviation(backward),
        held,
    )


def mean_and_deviation(record: Record | None) -> tuple[str, str]:
    """In milliseconds over the rounds, blank where nothing was timed."""
    metric = record.metrics.get(primary_time(record.metrics)) if record else None
    if metric is None or len(metric.samples) < 2:
        return "", ""
    return f"{statistics.mean(metric.samples) * 1e3:.3f}", f"{statistics.stdev(metric.samples) * 1e3:.3f}"


def path_view(path: str, columns: Mapping[str, str], ending: str = "") -> View:
    """A view of the records of one path whose ids end so, with some of their metrics (metric name -> heading)."""

    def table(run: Run, findings: Sequence[Finding]) -> Table:
        rows = tuple(
            (r.case, r.status, *(show(name, r.metrics.get(name)) for name in columns))
            for r in of_path(run, path)
            if r.case.endswith(ending)
        )
        return Table(path, ("case", "status", *columns.values()), rows, frozenset({"case", "status"}))

    return page_of(table)


def page_of(table: Callable[[Run, Sequence[Finding]], Table]) -> View:
    """The view that is this one table."""
    return lambda run, findings: Page((table(run, findings),))


def of_path(run: Run, path: str) -> Iterable[Record]:
    return [record for record in run.records if record.path == path]


def show(name: str, metric: Metric | None) -> str:
    """A metric in the form its unit is read in."""
    if metric is None:
        return BLANK
    for suffix, form in FORMS.items():
        if name.endswith(suffix):
            return form(metric)
    return f"{metric.value:.4g}"


def seconds(metric: Metric | None) -> str:
    if metric is None:
        return BLANK
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if metric.value >= scale:
            return f"{metric.value / scale:.3g} {unit}"
    return f"{metric.value * 1e9:.3g} ns"


def size(metric: Metric | None) -> str:
    return binary_size(metric.value) if metric else BLANK


def change(finding: Finding | None) -> str:
    """Change against the baseline, and the half-width that chance alone explains."""
    if finding is None or finding.change is None:
        return BLANK
    if finding.low is None or finding.high is None or finding.change <= -1:
        return f"{finding.change:+.1%}"
    half_width = (1 + finding.high) / (1 + finding.change) - 1
    return f"{finding.change:+.1%} ±{half_width:.0%}"


FORMS: Mapping[str, Callable[[Metric], str]] = {
    "_bytes_per_s": lambda metric: f"{metric.value / 1e9:.1f} GB/s",
    "flops_per_s": lambda metric: f"{metric.value / 1e9:.1f} GFLOP/s",
    "_bytes": size,
    "_s": seconds,
    "over_copy_ratio": lambda metric: f"{metric.value:.0%}",
    "_calls": lambda metric: f"{metric.value:,.0f} calls",
    "_ratio": lambda metric: f"{metric.value:.2f}x",
    "_fraction": lambda metric: f"{metric.value:.1%}",
    "_share": lambda metric: f"{metric.value:.1%}",
    "_db": lambda metric: f"{metric.value:.1f} dB",
}

VIEWS: Mapping[str, View] = {
    "cases": page_of(cases),
    "inference": inference,
    "attention": page_of(attention),
    "attention-operators": path_view(
        "attention",
        {
            "latency_s": "latency",
            "speedup_over_naive_ratio": "over naive",
            "matmul_share": "matmul",
            "softmax_share": "softmax",
            "mul_share": "mul",
            "fused_share": "fused",
            "other_share": "other",
        },
        ending="/operators",
    ),
    "compile": path_view(
        "compile",
        {
            "first_call_s": "first call",
            "latency_s": "steady",
            "speedup_over_eager_ratio": "over eager",
            "cold_compile_s": "cold compile",
            "warm_compile_s": "warm compile",
            "graph_break_count": "graph breaks",
            "recompile_count": "recompiles",
            "payback_calls": "pays back after",
        },
    ),
    "mxint8": path_view(
        "mxint8",
        {
            "latency_s": "latency",
            "moved_bytes_per_s": "rate",
            "floor_share": "of roofline",
            "speedup_over_eager_ratio": "over eager",
            "speedup_over_copy_ratio": "of copy",
            "speedup_over_dequantized_ratio": "over dequantized",
            "speedup_over_linear_ratio": "over linear",
            "saved_fraction": "memory saved",
            "theoretical_saved_fraction": "in theory",
        },
    ),
    "quantizers": path_view(
        "quantizers",
        {
            "latency_s": "latency",
            "moved_bytes_per_s": "rate",
            "speedup_over_copy_ratio": "of copy",
            "speedup_over_eager_ratio": "over eager",
            "gaussian_sqnr_db": "SQNR of N(0,1)",
        },
    ),
    "compression": compression,
    "startup": startup,
    "memory-stats": memory_stats_view,
    "kernels": kernels_view,
    "graphs": graphs_view,
    "instruments": instruments_view,
}
