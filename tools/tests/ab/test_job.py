"""Verdicts from pairs that are drawn, not run: the looks, Holm, the confirmation, the A/A arm, the budget."""

import itertools
from dataclasses import replace

import pytest

from tools.ab.job import Job
from tools.ab.pairs import Match, Status
from tools.ab.rule import Rule
from tools.compare import Verdict
from tools.tests.ab.fakes import FakePairs


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
    job, _ = judged({"a/quiet": 0.0, "a/loud": 0.25}, sd=0.03)
    last = job.pairs.runs[-1]
    assert last[1] != ["a/quiet", "a/loud"]


def test_holm_holds_back_a_red_that_only_stands_alone():
    """Of the same size, alone at 0.005 and as one of forty cases at 0.01 / 40."""
    rule, alone, family = Rule(family_alpha=0.01), 0, 0
    rest = {f"a/{number}": 0.0 for number in range(1, 40)}
    for seed in range(8):
        alone += red(judged({"a/0": 0.02}, rule=rule, sd=0.018, seed=seed)[1]["a/0"])
        family += red(judged({"a/0": 0.02, **rest}, rule=rule, sd=0.018, seed=seed)[1]["a/0"])
    assert alone > family + 1


def red(found):
    return found.verdict is Verdict.REGRESSED


def test_the_same_code_is_hardly_ever_red():
    effects = {f"a/{number}": 0.0 for number in range(60)}
    reds = [
        found.verdict
        for seed in range(5)
        for found in judged(effects, sd=0.02, seed=seed)[1].values()
        if found.verdict in (Verdict.REGRESSED, Verdict.IMPROVED)
    ]
    assert reds.count(Verdict.REGRESSED) == 0


def test_base_that_differs_from_itself_invalidates_the_job():
    job, found = judged({"a/x": 0.10, "a/y": 0.10}, sd=0.003, twin=0.04)
    assert job.twin_alarm is not None
    for each in found.values():
        assert each.verdict is Verdict.INCONCLUSIVE
        assert not each.judged
        assert "base differs from itself by +4" in each.reason


def test_every_fourth_pair_holds_base_against_itself():
    job, _ = judged({"a/x": 0.0}, sd=0.2)
    assert [twin for _, _, twin in job.pairs.runs[:9]] == [True, False, False, False] * 2 + [True]


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
