"""Creep, history and anchors over many refreshes, each of them a real one."""

import dataclasses
import datetime

import pytest

from tools import succession
from tools.baselines import Anchor, Origin, Stored, read_baselines, write_baselines
from tools.compare import exit_code, judge_run
from tools.policy import GPU_PROCESSES
from tools.refresh import Refused, Worse, refresh
from tools.succession import MOST_PROCESSES, Manner
from tools.tests.samples import CASE, GPU, OTHER, SLUG, baseline, fingerprint, record, run, stored
from tools.verdict import Verdict

EARLY = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)  # before every run of the samples
LATE = datetime.datetime(2026, 12, 20, tzinfo=datetime.UTC)
APPEND, ANCHOR = Manner(append=True), Manner(anchor=True)
AROUND = (1.0, 1.005, 0.995)  # three processes of one state of the code
TIME, RATIO, BYTES = "latency_s", "speedup_over_eager_ratio", "peak_allocated_bytes"
MEBIBYTES = 1 << 30


def runs_at(commit="c0ffee", place=None, factors=AROUND, **values):
    """One run for each factor; noisy numbers are multiplied by it, integers stay."""
    return [
        run(
            record(**{name: value if isinstance(value, int) else value * factor for name, value in values.items()}),
            commit=commit,
            place=place,
        )
        for factor in factors
    ]


def store(root, runs, reason="", manner=None, now=EARLY, keep=None):
    refresh(runs, root, reason, now, keep, manner or Manner())
    return read_baselines(root, SLUG)["attention"]


def kept(root, metric, case=CASE):
    return read_baselines(root, SLUG)["attention"].cases[case].metrics[metric]


def judged(root, made, metric):
    return next(f for f in judge_run(made, read_baselines(root, SLUG)) if (f.case, f.metric) == (CASE, metric))


def exit_of(root, made):
    return exit_code(made, judge_run(made, read_baselines(root, SLUG)))


def without_anchors(root):
    """What the store would be if nothing had been pinned."""
    found = read_baselines(root, SLUG)["attention"]
    values = {name: metric.values for name, metric in found.cases[CASE].metrics.items()}
    write_baselines(root, [baseline({CASE: stored(**values)}, place=found.fingerprint)])


# ---------------------------------------------------------------- creep


@pytest.mark.parametrize(("metric", "start", "step"), [(TIME, 0.01, 1.01), (RATIO, 2.0, 1 / 1.01)])
def test_ten_accepted_steps_of_one_percent_are_called_a_creep(tmp_path, metric, start, step):
    for week in range(10):
        store(tmp_path, runs_at(f"commit{week}", **{metric: start * step**week}))
    [made] = runs_at(factors=(1,), **{metric: start * step**10})
    finding = judged(tmp_path, made, metric)
    assert finding.verdict is Verdict.SUSPECT
    change = "+10.5%" if metric == TIME else "-9.5%"
    assert finding.reason.startswith(f"crept: {change} since the anchor commit0 (2026-11-20), ")
    assert finding.reason.endswith("an A/B against commit0 decides")
    assert exit_of(tmp_path, made) == 0

    without_anchors(tmp_path)
    assert judged(tmp_path, made, metric).verdict in (Verdict.UNCHANGED, Verdict.INCONCLUSIVE)


