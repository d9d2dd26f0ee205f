"""Noise of equal code: pairs drawn from known spreads, and what is worked out from them."""

import contextlib
import dataclasses
import math
from pathlib import Path

import pytest

from tools.ab import noise
from tools.ab.contest import Request
from tools.ab.noise import detectable, largest_factor, measured_noise, noise_of, plain, taken
from tools.ab.pairs import Match, Status
from tools.ab.rule import Estimate, Rule, estimate
from tools.tests.ab.fakes import duel

CASE = "a/b/c"
RULE = Rule()


def duels(ratios, objection=None):
    return [duel(CASE, "decide", pair, [ratio] * 3, [objection] * 3) for pair, ratio in enumerate(ratios)]


def test_the_spread_between_pairs_and_what_each_look_would_show():
    found = noise_of(CASE, duels([0.01, -0.01, 0.01, -0.01, 0.0]), RULE, "cpu")
    assert (found.case, found.pairs, found.metric, found.rejected) == (CASE, 5, "latency_s", 0.0)
    assert found.spread == pytest.approx(0.01)
    assert list(found.detectable) == [6, 12, 18, 30]
    assert list(found.detectable.values()) == sorted(found.detectable.values(), reverse=True)


def on_a_gpu(made):
    """The same pairs with a time of the device beside that of the call, in which head is slower by a tenth."""

    def slot(each, factor):
        [seconds, *_] = each.rounds["latency_s"]
        return dataclasses.replace(each, rounds={**each.rounds, "device_s": (seconds * factor,)})

    taken = [dataclasses.replace(a, base=slot(a.base, 1.0), head=slot(a.head, 1.1)) for a in made.alternations]
    return dataclasses.replace(made, alternations=tuple(taken))


def test_the_time_of_the_device_is_taken_where_every_pair_has_one():
    ours = duels([0.01, 0.03])
    both = [on_a_gpu(each) for each in ours]
    assert noise_of(CASE, both, RULE, "cuda").metric == "device_s"
    assert noise_of(CASE, [both[0], ours[1]], RULE, "cuda").metric == "latency_s"


def test_two_pairs_have_a_spread():
    assert noise_of(CASE, duels([0.01, 0.03]), RULE, "cpu").spread == pytest.approx(0.01 * math.sqrt(2))


def test_of_two_pairs_one_degree_of_freedom_is_left():
    assert plain([0.01, 0.03]) == Estimate(pytest.approx(0.02), pytest.approx(0.01), 1, 2)
    assert plain([0.02, 0.02]).standard_error == 1e-9


def test_a_noisier_machine_sees_less():
    quiet, loud = (noise_of(CASE, duels([s, -s, s, -s]), RULE, "cpu").detectable for s in (0.005, 0.05))
    assert all(loud[pairs] > 2 * quiet[pairs] for pairs in quiet)


def test_no_machine_is_quieter_than_what_fails_a_job():
    assert set(noise_of(CASE, duels([0.0] * 4), RULE, "cpu").detectable.values()) == {0.01}


def test_of_two_pairs_the_plain_mean_is_taken_and_of_five_the_rules_own():
    ratios = [0.02, -0.02, 0.0, 0.01, -0.01]
    assert estimate(ratios[:2]) is None
    assert plain(ratios[:2]).standard_error == pytest.approx(0.02)
    assert detectable(ratios, RULE, "cpu", "latency_s")[6] == pytest.approx(
        math.expm1(estimate(ratios).detectable(RULE.looks[0], math.log1p(0.005)))
    )


@pytest.mark.parametrize("ratios", [[], [0.01]])
def test_fewer_than_two_pairs_have_no_spread(ratios):
    found = noise_of(CASE, duels(ratios), RULE, "cpu")
    assert (found.pairs, found.spread, found.detectable) == (len(ratios), None, {})


