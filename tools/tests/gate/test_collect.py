"""Collecting: what is measured against what, what becomes of it, and to which trials it may be added."""

import contextlib
import dataclasses
import itertools
import math
import statistics
import subprocess
from pathlib import Path

import numpy
import pytest

from tools.ab.job import OUT_OF_TIME, Job, Judgement
from tools.ab.pairs import Match
from tools.ab.rule import MARGINS, Opinion, Rule, estimate
from tools.ab.slots import Duel
from tools.ab.workers import WorkerLost
from tools.files import UnusableFile
from tools.gate import collect
from tools.gate.collect import (
    ASSUMED_CASE_S,
    GPU_PLAN,
    PLAN,
    WORKLOADS,
    Campaign,
    Narrowing,
    Setting,
    affordable,
    begun,
    continued,
    frozen_rule,
    matches,
    planned,
)
from tools.gate.trials import DOSES, METRICS, read_trials, write_trials
from tools.tests.ab.fakes import FakePairs, alternation, duel, slot
from tools.tests.gate.samples import trial
from tools.verdict import Verdict

ROOT = Path(__file__).resolve().parents[3]
CPU = Setting(ROOT, "python")
CUDA = Setting(ROOT, "python", "cuda", "gpu")


@pytest.fixture
def known(tmp_path):
    """Read back, for JSON has no tuples."""
    write_trials(tmp_path / "t.json.gz", dataclasses.replace(begun("cpu-x", CPU), commit="a" * 12))
    return read_trials(tmp_path / "t.json.gz")


def test_the_head_has_the_dose():
    assert matches("gate", ["sort"], ["0", "3", "bimodal"]) == [
        Match("sort with 0", "gate/sort/dose0", "gate/sort/dose0"),
        Match("sort with 3", "gate/sort/dose0", "gate/sort/dose3"),
        Match("sort with bimodal", "gate/sort/dose0", "gate/sort/bimodal"),
    ]
    assert matches("gate_gpu", ["add"], ["0.5"]) == [
        Match("add with 0.5", "gate_gpu/add/dose0", "gate_gpu/add/dose0.5")
    ]


def test_a_trial_holds_its_own_pairs_by_kind_and_its_share_of_the_time():
    named = "sort with 3"
    duels = [
        duel(named, "decide", 0, [0.03] * 4),
        duel(named, "decide", 1, [0.5] * 4, ["throttled"] * 4),
        duel(named, "confirm", 2, [0.02] * 4),
        duel("copy with 3", "decide", 0, [0.0] * 4),
    ]
    found = Judgement(named, "latency_s", Verdict.REGRESSED, "", change=0.03, low=0.01, high=0.05)
    made = collect.trial(7, found, duels, 80.0)
    assert (made.campaign, made.workload, made.injected, made.verdict) == (7, "sort", "3", "regressed")
    assert [(pair.kind, pytest.approx(pair.log_ratio)) for pair in made.pairs] == [("ab", 0.03), ("confirm", 0.02)]
    assert (made.estimate, made.low, made.high) == tuple(map(math.log1p, (0.03, 0.01, 0.05)))
    assert made.wall_s == 60.0


@pytest.mark.parametrize("patch", sorted(ROOT.glob("fixtures/gate/commits/*.patch")), ids=lambda file: file.stem)
def test_the_commits_still_fit(patch):
    subprocess.run(["git", "apply", "--check", str(patch)], cwd=ROOT, check=True)


def test_there_are_commits_for_the_nightly_lane_and_for_planting():
    lanes = (ROOT / "ci" / "gate.sh").read_text() + (ROOT / "ci" / "planted.sh").read_text()
    names = {file.stem for file in ROOT.glob("fixtures/gate/commits/*.patch")}
    assert names == {"comment", "three-percent", "wrong-element", "doubled-peak", "five-percent"}
    assert all(name in lanes for name in names)


