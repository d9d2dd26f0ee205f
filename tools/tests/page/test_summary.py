"""The first lines: the exit code in words, and in what a run's place is not its baselines'."""

import pytest

from tools.page.summary import summary
from tools.records import Shard
from tools.tests.ab.test_outcome import judgement, outcome
from tools.tests.page.samples import subject
from tools.tests.samples import CASE, OTHER, baseline, fingerprint, record, run, stored
from tools.verdict import Verdict

GOOD = record(peak_allocated_bytes=1_000_000)
KEPT = baseline({CASE: stored(peak_allocated_bytes=1_000_000)})


@pytest.mark.parametrize(
    ("made", "kept", "headline", "tone"),
    [
        (run(GOOD), KEPT, "nothing regressed (0): of 1 case none needs attention", "improved"),
        (
            run(GOOD, record(OTHER, graph_count=1)),
            KEPT,
            "nothing regressed (0): of 2 cases none needs attention; 1 new, held against no baseline",
            "improved",
        ),
        (
            run(GOOD),
            baseline({}, place=fingerprint("cpu-other")),
            "nothing regressed (0): of 1 case none needs attention; 1 new, held against no baseline",
            "new",
        ),
        (run(record(peak_allocated_bytes=2_000_000)), KEPT, "regressed (1): of 1 case 1 regressed", "regressed"),
        (run(record(status="error", reason="wrong")), KEPT, "regressed (1): of 1 case 1 regressed", "regressed"),
        (
            run(GOOD),
            baseline({CASE: stored(peak_allocated_bytes=1_000_000), OTHER: stored(latency_s=1.0)}),
            "could not judge (3): of 2 cases 1 missing",
            "missing",
        ),
    ],
)
def test_the_headline_is_the_exit_code_in_words(made, kept, headline, tone):
    found = summary(subject(made, kept))
    assert (found.headline, found.tone) == (headline, tone)


def test_what_cannot_be_judged_says_why():
    assert summary(subject(run(), baseline({}))).headline == "could not judge (3): nothing was measured"
    job = outcome(judgement(Verdict.INCONCLUSIVE, judged=False, change=None))
    told = summary(subject(run(GOOD), KEPT, outcomes=(job,)))
    assert told.headline == "could not judge (3): an A/B decided nothing, or not all"
    assert told.facts["A/B"].startswith("c0ffee0c0ffe against main (bbbbbbbbbbbb)")


def test_differences_are_told_once_with_the_paths_they_concern():
    place = fingerprint(software={"torch": "2.15.0", "python": "CPython 3.12.1"})
    made = run(GOOD, record("mxint8/cpp/g32", latency_s=1.0), record("startup/x", latency_s=1.0), place=place)
    kept = KEPT, baseline({"mxint8/cpp/g32": stored(latency_s=1.0)}, "mxint8")
    assert summary(subject(made, *kept)).differences == ["software.torch: 2.14.1 -> 2.15.0 (attention, mxint8)"]


def test_code_for_another_place_is_compared_with_that_place():
    there = fingerprint("static-sm90", software={"triton": "3.9"})
    made = run(record("kernels_sm90/x", latency_s=1.0))
    made = type(made)(**{**vars(made), "records": (type(GOOD)(**{**vars(made.records[0]), "place": there}),)})
    kept = baseline({"kernels_sm90/x": stored(latency_s=1.0)}, "kernels_sm90", there)
    assert summary(subject(made, kept)).differences == []


def test_a_part_of_a_run_says_so():
    made = run(GOOD, whole=False, dirty=True)
    part = type(made.selection)(**{**vars(made.selection), "shard": Shard(2, 3, (CASE,)), "affected": "main"})
    facts = summary(subject(type(made)(**{**vars(made), "selection": part}), KEPT)).facts
    assert facts["selection"] == "a part of perf_tests; shard 2/3; what changes since main can reach"
    assert facts["commit"] == "c0ffee with changes"
