"""The sampler's own cases: what each instrument read of the same work, where two disagree, and the two ceilings."""

from collections.abc import Mapping, Sequence

from tools.compare import Finding
from tools.kernels import failures
from tools.records import Metric, Record, Run
from tools.report import Page
from tools.tables import Table
from tools.verdict import Verdict

BLANK = "–"
PATH = "instruments"
COMMAND = "no instrument was held against another: pytest perf_tests/test_instruments.py"

TIMES = {
    "reading.cold_events_s": "events, cold",
    "reading.do_bench_s": "do_bench",
    "reading.hot_events_s": "events, hot",
    "reading.graph_s": "graph",
    "reading.do_bench_cudagraph_s": "do_bench_cudagraph",
    "reading.host_s": "host",
    "reading.timer_s": "Timer",
    "launch_overhead_s": "launch overhead",
}
SHARES = {"unsynchronized_share": "unsynchronized", "single_of_doubled_share": "of twice the work"}
DISAGREEMENT, HIGH = "_disagreement_fraction", "_disagreement_high_fraction"


def instruments_view(run: Run, findings: Sequence[Finding]) -> Page:
    """A row a case; below, what can part those whose agreement is not shown, and why some could not be read."""
    records = [record for record in run.records if record.path == PATH]
    if not records:
        return Page((), (COMMAND,))
    rows = tuple(row(record) for record in records if record.status == "ok")
    columns = ("case", *TIMES.values(), *SHARES.values(), "largest disagreement", "ceiling")
    table = Table("instruments, seconds of a call, medians of rounds in turns", columns, rows, frozenset({"case"}))
    return Page(
        (table,) if rows else (), (*open_questions(findings), *failures({record.case: record for record in records}))
    )


def row(record: Record) -> tuple[str, ...]:
    metrics = record.metrics
    return (
        record.case.partition("/")[2],
        *(seconds(metrics.get(name)) for name in TIMES),
        *(share(metrics.get(name)) for name in SHARES),
        largest_disagreement(metrics),
        ceiling(metrics),
    )


def seconds(metric: Metric | None) -> str:
    """Four digits, for a disagreement of 2 % is to be seen in them."""
    if metric is None:
        return BLANK
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if abs(metric.value) >= scale:
            return f"{metric.value / scale:.4g} {unit}"
    return f"{metric.value * 1e6:.4g} µs"


def share(metric: Metric | None) -> str:
    return BLANK if metric is None else f"{metric.value:.1%}"


def largest_disagreement(metrics: Mapping[str, Metric]) -> str:
    """`cold 0.4%, at most 1.1%`: of the two that may be the farthest apart."""
    found = {name.removesuffix(HIGH): metric.value for name, metric in metrics.items() if name.endswith(HIGH)}
    if not found:
        return BLANK
    pair = max(found, key=found.__getitem__)
    middle = metrics.get(pair + DISAGREEMENT)
    return f"{pair} {share(middle)}, at most {found[pair]:.1%}"


def ceiling(metrics: Mapping[str, Metric]) -> str:
    """Of the case's own work: bytes of a copy, or operations of a matrix product."""
    if "ceiling_bytes_per_s" in metrics:
        return f"{metrics['ceiling_bytes_per_s'].value / 1e9:,.1f} GB/s"
    if "ceiling_flops_per_s" in metrics:
        return f"{metrics['ceiling_flops_per_s'].value / 1e12:,.3f} TFLOP/s"
    return BLANK


def open_questions(findings: Sequence[Finding]) -> list[str]:
    return [
        finding.sentence()
        for finding in findings
        if finding.case.startswith(f"{PATH}/")
        and finding.metric.endswith(HIGH)
        and finding.verdict is Verdict.INCONCLUSIVE
    ]
