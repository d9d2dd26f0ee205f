"""JSON for github-action-benchmark: its tools `customSmallerIsBetter` and `customBiggerIsBetter`.

An array of {name, unit, value, range?, extra?}, as the README of benchmark-action/github-action-benchmark documents it
and `extractCustomBenchmarkResult` of its source reads it. It takes `range` for a number only as `± 0.1`.
"""

import json
import statistics
from collections.abc import Sequence
from typing import Any

from tools.compare import Finding
from tools.export.figures import Figure, figures
from tools.records import Run
from tools.tables import printable

UNITS = {"_s": "s", "_bytes": "bytes", "_db": "dB", "_ratio": "x", "_count": "count"}


def smaller(run: Run, findings: Sequence[Finding]) -> str:
    """Metrics of which less is better: times, bytes, errors, most counts."""
    return document(run, findings, higher_is_better=False)


def bigger(run: Run, findings: Sequence[Finding]) -> str:
    """Metrics of which more is better: speed-ups, decibels, fractions."""
    return document(run, findings, higher_is_better=True)


def document(run: Run, findings: Sequence[Finding], *, higher_is_better: bool) -> str:
    by_key = {(finding.case, finding.metric): finding for finding in findings}
    chosen = [figure for figure in figures(run) if figure.higher_is_better is higher_is_better]
    entries = [entry(figure, by_key.get((figure.case, figure.name))) for figure in chosen]
    return json.dumps(entries, indent=1, allow_nan=False) + "\n"


def entry(figure: Figure, finding: Finding | None) -> dict[str, Any]:
    """`range` is the standard deviation of the rounds of this one process."""
    found: dict[str, Any] = {
        "name": text(f"{figure.case}: {figure.name}"),
        "unit": UNITS.get(figure.unit, figure.unit.removeprefix("_")),
        "value": figure.metric.value,
    }
    if len(figure.metric.samples) > 1:
        found["range"] = f"± {statistics.stdev(figure.metric.samples):.4g}"
    if finding is not None:
        found["extra"] = printable(f"{finding.verdict}: {finding.reason}")
    return found


def text(name: str) -> str:
    """The action writes names into Markdown, in backticks, in a table."""
    return printable(name).replace("`", "'").replace("|", "¦")
