import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import spread
from tools.compare import Finding, exit_code, judge_record, judge_run, measured_anything, worst
from tools.opinion import RED_FAMILY_ALPHA, judge_error, judge_exact, judge_spread, spread_verdict
from tools.policy import POLICIES, Rule, decisive
from tools.records import UNITS, Metric
from tools.refresh import stored_metric
from tools.spread import Interval
from tools.tests.samples import (
    CASE,
    GPU,
    OTHER,
    anchored,
    baseline,
    fingerprint,
    full_baseline,
    full_run,
    record,
    run,
    stored,
)
from tools.verdict import SEVERITY, Verdict

REGRESSED, IMPROVED, UNCHANGED = Verdict.REGRESSED, Verdict.IMPROVED, Verdict.UNCHANGED
INCONCLUSIVE, SUSPECT, NEW = Verdict.INCONCLUSIVE, Verdict.SUSPECT, Verdict.NEW
MISSING, INCOMPARABLE = Verdict.MISSING, Verdict.INCOMPARABLE

STEADY = (0.01, 0.0101, 0.0099)  # three processes, 1 % apart
RATIOS = (2.0, 2.02, 1.98)

ON_GPU = fingerprint(machine=GPU)  # where a ratio decides

calm = settings(deadline=None, derandomize=True, database=None)


def equals(case):
    """Four neighbours with the same numbers: the prior has its full weight and is no surprise."""
    return {f"attention/equal/{n}": case for n in range(4)}


def judged(now, before, place=None, stored_place=None):
    """Metric -> finding of one record against one stored case."""
    base = baseline({CASE: before, **equals(before)}, place=stored_place)
    return {finding.metric: finding for finding in judge_record(now, base, place or fingerprint())}


def verdict(metric, value, *before, place=None, stored_place=None):
    return judged(record(**{metric: value}), stored(**{metric: before}), place, stored_place)[metric].verdict


def exit_of(made, base, **options):
    baselines = {base.path: base} if base else {}
    return exit_code(made, judge_run(made, baselines), **options)


def of_case(made, base, case=CASE):
    """(metric, verdict) of one case, in the order of the report."""
    return [(f.metric, f.verdict) for f in judge_run(made, {base.path: base} if base else {}) if f.case == case]


# ---------------------------------------------------------------- exact numbers


@pytest.mark.parametrize(
    ("metric", "before", "now", "expected"),
    [
        # bytes: 1 % of a large number, 4 KiB of a small one
        ("peak_allocated_bytes", 1_000_000, 1_000_000, UNCHANGED),
        ("peak_allocated_bytes", 1_000_000, 1_010_000, UNCHANGED),
        ("peak_allocated_bytes", 1_000_000, 1_010_001, REGRESSED),
        ("peak_allocated_bytes", 1_000_000, 990_000, UNCHANGED),
        ("peak_allocated_bytes", 1_000_000, 989_999, IMPROVED),
        ("peak_allocated_bytes", 100_000, 104_096, UNCHANGED),
        ("peak_allocated_bytes", 100_000, 104_097, REGRESSED),
        ("peak_allocated_bytes", 100_000, 95_904, UNCHANGED),
        ("peak_allocated_bytes", 100_000, 95_903, IMPROVED),
        ("left_over_bytes", 0, 4096, UNCHANGED),
        ("left_over_bytes", 0, 4097, REGRESSED),
        # counts: no margin
        ("graph_break_count", 3, 3, UNCHANGED),
        ("graph_break_count", 3, 4, REGRESSED),
        ("graph_break_count", 3, 2, IMPROVED),
        ("graph_break_count", 0, 1, REGRESSED),
        ("graph_break_count", 1_000_000, 1_000_001, REGRESSED),
        # fractions: more is better, 1 %
        ("saved_fraction", 0.5, 0.5, UNCHANGED),
        ("saved_fraction", 0.5, 0.4951, UNCHANGED),
        ("saved_fraction", 0.5, 0.4949, REGRESSED),
        ("saved_fraction", 0.5, 0.5049, UNCHANGED),
        ("saved_fraction", 0.5, 0.5051, IMPROVED),
        ("saved_fraction", 0.5, 0.0, REGRESSED),
        # decibel: more is better, a factor of two
        ("sqnr_db", 40.0, 40.0, UNCHANGED),
        ("sqnr_db", 40.0, 33.98, UNCHANGED),
        ("sqnr_db", 40.0, 33.97, REGRESSED),
        ("sqnr_db", 40.0, 46.02, UNCHANGED),
        ("sqnr_db", 40.0, 46.03, IMPROVED),
    ],
)
def test_exact_numbers_on_both_sides_of_the_edge(metric, before, now, expected):
    assert verdict(metric, now, before) is expected


def test_an_exact_number_is_judged_against_the_median_of_its_processes():
    assert verdict("sqnr_db", 40.0, 40.0, 20.0, 40.0) is UNCHANGED
    assert verdict("sqnr_db", 20.0, 40.0, 20.0, 40.0) is REGRESSED


@pytest.mark.parametrize(
    ("limit", "before", "now", "expected"),
    [
        (None, 1e-6, 1.99e-6, UNCHANGED),
        (None, 1e-6, 2.01e-6, REGRESSED),
        (None, 1e-6, 0.51e-6, UNCHANGED),
        (None, 1e-6, 0.49e-6, IMPROVED),
        (1e-5, 1e-6, 2.99e-6, UNCHANGED),
        (1e-5, 1e-6, 3.01e-6, REGRESSED),
        (1e-5, 1e-5, 4.51e-6, UNCHANGED),
        (1e-5, 1e-5, 4.49e-6, IMPROVED),
        (1e-5, 0.0, 0.99e-6, UNCHANGED),
        (1e-5, 0.0, 1.01e-6, REGRESSED),
        (None, 0.0, 0.0, UNCHANGED),
        (None, 0.0, 1e-12, REGRESSED),
    ],
)
def test_an_error_may_double_plus_a_tenth_of_its_tolerance(limit, before, now, expected):
    assert verdict("relative_error", Metric(now, (), limit), before) is expected


@pytest.mark.parametrize("metric", ["matmul_share", "flops_per_s", "payback_calls", "first_call_s"])
def test_what_is_only_recorded_has_no_verdict(metric):
    now = record(graph_count=1, **{metric: 1.0})
    assert judged(now, stored(graph_count=1, **{metric: 99.0})).keys() == {"status", "graph_count"}
    assert [f.metric for f in judge_record(now, None, fingerprint())] == ["status", "graph_count"]


