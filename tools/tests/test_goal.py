"""Goals for times: met, missed, and what cannot be told; and what a record's verdict makes of them."""

from dataclasses import replace

import pytest

from tools.compare import exit_code, judge_record, judge_run
from tools.goal import gravest, judge_goal
from tools.policy import policy_of
from tools.records import Metric
from tools.tests.samples import CASE, GPU, baseline, fingerprint, record, run, stored
from tools.verdict import SEVERITY, Verdict

FASTER, TIME = "speedup_over_eager_ratio", "latency_s"
WHY = "one pass must beat many"
REGRESSED, SUSPECT, INCONCLUSIVE = Verdict.REGRESSED, Verdict.SUSPECT, Verdict.INCONCLUSIVE


def measured(*samples, goal=10.0):
    """Nine rounds where three are given: the first and the last as often as the middle one."""
    return Metric(sorted(samples)[len(samples) // 2], samples * (9 // len(samples)), goal, why=WHY)


def told(metric, name=FASTER, known_gpu=False):
    found = judge_goal(metric, policy_of(name), known_gpu)
    return found and found.verdict


@pytest.mark.parametrize(
    ("samples", "on_cpu", "on_gpu"),
    [
        ((10.0, 11.0, 12.0), None, None),
        ((9.99, 11.0, 12.0), INCONCLUSIVE, INCONCLUSIVE),
        ((8.0, 9.0, 10.0), INCONCLUSIVE, INCONCLUSIVE),
        ((8.0, 9.0, 9.99), SUSPECT, REGRESSED),
        ((4.0, 4.5, 5.01), SUSPECT, REGRESSED),
        ((4.0, 4.5, 4.99), REGRESSED, REGRESSED),
        ((1.0, 1.0, 1.0), REGRESSED, REGRESSED),
        ((-1.0, 1.0, 1.0), REGRESSED, REGRESSED),
    ],
)
def test_a_goal_is_missed_where_all_of_the_interval_misses_it(samples, on_cpu, on_gpu):
    assert told(measured(*samples)) is on_cpu
    assert told(measured(*samples), known_gpu=True) is on_gpu


@pytest.mark.parametrize(
    ("odd", "others", "on_cpu", "on_gpu"),
    [
        (9.0, 11.0, None, None),  # of nine rounds one that is slow does not make a goal missed
        (11.0, 9.0, SUSPECT, SUSPECT),  # nor one that is fast a goal met: it only keeps red off
        (11.0, 2.0, SUSPECT, SUSPECT),
        (6.0, 2.0, SUSPECT, REGRESSED),
        (4.0, 2.0, REGRESSED, REGRESSED),
    ],
)
def test_one_odd_round_does_not_decide(odd, others, on_cpu, on_gpu):
    metric = Metric(others, (odd, *[others] * 8), 10.0)
    assert (told(metric), told(metric, known_gpu=True)) == (on_cpu, on_gpu)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ((8.0, 9.0, 10.0), None),
        ((9.0, 10.0, 10.1), INCONCLUSIVE),
        ((10.1, 11.0, 12.0), SUSPECT),
        ((19.9, 30.0, 30.0), SUSPECT),
        ((20.1, 30.0, 30.0), REGRESSED),
    ],
)
def test_a_time_must_stay_below_its_goal(samples, expected):
    assert told(measured(*samples), TIME) is expected


@pytest.mark.parametrize(("value", "expected"), [(10.0, None), (9.99, REGRESSED)])
def test_a_number_without_rounds_is_taken_as_it_is(value, expected):
    assert told(Metric(value, limit=10.0), known_gpu=True) is expected


@pytest.mark.parametrize(("value", "expected"), [(0.6, None), (0.59, SUSPECT), (0.31, SUSPECT), (0.29, REGRESSED)])
def test_a_goal_below_one_is_one_too(value, expected):
    assert told(Metric(value, limit=0.6)) is expected


