"""What asks for attention: a row a finding, no column that says nothing, no more than can be read."""

import pytest

from tools.page.concerns import MOST_CAUSES, MOST_FOLDED, MOST_PICTURES, MOST_SHOWN, concerns
from tools.records import Metric
from tools.tests.page.samples import subject
from tools.tests.samples import CASE, baseline, record, run, stored


def named(number):
    return f"attention/eager/d{number}/forward"


def grown(count, **params):
    records = [record(named(each), params=params, peak_allocated_bytes=2_000_000 + each) for each in range(count)]
    return subject(
        run(*records), baseline({named(each): stored(peak_allocated_bytes=1_000_000) for each in range(count)})
    )


def test_one_cause_is_one_entry_with_its_findings_and_command():
    [[found], left_out] = concerns(grown(3))
    assert (found.verdict, left_out, found.left_out) == ("regressed", 0, 0)
    assert found.shown.columns == ("case", "base", "this run", "change", "reason")
    assert found.shown.rows[0][1:4] == ("976.56 KiB", "1.91 MiB", "+100.0%")
    assert len(found.shown.rows) == 3
    assert not found.folded.rows
    assert found.command.startswith("pytest perf_tests -k attention/eager")


def test_what_is_too_much_is_folded_and_then_counted():
    [[found], _] = concerns(grown(MOST_SHOWN + MOST_FOLDED + 7))
    assert (len(found.shown.rows), len(found.folded.rows), found.left_out) == (MOST_SHOWN, MOST_FOLDED, 7)


def test_causes_beyond_the_first_are_counted():
    records = [record(f"p{each}/x", status="error", reason="e" * each) for each in range(1, MOST_CAUSES + 4)]
    found, left_out = concerns(subject(run(*records), baseline({})))
    assert (len(found), left_out) == (MOST_CAUSES, 3)


def test_tests_are_told_with_their_lines():
    made = run(record(peak_allocated_bytes=2_000_000), record(named(1), peak_allocated_bytes=2_000_000))
    told = [
        type(each)(**{**vars(each), "node": f"perf_tests/test_a.py::test_a[{each.case}]", "line": 31})
        for each in made.records
    ]
    kept = baseline({each.case: stored(peak_allocated_bytes=1_000_000) for each in told})
    [[found], _] = concerns(subject(type(made)(**{**vars(made), "records": tuple(told)}), kept))
    assert found.tests == "perf_tests/test_a.py:31"


@pytest.mark.parametrize("runs", [0, 5])
def test_the_worst_are_drawn_with_their_course(runs):
    names = [named(each) for each in range(MOST_PICTURES + 2)]
    made = run(*(record(name, latency_s=Metric(0.02, (0.019, 0.02, 0.021))) for name in names))
    kept = baseline({name: stored(latency_s=(0.01, 0.0101, 0.0099)) for name in names})
    recent = {(name, "latency_s"): [(f"c{each}", 0.01) for each in range(runs)] for name in names}
    [[found], _] = concerns(subject(made, kept, recent=recent))
    assert found.verdict == "suspect"
    assert len(found.pictures) == MOST_PICTURES
    assert {len(picture.drawings) for picture in found.pictures} == {2 if runs else 1}
    assert all(("c4: 10 ms" in picture.drawings[-1]) == bool(runs) for picture in found.pictures)


def test_a_case_that_is_gone_has_no_picture_and_no_error():
    [[found], _] = concerns(subject(run(), baseline({CASE: stored(latency_s=(1.0, 2.0, 3.0))})))
    assert (found.verdict, list(found.pictures), found.tests) == ("missing", [], "")