def test_a_finding_tells_both_numbers_and_the_change():
    found = judged(record(peak_allocated_bytes=1_200_000), stored(peak_allocated_bytes=1_000_000))
    finding = found["peak_allocated_bytes"]
    assert (finding.baseline, finding.value, finding.change) == (1_000_000, 1_200_000, pytest.approx(0.2))
    assert finding.sentence() == f"{CASE}: peak_allocated_bytes regressed: 1,000,000 -> 1,200,000"


@pytest.mark.parametrize(
    ("metric", "now", "before", "words"),
    [
        ("graph_count", 3, 3, "unchanged: same"),
        ("peak_allocated_bytes", 100_001, 100_000, "unchanged: within the margin"),
        ("peak_allocated_bytes", 300_000, 200_000, "regressed: 200,000 -> 300,000"),
        ("sqnr_db", 20.123456789, 40.0, "regressed: 40 -> 20.1235"),
        ("relative_error", Metric(1e-3, (), 1e-5), 1e-6, "regressed: error 1e-06 -> 0.001, more than 2 x + 1e-06"),
        ("relative_error", 1e-6, 1e-3, "improved: error 0.001 -> 1e-06"),
        ("relative_error", 1e-6, 1e-6, "unchanged: within a factor of two"),
        ("register_count", 40, 32, "suspect: 32 -> 40 (only a hint)"),
        ("register_count", 24, 32, "improved: 32 -> 24"),
        ("register_count", 39, 32, "unchanged: within the margin"),
        ("build_s", 0.2, (0.25, 0.25, 0.25), "unchanged: within 0.1"),
        ("latency_s", 0.01, (0.01,), "inconclusive: the baseline holds 1 process, expected 3"),
        ("latency_s", 0.0, STEADY, "incomparable: a time or ratio that is not positive; refresh the baseline"),
        ("latency_s", 0.01, (0.01, 0.01, 0.01), "unchanged: a change under 1% would not show"),
    ],
)
def test_what_is_said_of_a_number(metric, now, before, words):
    """The steady time: t of 10 degrees of freedom at 0.025, twice the floor of the spread, sqrt(4/3): 0.5 %."""
    found = judged(record(**{metric: now}), stored(**{metric: before}))[metric]
    assert found.sentence() == f"{CASE}: {metric} {words}"


def test_a_hint_is_what_the_baseline_says_of_the_median():
    assert verdict("register_count", 40, 40, 40, 8) is UNCHANGED
    assert verdict("relative_error", 2.5e-6, 1e-6, 1e-6, 9e-6) is REGRESSED


@pytest.mark.parametrize(
    ("metric", "now", "words"),
    [
        ("shared_static_bytes", Metric(9000, where="kernel.py:40"), "1,000 -> 9,000 (only a hint) at kernel.py:40"),
        ("shared_static_bytes", Metric(9000), "1,000 -> 9,000 (only a hint)"),
        ("graph_count", Metric(1001, where="kernel.py:40"), "1,000 -> 1,001 at kernel.py:40"),
        ("graph_count", Metric(999, where="kernel.py:40"), "1,000 -> 999"),
        ("graph_count", Metric(1000, where="kernel.py:40"), "same"),
    ],
)
def test_what_got_worse_is_said_with_its_lines(metric, now, words):
    assert judged(record(**{metric: now}), stored(**{metric: 1000}))[metric].reason == words


@pytest.mark.parametrize(
    ("gone", "successor"),
    [
        ("tensor_core_count", "fp32_multiply_add_count"),
        ("global_load_wide_fraction", "global_load_width_bytes"),
        ("global_store_wide_fraction", "global_store_width_bytes"),
    ],
)
def test_what_is_gone_has_the_lines_of_what_does_its_work_now(gone, successor):
    lines = Metric(8, where="kernel.py:7")
    found = judged(record(**{gone: 0, successor: lines}), stored(**{gone: 1, successor: 8}))
    assert found[gone].reason == "1 -> 0 at kernel.py:7"
    assert judged(record(**{gone: 0}), stored(**{gone: 1}))[gone].reason == "1 -> 0"
    own = judged(record(**{gone: Metric(0, where="own.py:1"), successor: lines}), stored(**{gone: 1, successor: 8}))
    assert own[gone].reason == "1 -> 0 at own.py:1"


def test_what_is_new_or_missing_says_so_and_has_the_one_number_that_there_is():
    found = judged(record(graph_count=3), stored(left_over_bytes=(1, 5, 2)))
    assert found["graph_count"] == Finding(CASE, "graph_count", NEW, "no baseline yet", None, 3)
    text = "the baseline has this metric, the run has not; measure it again or refresh"
    assert found["left_over_bytes"] == Finding(CASE, "left_over_bytes", MISSING, text, 2, None)
    assert judge_record(record(status="oom"), None, fingerprint()) == [
        Finding(CASE, "status", NEW, "no baseline yet", None, "oom")
    ]


# ---------------------------------------------------------------- status


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("ok", "ok", UNCHANGED),
        ("ok", "oom", REGRESSED),
        ("ok", "unsupported", REGRESSED),
        ("ok", "error", REGRESSED),
        ("oom", "ok", IMPROVED),
        ("oom", "oom", UNCHANGED),
        ("oom", "error", REGRESSED),
        ("unsupported", "ok", IMPROVED),
        ("unsupported", "unsupported", UNCHANGED),
        ("unsupported", "oom", REGRESSED),
        ("unsupported", "error", REGRESSED),
        ("error", "error", REGRESSED),
    ],
)
def test_status(before, now, expected):
    finding = judged(record(status=now, reason="because"), stored(before))["status"]
    assert (finding.verdict, finding.baseline, finding.value) == (expected, before, now)
    assert "because" in finding.reason
    assert exit_of(run(record(status=now), record(OTHER)), baseline({CASE: stored(before), OTHER: stored()})) == (
        1 if expected is REGRESSED else 0
    )


@pytest.mark.parametrize(
    ("before", "now", "reason", "words"),
    [
        ("ok", "ok", "", "same status"),
        ("oom", "oom", "too large", "too large"),
        ("ok", "oom", "", "ok -> oom"),
        ("ok", "oom", "too large", "ok -> oom: too large"),
        ("oom", "ok", "", "oom -> ok"),
    ],
)
def test_what_is_said_of_a_status(before, now, reason, words):
    found = judged(record(status=now, reason=reason), stored(before))["status"]
    assert (found.case, found.reason) == (CASE, words)