@pytest.mark.parametrize("name", [FASTER, TIME])
@pytest.mark.parametrize(("value", "goal"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (1.0, -1.0), (0.0, 0.0)])
def test_what_is_no_time_meets_no_goal_and_a_goal_that_is_none_is_never_met(name, value, goal):
    assert told(Metric(value, limit=goal), name) is REGRESSED


def test_a_goal_that_no_ab_knows_asks_for_none():
    missed = judge_goal(Metric(11.0, limit=10.0), policy_of("build_s"), False)
    assert missed.reason.endswith("neighbours can do this, no A/B measures it: measure it again")


def test_without_a_goal_nothing_is_missed():
    assert judge_goal(measured(1.0, 1.0, 1.0, goal=None), policy_of(FASTER), True) is None


def test_what_misses_a_goal_is_told_with_its_interval_and_why():
    missed = judge_goal(measured(4.0, 4.5, 4.99), policy_of(FASTER), False)
    assert missed.reason == f"4.5 (4 to 4.99), the goal is at least 10: {WHY}"
    assert judge_goal(Metric(3.0, limit=1.0), policy_of(TIME), True).reason == "3 (3 to 3), the goal is at most 1"
    near = judge_goal(measured(8.0, 9.0, 9.9), policy_of(FASTER), False).reason
    assert near == f"9 (8 to 9.9), the goal is at least 10: {WHY}; unseen neighbours can do this, an A/B decides"
    odd = judge_goal(Metric(9.0, (11.0, *[9.0] * 8), 10.0), policy_of(FASTER), True).reason
    assert odd == "9 (9 to 9), the goal is at least 10; an A/B decides"
    assert judge_goal(measured(9.0, 10.0, 11.0), policy_of(FASTER), False).reason.endswith(
        "; the rounds do not tell whether it is met"
    )


@pytest.mark.parametrize("first", list(Verdict))
def test_the_graver_verdict_is_said_and_missing_a_goal_is_graver_than_standing_still(first):
    assert {gravest(first, first)} == {first}
    assert gravest(first, REGRESSED) is gravest(REGRESSED, first) is REGRESSED
    assert gravest(first, Verdict.UNCHANGED) is first


@pytest.mark.parametrize("first", [verdict for verdict in Verdict if verdict is not INCONCLUSIVE])
@pytest.mark.parametrize("second", [verdict for verdict in Verdict if verdict is not INCONCLUSIVE])
def test_the_order_is_the_reports_but_for_what_is_not_proven(first, second):
    assert gravest(first, second) is min(first, second, key=SEVERITY.__getitem__)
    assert gravest(INCONCLUSIVE, Verdict.IMPROVED) is INCONCLUSIVE
    assert gravest(INCONCLUSIVE, Verdict.NEW) is Verdict.NEW


SLOW, NEAR, FAST = measured(3.0, 3.0, 3.0), measured(9.0, 9.0, 9.0), measured(16.0, 16.0, 16.0)


def findings(made, base=None, place=None):
    return {found.metric: found for found in judge_record(made, base, place or fingerprint())}


@pytest.mark.parametrize(
    "base",
    [
        None,
        baseline({CASE: stored(speedup_over_eager_ratio=(3.0, 3.0, 3.0))}),
        baseline({CASE: stored(speedup_over_eager_ratio=(16.0, 16.1, 16.2))}),
        baseline({CASE: stored(speedup_over_eager_ratio=(3.0, 3.0, 3.0))}, place=fingerprint(device={"cores": "9"})),
        baseline({CASE: stored(definition="other")}),
        baseline({CASE: stored(status="unsupported")}),
    ],
    ids=["none", "as slow", "faster", "another device", "redefined", "unsupported"],
)
def test_a_missed_goal_is_red_whatever_the_baseline_says(base):
    found = findings(record(speedup_over_eager_ratio=SLOW), base)[FASTER]
    assert (found.case, found.verdict, found.value) == (CASE, REGRESSED, 3.0)
    assert found.reason == found.goal == f"3 (3 to 3), the goal is at least 10: {WHY}"
    made = run(record(speedup_over_eager_ratio=SLOW))
    assert exit_code(made, judge_run(made, {base.path: base} if base else {})) == 1


