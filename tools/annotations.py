"""What asks for attention as GitHub workflow commands: lines on stdout that become annotations beside the tests.

Syntax and escapes: docs.github.com, "Workflow commands for GitHub Actions"; data as `escapeData` and properties as
`escapeProperty` of actions/toolkit do it. A step shows ten errors and ten warnings; what is beyond is left out here,
worst last, and the last one says so.
"""

import re
from collections.abc import Mapping, Sequence

from tools.causes import Cause, grouped
from tools.page.subject import Subject
from tools.pull_request import clipped
from tools.records import Record
from tools.tables import printable
from tools.verdict import Verdict

MOST_OF_A_LEVEL = 10
TITLE_WIDTH, MESSAGE_WIDTH = 200, 2000
LEVELS = ("error", "warning")

FILE = re.compile(r"(?a:\w[\w/.\-]*\.py)")  # inside the checkout, and of this project
Place = tuple[str, int]  # file and line; "" and 0 where they are not known


def annotations(subject: Subject) -> list[str]:
    """One line a cause and test, errors first. None of them holds a line break, or a second command."""
    return lines_of(grouped(subject.findings, subject.run, subject.baselines, subject.file), subject.records)


def lines_of(causes: Sequence[Cause], records: Mapping[str, Record]) -> list[str]:
    found = [told for cause in causes for told in of_cause(cause, records)]
    return [line for level in LEVELS for line in few([each for each in found if each.startswith(f"::{level}")], level)]


def few(lines: Sequence[str], level: str) -> list[str]:
    if len(lines) <= MOST_OF_A_LEVEL:
        return list(lines)
    left = len(lines) - MOST_OF_A_LEVEL + 1
    more = f"and {left} more of this kind: python -m tools compare RUN lists them"
    return [*lines[: MOST_OF_A_LEVEL - 1], command(level, ("", 0), "perf-ratchet", more)]


def of_cause(cause: Cause, records: Mapping[str, Record]) -> list[str]:
    places = list(dict.fromkeys(place(records.get(case)) for case in cause.cases))
    level = "error" if cause.verdict is Verdict.REGRESSED else "warning"
    parts = [f"{cause.verdict}: {cause.title}", cause.hint, f"next: {cause.command}"]
    message = "\n".join(clipped(printable(part), MESSAGE_WIDTH) for part in parts if part)
    return [command(level, where, f"perf-ratchet: {cause.title}", message) for where in places]


def place(record: Record | None) -> Place:
    file = record.node.partition("::")[0] if record else ""
    if record is None or not FILE.fullmatch(file) or ".." in file:
        return "", 0
    return file, record.line


def command(level: str, where: Place, title: str, message: str) -> str:
    file, line = where
    properties = {"file": file, "line": str(line) if file and line > 0 else "", "title": clipped(title, TITLE_WIDTH)}
    told = ",".join(f"{name}={escaped_property(value)}" for name, value in properties.items() if value)
    return f"::{level} {told}::{escaped(message)}"


def escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(text: str) -> str:
    return escaped(printable(text)).replace(":", "%3A").replace(",", "%2C")