def test_an_error_tells_the_status_that_was_stored():
    now = record(status="error", reason="wrong")
    told = {status: judged(now, stored(status))["status"] for status in ("ok", "oom")}
    assert told == {status: Finding(CASE, "status", REGRESSED, "wrong", status, "error") for status in told}
    assert judge_record(now, baseline({}), fingerprint())[0].baseline is None


def test_an_error_is_red_without_a_baseline_and_elsewhere():
    for base in (None, baseline({}), baseline({CASE: stored()}, place=fingerprint(software={"torch": "1"}))):
        [finding] = judge_record(record(status="error", reason="wrong result"), base, fingerprint())
        assert (finding.verdict, finding.reason) == (REGRESSED, "wrong result")


@pytest.mark.parametrize("part", ["software", "device"])
def test_a_status_that_changed_with_its_environment_is_incomparable(part):
    elsewhere = fingerprint(**{part: {"torch": "9"}})
    now = record(status="oom")
    assert judged(now, stored(), elsewhere)["status"].verdict is INCOMPARABLE
    assert judged(now, stored(), fingerprint(machine={"id": "other"}))["status"].verdict is REGRESSED
    assert judged(now, stored("oom"), elsewhere)["status"].verdict is UNCHANGED


def test_numbers_are_compared_only_where_both_sides_have_some():
    assert judged(record(graph_count=5), stored("oom")).keys() == {"status"}
    assert judged(record(status="oom"), stored(graph_count=1)).keys() == {"status"}


# ---------------------------------------------------------------- times and speed-ups


@pytest.mark.parametrize("factor", [1.2, 1.5, 10.0, 1e6])
def test_a_time_is_only_ever_suspect_however_slow(factor):
    assert verdict("latency_s", 0.01 * factor, *STEADY) is SUSPECT
    assert exit_of(run(record(latency_s=0.01 * factor)), baseline({CASE: stored(latency_s=STEADY)})) == 0
    assert exit_of(run(record(latency_s=0.01 * factor)), baseline({CASE: stored(latency_s=STEADY)}), strict=True) == 0


def test_a_steady_time_is_unchanged():
    steady = (0.01, 0.01001, 0.00999)
    assert verdict("latency_s", 0.01002, *steady) is UNCHANGED
    assert verdict("latency_s", 0.0102, *steady) is UNCHANGED
    assert verdict("latency_s", 0.0104, *steady) is SUSPECT


@pytest.mark.parametrize(("slower", "expected"), [(1.12, INCONCLUSIVE), (1.16, SUSPECT)])
def test_a_noisy_time_is_suspect_where_chance_ends(slower, expected):
    """Processes 5 % apart in the logarithm: chance alone reaches 2.228 x 0.05 x sqrt(4/3), that is 13.7 %."""
    noisy = (0.01 * math.exp(-0.05), 0.01, 0.01 * math.exp(0.05))
    assert verdict("latency_s", 0.01 * slower, *noisy) is expected


def test_a_neighbour_with_a_time_of_zero_does_not_disturb():
    base = baseline({CASE: stored(latency_s=STEADY), OTHER: stored(latency_s=(0.0, 0.0, 0.0))})
    assert judge_record(record(latency_s=0.1), base, fingerprint())[1].verdict is SUSPECT


def test_a_faster_time_is_no_verdict_of_a_stored_number():
    assert verdict("latency_s", 0.001, *STEADY) is INCONCLUSIVE


def test_a_suspect_says_how_far_it_went_and_who_decides():
    finding = judged(record(latency_s=0.015), stored(latency_s=STEADY))["latency_s"]
    assert "0.01 -> 0.015 (+50.0%)" in finding.reason
    assert "an A/B decides" in finding.reason
    built = judged(record(build_s=20.0), stored(build_s=(10.0, 10.1, 9.9)))["build_s"]
    assert built.verdict is SUSPECT
    assert built.reason.endswith("; no A/B measures it: measure it again")
    assert finding.change == pytest.approx(0.5, rel=1e-3)
    assert finding.low < finding.change < finding.high
    assert finding.low > 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.0 / 1.5, REGRESSED),
        (2.0 / 1.12, REGRESSED),
        (2.0 / 1.08, SUSPECT),
        (2.0 / 1.04, INCONCLUSIVE),
        (2.0 / 1.01, UNCHANGED),
        (2.0, UNCHANGED),
        (2.0 * 1.01, UNCHANGED),
        (2.0 * 1.04, INCONCLUSIVE),
        (2.0 * 1.12, IMPROVED),
        (2.0 * 1.5, IMPROVED),
    ],
)
def test_a_speedup_against_three_processes_one_percent_apart(value, expected):
    assert verdict("speedup_over_eager_ratio", value, *RATIOS, place=ON_GPU) is expected


@pytest.mark.parametrize("value", [0.2, 1.0, 4.0, 20.0])
def test_a_speedup_on_a_cpu_machine_decides_nothing(value):
    """A neighbour that nobody sees slows the case and its yardstick by different amounts."""
    found = verdict("speedup_over_eager_ratio", value, *RATIOS)
    assert found is (SUSPECT if value < 2 else INCONCLUSIVE)


def test_a_lost_speedup_fails_the_run():
    base = baseline({CASE: stored(speedup_over_eager_ratio=RATIOS)})
    assert exit_of(run(record(speedup_over_eager_ratio=2.0 / 1.5), place=ON_GPU), base) == 1


def test_a_change_below_the_margin_is_never_red_however_steady_the_baseline():
    steady = (2.0, 2.0, 2.0)
    assert verdict("speedup_over_eager_ratio", 2.0 / 1.045, *steady, place=ON_GPU) is not REGRESSED
    assert verdict("speedup_over_eager_ratio", 2.0 / 1.08, *steady, place=ON_GPU) is REGRESSED


def test_noisy_neighbours_keep_a_lucky_baseline_from_raising_an_alarm():
    noisy = {f"attention/noisy/{n}": stored(speedup_over_eager_ratio=(1.0, 1.5, 2.0)) for n in range(5)}
    alone = baseline({CASE: stored(speedup_over_eager_ratio=RATIOS)})
    among = baseline({CASE: stored(speedup_over_eager_ratio=RATIOS), **noisy})
    now = record(speedup_over_eager_ratio=1.5)

    def red(base):
        return judge_record(now, base, ON_GPU)[1].verdict is REGRESSED

    assert red(alone)
    assert not red(among)