def test_a_goal_that_is_met_changes_nothing():
    base = baseline({CASE: stored(speedup_over_eager_ratio=(16.0, 16.0, 16.0))})
    without = record(speedup_over_eager_ratio=replace(FAST, limit=None, why=""))
    assert findings(record(speedup_over_eager_ratio=FAST), base) == findings(without, base)
    assert FASTER not in findings(record(speedup_over_eager_ratio=FAST), baseline({CASE: stored(definition="other")}))


def test_neighbours_leave_a_missed_goal_suspect_and_the_run_green():
    base = baseline({CASE: stored(speedup_over_eager_ratio=(9.0, 9.0, 9.0))})
    assert findings(record(speedup_over_eager_ratio=NEAR), base)[FASTER].verdict is SUSPECT
    made = run(record(speedup_over_eager_ratio=NEAR))
    assert exit_code(made, judge_run(made, {})) == 0
    gpu = run(record(speedup_over_eager_ratio=NEAR), place=fingerprint(machine=GPU))
    assert exit_code(gpu, judge_run(gpu, {})) == 1


def test_a_suspect_that_also_misses_its_goal_says_both():
    base = baseline({CASE: stored(speedup_over_eager_ratio=(16.0, 16.0, 16.0))})
    found = findings(record(speedup_over_eager_ratio=NEAR), base)[FASTER]
    assert found.verdict is SUSPECT
    assert found.reason.startswith("16 -> 9 (-43.7%)")
    assert "; 9 (9 to 9), the goal is at least 10" in found.reason


@pytest.mark.parametrize("stored_ratio", [(3.0, 3.0, 3.0), (16.0, 16.0, 16.0)])
@pytest.mark.parametrize(("load", "expected"), [(0.04, REGRESSED), (0.06, INCONCLUSIVE), (1.0, INCONCLUSIVE)])
def test_a_goal_missed_while_others_were_at_work_is_not_red(load, expected, stored_ratio):
    base = baseline({CASE: stored(speedup_over_eager_ratio=stored_ratio)})
    found = findings(record(speedup_over_eager_ratio=SLOW, foreign_load_share=load), base)[FASTER]
    assert found.verdict is expected
    assert (f"other processes used {load:.0%} of the machine" in found.reason) == (expected is INCONCLUSIVE)
    assert "the goal is at least 10" in found.reason


def test_a_goal_of_a_time_that_no_baseline_judges_is_kept_too():
    made = record(first_call_s=Metric(30.0, limit=10.0))
    assert findings(made)["first_call_s"].verdict is REGRESSED
    disturbed = replace(made, disturbed="throttled: thermal")
    assert findings(disturbed)["first_call_s"].verdict is INCONCLUSIVE
    assert findings(disturbed)["first_call_s"].reason.endswith("; throttled: thermal")


@pytest.mark.parametrize(("name", "expected"), [("device_s", REGRESSED), ("build_s", INCONCLUSIVE)])
def test_others_on_the_processor_disturb_its_own_goals_and_not_those_of_a_gpu(name, expected):
    metrics = {"device_s": Metric(1.0), name: Metric(30.0, limit=10.0)}
    found = findings(record(**metrics, foreign_load_share=0.3), None, fingerprint(machine=GPU))[name]
    assert found.verdict is (Verdict.NEW if expected is INCONCLUSIVE else expected)
    assert ("other processes used 30%" in found.goal) == (expected is INCONCLUSIVE)


def test_a_goal_missed_on_a_disturbed_gpu_is_not_red():
    made = replace(record(speedup_over_eager_ratio=SLOW), disturbed="throttled: thermal")
    assert findings(made, None, fingerprint(machine=GPU))[FASTER].verdict is Verdict.NEW
    assert "throttled: thermal" in findings(made, None, fingerprint(machine=GPU))[FASTER].goal
