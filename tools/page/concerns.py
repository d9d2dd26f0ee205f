"""What asks for attention, by cause: sizes, reasons, where it was tested, what to type, and pictures of the worst."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.causes import Cause, grouped
from tools.compare import Finding
from tools.page.distributions import Distribution, distribution
from tools.page.drawings import Axis, Line, Mark, Row, chart, strip
from tools.page.subject import Subject
from tools.page.texts import interval, told
from tools.records import Metric
from tools.tables import Table
from tools.views import BLANK, change, show

KEPT = ("case", "metric", "base", "this run")
LEFT = frozenset({"verdict", "case", "metric", "reason", "test"})
MOST_CAUSES = 60
MOST_SHOWN = 8  # findings of a cause that are open at once
MOST_FOLDED = 200
MOST_PICTURES = 3  # of a cause: each of another case


@dataclass(frozen=True)
class Picture:
    caption: str
    svg: str


@dataclass(frozen=True)
class Concern:
    """shown: the worst findings; folded: further ones, if any; left_out: how many are in neither."""

    verdict: str
    title: str
    hint: str
    command: str
    shown: Table
    folded: Table
    left_out: int
    pictures: Sequence[Picture]


def concerns(subject: Subject) -> tuple[Sequence[Concern], int]:
    """The worst ones, and how many there are beyond these."""
    causes = grouped(subject.findings, subject.run, subject.baselines, subject.file)
    return [concern(subject, cause) for cause in causes[:MOST_CAUSES]], max(0, len(causes) - MOST_CAUSES)


def concern(subject: Subject, cause: Cause) -> Concern:
    shown, folded = cause.findings[:MOST_SHOWN], cause.findings[MOST_SHOWN : MOST_SHOWN + MOST_FOLDED]
    left_out = len(cause.findings) - len(shown) - len(folded)
    texts = (str(cause.verdict), cause.title, cause.hint, cause.command)
    return Concern(*texts, table(subject, shown), table(subject, folded), left_out, pictures(subject, cause))


def table(subject: Subject, findings: Sequence[Finding]) -> Table:
    """Without the columns that say nothing, and those that say the same in every row: the title says it."""
    columns = {name: [text(subject, finding) for finding in findings] for name, text in COLUMNS.items()}
    telling = {name: texts for name, texts in columns.items() if name in KEPT or is_telling(texts)}
    rows = tuple(zip(*telling.values(), strict=True))
    return Table("", tuple(telling), rows, frozenset(telling) & LEFT)


def is_telling(texts: Sequence[str]) -> bool:
    return any(text not in ("", BLANK) for text in texts) and (len(texts) == 1 or len(set(texts)) > 1)


def test_of(subject: Subject, case: str) -> str:
    """`perf_tests/test_mxint8.py:31 test_mxint8[...]`; "" where the run does not tell."""
    record = subject.records.get(case)
    if record is None or not record.node:
        return ""
    file, _, name = record.node.partition("::")
    return f"{file}{f':{record.line}' if record.line else ''} {name}".rstrip()


def pictures(subject: Subject, cause: Cause) -> list[Picture]:
    """Distribution and course of the worst cases that have any."""
    found: dict[str, list[Picture]] = {}
    for finding in cause.findings[:MOST_FOLDED]:
        if finding.case not in found and (drawn := [*spread_of(subject, finding), *course_of(subject, finding)]):
            found[finding.case] = drawn
        if len(found) == MOST_PICTURES:
            break
    return [picture for drawn in found.values() for picture in drawn]


def spread_of(subject: Subject, finding: Finding) -> list[Picture]:
    if finding.metric not in subject.metrics(finding.case):
        return []
    found = distribution(subject, finding.case, finding.metric)
    return [Picture(f"{finding.case}: {finding.metric}", strip_of(found, finding))] if found else []


def strip_of(found: Distribution, finding: Finding) -> str:
    title = f"{finding.metric} of {finding.case}, base and head"
    rows = (Row(found.base.label, found.base.values), Row(found.head.label, found.head.values, finding.verdict))
    return strip(title, rows, Axis(f"{finding.metric}, {found.unit}"))


def course_of(subject: Subject, finding: Finding) -> list[Picture]:
    """The values of earlier runs, in the order of time, and this one's last."""
    earlier = subject.recent.get((finding.case, finding.metric), ())
    if len(earlier) < 2:
        return []
    marks = [
        Mark(place, value, f"{commit}: {show_number(finding.metric, value)}")
        for place, (commit, value) in enumerate(earlier)
    ]
    line = Line(tuple((mark.x, mark.y) for mark in marks))
    y = Axis(finding.metric, form=lambda value: show_number(finding.metric, value))
    title = f"{finding.metric} of {finding.case} in the last {len(earlier)} runs"
    return [Picture(title, chart(title, Axis("runs, the oldest first", ticks=False), y, marks, (line,)))]


def show_number(metric: str, value: float) -> str:
    return show(metric, Metric(value))


COLUMNS: Mapping[str, Callable[[Subject, Finding], str]] = {
    "verdict": lambda subject, finding: finding.verdict,
    "case": lambda subject, finding: finding.case,
    "metric": lambda subject, finding: finding.metric,
    "base": lambda subject, finding: told(finding.metric, finding.baseline),
    "this run": lambda subject, finding: told(finding.metric, finding.value),
    "change": lambda subject, finding: change(finding),
    "chance reaches": lambda subject, finding: interval(finding),
    "reason": lambda subject, finding: finding.reason,
    "test": lambda subject, finding: test_of(subject, finding.case),
}