def test_a_noisy_number_is_told_against_the_centre_that_it_is_judged_by():
    values = (0.01, 0.0101, 0.012)
    finding = judged(record(latency_s=0.0102), stored(latency_s=values))["latency_s"]
    assert finding.baseline == spread.centre(values)
    assert finding.change == pytest.approx(0.0102 / spread.centre(values) - 1)


def test_a_change_beyond_all_numbers_is_not_told():
    finding = judged(record(sqnr_db=1e19), stored(sqnr_db=(1e-300,)))["sqnr_db"]
    assert (finding.verdict, finding.change) == (IMPROVED, None)


@pytest.mark.parametrize("neighbours", [0, 1, 4])
def test_a_metric_takes_its_even_share_of_what_its_path_may_err(neighbours):
    own, pool, policy = (1.0, 1.01, 1.02), spread.Pool(count=neighbours), POLICIES["_ratio"]
    share = spread.interval(0.3, own, pool.prior, RED_FAMILY_ALPHA / (1 + neighbours))
    assert policy.alpha >= RED_FAMILY_ALPHA
    chance = f"chance explains {1 - math.exp(-share.half_width):.0%}"
    assert judge_spread(0.3, own, pool, policy).reason.endswith(chance)


def test_neighbours_are_those_of_the_same_rule():
    times = {f"attention/noisy/{n}": stored(latency_s=(0.01, 0.02, 0.03)) for n in range(5)}
    base = baseline({CASE: stored(speedup_over_eager_ratio=RATIOS), **times})
    assert judge_record(record(speedup_over_eager_ratio=1.5), base, ON_GPU)[1].verdict is REGRESSED


@pytest.mark.parametrize("metric", ["latency_s", "speedup_over_eager_ratio"])
@pytest.mark.parametrize("processes", [1, 2])
def test_fewer_than_three_processes_are_inconclusive(metric, processes):
    for value in (0.0001, 1.0, 1e6):
        assert verdict(metric, value, *RATIOS[:processes]) is INCONCLUSIVE
    finding = judged(record(**{metric: 1.0}), stored(**{metric: RATIOS[:processes]}))[metric]
    assert f"holds {processes} process" in finding.reason
    assert "expected 3" in finding.reason


@pytest.mark.parametrize(("value", "before"), [(0.0, STEADY), (-1.0, STEADY), (0.01, (0.0, 0.01, 0.01))])
def test_a_time_that_is_not_positive_is_incomparable(value, before):
    assert verdict("latency_s", value, *before) is INCOMPARABLE


# ---------------------------------------------------------------- times on a known GPU

TEN = tuple(0.01 * (1 + step / 1000) for step in (-2, -1, 0, 1, 2) * 2)


def on_gpu(seconds, *before, metric="device_s", machine=GPU, stored_machine=GPU):
    place, stored_place = fingerprint(machine=machine), fingerprint(machine=stored_machine, soft={})
    return verdict(metric, seconds, *before, place=place, stored_place=stored_place)


@pytest.mark.parametrize(
    ("slower", "expected"),
    [(1.5, REGRESSED), (1.04, REGRESSED), (1.029, INCONCLUSIVE), (1.0, UNCHANGED), (0.96, IMPROVED)],
)
def test_a_time_of_the_same_gpu_is_red_beyond_three_percent(slower, expected):
    assert on_gpu(0.01 * slower, *TEN) is expected


def test_a_red_time_fails_the_run():
    base = baseline({CASE: stored(device_s=TEN)}, place=fingerprint(machine=GPU, soft={}))
    assert exit_of(run(record(device_s=0.012), place=fingerprint(machine=GPU)), base) == 1


@pytest.mark.parametrize("processes", [3, 9])
def test_a_time_of_the_same_gpu_with_fewer_than_ten_processes_is_suspect(processes):
    assert on_gpu(0.02, *TEN[:processes]) is SUSPECT


@pytest.mark.parametrize("name", sorted(GPU))
def test_a_time_of_another_gpu_driver_or_clock_is_never_red(name):
    assert on_gpu(0.02, *TEN, machine={**GPU, name: "other"}) is INCONCLUSIVE
    assert on_gpu(0.02, *TEN, stored_machine={**GPU, name: "other"}) is INCONCLUSIVE
    assert on_gpu(0.02, *TEN, stored_machine={}) is INCONCLUSIVE


@pytest.mark.parametrize("machine", [{}, {"id": "this one"}, {**GPU, "driver": "unsupported (no NVML)"}])
@pytest.mark.parametrize("slower", [1.2, 10.0, 1e6])
def test_a_time_of_a_machine_that_is_no_known_gpu_is_never_red_however_long_its_history(machine, slower):
    assert on_gpu(0.01 * slower, *TEN * 10, machine=machine, stored_machine=machine) is SUSPECT
    assert on_gpu(0.01 / slower, *TEN * 10, machine=machine, stored_machine=machine) is INCONCLUSIVE


def test_a_time_of_the_host_is_suspect_on_a_known_gpu_too():
    assert on_gpu(0.02, *TEN, metric="cold_compile_s") is SUSPECT


def test_a_disturbed_time_of_a_known_gpu_decides_nothing():
    place = fingerprint(machine=GPU)
    now, before = record(device_s=0.02, foreign_load_share=0.51), stored(device_s=TEN)
    assert judged(now, before, place, place)["device_s"].verdict is INCONCLUSIVE


def test_other_shards_on_other_cores_leave_a_gpus_times_standing_and_not_the_processors():
    place = fingerprint(machine=GPU)
    now = record(device_s=0.02, cold_compile_s=0.02, foreign_load_share=0.49)
    found = judged(now, stored(device_s=TEN, cold_compile_s=TEN), place, place)
    assert found["device_s"].verdict is REGRESSED
    assert found["cold_compile_s"].verdict is INCONCLUSIVE


def test_a_time_taken_while_the_device_was_disturbed_decides_nothing_and_says_why():
    place = fingerprint(machine=GPU)
    now = dataclasses.replace(record(device_s=0.02, peak_allocated_bytes=2**20), disturbed="throttled: thermal")
    found = judged(now, stored(device_s=TEN, peak_allocated_bytes=2**21), place, place)
    assert (found["device_s"].verdict, found["device_s"].reason) == (INCONCLUSIVE, "throttled: thermal")
    assert found["peak_allocated_bytes"].verdict is IMPROVED  # bytes do not depend on clocks


