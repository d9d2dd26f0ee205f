"""OpenMetrics text: a gauge a metric, with the labels case, device and commit, for a scrape or a push.

Source: the OpenMetrics specification 1.0 (prometheus.io/docs/specs/om/open_metrics_spec). A family with a unit is named
after it, label values escape backslash, quote and line feed, and `# EOF` ends the text.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from tools.compare import Finding
from tools.export.figures import Figure, figures
from tools.records import Run, digest
from tools.tables import printable
from tools.verdict import Verdict

PREFIX = "perf_ratchet"
FINDINGS = f"{PREFIX}_findings"
UNITS = {"_s": "seconds", "_bytes": "bytes", "_ratio": "ratio", "_db": "decibels"}
RESERVED = {"_count": ""}  # a suffix of histograms: what is counted stands in the rest of the name


def export(run: Run, findings: Sequence[Finding]) -> str:
    by_name: dict[str, list[Figure]] = {}
    for figure in figures(run):
        by_name.setdefault(figure.name, []).append(figure)
    names = families(sorted(by_name))
    lines = [line for name in sorted(by_name) for line in family(names[name], name, by_name[name], run)]
    return "\n".join([*lines, *verdicts(run, findings), "# EOF"]) + "\n"


def families(metrics: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    """Metric -> its family's name and unit; a name that two would share gets a digest."""
    plain = {metric: parts(metric) for metric in metrics}
    shared = Counter([*(joined(*each)[0] for each in plain.values()), FINDINGS])
    return {
        metric: joined(f"{stem}_{digest({'metric': metric})}" if shared[joined(stem, unit)[0]] > 1 else stem, unit)
        for metric, (stem, unit) in plain.items()
    }


def parts(metric: str) -> tuple[str, str]:
    """`graph_break_count` -> graph_break; `latency_s` -> latency, seconds."""
    ending = next((suffix for suffix in (*UNITS, *RESERVED) if metric.endswith(suffix)), "")
    stem = re.sub(r"[^a-zA-Z0-9_]", "_", metric.removesuffix(ending) if ending else metric)
    return stem, UNITS.get(ending, "")


def joined(stem: str, unit: str) -> tuple[str, str]:
    return "_".join(part for part in (PREFIX, stem, unit) if part), unit


def family(name_and_unit: tuple[str, str], metric: str, found: Sequence[Figure], run: Run) -> list[str]:
    name, unit = name_and_unit
    head = [f"# TYPE {name} gauge", *([f"# UNIT {name} {unit}"] if unit else []), f"# HELP {name} {escaped(metric)}"]
    where = {"device": run.fingerprint.slug, "commit": run.commit}
    return [*head, *(sample(name, {"case": each.case, **where}, each.metric.value) for each in found)]


def verdicts(run: Run, findings: Sequence[Finding]) -> list[str]:
    """How many findings there are of each verdict, none included: what an alert can be set on."""
    counted = Counter(finding.verdict for finding in findings)
    where = {"device": run.fingerprint.slug, "commit": run.commit}
    told = [sample(FINDINGS, {"verdict": verdict, **where}, counted[verdict]) for verdict in Verdict]
    return [f"# TYPE {FINDINGS} gauge", f"# HELP {FINDINGS} metrics of the run by verdict", *told]


def sample(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{label}="{escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {value!r}"


def escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')
