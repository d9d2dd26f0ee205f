"""The table of all cases: texts, and what each column is sorted by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.compare import Finding, worst
from tools.page.drawings import sparkline
from tools.page.subject import Subject
from tools.records import Metric, path_of
from tools.verdict import SEVERITY, Verdict
from tools.views import (
    accuracy,
    best_speedup,
    change,
    floor_share,
    peak_memory,
    primary_time,
    seconds,
    size,
    why,
)

COLUMNS = ("verdict", "case", "latency", "change", "of roofline", "speed-up", "peak memory", "accuracy")
ABSENT = "missing"  # the status of a case that left no record
LONGEST_WHY = 160


@dataclass(frozen=True)
class CaseRow:
    """cells: the texts after verdict and case; keys: what the cells are sorted by, None last; spark: SVG or ""."""

    verdict: Verdict
    case: str
    status: str
    path: str
    cells: Sequence[str]
    why: str
    keys: Sequence[float | None]
    spark: str


def case_rows(subject: Subject) -> list[CaseRow]:
    """Worst first."""
    order = sorted(subject.by_case, key=lambda case: (SEVERITY[worst(subject.by_case[case])], case))
    return [case_row(subject, case) for case in order]


def case_row(subject: Subject, case: str) -> CaseRow:
    findings, record, metrics = subject.by_case[case], subject.records.get(case), subject.metrics(case)
    primary = primary_time(metrics)
    time = next((finding for finding in findings if finding.metric == primary), None)
    reason = why(findings, record)
    return CaseRow(
        worst(findings),
        case,
        record.status if record else ABSENT,
        path_of(case),
        cells(metrics, time),
        reason if len(reason) <= LONGEST_WHY else f"{reason[: LONGEST_WHY - 1]}…",
        keys(metrics, time),
        course(subject, case, primary),
    )


def cells(metrics: Mapping[str, Metric], time: Finding | None) -> Sequence[str]:
    return (
        seconds(metrics.get(primary_time(metrics))),
        change(time),
        floor_share(metrics),
        best_speedup(metrics),
        size(peak_memory(metrics)),
        accuracy(metrics),
    )


def keys(metrics: Mapping[str, Metric], time: Finding | None) -> Sequence[float | None]:
    speedups = [metric.value for name, metric in sorted(metrics.items()) if name.endswith("_ratio")]
    return (
        value(metrics.get(primary_time(metrics))),
        time.change if time else None,
        value(metrics.get("floor_share")),
        speedups[0] if speedups else None,
        value(peak_memory(metrics)),
        next(
            (value(metrics[name]) for name in ("mismatch_count", "sqnr_db", "relative_error") if name in metrics), None
        ),
    )


def value(metric: Metric | None) -> float | None:
    return None if metric is None else float(f"{metric.value:.5g}")


def course(subject: Subject, case: str, metric: str) -> str:
    earlier = subject.recent.get((case, metric), ())
    if len(earlier) < 2:
        return ""
    first, last = earlier[0][0], earlier[-1][0]
    return sparkline(f"{metric}, {len(earlier)} runs, {first} to {last}", [value for _, value in earlier])


def sorting(rows: Sequence[CaseRow]) -> list[list[Any]]:
    """A list a row: rank of its verdict, then the keys of its cells."""
    return [[SEVERITY[row.verdict], *row.keys] for row in rows]
