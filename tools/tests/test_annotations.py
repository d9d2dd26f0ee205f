import dataclasses
import re
from pathlib import Path

import pytest

from tools.annotations import annotations, lines_of
from tools.causes import Cause
from tools.compare import Finding, judge_run
from tools.page.subject import Subject
from tools.tests.samples import CASE, NASTY, OTHER, record, run
from tools.tests.test_tables import HOSTILE
from tools.verdict import Verdict

TEST = "perf_tests/test_attention.py"
UNESCAPES = {"%0A": "\n", "%0D": "\r", "%3A": ":", "%2C": ",", "%25": "%"}


def unescaped(text):
    return re.sub("%(?:0A|0D|3A|2C|25)", lambda found: UNESCAPES[found[0]], text)


def obeyed(line):
    """Command, properties and message, as the runner takes a line of stdout apart."""
    assert "\n" not in line
    assert "\r" not in line
    command, properties, message = re.fullmatch(r"::([a-z-]+)(?: ((?:(?!::).)*))?::(.*)", line).groups()
    pairs = [part.partition("=")[::2] for part in properties.split(",")]
    return command, {name: unescaped(value) for name, value in pairs}, unescaped(message)


def cause(verdict, *cases, title="latency_s grew", hint="", command="pytest"):
    return Cause(verdict, title, hint, tuple(Finding(case, "latency_s", verdict, "because") for case in cases), command)


def lines_of_run(made, causes):
    return lines_of(causes, {record.case: record for record in made.records})


def placed(case, node=f"{TEST}::test[x]", line=31):
    return dataclasses.replace(record(case), node=node, line=line)


def test_an_annotation_names_file_line_cause_and_what_to_type():
    found = lines_of_run(run(placed(CASE)), [cause(Verdict.REGRESSED, CASE, hint="only cases with params.x=1")])
    assert [obeyed(line) for line in found] == [
        (
            "error",
            {"file": TEST, "line": "31", "title": "perf-ratchet: latency_s grew"},
            "regressed: latency_s grew\nonly cases with params.x=1\nnext: pytest",
        )
    ]


def test_a_cause_is_told_once_for_each_test_that_it_hit():
    made = run(placed("a/1"), placed("a/2"), placed("a/3", line=90), record("a/4"))
    found = [obeyed(line)[1] for line in lines_of_run(made, [cause(Verdict.SUSPECT, "a/1", "a/2", "a/3", "a/4")])]
    assert [(p.get("file"), p.get("line")) for p in found] == [(TEST, "31"), (TEST, "90"), (None, None)]


@pytest.mark.parametrize(
    ("verdict", "level"),
    [
        (Verdict.REGRESSED, "error"),
        (Verdict.SUSPECT, "warning"),
        (Verdict.MISSING, "warning"),
        (Verdict.INCOMPARABLE, "warning"),
    ],
)
def test_only_a_regression_is_an_error(verdict, level):
    [line] = lines_of_run(run(), [cause(verdict, CASE)])
    assert obeyed(line)[0] == level


@pytest.mark.parametrize("text", [*HOSTILE, "x::error file=a.py::owned", "x,line=1,file=a.py", "%0A::error::x", "::"])
def test_no_text_of_a_run_starts_another_command_or_property(text):
    made = run(placed(text, node=f"{TEST}::test[{text}]"))
    [line] = lines_of_run(made, [cause(Verdict.REGRESSED, text, title=f"{text} grew", hint=text, command=text)])
    command, properties, message = obeyed(line)
    assert (command, set(properties)) == ("error", {"file", "line", "title"})
    assert properties["file"] == TEST
    assert message.count("\n") == 2


@pytest.mark.parametrize(
    "node", ["", "/etc/passwd.py::x", "../../x.py::x", "perf_tests/../../x.py::x", "a.py\n::error::x", "a b.py::x"]
)
def test_a_file_outside_the_checkout_is_not_named(node):
    [line] = lines_of_run(run(placed(CASE, node=node)), [cause(Verdict.REGRESSED, CASE)])
    assert set(obeyed(line)[1]) == {"title"}


def test_a_step_shows_ten_of_each_level_and_the_last_one_counts_the_rest():
    causes = [cause(v, CASE, title=f"{n}") for v in (Verdict.SUSPECT, Verdict.REGRESSED) for n in range(13)]
    found = [obeyed(line) for line in lines_of_run(run(), causes)]
    assert [command for command, _, _ in found] == ["error"] * 10 + ["warning"] * 10
    assert found[9][2].startswith("and 4 more")
    assert "7" in found[7][1]["title"]
    assert len(lines_of_run(run(), causes[:10])) == 10


def test_annotations_of_a_judged_run():
    made = run(
        dataclasses.replace(record(NASTY, "error", "boom\n::error::x"), node=f"{TEST}::t", line=1), record(OTHER)
    )
    [line] = annotations(Subject(made, judge_run(made, {}), {}, (), {}, Path("runs/now.json")))
    assert obeyed(line)[2].startswith(f"regressed: {NASTY} regressed: boom ::error::x\nnext: pytest ")


def test_a_quiet_run_says_nothing():
    assert lines_of_run(run(), []) == []
