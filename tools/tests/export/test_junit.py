import dataclasses
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, Skipped
from junitparser.xunit2 import JUnitXml

from tools.compare import Finding
from tools.export import junit
from tools.tables import printable
from tools.tests.export.runs import ERROR, FINDINGS, NAMES, NODE, hostile_run, mixed_run
from tools.tests.samples import CASE, OTHER, fingerprint, record, run
from tools.verdict import Verdict


def read(text):
    """Suites by name, test cases by name."""
    parsed = JUnitXml.fromstring(text.encode())
    return {suite.name: suite for suite in parsed}, {case.name: case for suite in parsed for case in suite}


def results(made, findings):
    cases = read(junit.export(made, findings))[1]
    return {name: [(type(each), each.message) for each in case.result] for name, case in cases.items()}


def test_every_status_and_verdict_has_its_result():
    found = results(mixed_run(), FINDINGS)
    assert found[CASE] == []  # a suspect alone passes
    assert found[OTHER] == [(Skipped, "oom: predicted not to fit")]
    assert found["mxint8/cpp/g32"] == [(Skipped, "unsupported: no compiler")]
    assert found[ERROR] == [(Failure, "status regressed: off by one")]
    assert found["attention/gone"] == [(Error, "status missing: renamed or deleted?")]


@pytest.mark.parametrize(
    ("verdict", "status", "result"),
    [
        (Verdict.REGRESSED, "oom", Failure),
        (Verdict.REGRESSED, "ok", Failure),
        (Verdict.MISSING, "ok", Error),
        (Verdict.INCOMPARABLE, "ok", Skipped),
        (Verdict.INCOMPARABLE, "oom", Skipped),
        (Verdict.UNCHANGED, "unsupported", Skipped),
    ],
)
def test_what_did_not_pass_is_never_a_pass(verdict, status, result):
    [found] = results(run(record(status=status, reason="why")), [Finding(CASE, "status", verdict, "because")])[CASE]
    assert found[0] is result


def test_suites_count_what_they_hold():
    suites, _ = read(junit.export(mixed_run(), FINDINGS))
    counted = {s.name: (s.tests, s.failures, s.errors, s.skipped, s.time) for s in suites.values()}
    assert counted == {"attention": (4, 0, 1, 1, 1.25), "mxint8": (3, 1, 0, 1, 0.0)}


def test_a_case_tells_its_test_its_time_and_its_numbers():
    case = read(junit.export(mixed_run(), FINDINGS))[1][CASE]
    assert (case.classname, case.time) == ("perf_tests.test_attention", 1.25)
    root = ElementTree.fromstring(junit.export(mixed_run(), FINDINGS))
    [element] = [each for each in root.iter("testcase") if each.get("name") == CASE]
    assert (element.get("file"), element.get("line")) == (NODE.partition("::")[0], "31")
    told = {each.name: each.value for each in case.properties()}
    assert told["verdict"] == "suspect"
    assert told["fingerprint"] == fingerprint().hash
    assert float(told["latency_s"]) == 0.01
    assert told["peak_allocated_bytes"] == "1048576"


def test_a_wrong_result_has_no_numbers():
    case = read(junit.export(mixed_run(), FINDINGS))[1][ERROR]
    assert {each.name for each in case.properties()} == {"verdict", "status", "fingerprint"}


def test_numbers_from_elsewhere_have_the_fingerprint_of_elsewhere():
    place = fingerprint(slug="static-sm90", device={"architecture": "sm90"})
    made = run(dataclasses.replace(record(), place=place))
    case = read(junit.export(made, []))[1][CASE]
    assert {each.name: each.value for each in case.properties()}["fingerprint"] == place.hash


def test_names_that_xml_cannot_hold_are_shown():
    cases = read(junit.export(hostile_run(), []))[1]
    assert set(cases) == {printable(f"attention/{name}") for name in NAMES}


def test_text_that_xml_cannot_hold_is_shown():
    reason = "bell \x07 half \ud800 end ]]> \ufffe <b>&"
    [(_, message)] = results(run(), [Finding(CASE, "status", Verdict.REGRESSED, reason)])[CASE]
    assert message == "status regressed: bell \\x07 half \\xd800 end ]]> \\xfffe <b>&"


def test_a_run_without_cases_is_an_empty_document():
    assert list(JUnitXml.fromstring(junit.export(run(), []).encode())) == []