def test_trials_of_another_machine_do_not_add_up(known):
    with pytest.raises(UnusableFile, match="its trials are of cpu-x, expected cpu-y"):
        continued(known, Path("t"), begun("cpu-y", CPU))


@pytest.mark.parametrize(
    ("here", "found"),
    [
        (Setting(ROOT, "python", "cpu", "gpu"), "workloads for a cpu, expected cpu-x, workloads for a gpu, latency_s"),
        (CUDA, "workloads for a cpu, expected cpu-x, workloads for a gpu, latency_s, device_s, graph_s"),
        (Setting(ROOT, "python", "cuda", "cpu"), "latency_s, expected cpu-x, workloads for a cpu, latency_s, device_s"),
    ],
)
def test_trials_of_other_workloads_or_metrics_do_not_add_up(known, here, found):
    with pytest.raises(UnusableFile, match=f"its trials are of {found}"):
        continued(known, Path("t"), begun("cpu-x", here))


@pytest.mark.parametrize(
    "other", [{"slot_s": 1.0}, {"margins": {"bias": 0.0, "same": 0.02, "fail": 0.01}}, {"trim": [0.0, 0.0]}, {"x": 1}]
)
def test_trials_of_another_rule_do_not_add_up(known, other):
    with pytest.raises(UnusableFile, match=rf"of another rule \({next(iter(other))}\)"):
        continued(dataclasses.replace(known, rule={**known.rule, **other}), Path("t"), begun("cpu-x", CPU))


def test_a_file_that_told_less_is_continued_and_tells_all_from_then_on(known):
    older = dataclasses.replace(known, rule={name: value for name, value in known.rule.items() if name != "margins"})
    assert continued(dataclasses.replace(older, schema_version=1), Path("t"), begun("cpu-x", CPU)) == known


def test_campaigns_go_on_where_the_file_ends(known, tmp_path, monkeypatch):
    """With no time left one campaign is run all the same: the one after the last; what was there is kept."""

    def run_campaign(setting, campaign, workloads, end_s, say):
        return [trial(rng, campaign=campaign.number)]

    rng = numpy.random.default_rng(1)
    monkeypatch.setattr(collect, "run_campaign", run_campaign)
    commits = itertools.chain(["b" * 12, "a" * 12, "b" * 12 + "+changes"], itertools.repeat("b" * 12))
    monkeypatch.setattr(collect, "frozen_at", lambda repository: next(commits))
    monkeypatch.setattr(collect, "survey", lambda setting: ("cpu-x", ["sort"]))
    before = dataclasses.replace(known, trials=(trial(rng, campaign=4),))
    collect.collect(CPU, tmp_path / "t.json.gz", 0.0, lambda text: None, before)
    found = read_trials(tmp_path / "t.json.gz")
    assert [each.campaign for each in found.trials] == [4, 5]
    assert found.commit == f"{'a' * 12}, {'b' * 12}"
    for _ in range(2):
        found = collect.collect(CPU, tmp_path / "t.json.gz", 0.0, lambda text: None, found)
    assert found.commit == f"{'a' * 12}, {'b' * 12}, {'b' * 12}+changes"  # each once, a changed file told


def test_round_after_round_every_dose_falls_on_every_workload():
    workloads = set(range(18))
    seen = {}
    for number in range(3 * len(PLAN)):
        campaign = planned(number)
        part = sorted(workloads)[campaign.part[0] :: campaign.part[1]]
        for dose in campaign.injected:
            seen.setdefault(dose, []).extend(part)
    assert set(seen) == {"0", "1", "2", "3", "5", "10", "bimodal"}
    assert all(set(found) == workloads for found in seen.values())
    assert {len(seen[dose]) for dose in ("2", "3")} == {54}
    assert {len(seen[dose]) for dose in ("1", "5", "10", "bimodal")} == {18}
    assert len(seen["0"]) > sum(len(seen[dose]) for dose in seen if dose != "0") / 2


