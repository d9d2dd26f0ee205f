"""Bencher Metric Format: {benchmark: {measure: {value, lower_value?, upper_value?}}}, for `bencher run --adapter json`.

Source: bencher.dev/docs/reference/bencher-metric-format, with the JSON schema https://bencher.dev/bmf.json. The slug
`latency` is built in and in nanoseconds; other measures are made when first met, so that their unit stands in the name.
Names of benchmarks have at most 1,024 bytes, slugs 64.
"""

import json
import re
import statistics
from collections.abc import Sequence

from tools.compare import Finding
from tools.export.figures import Figure, figures, fitted
from tools.records import Run
from tools.tables import printable

BUILT_IN = {"latency_s": ("latency", 1e9)}
LONGEST_NAME, LONGEST_SLUG = 1024, 64
SUPPRESSES = ("_bencher_ignore", "BencherIgnore", "-bencher-ignore")  # at the end of a name: raises no alert

Measures = dict[str, dict[str, float]]


def export(run: Run, findings: Sequence[Finding]) -> str:
    found: dict[str, Measures] = {}
    for figure in figures(run):
        slug, scale = BUILT_IN.get(figure.name, (slug_of(figure.name), 1.0))
        found.setdefault(benchmark(figure.case), {})[slug] = values(figure, scale)
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def values(figure: Figure, scale: float) -> dict[str, float]:
    """The value, and the quartiles of its rounds where it is their median."""
    found = {"value": figure.metric.value * scale if scale != 1.0 else figure.metric.value}
    if figure.unit == "_s" and len(figure.metric.samples) > 1:
        low, _, high = statistics.quantiles(figure.metric.samples, n=4, method="inclusive")
        found |= {"lower_value": low * scale, "upper_value": high * scale}
    return found


def benchmark(case: str) -> str:
    """No case may silence its own alerts."""
    name = printable(case).strip()
    return fitted(f"{name}." if name.endswith(SUPPRESSES) else name, LONGEST_NAME)


def slug_of(metric: str) -> str:
    return fitted(re.sub(r"[^a-z0-9]+", "-", metric.lower()).strip("-"), LONGEST_SLUG)