def test_bytes_that_creep_are_refused_at_the_first_step_beyond_one_percent_in_all(tmp_path):
    for week in range(2):
        store(tmp_path, runs_at(f"commit{week}", **{BYTES: MEBIBYTES + week * MEBIBYTES // 110}))
    creeping = runs_at(**{BYTES: MEBIBYTES + 2 * MEBIBYTES // 110})
    assert exit_of(tmp_path, creeping[0]) == 1
    with pytest.raises(Worse, match=f"{BYTES} regressed: crept: .* since the anchor commit0"):
        store(tmp_path, creeping)

    without_anchors(tmp_path)
    assert exit_of(tmp_path, creeping[0]) == 0


def test_a_creep_cannot_be_appended_in_silence(tmp_path):
    weeks = (runs_at(f"commit{week}", **{TIME: 0.01 * 1.01**week}) for week in range(10))

    def all_weeks():
        for runs in weeks:
            store(tmp_path, runs, manner=APPEND)

    with pytest.raises(Worse, match=r"latency_s suspect: crept: .* since the anchor commit0"):
        all_weeks()
    assert len(kept(tmp_path, TIME).values) >= 3 * len(AROUND)


def test_a_steady_case_is_never_called_a_creep(tmp_path):
    for week in range(10):
        store(
            tmp_path, runs_at(f"commit{week}", **{TIME: 0.01 * (1.002 + week / 10_000, 0.998)[week % 2], BYTES: 4096})
        )
    [made] = runs_at(factors=(1,), **{TIME: 0.01, BYTES: 4096})
    assert judged(tmp_path, made, TIME).verdict in (Verdict.UNCHANGED, Verdict.INCONCLUSIVE)
    assert kept(tmp_path, TIME).anchor.origin.commit == "commit0"
    assert kept(tmp_path, BYTES).anchor is None  # the same number: it needs no second copy


# ---------------------------------------------------------------- what moves an anchor


def test_a_worsening_with_a_reason_is_no_longer_told(tmp_path):
    store(tmp_path, runs_at(**{TIME: 0.01, BYTES: MEBIBYTES}))
    worse = runs_at("slower", **{TIME: 0.02, BYTES: 2 * MEBIBYTES})
    assert exit_of(tmp_path, worse[0]) == 1
    store(tmp_path, worse, reason="it computes more")
    assert {f.verdict for f in judge_run(worse[0], read_baselines(tmp_path, SLUG))} == {Verdict.UNCHANGED}
    assert kept(tmp_path, TIME).anchor is kept(tmp_path, BYTES).anchor is None


def test_a_reason_moves_the_anchors_of_what_is_worse_and_no_other(tmp_path):
    store(tmp_path, runs_at("first", **{TIME: 0.01, RATIO: 2.0, BYTES: MEBIBYTES}))
    store(tmp_path, runs_at("second", **{TIME: 0.0101, RATIO: 1.99, BYTES: 2 * MEBIBYTES}), reason="it holds more")
    assert kept(tmp_path, BYTES).anchor is None
    assert kept(tmp_path, TIME).anchor.origin == Origin("first", EARLY.isoformat())
    assert kept(tmp_path, RATIO).anchor.values == (2.0, 2.01, 1.99)


def test_a_creep_with_a_reason_is_no_longer_told(tmp_path):
    for week in range(10):
        store(tmp_path, runs_at(**{TIME: 0.01 * 1.01**week}))
    crept = runs_at(**{TIME: 0.011})
    assert judged(tmp_path, crept[0], TIME).verdict is Verdict.SUSPECT
    store(tmp_path, crept, reason="the check of the mask costs that much")
    assert judged(tmp_path, crept[0], TIME).verdict is Verdict.UNCHANGED


def test_a_time_that_got_worse_without_a_reason_stays_told(tmp_path):
    store(tmp_path, runs_at(**{TIME: 0.01}))
    store(tmp_path, runs_at(**{TIME: 0.013}))
    finding = judged(tmp_path, runs_at(**{TIME: 0.013})[0], TIME)
    assert finding.verdict is Verdict.SUSPECT
    assert "crept: +30.0% since the anchor" in finding.reason


@pytest.mark.parametrize(("metric", "gain"), [(TIME, 0.5), (RATIO, 2.0), (BYTES, 0.5)])
def test_a_gain_moves_the_anchor_so_that_it_cannot_creep_away(tmp_path, metric, gain):
    start = {TIME: 0.01, RATIO: 2.0, BYTES: MEBIBYTES}[metric]
    better = type(start)(start * gain)
    store(tmp_path, runs_at(**{metric: start}))
    store(tmp_path, runs_at("faster", **{metric: better}))
    assert kept(tmp_path, metric).anchor is None
    lost = type(start)(better * (1.009 if metric != RATIO else 0.991))
    store(tmp_path, runs_at(**{metric: lost}))
    assert kept(tmp_path, metric).anchor.origin.commit == "faster"


def test_a_lucky_process_does_not_move_the_anchor(tmp_path):
    store(tmp_path, runs_at("first", **{TIME: 0.01}))
    store(tmp_path, runs_at("lucky", **{TIME: 0.0098}))
    assert kept(tmp_path, TIME).anchor.origin.commit == "first"


def test_the_anchor_moves_when_somebody_says_so_and_a_suspect_then_needs_a_reason(tmp_path):
    store(tmp_path, runs_at("first", **{TIME: 0.01}))
    store(tmp_path, runs_at("second", **{TIME: 0.0101}), manner=ANCHOR)
    assert kept(tmp_path, TIME).anchor is None
    slow = runs_at("third", **{TIME: 0.015})
    with pytest.raises(Worse, match="latency_s suspect"):
        store(tmp_path, slow, manner=ANCHOR)
    store(tmp_path, slow, reason="an A/B finds no difference: the machine is slower", manner=ANCHOR)
    assert judged(tmp_path, slow[0], TIME).verdict is Verdict.UNCHANGED


def test_an_anchor_of_too_few_processes_gives_way_to_one_that_can_judge(tmp_path):
    store(tmp_path, runs_at("one", factors=(1.0,), **{TIME: 0.01, BYTES: MEBIBYTES}))
    store(tmp_path, runs_at("three", **{TIME: 0.0101, BYTES: MEBIBYTES + 1}))
    assert kept(tmp_path, TIME).anchor is None
    assert kept(tmp_path, BYTES).anchor.origin.commit == "one"


def test_other_software_moves_the_anchors_of_what_depends_on_it(tmp_path):
    store(tmp_path, runs_at("old", **{TIME: 0.01, RATIO: 2.0, BYTES: MEBIBYTES}))
    newer = fingerprint(software={"torch": "9"})
    store(tmp_path, runs_at("new", newer, **{TIME: 0.0101, RATIO: 1.99, BYTES: MEBIBYTES + 1}), reason="torch 9")
    assert kept(tmp_path, TIME).anchor is kept(tmp_path, BYTES).anchor is None
    assert kept(tmp_path, RATIO).anchor.origin.commit == "old"


def test_a_redefined_case_has_no_past(tmp_path):
    store(tmp_path, runs_at(**{TIME: 0.01}))
    redefined = [run(record(definition="d2", **{TIME: 0.0101 * factor})) for factor in AROUND]
    store(tmp_path, redefined, reason="larger input", manner=APPEND)
    assert kept(tmp_path, TIME).values == pytest.approx((0.0101, 0.01015, 0.01005))
    assert kept(tmp_path, TIME).anchor is None


def test_a_case_keeps_its_origin_while_others_are_refreshed(tmp_path):
    def both(commit, count):
        return run(record(**{BYTES: MEBIBYTES + count}), record(OTHER, graph_count=count), commit=commit)

    store(tmp_path, [both("first", 3)])
    found = store(tmp_path, [both("second", 2)], keep=[OTHER], now=LATE)
    assert (found.commit, found.origin(CASE)) == ("second", Origin("first", EARLY.isoformat()))
    assert found.origin(OTHER) == Origin("second", LATE.isoformat())
    found = store(tmp_path, [both("third", 1)], keep=[OTHER], now=LATE)
    assert found.origin(CASE) == Origin("first", EARLY.isoformat())
    store(tmp_path, [both("fourth", 0)], now=LATE)
    assert kept(tmp_path, BYTES).anchor.origin.commit == "first"


def test_a_refresh_counts_its_own_processes(tmp_path):
    store(tmp_path, runs_at(**{TIME: 0.01}))
    assert store(tmp_path, runs_at(factors=(1.001, 1.002), **{TIME: 0.01})).processes == 2


def test_an_anchor_stays_that_says_more_than_the_values():
    origin, few, many = Origin("c0ffee", EARLY.isoformat()), (1.0, 1.0, 2.0), (1.0, 2.0, 2.0)
    assert succession.kept(Anchor(few, origin), many, Stored(many), TIME) == Anchor(few, origin)
    assert succession.kept(Anchor(few, origin), few, Stored(few), TIME) is None
    assert succession.kept(Anchor(few, origin), many, Stored(many), "sqnr_db") == Anchor(few, origin)
    assert succession.kept(Anchor(few, origin), (1.0,), Stored((1.0,)), "sqnr_db") is None  # its median is judged


# ---------------------------------------------------------------- append


def test_appended_processes_join_the_noisy_numbers_and_replace_the_exact_ones(tmp_path):
    store(tmp_path, runs_at(**{TIME: 0.01, RATIO: 2.0, BYTES: MEBIBYTES, "sqnr_db": 40.0}))
    more = runs_at(factors=(1.001,), **{TIME: 0.01, RATIO: 2.0, BYTES: MEBIBYTES + 8, "sqnr_db": 40.0})
    found = store(tmp_path, more, manner=APPEND)
    assert found.processes == 4
    assert kept(tmp_path, TIME).values == pytest.approx((0.01, 0.01005, 0.00995, 0.01001))
    assert len(kept(tmp_path, RATIO).values) == 4
    assert kept(tmp_path, BYTES).values == (MEBIBYTES + 8,)
    assert kept(tmp_path, "sqnr_db").values == pytest.approx((40.04,))
    assert kept(tmp_path, TIME).anchor.values == pytest.approx((0.01, 0.01005, 0.00995))


def test_only_the_last_processes_stay(tmp_path):
    store(tmp_path, runs_at(**{TIME: 0.01}))
    for number in range(MOST_PROCESSES):
        found = store(tmp_path, runs_at(factors=(1 + number / 10_000,), **{TIME: 0.01}), manner=APPEND)
    values = kept(tmp_path, TIME).values
    assert values == pytest.approx([0.01 * (1 + number / 10_000) for number in range(MOST_PROCESSES)], rel=1e-3)
    assert len(values) == found.processes == MOST_PROCESSES == 2 * GPU_PROCESSES


def test_append_to_nothing_is_a_first_refresh(tmp_path):
    found = store(tmp_path, runs_at(**{TIME: 0.01}), manner=APPEND)
    assert (found.processes, len(kept(tmp_path, TIME).values)) == (3, 3)


@pytest.mark.parametrize(("metric", "worse"), [(TIME, 0.02), (RATIO, 1.0), (BYTES, 2 * MEBIBYTES)])
def test_a_worse_process_joins_no_history_and_with_a_reason_begins_a_new_one(tmp_path, metric, worse):
    usual = {TIME: 0.01, RATIO: 2.0, BYTES: MEBIBYTES}
    store(tmp_path, runs_at(**usual))
    before = kept(tmp_path, metric)
    with pytest.raises(Worse, match=f"{metric} (suspect|regressed)"):
        store(tmp_path, runs_at(**usual | {metric: worse}), manner=APPEND)
    assert kept(tmp_path, metric) == before
    store(tmp_path, runs_at(**usual | {metric: worse}), reason="meant", manner=APPEND)
    assert max(kept(tmp_path, metric).values) == pytest.approx(worse, rel=0.01)
    assert min(kept(tmp_path, metric).values) == pytest.approx(worse, rel=0.01)
    others = {TIME, RATIO} - {metric}
    assert all(len(kept(tmp_path, other).values) == 6 for other in others)


def test_a_faster_process_begins_a_new_history(tmp_path):
    store(tmp_path, runs_at(**{TIME: 0.01}))
    store(tmp_path, runs_at(**{TIME: 0.005}), manner=APPEND)
    assert kept(tmp_path, TIME).values == pytest.approx((0.005, 0.005025, 0.004975))


@pytest.mark.parametrize(
    "place",
    [fingerprint(machine={"id": "other"}), fingerprint(software={"torch": "9"}), fingerprint(device={"cores": "4"})],
)
def test_processes_from_elsewhere_join_no_history(tmp_path, place):
    before = store(tmp_path, runs_at(**{TIME: 0.01}))
    with pytest.raises(
        Refused, match=r"the stored processes come from elsewhere \(\S+: .+ -> .+\); refresh without --append"
    ):
        store(tmp_path, runs_at(place=place, **{TIME: 0.01}), manner=APPEND)
    assert read_baselines(tmp_path, SLUG)["attention"] == before


def test_a_process_joins_a_history_once(tmp_path):
    made = runs_at(**{TIME: 0.01})
    store(tmp_path, made, now=LATE)
    with pytest.raises(Refused, match="may be in it"):
        store(tmp_path, made[:1], manner=APPEND)
    assert len(kept(tmp_path, TIME).values) == 3


@pytest.mark.parametrize("manner", [APPEND, ANCHOR])
@pytest.mark.parametrize("reason", ["", "meant"])
def test_a_process_that_nobody_could_judge_joins_no_history_and_no_anchor(tmp_path, manner, reason):
    before = store(tmp_path, runs_at(**{TIME: 0.01}))
    disturbed = [run(record(foreign_load_share=load, **{TIME: 0.02})) for load in (0.01, 0.5)]
    with pytest.raises(Refused, match=r"other processes used 50% .* expected 5% at most; measure again"):
        store(tmp_path, disturbed, reason, manner)
    assert read_baselines(tmp_path, SLUG)["attention"] == before


def test_a_process_of_the_second_in_which_the_history_was_stored_may_be_in_it(tmp_path):
    """What is stored elsewhere in the path, and later, has nothing to do with it."""
    moment = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
    first, same, later = (
        dataclasses.replace(runs_at(factors=(1.0,), **{TIME: 0.01})[0], created_utc=(moment + passed).isoformat())
        for passed in map(datetime.timedelta, (-1, 0, 1))
    )
    store(tmp_path, [first], now=moment)
    with pytest.raises(Refused, match=r"^attention: a run of 2026-11-21T00:00:00\+00:00 is no younger"):
        store(tmp_path, [later, same], manner=APPEND, now=LATE)
    store(tmp_path, [later], manner=APPEND, now=LATE)
    assert len(kept(tmp_path, TIME).values) == 2
    new = dataclasses.replace(run(record(OTHER, **{TIME: 0.01}), known={}), created_utc=moment.isoformat())
    store(tmp_path, [dataclasses.replace(new, selection=later.selection)], manner=APPEND, reason="meant", now=LATE)


@pytest.mark.parametrize("manner", [APPEND, ANCHOR])
def test_what_a_history_may_be_disturbed_by_is_what_a_verdict_may(tmp_path, manner):
    store(tmp_path, runs_at(**{TIME: 0.01}))
    store(tmp_path, [run(record(foreign_load_share=0.05, **{TIME: 0.01}))], "", manner)
    with pytest.raises(Refused, match=r"used 6% of the machine"):
        store(tmp_path, [run(record(foreign_load_share=0.055, **{TIME: 0.01}))], "", manner, now=LATE)


@pytest.mark.parametrize("manner", [APPEND, ANCHOR])
def test_times_of_a_disturbed_device_join_no_history_and_no_anchor(tmp_path, manner):
    throttled = dataclasses.replace(record(**{TIME: 0.02}), disturbed="hardware thermal slowdown while it was timed")
    with pytest.raises(Refused, match="hardware thermal slowdown while it was timed; measure again"):
        store(tmp_path, [run(throttled)], "", manner)


# ---------------------------------------------------------------- a known GPU


def on(machine):
    return fingerprint(machine=machine)


def test_a_gpu_turns_red_once_ten_processes_have_joined(tmp_path):
    slow = runs_at(factors=(1.2,), place=on(GPU), device_s=0.01)[0]
    store(tmp_path, runs_at(place=on(GPU), device_s=0.01))
    while len(kept(tmp_path, "device_s").values) < GPU_PROCESSES:
        assert judged(tmp_path, slow, "device_s").verdict is Verdict.SUSPECT
        store(tmp_path, runs_at(factors=(1.001,), place=on(GPU), device_s=0.01), manner=APPEND)
    assert judged(tmp_path, slow, "device_s").verdict is Verdict.REGRESSED
    assert exit_of(tmp_path, slow) == 1


def test_a_cpu_machine_never_turns_red_however_many_processes_have_joined(tmp_path):
    slow = runs_at(factors=(1.2,), place=on({}), **{TIME: 0.01})[0]
    for _ in range(7):
        store(tmp_path, runs_at(place=on({}), **{TIME: 0.01}), manner=APPEND)
    assert len(kept(tmp_path, TIME).values) == MOST_PROCESSES
    assert judged(tmp_path, slow, TIME).verdict is Verdict.SUSPECT
    assert exit_of(tmp_path, slow) == 0


def test_times_of_two_gpus_in_one_baseline_speak_for_neither(tmp_path):
    other = {**GPU, "uuid": "other"}
    made = [one for machine in (GPU, other) for one in runs_at(place=on(machine), factors=AROUND * 2, device_s=0.01)]
    assert store(tmp_path, made).fingerprint.machine == {k: v for k, v in GPU.items() if k != "uuid"}
    for machine in (GPU, other):
        slow = runs_at(factors=(2.0,), place=on(machine), device_s=0.01)[0]
        assert judged(tmp_path, slow, "device_s").verdict is Verdict.INCONCLUSIVE


def test_times_kept_from_another_gpu_are_not_passed_off_as_this_ones(tmp_path):
    def both(machine, seconds):
        return run(record(device_s=seconds), record(OTHER, device_s=seconds), place=on(machine))

    store(tmp_path, [both(GPU, 0.01) for _ in range(GPU_PROCESSES)])
    other = {**GPU, "uuid": "other"}
    store(tmp_path, [both(other, 0.01) for _ in range(GPU_PROCESSES)], keep=[OTHER])
    assert judged(tmp_path, both(other, 0.02), "device_s").verdict is Verdict.INCONCLUSIVE