def test_a_lap_on_a_gpu_tries_every_dose_on_every_workload_and_equal_code_as_often_as_all_doses():
    workloads, seen = list(range(12)), []
    for number in range(len(GPU_PLAN)):
        campaign = planned(number, GPU_PLAN)
        start, step = campaign.part
        seen += [(dose, workload) for workload in workloads[start::step] for dose in campaign.injected]
    doses = [each for each in seen if each[0] != "0"]
    assert sorted(doses) == sorted((dose, workload) for dose in DOSES["gpu"][1:] for workload in workloads)
    assert len(seen) - len(doses) == 3 * len(workloads)


@pytest.mark.parametrize("name", WORKLOADS)
def test_plans_inject_what_the_cases_and_the_report_have(name):
    assert {dose for injected, _ in WORKLOADS[name].plan for dose in injected} == set(DOSES[name])
    assert (ROOT / WORKLOADS[name].table).is_file()


# ---------------------------------------------------------------- several metrics

SPREAD = {"latency_s": 0.002, "device_s": 0.001, "graph_s": 0.0005}
CLOCKS = ({"sm_clock_mhz": 1980.0}, {"sm_clock_mhz": 1965.0})


def gpu_duel(case, purpose, pair, ratios, clocks=CLOCKS):
    """`ratios`: metric -> log ratio; four alternations."""
    taken = []
    for number in range(4):
        base, head = (
            dataclasses.replace(
                slot(1e-3),
                rounds={name: (1e-3 * math.exp(ratio * side),) * 2 for name, ratio in ratios.items()},
                gpu=gpu,
            )
            for side, gpu in enumerate(clocks)
        )
        taken.append(dataclasses.replace(alternation(0.0, number % 2 == 0), base=base, head=head))
    return Duel(case, purpose, pair, float(pair), 1.0, tuple(taken), (None,) * 4)


class FakeGpu(FakePairs):
    """Pairs with all metrics of a GPU, of which each spreads as SPREAD says; `lost`: metrics that no slot has."""

    lost = ()

    def duel(self, name, purpose, number, effect):
        ratios = {
            metric: math.log1p(effect) + self.rng.normal(0, sd)
            for metric, sd in SPREAD.items()
            if metric not in self.lost
        }
        return gpu_duel(name, purpose, number, ratios)

    @property
    def pairs(self):
        return len(self.runs)


@pytest.fixture
def gpu_campaign(monkeypatch):
    """A campaign on a stand-in of a GPU whose pairs take `pair_s` seconds each."""
    said = []

    def run(effects, pair_s=10.0, end_s=math.inf, **options):
        now = [0.0]
        pairs = FakeGpu({f"{name} with {dose}": effect for (name, dose), effect in effects.items()}, **options)
        taken = pairs.run

        def slow(matches, purpose, twin):
            now[0] += pair_s * len(matches)
            return taken(matches, purpose, twin)

        pairs.run = slow
        monkeypatch.setattr(collect, "driven", lambda *arguments: contextlib.nullcontext(pairs))
        monkeypatch.setattr(collect.time, "monotonic", lambda: now[0])
        workloads, doses = (dict.fromkeys(names) for names in zip(*effects, strict=True))
        found = collect.run_campaign(CUDA, Campaign(3, tuple(doses)), list(workloads), end_s, said.append)
        return found, now[0]

    run.said = said
    return run


def test_each_metric_has_a_trial_and_a_verdict_of_its_own(gpu_campaign):
    found, _ = gpu_campaign({("add", "0.5"): 0.005})
    verdicts = {each.metric: each.verdict for each in found}
    assert verdicts["graph_s"] == Verdict.REGRESSED  # 0.5 % is beyond its margin of 0.25 %
    assert verdicts["latency_s"] == Verdict.UNCHANGED  # and within the 2 % of this one
    assert tuple(verdicts) == METRICS
    for each in found:
        assert (each.workload, each.injected, each.cut) == ("add", "0.5", False)
        spread = statistics.stdev(pair.log_ratio for pair in each.ab_pairs)
        assert spread == pytest.approx(SPREAD[each.metric], rel=0.8)


