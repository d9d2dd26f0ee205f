"""Verdicts from pairs that are drawn, not run: the looks, Holm, the confirmation, the A/A arm, the budget."""

import itertools
import math
import re
from dataclasses import replace

import pytest

from tools.ab.job import Job
from tools.ab.pairs import Match, Status
from tools.ab.rule import Opinion, Rule, estimate
from tools.tests.ab.fakes import FakePairs
from tools.verdict import Verdict


def judged(effects, *, rule=None, **options):
    given = {name: options.pop(name) for name in ("remaining_s", "clock", "say") if name in options}
    pairs = FakePairs(effects, **options)
    matches = [Match(name, name, name) for name in effects]
    job = Job(pairs, rule or Rule(), matches, "cpu", **given)
    return job, {found.case: found for found in job.run()}


def test_the_same_code_is_unchanged_after_the_first_look():
    job, found = judged({"a/x": 0.0}, sd=0.002)
    assert found["a/x"].verdict is Verdict.UNCHANGED
    assert found["a/x"].pairs == 6
    assert len(job.pairs.runs) == 6


def test_a_clear_slow_down_is_red_after_a_fresh_confirmation():
    job, found = judged({"a/x": 0.10}, sd=0.003)
    assert found["a/x"].verdict is Verdict.REGRESSED
    assert found["a/x"].change == pytest.approx(0.10, abs=0.01)
    assert "confirmed by 6 fresh pairs" in found["a/x"].reason
    assert [purpose for purpose, _, _ in job.pairs.runs].count("confirm") == 6


def test_a_slow_down_that_went_away_is_not_red():
    _, found = judged({"a/x": {"decide": 0.10, "confirm": 0.0}}, sd=0.003)
    assert found["a/x"].verdict is Verdict.INCONCLUSIVE
    assert "not confirmed" in found["a/x"].reason
    assert found["a/x"].judged


def test_a_slow_down_too_small_to_fail_is_not_red():
    _, found = judged({"a/x": 0.008}, sd=0.0005)
    assert found["a/x"].verdict is Verdict.UNCHANGED


def test_a_faster_head_is_improved_and_needs_no_confirmation():
    job, found = judged({"a/x": -0.10}, sd=0.003)
    assert found["a/x"].verdict is Verdict.IMPROVED
    assert {purpose for purpose, _, _ in job.pairs.runs} == {"decide"}


def test_noise_that_hides_everything_is_inconclusive_and_says_what_it_could_have_seen():
    _, found = judged({"a/x": 0.0}, sd=0.2)
    assert found["a/x"].verdict is Verdict.INCONCLUSIVE
    assert found["a/x"].pairs == Rule().looks[-1].pairs
    assert found["a/x"].detectable > 0.1
    assert found["a/x"].judged


def test_a_decided_case_takes_no_part_in_later_pairs():
    job, _ = judged({"a/noisy": 0.0, "a/slow": 0.5}, sd=0.06)
    kinds = [(purpose, tuple(names)) for purpose, names, _ in job.pairs.runs]
    assert kinds[:12] == [("decide", ("a/noisy", "a/slow"))] * 6 + [("confirm", ("a/slow",))] * 6
    assert set(kinds[12:]) == {("decide", ("a/noisy",))}


def test_a_clear_red_does_not_wait_for_what_is_noisy():
    """The time ends before the noisy case's last look; the slow one was confirmed long before."""
    ticks = itertools.count()
    _, found = judged({"a/noisy": 0.0, "a/slow": 0.5}, sd=0.06, remaining_s=lambda: 15.0 - next(ticks))
    assert found["a/slow"].verdict is Verdict.REGRESSED
    assert not found["a/noisy"].judged


