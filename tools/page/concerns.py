"""What asks for attention, by cause: sizes, reasons, where it was tested, what to type, and pictures of the worst."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.causes import Cause, grouped
from tools.compare import Finding
from tools.page.distributions import Distribution, distribution
from tools.page.drawings import Axis, Line, Mark, Row, chart, strip
from tools.page.subject import Subject
from tools.page.summary import joined
from tools.page.texts import interval, percent, told
from tools.records import Metric, Record
from tools.tables import Table
from tools.verdict import SEVERITY
from tools.views import BLANK, show

KEPT = ("case", "base", "this run")
LEFT = frozenset({"verdict", "case", "metric", "reason"})
MOST_CAUSES = 60
MOST_SHOWN = 8  # findings of a cause that are open at once
MOST_FOLDED = 200
MOST_PICTURES = 3  # of a cause: each of another case


@dataclass(frozen=True)
class Picture:
    """One finding: its distribution, its course over earlier runs, or both."""

    caption: str
    drawings: Sequence[str]


@dataclass(frozen=True)
class Concern:
    """shown: the worst findings; folded: further ones, if any; left_out: how many are in neither."""

    verdict: str
    title: str
    hint: str
    tests: str
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
    texts = (str(cause.verdict), cause.title, cause.hint, tests(subject, cause), cause.command)
    first, more = (table(subject, findings, cause.title) for findings in (shown, folded))
    return Concern(*texts, first, more, left_out, pictures(subject, cause))


def table(subject: Subject, findings: Sequence[Finding], title: str) -> Table:
    """Without the columns that say nothing, or the same in every row as the title does."""
    columns = {name: [text(subject, finding) for finding in findings] for name, text in COLUMNS.items()}
    telling = {name: texts for name, texts in columns.items() if name in KEPT or is_telling(texts, title)}
    rows = tuple(zip(*telling.values(), strict=True))
    return Table("", tuple(telling), rows, frozenset(telling) & LEFT)


def is_telling(texts: Sequence[str], title: str) -> bool:
    """Several verdicts or reasons, or one of something that is not in the title."""
    different = set(texts) - {"", BLANK}
    return len(different) > 1 or any(text not in title and text not in SEVERITY for text in different)


def place_of(record: Record | None) -> str:
    """`perf_tests/test_mxint8.py:31`; "" where the run does not tell."""
    file = record.node.partition("::")[0] if record else ""
    return f"{file}:{record.line}" if record and file and record.line else file


def tests(subject: Subject, cause: Cause) -> str:
    """Where the tests of its cases begin."""
    return joined(dict.fromkeys(place for case in cause.cases if (place := place_of(subject.records.get(case)))))


def pictures(subject: Subject, cause: Cause) -> list[Picture]:
    """Of the worst cases that have anything to draw."""
    found: dict[str, Picture] = {}
    for finding in cause.findings[:MOST_FOLDED]:
        drawings = () if finding.case in found else (*spread_of(subject, finding), *course_of(subject, finding))
        if drawings:
            found[finding.case] = Picture(f"{finding.case}: {finding.metric}", drawings)
        if len(found) == MOST_PICTURES:
            break
    return list(found.values())


def spread_of(subject: Subject, finding: Finding) -> list[str]:
    if finding.metric not in subject.metrics(finding.case):
        return []
    found = distribution(subject, finding.case, finding.metric)
    return [strip_of(found, finding)] if found else []


def strip_of(found: Distribution, finding: Finding) -> str:
    title = f"{finding.metric} of {finding.case}, base and head"
    rows = (Row(found.base.label, found.base.values), Row(found.head.label, found.head.values, finding.verdict))
    return strip(title, rows, Axis(f"{finding.metric}, {found.unit}"))


def course_of(subject: Subject, finding: Finding) -> list[str]:
    """The values of the last runs, in the order of time."""
    earlier = subject.recent.get((finding.case, finding.metric), ())
    if len(earlier) < 2:
        return []
    told = [f"{commit}: {show_number(finding.metric, value)}" for commit, value in earlier]
    marks = [Mark(at, value, text) for at, ((_, value), text) in enumerate(zip(earlier, told, strict=True))]
    line = Line(tuple((mark.x, mark.y) for mark in marks))
    y = Axis(finding.metric, form=lambda value: show_number(finding.metric, value))
    x = Axis(f"the last {len(earlier)} runs, {earlier[0][0]} to {earlier[-1][0]}", ticks=False)
    return [
        chart(f"{finding.metric} of {finding.case} in the last {len(earlier)} runs", x, y, marks, (line,), height=170)
    ]


def show_number(metric: str, value: float) -> str:
    return show(metric, Metric(value))


COLUMNS: Mapping[str, Callable[[Subject, Finding], str]] = {
    "verdict": lambda subject, finding: finding.verdict,
    "case": lambda subject, finding: finding.case,
    "metric": lambda subject, finding: finding.metric,
    "base": lambda subject, finding: told(finding.metric, finding.baseline),
    "this run": lambda subject, finding: told(finding.metric, finding.value),
    "change": lambda subject, finding: percent(finding.change),
    "interval": lambda subject, finding: interval(finding),
    "reason": lambda subject, finding: finding.reason,
}