def test_a_metric_is_judged_to_its_end_when_another_one_is_red(gpu_campaign, monkeypatch):
    """+3 % by the graph is red after six pairs and their confirmation; a noisy latency goes on."""
    monkeypatch.setitem(SPREAD, "latency_s", 0.05)
    found, _ = gpu_campaign({("add", "3"): 0.03})
    by = {each.metric: each for each in found}
    assert by["graph_s"].verdict == Verdict.REGRESSED
    assert len(by["latency_s"].ab_pairs) == 30


def test_a_metric_that_could_not_be_measured_is_said(gpu_campaign, monkeypatch):
    monkeypatch.setattr(FakeGpu, "lost", ("graph_s",))
    found, _ = gpu_campaign({("add", "0"): 0.0})
    assert [each.metric for each in found] == ["latency_s", "device_s"]
    assert "add with 0: no trial by graph_s, which could not be measured" in gpu_campaign.said


def test_the_clocks_of_a_pair_are_the_medians_of_its_slots():
    made = collect.pair(gpu_duel("add with 0", "decide", 0, {"graph_s": 0.0}), "graph_s")
    assert made.clocks_mhz == (1980.0, 1965.0)
    silent = gpu_duel("add with 0", "decide", 0, {"graph_s": 0.0}, ({"sm_clock_mhz": 1980.0}, {}))
    assert collect.pair(silent, "graph_s").clocks_mhz is None


def test_several_metrics_are_judged_as_the_hardest_of_a_job_of_ten_cases():
    """Holm leaves the first of ten cases with three metrics 0.05 / 30, and the rule has to be as strict."""
    assert frozen_rule(7, 3).alpha == pytest.approx(0.05 / 30)
    assert frozen_rule(7, 3).family_alpha == pytest.approx(7 * 3 * frozen_rule(7, 3).alpha)
    assert frozen_rule(7).looks == Rule().looks


def test_the_margins_of_every_metric_are_kept():
    assert begun("h200", CUDA).rule["margins"].keys() == set(METRICS)
    assert begun("h200", CUDA).metrics == METRICS
    assert begun("cpu-x", CPU).rule["margins"] == dataclasses.asdict(MARGINS["cpu", "latency_s"])


# ---------------------------------------------------------------- time


def test_a_campaign_ends_in_time_with_what_is_decided_and_marks_what_is_not(gpu_campaign):
    """Six pairs and six that confirm fit; what is noisy is looked at, still open, and cut off."""
    found, ended_s = gpu_campaign({("add", "3"): 0.03, ("copy", "3"): 0.015}, end_s=250.0)
    assert ended_s <= 250.0
    by = {(each.workload, each.metric): each for each in found}
    assert by["add", "graph_s"].verdict == Verdict.REGRESSED
    assert not by["add", "graph_s"].cut
    assert {each.verdict for each in found if each.cut} <= {Verdict.INCONCLUSIVE}


def test_what_was_looked_at_and_left_open_is_cut(gpu_campaign, monkeypatch):
    monkeypatch.setitem(SPREAD, "latency_s", 0.05)
    found, ended_s = gpu_campaign({("add", "0"): 0.0}, end_s=85.0)
    assert ended_s == 80.0
    assert {each.metric: each.cut for each in found} == {"latency_s": True, "device_s": False, "graph_s": False}