def test_a_time_may_err_once_in_two_thousand_where_its_path_would_allow_it_more():
    """Ten processes on their own: t with 9 degrees of freedom reaches 3.25 at 0.005 and 4.78 at 0.0005."""
    noisy = [0.01 * math.exp(0.02 * step) for step in (-1, 1) * 5]
    sd = 0.02 * math.sqrt(10 / 9) * math.sqrt(1 + 1 / 10)
    slower = [0.01 * 1.03 * math.exp(t * sd) for t in (3.3, 4.7, 4.9)]
    found = [judge_spread(value, noisy, spread.Pool(), decisive(POLICIES["_s"])).verdict for value in slower]
    assert found == [SUSPECT, SUSPECT, REGRESSED]


@pytest.mark.parametrize(("unit", "log_ratio", "chance"), [("_ratio", -0.6, "39%"), ("_s", 0.6, "65%")])
def test_chance_never_explains_more_than_what_is_called_regressed(unit, log_ratio, chance):
    """45 % of a speed-up lost, and chance as a loss, too: 1 - exp(-0.5); of a time it is exp(0.5) - 1."""
    found = Interval(log_ratio, 0.5)
    verdict, reason = spread_verdict(found, found, decisive(POLICIES[unit]), "changed")
    assert (verdict, reason) == (REGRESSED, f"changed; chance explains {chance}")


@pytest.mark.parametrize("unit", ["_ratio", "_s"])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_of_just_the_margin_is_neither_beyond_nor_within(unit, sign):
    policy = decisive(POLICIES[unit])
    edge = Interval(sign * math.log1p(policy.margin), 0.0)
    assert spread_verdict(edge, edge, policy, "changed")[0] is INCONCLUSIVE


# ---------------------------------------------------------------- the anchor


def against_anchor(metric, value, values, anchor, **options):
    now = record(**{metric: value, **options})
    return judged(now, anchored(metric, values, anchor))[metric]


def scaled(values, factor):
    return tuple(value * factor for value in values)


def test_a_time_that_crept_is_suspect_and_says_since_when():
    finding = against_anchor("latency_s", 0.011, scaled(STEADY, 1.09), STEADY)
    assert finding.verdict is SUSPECT
    assert finding.reason == (
        "crept: +10.0% since the anchor 1a2b3c4d5e6f (2026-09-01), +0.9% since the baseline; "
        "an A/B against 1a2b3c4d5e6f decides"
    )
    assert finding.baseline == pytest.approx(0.0109, rel=1e-3)
    assert finding.change == pytest.approx(0.009, abs=1e-3)
    assert finding.low < finding.change < finding.high
    assert finding.anchor == "1a2b3c4d5e6f"


def test_a_jump_on_top_of_a_creep_stays_a_jump_and_tells_both():
    finding = against_anchor("latency_s", 0.02, scaled(STEADY, 1.1), STEADY)
    assert finding.verdict is SUSPECT
    assert finding.reason.startswith("0.011 -> 0.02 (+81.8%)")
    assert finding.reason.endswith("an A/B decides; +100.0% since the anchor 1a2b3c4d5e6f (2026-09-01)")
    assert finding.anchor is None  # yesterday's commit shows the jump


def test_a_speedup_that_crept_away_is_suspect_and_not_red():
    """Both sides of the time ratio were measured weeks apart; on its own the loss would be far beyond red."""
    finding = against_anchor("speedup_over_eager_ratio", 1.4, scaled(RATIOS, 0.7), RATIOS)
    assert verdict("speedup_over_eager_ratio", 1.4, *RATIOS, place=ON_GPU) is REGRESSED
    assert finding.verdict is SUSPECT
    assert "crept: -30.0% since the anchor" in finding.reason


@pytest.mark.parametrize(
    ("metric", "value", "rolling", "anchor"),
    [
        ("peak_allocated_bytes", 1_011_000, 1_005_000, 1_000_000),
        ("saved_fraction", 0.494, 0.497, 0.5),
        ("sqnr_db", 33.0, 37.0, 40.0),
        ("relative_error", 2.5e-6, 1.5e-6, 1e-6),
    ],
)
def test_an_exact_number_that_crept_past_its_bounds_is_red(metric, value, rolling, anchor):
    assert verdict(metric, value, rolling) is UNCHANGED
    finding = against_anchor(metric, value, (rolling,), (anchor,))
    assert finding.verdict is REGRESSED
    assert finding.reason.startswith("crept: ")
    assert "since the anchor 1a2b3c4d5e6f (2026-09-01)" in finding.reason
    base = baseline({CASE: anchored(metric, (rolling,), (anchor,))})
    assert exit_of(run(record(**{metric: value})), base) == 1


@pytest.mark.parametrize(
    ("metric", "value", "rolling", "anchor", "expected"),
    [
        ("latency_s", 0.01, STEADY, scaled(STEADY, 2), UNCHANGED),
        ("latency_s", 0.01, STEADY, scaled(STEADY, 0.99), UNCHANGED),
        ("latency_s", 0.01, STEADY, (0.001, 0.001), UNCHANGED),
        ("latency_s", 0.01, STEADY, (0.0, 0.01, 0.01), UNCHANGED),
        ("peak_allocated_bytes", 1_000_000, (1_000_000,), (2_000_000,), UNCHANGED),
        ("peak_allocated_bytes", 500_000, (1_000_000,), (2_000_000,), IMPROVED),
        ("peak_allocated_bytes", 3_000_000, (1_000_000,), (500_000,), REGRESSED),
    ],
)
def test_an_anchor_that_is_slower_near_or_useless_changes_nothing(metric, value, rolling, anchor, expected):
    found, plain = (
        against_anchor(metric, value, rolling, anchor),
        judged(record(**{metric: value}), stored(**{metric: rolling}))[metric],
    )
    assert found.verdict is expected
    assert found == plain


def test_an_anchor_speaks_where_the_rolling_values_are_too_few():
    finding = against_anchor("latency_s", 0.012, (0.0119,), STEADY)
    assert finding.verdict is SUSPECT
    told = "crept: +20.0% since the anchor 1a2b3c4d5e6f (2026-09-01); an A/B against 1a2b3c4d5e6f decides"
    assert (finding.reason, finding.low, finding.high) == (told, None, None)


def test_a_disturbed_time_has_not_crept():
    finding = against_anchor("latency_s", 0.012, scaled(STEADY, 1.19), STEADY, foreign_load_share=0.5)
    assert finding.verdict is INCONCLUSIVE


