"""The details of a case: nothing that is known of it is lost on the way into compact data."""

import json
from dataclasses import replace

from tools.page.dossiers import MOST_DISTRIBUTIONS, dossiers
from tools.records import Metric
from tools.tests.page.samples import subject
from tools.tests.samples import CASE, NASTY, baseline, full_run, record, run, stored


def opened(of, case):
    """The details as the script of the page puts them together."""
    data = json.loads(json.dumps(dossiers(of, [case])))
    words = data["words"]
    facts, metrics, distributions = data["cases"][0]
    told = [words[number] for number in facts]
    rows = [[words[number] for number in row] for row in metrics]
    return dict(zip(told[::2], told[1::2], strict=True)), rows, distributions, words


def test_every_metric_is_there_judged_or_not():
    _, rows, _, _ = opened(subject(), CASE)
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name.keys() == {"status", *full_run().records[0].metrics}
    assert by_name["peak_allocated_bytes"][:3] == ["unchanged", "1.00 MiB", "1.00 MiB"]
    assert by_name["matmul_share"][:3] == ["", "", "50.0%"]
    assert by_name["relative_error"][5] == "1e-05"


def test_facts_of_a_record():
    made = run(record(params={"d": 64, "method": NASTY}, latency_s=Metric(0.01, where="kernel.py:3-5")))
    known = replace(made.records[0], node="perf_tests/test_a.py::test_a[x]", line=7, wall_s=2.5, disturbed="throttled")
    known = replace(known, conditions={"sm_clock_mhz": 1980.0})
    facts, rows, _, _ = opened(subject(replace(made, records=(known,))), CASE)
    assert facts == {
        "status": "ok",
        "disturbed": "throttled",
        "parameters": f"d 64, method {NASTY}",
        "test": "perf_tests/test_a.py::test_a[x]",
        "begins at": "perf_tests/test_a.py:7",
        "took": "2.5 s",
        "conditions": "sm_clock_mhz 1980",
    }
    assert "kernel.py:3-5" in {row[7] for row in rows}


def test_two_findings_of_one_metric_are_two_rows():
    gone = subject(run(selected=(CASE,), known={"attention": ()}), baseline({CASE: stored(latency_s=1.0)}))
    facts, rows, _, _ = opened(gone, CASE)
    assert facts == {"record": "none in this run"}
    assert [row[:2] for row in rows] == [["status", "missing"], ["status", "missing"]]
    assert len({row[8] for row in rows}) == 2


def test_the_time_of_a_case_is_drawn_first_and_few_beside_it():
    names = ["latency_s", *(f"a{each}_s" for each in range(6))]
    made = record(**{name: Metric(2.0, (1.0, 2.0, 3.00006)) for name in names})
    _, _, distributions, words = opened(subject(run(made), baseline({})), CASE)
    assert len(distributions) == MOST_DISTRIBUTIONS
    metric, unit, _, base, label, head = distributions[0]
    assert (words[metric], words[unit], words[label], base, head) == (
        "latency_s",
        "s",
        "this run, 3 rounds",
        [],
        [1, 2, 3],
    )


def test_control_characters_are_made_visible():
    _, _, _, words = opened(subject(run(record(status="error", reason="a\x1b[31m\u202e\ud800\n"))), CASE)
    assert "a\\x1b[31m\\x202e\\xd800\\x0a" in words