@pytest.mark.parametrize(
    ("ended", "judged", "pairs", "red", "expected"),
    [
        (OUT_OF_TIME, False, 12, False, True),
        (OUT_OF_TIME, False, 30, False, False),  # it had its last look: too noisy to tell
        (OUT_OF_TIME, False, 30, True, True),  # red, and not confirmed in time
        (OUT_OF_TIME, True, 12, False, False),
        ("", False, 12, False, False),  # too much of it was rejected
    ],
)
def test_cut_off_is_what_more_time_might_have_decided(ended, judged, pairs, red, expected):
    job = Job(FakePairs({}), Rule(), [], "cuda", ended=ended)
    said = Verdict.REGRESSED if red else None
    job.opinions["a", "graph_s"] = Opinion(said, estimate([0.01, 0.02, 0.03, 0.04]), 1.0)
    found = Judgement("a", "graph_s", Verdict.INCONCLUSIVE, "", judged=judged, pairs=pairs)
    assert collect.cut_off(job, found) is expected


def test_comparisons_are_given_up_that_would_not_come_to_their_first_look(gpu_campaign):
    """Four of 10 s each in six pairs are 240 s; after the first pair, of 40 s, 105 s are left for two in five pairs."""
    found, ended_s = gpu_campaign({(name, "0"): 0.0 for name in "abcd"}, end_s=145.0)
    assert {each.workload for each in found} == {"a", "b"}
    assert ended_s == 140.0
    assert [text for text in gpu_campaign.said if "no time for its first look" in text]


def test_a_slow_down_needs_the_time_for_its_confirmation_too(gpu_campaign):
    """Of four, 210 s after the first pair are enough for all in five pairs more, and for one in a second look and six
    pairs that confirm; red at the first look, and unconfirmed, all would be lost."""
    found, _ = gpu_campaign({(name, "3"): 0.03 for name in "abcd"}, end_s=250.0)
    assert {each.workload for each in found} == {"a"}
    assert {each.verdict for each in found} == {Verdict.REGRESSED}


@pytest.mark.parametrize(("taken", "kept"), [(1, 1), (2, 3), (5, 4), (6, 4)])
def test_what_has_cost_pairs_already_is_given_up_for_the_first_look_only(monkeypatch, taken, kept):
    """Four of 10 s a pair, of a job whose answer takes twelve pairs, with 120 s left."""
    now = [0.0]

    class Slow:
        pairs, statuses = taken, {}

        def run(self, matches, purpose, twin):
            now[0] += 40.0
            return []

    monkeypatch.setattr(collect.time, "monotonic", lambda: now[0])
    narrowing = Narrowing(Slow(), 6, 12, end_s=160.0)
    narrowing.run([Match(name, name, name) for name in "abcd"], "decide", False)
    assert 4 - len(narrowing.statuses) == kept


def test_one_comparison_is_kept_though_there_is_no_time(gpu_campaign):
    found, ended_s = gpu_campaign({(name, "0"): 0.0 for name in "ab"}, end_s=25.0)
    assert found == []
    assert ended_s == 20.0
    assert "a with 0: no trial, the time was over after 1 pair" in gpu_campaign.said


def test_a_lost_worker_is_no_end_in_time(gpu_campaign):
    with pytest.raises(WorkerLost, match="campaign 3 of the validation broke off: head"):
        gpu_campaign({("add", "0"): 0.0}, lost_at=2)


def test_after_the_first_look_nothing_is_given_up():
    class Late:
        pairs, statuses = 6, {}

        def run(self, matches, purpose, twin):
            return ["found"]

    narrowing = Narrowing(Late(), 6, 12, end_s=-math.inf)
    assert narrowing.run([Match("a", "a", "a"), Match("b", "b", "b")], "decide", False) == ["found"]
    assert narrowing.statuses == {}


def spent(done, dose, wall_s, campaign=0, workloads="abcd"):
    rng = numpy.random.default_rng(1)
    made = [trial(rng, injected=dose, pairs=1, campaign=campaign, workload=name, wall_s=wall_s) for name in workloads]
    return dataclasses.replace(done, trials=(*done.trials, *made))