class TwoMetrics(FakePairs):
    """device_s beside latency_s, in both arms, with ratios of its own."""

    def __init__(self, *arguments, device, **options):
        super().__init__(*arguments, **options)
        self.device = device

    def duel(self, name, purpose, number, effect):
        found = super().duel(name, purpose, number, effect)
        ratio = math.exp(math.log1p(self.device) + self.rng.normal(0, self.sd))
        taken = [
            replace(each, base=with_device(each.base, 1e-3), head=with_device(each.head, 1e-3 * ratio))
            for each in found.alternations
        ]
        return replace(found, alternations=tuple(taken))


def with_device(slot, seconds):
    return replace(slot, rounds={**slot.rounds, "device_s": (seconds,)})


def test_a_red_that_went_away_leaves_the_other_metric_to_be_judged():
    effects = {"a/x": {"decide": 0.10, "confirm": 0.0}}
    pairs = TwoMetrics(effects, device=0.012, sd=0.01, seed=3)
    found = {each.metric: each for each in Job(pairs, Rule(), [Match("a/x", "a/x", "a/x")], "cuda").run()}
    assert "not confirmed" in found["latency_s"].reason
    assert found["device_s"].pairs > 6
    assert "is red" not in found["device_s"].reason


@pytest.mark.parametrize(("every_metric", "told"), [(False, "another metric of this case is red"), (True, "")])
def test_every_metric_is_collected_for_to_its_end_only_where_that_is_asked(every_metric, told):
    pairs = TwoMetrics({"a/x": 0.10}, device=0.008, sd=0.01, seed=3)
    job = Job(pairs, Rule(), [Match("a/x", "a/x", "a/x")], "cuda", every_metric=every_metric)
    found = {each.metric: each for each in job.run()}
    assert found["latency_s"].verdict is Verdict.REGRESSED
    assert (found["device_s"].pairs > 6) is every_metric
    assert told in found["device_s"].reason
    assert ("is red" in found["device_s"].reason) is not every_metric


@pytest.mark.parametrize(("cases", "verdict"), [(1, Verdict.REGRESSED), (40, None)])
def test_holm_holds_back_a_red_that_only_stands_alone(cases, verdict):
    """A p of 0.002 falls alone at 0.01, and not as one of forty cases at 0.01 / 40."""
    job = Job(FakePairs({}), Rule(family_alpha=0.01), [], "cpu")
    found = estimate([0.019, 0.02, 0.02, 0.021])
    job.opinions = {(f"a/{number}", "latency_s"): Opinion(None, found, 1.0) for number in range(1, cases)}
    job.opinions["a/0", "latency_s"] = Opinion(Verdict.REGRESSED, found, 0.002)
    job.refuse_unheld()
    assert job.opinions["a/0", "latency_s"].verdict is verdict
    assert ("Holm" in job.opinions["a/0", "latency_s"].reason) == (verdict is None)


def test_the_same_code_is_hardly_ever_red():
    effects = {f"a/{number}": 0.0 for number in range(60)}
    reds = [
        found.verdict
        for seed in range(5)
        for found in judged(effects, sd=0.02, seed=seed)[1].values()
        if found.verdict in (Verdict.REGRESSED, Verdict.IMPROVED)
    ]
    assert reds.count(Verdict.REGRESSED) == 0
    assert reds.count(Verdict.IMPROVED) <= 3  # 0.3 expected of 300


def test_base_that_differs_from_itself_invalidates_the_job():
    job, found = judged({"a/x": 0.10, "a/y": 0.10}, sd=0.003, twin=0.04)
    assert job.twin_alarm is not None
    for each in found.values():
        assert each.verdict is Verdict.INCONCLUSIVE
        assert not each.judged
        assert re.search(r"base differs from itself by \+[34]\.\d%", each.reason)


def test_every_fourth_pair_holds_base_against_itself():
    job, _ = judged({f"a/{number}": 0.0 for number in range(5)}, sd=0.2)
    assert [twin for _, _, twin in job.pairs.runs[:9]] == [True, False, False, False] * 2 + [True]