def test_a_creep_of_one_gpu_is_suspect_however_much_it_may_decide():
    place = fingerprint(machine=GPU)
    base = baseline({CASE: anchored("device_s", scaled(TEN, 1.09), TEN)}, place=place)
    [_, finding] = judge_record(record(device_s=0.011), base, place)
    assert (finding.metric, finding.verdict) == ("device_s", SUSPECT)
    assert "crept: +10.0%" in finding.reason


# ---------------------------------------------------------------- scope


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            "software",
            {
                "peak_allocated_bytes": INCOMPARABLE,
                "graph_count": INCOMPARABLE,
                "saved_fraction": INCOMPARABLE,
                "relative_error": INCOMPARABLE,
                "sqnr_db": INCOMPARABLE,
                "speedup_over_eager_ratio": INCONCLUSIVE,  # one case on its own: too few numbers for `unchanged`
                "latency_s": INCOMPARABLE,
            },
        ),
        (
            "device",
            {
                "peak_allocated_bytes": INCOMPARABLE,
                "graph_count": INCOMPARABLE,
                "saved_fraction": INCOMPARABLE,
                "relative_error": UNCHANGED,
                "sqnr_db": UNCHANGED,
                "speedup_over_eager_ratio": INCOMPARABLE,
                "latency_s": INCOMPARABLE,
            },
        ),
        (
            "machine",
            {
                "peak_allocated_bytes": UNCHANGED,
                "graph_count": UNCHANGED,
                "saved_fraction": UNCHANGED,
                "relative_error": UNCHANGED,
                "sqnr_db": UNCHANGED,
                "speedup_over_eager_ratio": INCONCLUSIVE,
                "latency_s": INCONCLUSIVE,
            },
        ),
    ],
)
def test_a_baseline_speaks_only_in_its_scope(part, expected):
    made = dataclasses.replace(full_run(), fingerprint=fingerprint(**{part: {"torch": "9"}}))
    findings = judge_record(made.records[0], full_baseline(), made.fingerprint)
    assert {f.metric: f.verdict for f in findings} == {"status": UNCHANGED, **expected}


def test_incomparable_names_the_versions_and_the_ways_out():
    elsewhere = fingerprint(software={"torch": "2.15.0", "python": "CPython 3.12.1"})
    base = baseline({CASE: stored(graph_count=1)})
    [_, finding] = judge_record(record(graph_count=9), base, elsewhere)
    assert (finding.metric, finding.verdict) == ("graph_count", INCOMPARABLE)
    assert "software.torch: 2.14.1 -> 2.15.0" in finding.reason
    assert "software.python" not in finding.reason
    assert "refresh" in finding.reason
    assert (finding.baseline, finding.value) == (1, 9)
    assert exit_of(run(record(graph_count=9), place=elsewhere), base) == 3


@pytest.mark.parametrize(("others", "more"), [(3, ""), (4, "; and 1 more")])
def test_four_differences_are_listed(others, more):
    elsewhere = fingerprint(software={"python": "CPython 3.12.1", **{f"lib{n}": "1" for n in range(others)}})
    found = judged(record(graph_count=1), stored(graph_count=1), elsewhere)["graph_count"]
    listed = "; ".join(
        [f"software.lib{n}: None -> 1" for n in range(others)] + ["software.torch: 2.14.1 -> None"][: 4 - others]
    )
    assert found.reason == (
        f"the baseline was made elsewhere ({listed}{more}); refresh it, or compare both with python -m tools ab"
    )


def test_many_differences_are_counted_not_listed():
    elsewhere = fingerprint(software={f"lib{n}": "1" for n in range(9)})
    [_, finding] = judge_record(record(graph_count=1), baseline({CASE: stored(graph_count=1)}), elsewhere)
    assert finding.reason.count("software.") == 4
    assert "and 7 more" in finding.reason


def test_another_machine_of_the_kind_leaves_times_undecided_and_passes():
    elsewhere = fingerprint(machine={"id": "other"})
    base = baseline({CASE: stored(latency_s=STEADY)})
    made = run(record(latency_s=9.0), place=elsewhere)
    assert of_case(made, base) == [("status", UNCHANGED), ("latency_s", INCONCLUSIVE)]
    assert exit_of(made, base) == 0
    assert exit_of(made, base, strict=True) == 3


# ---------------------------------------------------------------- absence


def test_a_time_on_another_machine_with_other_software_is_incomparable():
    elsewhere = fingerprint(machine={"id": "other"}, software={"torch": "9"})
    assert verdict("latency_s", 0.01, *STEADY, place=elsewhere) is INCOMPARABLE


def test_a_redefined_case_is_incomparable_and_judged_no_further():
    base = baseline({CASE: stored(definition="d0", graph_count=1)})
    made = run(record(definition="d1", graph_count=9))
    text = "the case was redefined (d0 -> d1); refresh it"
    assert judge_run(made, {"attention": base}) == [Finding(CASE, "definition", INCOMPARABLE, text, "d0", "d1")]
    assert exit_of(made, base) == 3


def test_a_vanished_metric_is_missing():
    base = baseline({CASE: stored(graph_count=1, latency_s=STEADY)})
    made = run(record(latency_s=0.01))
    assert of_case(made, base)[0] == ("graph_count", MISSING)
    assert exit_of(made, base) == 3


def test_a_vanished_metric_that_is_only_recorded_is_not_missing():
    base = baseline({CASE: stored(graph_count=1, first_call_s=1.0)})
    assert of_case(run(record(graph_count=1)), base) == [("graph_count", UNCHANGED), ("status", UNCHANGED)]


@pytest.mark.parametrize(("seconds", "hidden"), [(0.01, False), (10.0, True)])
def test_moments_below_their_floor_do_not_widen_the_bounds_of_others(seconds, hidden):
    """A phase of a hundredth of a second that doubles from process to process; of ten seconds it would be noise."""
    jumping = {f"attention/equal/{n}": stored(build_s=(seconds, 2 * seconds, seconds / 2)) for n in range(4)}
    base = baseline({CASE: stored(build_s=(10.0, 10.1, 9.9)), **jumping})
    [found] = [each for each in judge_record(record(build_s=13.0), base, fingerprint()) if each.metric == "build_s"]
    assert found.verdict is (INCONCLUSIVE if hidden else SUSPECT)


