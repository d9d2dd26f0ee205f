"""Numbers of findings and metrics as the page writes them."""

from tools.compare import Finding
from tools.opinion import Number
from tools.records import Metric
from tools.tables import printable
from tools.views import BLANK, show


def told(name: str, value: Number | str | None) -> str:
    if value is None:
        return BLANK
    return printable(value) if isinstance(value, str) else show(name, Metric(value))


def interval(finding: Finding) -> str:
    if finding.low is None or finding.high is None:
        return ""
    return f"{finding.low:+.1%} to {finding.high:+.1%}"


def percent(change: float | None) -> str:
    return BLANK if change is None else f"{change:+.1%}"