def test_base_that_differs_from_itself_is_found_in_a_job_of_one_case_too():
    """At its first look: four ratios are the least from which an alarm can come."""
    job, found = judged({"a/x": 0.10}, sd=0.003, twin=0.04)
    assert job.twin_alarm is not None
    assert [twin for _, _, twin in job.pairs.runs[:6]] == [True] * 6
    assert not found["a/x"].judged


def test_a_lost_worker_leaves_what_was_decided_and_says_what_was_not():
    job, found = judged({"a/quiet": 0.0, "a/loud": {"decide": 0.02, "confirm": 0.02}}, sd=0.004, lost_at=8)
    assert job.ended
    assert found["a/quiet"].verdict is Verdict.UNCHANGED
    assert found["a/loud"].verdict is Verdict.INCONCLUSIVE
    assert not found["a/loud"].judged
    assert "killed by SIGKILL" in found["a/loud"].reason


def test_a_budget_that_ends_is_said():
    ticks = itertools.count()
    _, found = judged(
        {"a/x": 0.0}, sd=0.2, remaining_s=lambda: 100.0 - 20 * next(ticks), clock=itertools.count().__next__
    )
    assert found["a/x"].verdict is Verdict.INCONCLUSIVE
    assert not found["a/x"].judged
    assert "--max-minutes" in found["a/x"].reason


def test_rejected_slots_decide_nothing():
    _, found = judged({"a/x": 0.10}, objection="a foreign process was on the GPU")
    assert found["a/x"].verdict is Verdict.INCONCLUSIVE
    assert not found["a/x"].judged
    assert "100% of the alternations were rejected: a foreign process was on the GPU" in found["a/x"].reason


def test_a_metric_that_head_has_lost_is_missing():
    class WithoutGraph(FakePairs):
        def duel(self, *arguments):
            found = super().duel(*arguments)
            graph = {"graph_s": (1.0,)}
            taken = [
                replace(each, base=replace(each.base, rounds={**each.base.rounds, **graph}))
                for each in found.alternations
            ]
            return replace(found, alternations=tuple(taken))

    job = Job(WithoutGraph({"a/x": 0.0}, sd=0.002), Rule(), [Match("a/x", "a/x", "a/x")], "cpu")
    assert {found.metric: found.verdict for found in job.run()} == {
        "latency_s": Verdict.UNCHANGED,
        "graph_s": Verdict.MISSING,
    }


def test_a_status_after_pairs_that_could_be_timed_is_not_judged():
    class FailsLater(FakePairs):
        def run(self, *arguments):
            if len(self.runs) == 3:
                self.statuses["a/x"] = Status("ok", "oom", "no memory")
            return [] if self.statuses else super().run(*arguments)

    job = Job(FailsLater({"a/x": 0.0}, sd=0.2), Rule(), [Match("a/x", "a/x", "a/x")], "cpu")
    [found] = job.run()
    assert (found.verdict, found.judged) == (Verdict.INCONCLUSIVE, False)
    assert "3 pairs of processes could be timed" in found.reason


@pytest.mark.parametrize(
    ("base", "head", "verdict", "is_judged"),
    [
        ("ok", "error", Verdict.REGRESSED, True),
        ("ok", "oom", Verdict.REGRESSED, True),
        ("oom", "ok", Verdict.IMPROVED, True),
        ("unsupported", "unsupported", Verdict.UNCHANGED, True),
        ("oom", "oom", Verdict.UNCHANGED, True),
        ("error", "error", Verdict.INCONCLUSIVE, False),
    ],
)
def test_a_status_is_judged_too(base, head, verdict, is_judged):
    status = {"a/x": Status(base, head, "why")}
    _, found = judged({"a/x": 0.0}, statuses=status)
    assert found["a/x"].metric == "status"
    assert (found["a/x"].verdict, found["a/x"].judged) == (verdict, is_judged)
    assert "why" in found["a/x"].reason