def test_keys_of_the_allocator_that_are_new_or_gone_are_named_and_the_others_judged():
    common, gone, new = (
        f"allocator.{key}" for key in ("num_ooms_count", "active.all.peak_bytes", "requested.all.peak_bytes")
    )
    base = baseline({CASE: stored(**{common: 0, gone: 1 << 20})})
    made = run(record(**{common: 1, new: 1 << 20}))
    assert of_case(made, base)[:3] == [(common, REGRESSED), (gone, MISSING), (new, NEW)]


def test_a_new_metric_is_new():
    base = baseline({CASE: stored(graph_count=1)})
    made = run(record(graph_count=1, peak_allocated_bytes=10))
    assert of_case(made, base)[0] == ("peak_allocated_bytes", NEW)
    assert exit_of(made, base) == 0
    assert exit_of(made, base, require_baseline=True) == 3


def test_a_renamed_case_is_missing_under_its_old_name_and_new_under_the_new():
    base = baseline({CASE: stored(graph_count=1)})
    made = run(record(OTHER, graph_count=1))
    assert of_case(made, base, CASE) == [("status", MISSING)]
    assert of_case(made, base, OTHER) == [("graph_count", NEW), ("status", NEW)]
    assert exit_of(made, base) == 3


@pytest.mark.parametrize("base", [None, baseline({}), baseline({OTHER: stored(graph_count=1)})])
def test_a_deleted_baseline_entry_is_new_and_passes_unless_required(base):
    made = run(record(graph_count=1), known={"attention": (CASE, OTHER)})
    assert of_case(made, base) == [("graph_count", NEW), ("status", NEW)]
    assert exit_of(made, base) == 0
    assert exit_of(made, base, require_baseline=True) == 3


@pytest.mark.parametrize(("whole", "expected"), [(True, 3), (False, 0)])
def test_a_vanished_path_is_missing_only_when_everything_was_collected(whole, expected):
    base = baseline({"compile/inductor/x": stored(graph_count=1)}, path="compile")
    made = run(record(graph_count=1), whole=whole)
    assert of_case(made, base, "compile/inductor/x") == ([("status", MISSING)] if whole else [])
    assert exit_of(made, base) == expected


def test_a_deselected_case_is_not_missing():
    base = baseline({CASE: stored(graph_count=1), OTHER: stored(graph_count=1)})
    made = run(record(graph_count=1), known={"attention": (CASE, OTHER)}, selected=(CASE,))
    assert of_case(made, base, OTHER) == []
    assert exit_of(made, base) == 0


def test_a_vanished_case_is_missing_even_when_others_were_deselected():
    base = baseline({CASE: stored(graph_count=1), OTHER: stored(graph_count=1)})
    made = run(record(graph_count=1), known={"attention": (CASE, "attention/x")}, selected=(CASE,), whole=False)
    assert of_case(made, base, OTHER) == [("status", MISSING)]


@pytest.mark.parametrize("base", [None, baseline({CASE: stored(), OTHER: stored()})])
def test_a_selected_case_without_record_is_missing(base):
    made = run(record(), known={"attention": (CASE, OTHER)}, selected=(CASE, OTHER))
    assert of_case(made, base, OTHER) == [("status", MISSING)]
    assert exit_of(made, base) == 3


def test_what_is_missing_says_what_vanished_and_what_was_stored():
    base = baseline({CASE: stored(), OTHER: stored("oom"), "attention/a": stored()})
    told = "the baseline has this {}, perf_tests has not: renamed or deleted? Refresh with a reason if it is meant"
    case, path = told.format("case"), told.format("path")
    assert judge_run(run(record()), {"attention": base})[:2] == [
        Finding("attention/a", "status", MISSING, case, "ok", None),
        Finding(OTHER, "status", MISSING, case, "oom", None),
    ]
    found = judge_run(run(record("mxint8/a")), {"attention": base})
    assert [(each.case, each.reason) for each in found[:3]] == [("attention/a", path), (OTHER, path), (CASE, path)]
    lost = judge_run(run(record(), known={}, selected=(CASE, OTHER), whole=False), {})
    assert lost[0] == Finding(OTHER, "status", MISSING, "selected, but it left no record")


# ---------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    "made",
    [
        run(),
        run(record(status="unsupported")),
        run(record(status="oom"), record(OTHER, "unsupported")),
        run(known={"attention": (CASE,)}),
    ],
)
def test_a_run_that_measured_nothing_could_not_judge(made):
    base = baseline({record.case: stored(record.status) for record in made.records})
    assert exit_of(made, base) == 3
    assert exit_of(made, None) == 3


@pytest.mark.parametrize(
    ("verdicts", "plain", "strict", "required"),
    [
        ([], 0, 0, 0),
        ([UNCHANGED, IMPROVED], 0, 0, 0),
        ([SUSPECT], 0, 0, 0),
        ([INCONCLUSIVE], 0, 3, 0),
        ([NEW], 0, 0, 3),
        ([MISSING], 3, 3, 3),
        ([INCOMPARABLE], 3, 3, 3),
        ([REGRESSED], 1, 1, 1),
        ([REGRESSED, MISSING, INCOMPARABLE, NEW, INCONCLUSIVE], 1, 1, 1),
    ],
)
def test_exit_codes(verdicts, plain, strict, required):
    made, findings = run(record()), [Finding(CASE, "status", verdict, "") for verdict in verdicts]
    assert exit_code(made, findings) == plain
    assert exit_code(made, findings, strict=True) == strict
    assert exit_code(made, findings, require_baseline=True) == required


def test_one_case_that_was_measured_is_something():
    assert measured_anything(run(record(status="oom"), record(OTHER)))
    assert not measured_anything(run(record(status="oom")))


def test_a_regression_outranks_an_empty_run():
    made = run(record(status="error"))
    assert exit_of(made, None) == 1


# ---------------------------------------------------------------- order


def test_findings_come_worst_first_then_by_case():
    base = baseline(
        {
            "attention/a": stored(graph_count=2),
            "attention/b": stored(graph_count=1),
            "attention/c": stored(graph_count=1),
            "attention/gone": stored(graph_count=1),
        }
    )
    made = run(
        record("attention/new", graph_count=1),
        record("attention/c", graph_count=2),
        record("attention/b", graph_count=2),
        record("attention/a", graph_count=1),
    )
    ranks = [(finding.verdict, finding.case) for finding in judge_run(made, {"attention": base})]
    assert ranks == [
        (REGRESSED, "attention/b"),
        (REGRESSED, "attention/c"),
        (MISSING, "attention/gone"),
        (NEW, "attention/new"),
        (NEW, "attention/new"),
        (IMPROVED, "attention/a"),
        (UNCHANGED, "attention/a"),
        (UNCHANGED, "attention/b"),
        (UNCHANGED, "attention/c"),
    ]