@pytest.mark.parametrize(
    ("left_s", "number", "first", "expected"),
    [
        (1000.0, 1, False, "abcd"),  # 4 of 50 s
        (199.0, 1, False, "abc"),
        (101.0, 1, False, "ab"),
        (99.0, 1, False, ""),  # one alone would cost too much
        (-5.0, 1, False, ""),
        (99.0, 1, True, "a"),
        (-5.0, 1, True, "a"),
    ],
)
def test_a_campaign_has_as_many_workloads_as_the_time_will_do_for(known, left_s, number, first, expected):
    plan = dataclasses.replace(WORKLOADS["cpu"], plan=((("0",), (0, 1)),))
    done = spent(known, "0", 50.0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(WORKLOADS, "cpu", plan)
        assert "".join(affordable(done, CPU, number, list("abcd"), left_s, first)) == expected


def test_two_doses_of_one_workload_are_a_campaign(known):
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(WORKLOADS, "cpu", dataclasses.replace(WORKLOADS["cpu"], plan=((("1", "3"), (0, 1)),)))
        done = spent(known, "0", 10.0)
        assert affordable(done, CPU, 1, list("abcd"), 61.0, first=False) == ["a"]
        assert affordable(done, CPU, 1, list("abcd"), 59.0, first=False) == []


def test_those_tried_least_come_first_when_the_time_is_short(known):
    done = spent(spent(known, "0", 50.0), "0", 50.0, 1, "ab")
    assert affordable(done, CPU, 0, list("abcd"), 110.0, first=False) == ["c", "d"]


def test_what_a_comparison_costs_is_that_of_its_dose_or_else_three_times_that_of_equal_code(known):
    done = spent(spent(known, "0", 20.0), "3", 40.0, 1)
    assert [collect.case_s(done.trials, dose) for dose in ("0", "3", "5")] == [20.0, 40.0, 60.0]
    assert [collect.case_s((), dose) for dose in ("0", "3")] == [ASSUMED_CASE_S, 3 * ASSUMED_CASE_S]
    [first, *others] = done.trials[:4]
    thrice = [dataclasses.replace(first, metric=metric, wall_s=60.0) for metric in METRICS]
    assert collect.case_s([*thrice, *others], "0") == (60.0 + 3 * 20.0) / 4  # three metrics are one comparison


def test_collecting_ends_when_no_campaign_fits(known, tmp_path, monkeypatch):
    now, begun_at = [0.0], []

    def run_campaign(setting, campaign, workloads, end_s, say):
        begun_at.append((now[0], len(workloads)))
        now[0] += 40.0 * len(workloads)
        return list(spent(known, "0", 40.0, campaign.number, workloads).trials)

    monkeypatch.setattr(collect, "run_campaign", run_campaign)
    monkeypatch.setattr(collect.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(collect, "survey", lambda setting: ("cpu-x", list("abcd")))
    monkeypatch.setattr(collect, "frozen_at", lambda repository: "b" * 12)
    monkeypatch.setitem(WORKLOADS, "cpu", dataclasses.replace(WORKLOADS["cpu"], plan=((("0",), (0, 1)),)))
    found = collect.collect(CPU, tmp_path / "new.json.gz", 8.0, lambda text: None)
    assert begun_at == [(0.0, 4), (160.0, 4), (320.0, 4)]
    assert now[0] == 480.0
    stored = read_trials(tmp_path / "new.json.gz").trials
    assert [(each.campaign, each.workload) for each in stored] == [
        (number, name) for number in range(3) for name in "abcd"
    ]
    assert len(found.trials) == 12


def test_a_copy_without_a_history_is_told_its_commit(tmp_path, monkeypatch):
    monkeypatch.delenv("PERF_COMMIT", raising=False)
    assert collect.frozen_at(tmp_path) == "unknown"
    monkeypatch.setenv("PERF_COMMIT", "0123456789ab")
    assert collect.frozen_at(tmp_path) == "0123456789ab"
    assert collect.frozen_at(ROOT) != "0123456789ab"  # a history knows better