def test_disturbed_pairs_do_not_count_and_are_told():
    found = noise_of(CASE, duels([0.01, 0.02], "other processes used the machine"), RULE, "cpu")
    assert (found.pairs, found.rejected, found.objection) == (0, 1.0, "other processes used the machine")


@pytest.mark.parametrize(("pairs", "factor"), [(2, 15.9), (3, 4.4), (6, 2.1)])
def test_how_little_few_pairs_tell(pairs, factor):
    """Quantiles of chi-squared at 5 %: 0.0039 of 1, 0.1026 of 2, 1.1455 of 5 degrees of freedom."""
    assert largest_factor(pairs) == pytest.approx(factor, abs=0.05)


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def monotonic(self):
        return self.now_s


class Scripted:
    """A driver whose pairs take ten seconds each; `unfit` cannot be timed, which the first pair shows."""

    def __init__(self, clock, unfit=()):
        self.clock, self.unfit = clock, unfit
        self.statuses, self.doubts, self.pairs, self.asked = {}, {}, 0, []

    tables = None

    def run(self, matches, purpose, twin):
        assert (purpose, twin) == ("decide", False)
        self.asked.append([match.name for match in matches])
        self.doubts |= {match.name: Status("error", "error", "") for match in matches if match.name in self.unfit}
        self.clock.now_s += 10.0
        self.pairs += 1
        return [duel(match.name, purpose, self.pairs, [0.0]) for match in matches if match.name not in self.unfit]


@pytest.mark.parametrize(("seconds", "pairs"), [(0.0, 1), (19.0, 1), (20.0, 2), (35.0, 3)])
def test_no_pair_is_begun_that_would_end_too_late_but_the_first(monkeypatch, seconds, pairs):
    clock = Clock()
    monkeypatch.setattr(noise, "time", clock)
    driver = Scripted(clock)
    assert len(taken(driver, [Match(CASE, CASE, CASE)], seconds, lambda text: None)) == pairs


def test_what_cannot_be_timed_is_not_tried_again(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(noise, "time", clock)
    driver = Scripted(clock, unfit=("x/y/z",))
    taken(driver, [Match(name, name, name) for name in (CASE, "x/y/z")], 20.0, lambda text: None)
    assert driver.asked == [[CASE, "x/y/z"], [CASE]]
    driver = Scripted(clock, unfit=(CASE,))
    assert taken(driver, [Match(CASE, CASE, CASE)], 100.0, lambda text: None) == []
    assert driver.pairs == 1


def test_every_pair_is_told_as_it_ends(monkeypatch):
    clock, said = Clock(), []
    monkeypatch.setattr(noise, "time", clock)
    driver = Scripted(clock, unfit=("x/y/z",))
    taken(driver, [Match(name, name, name) for name in (CASE, "x/y/z")], 20.0, said.append)
    assert said == ["pair 1: 2 cases, 10 s", "pair 2: 1 case, 10 s"]


@pytest.mark.parametrize("device", [None, "cuda"])
def test_the_cases_of_these_tables_are_measured_until_the_time_is_over(monkeypatch, device):
    clock, asked, said = Clock(), [], []
    clock.now_s = 100.0
    driver = Scripted(clock)

    @contextlib.contextmanager
    def driven(request, rule, seed, started_s):
        asked.append((request, rule, started_s))
        assert 0 <= seed < 2**32
        yield driver

    monkeypatch.setattr(noise, "time", clock)
    monkeypatch.setattr(noise, "driven", driven)
    request = Request(Path(), "HEAD", "HEAD", "python3", "python3", device=device)
    found = measured_noise(request, ("a.py", "b.py"), (CASE, "x/y/z"), 20.0, said.append)
    assert asked == [(request, RULE, 100.0)]
    assert (driver.tables, driver.asked) == (["a.py", "b.py"], [[CASE, "x/y/z"]] * 2)
    assert [(each.case, each.pairs) for each in found] == [(CASE, 0), ("x/y/z", 0)]
    assert len(said) == 2