def test_the_order_of_the_verdicts():
    assert sorted(Verdict, key=SEVERITY.__getitem__) == [
        REGRESSED,
        MISSING,
        INCOMPARABLE,
        SUSPECT,
        NEW,
        IMPROVED,
        UNCHANGED,
        INCONCLUSIVE,
    ]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_case_has_the_verdict_of_its_worst_metric(verdict):
    others = [other for other in Verdict if SEVERITY[other] >= SEVERITY[verdict]]
    assert worst([Finding(CASE, "m", other, "") for other in reversed(others)]) is verdict


# ---------------------------------------------------------------- properties

STORABLE = 2**63  # room for rounding up to four digits
finite = st.floats(-STORABLE, STORABLE) | st.integers(-STORABLE, STORABLE)
positive = st.floats(0, STORABLE, exclude_min=True)
families = st.lists(st.lists(positive, min_size=1, max_size=4), max_size=3)
MIRROR = {REGRESSED: IMPROVED, IMPROVED: REGRESSED, UNCHANGED: UNCHANGED}


@calm
@given(value=finite, base=finite, policy=st.sampled_from([p for p in POLICIES.values() if p.rule is Rule.EXACT]))
def test_turning_the_better_direction_round_mirrors_an_exact_verdict(value, base, policy):
    turned = dataclasses.replace(policy, higher_is_better=not policy.higher_is_better)
    assert judge_exact(value, base, turned)[0] is MIRROR[judge_exact(value, base, policy)[0]]


@calm
@given(value=positive, values=st.lists(positive, min_size=1, max_size=5), others=families)
def test_no_time_is_ever_red_or_green(value, values, others):
    found = judge_spread(value, values, spread.pool([values, *others]), POLICIES["_s"])[0]
    assert found in (SUSPECT, UNCHANGED, INCONCLUSIVE)


@calm
@given(value=positive, values=st.lists(positive, min_size=3, max_size=5), others=families)
def test_a_worse_speedup_is_never_improved_and_a_better_one_never_regressed(value, values, others):
    found = judge_spread(value, values, spread.pool([values, *others]), POLICIES["_ratio"])[0]
    if value <= min(values):
        assert found is not IMPROVED
    if value >= max(values):
        assert found not in (REGRESSED, SUSPECT)


NAMES = {suffix: f"x{suffix}" for suffix in UNITS}


@calm
@given(data=st.data())
def test_no_finite_number_makes_judging_fail(data):
    names = data.draw(st.lists(st.sampled_from(sorted(NAMES.values())), min_size=1, unique=True))
    now = record(**{name: Metric(data.draw(finite), (), data.draw(st.none() | finite)) for name in names})
    before = stored(**{name: tuple(data.draw(st.lists(finite, min_size=1, max_size=4))) for name in names})
    for finding in judged(now, before).values():
        assert isinstance(finding.verdict, Verdict)
        numbers = (finding.baseline, finding.value, finding.change, finding.low, finding.high)
        assert all(math.isfinite(n) for n in numbers if isinstance(n, int | float))


OWN = {
    "x_bytes": st.integers(0, 2**50),
    "x_count": st.integers(0, 2**50),
    "x_fraction": st.floats(-10, 1),
    "x_error": st.floats(0, 1e6),
    "x_db": st.floats(-300, 300),
    "x_ratio": st.floats(1e-6, 1e6),
    "x_s": st.floats(1e-9, 1e6),
    "x_share": finite,
    "x_per_s": finite,
    "x_calls": finite,
}


@calm
@given(values=st.fixed_dictionaries({}, optional=OWN), processes=st.integers(1, 5))
def test_a_record_passes_against_a_baseline_made_of_itself(values, processes):
    exact = stored(**{name: (value,) * processes for name, value in values.items()})
    rounded = dataclasses.replace(
        exact, metrics={name: stored_metric(name, [Metric(value)] * processes) for name, value in values.items()}
    )
    for before in (exact, rounded):
        verdicts = {finding.verdict for finding in judged(record(**values), before).values()}
        assert not verdicts & {REGRESSED, MISSING, INCOMPARABLE, SUSPECT, NEW, IMPROVED}


@calm
@given(value=st.floats(0, 1e6), base=st.floats(0, 1e6), limit=st.none() | st.floats(0, 1e6))
def test_an_error_that_grew_is_never_improved_and_one_that_shrank_never_regressed(value, base, limit):
    found = judge_error(Metric(value, (), limit), base, POLICIES["_error"])[0]
    assert found is not (IMPROVED if value >= base else REGRESSED)


# ---------------------------------------------------------------- disturbed runs


@pytest.mark.parametrize("metric", ["latency_s", "speedup_over_eager_ratio"])
@pytest.mark.parametrize(("load", "expected"), [(0.04, True), (0.06, False)])
def test_noisy_numbers_of_a_disturbed_case_decide_nothing(metric, load, expected):
    worse = {"latency_s": 1e3, "speedup_over_eager_ratio": 1e-3}[metric]
    before = stored(**{metric: RATIOS})
    finding = judged(record(**{metric: worse, "foreign_load_share": load}), before)[metric]
    assert (finding.verdict in (REGRESSED, SUSPECT)) is expected
    if not expected:
        assert finding.verdict is INCONCLUSIVE
        assert "other processes used 6% of the machine" in finding.reason


def test_exact_numbers_of_a_disturbed_case_still_decide():
    made = record(peak_allocated_bytes=1 << 21, foreign_load_share=0.9)
    assert judged(made, stored(peak_allocated_bytes=1 << 20))["peak_allocated_bytes"].verdict is REGRESSED


@pytest.mark.parametrize(("value", "verdict"), [(0.09, UNCHANGED), (0.0001, UNCHANGED), (0.5, SUSPECT)])
def test_a_build_of_a_moment_may_take_another_moment(value, verdict):
    found = judged(record(build_s=value), stored(build_s=(0.002, 0.0021, 0.0019)))
    assert found["build_s"].verdict is verdict


def test_a_long_build_is_judged_as_times_are():
    found = judged(record(build_s=15.0), stored(build_s=(10.0, 10.1, 9.9)))
    assert found["build_s"].verdict is SUSPECT
