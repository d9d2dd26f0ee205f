"""Accuracies that were judged on the same examples: what flips prove, and when they prove nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from tools import paired
from tools.baselines import Stored, read_baselines, write_baselines
from tools.compare import judge_record
from tools.opinion import judge_paired
from tools.paired import Drop, Flips, chance_of_gain, chance_of_loss, deciding_count, flips, score, score_interval
from tools.records import BadRecord, Metric, Outcomes, outcomes_of
from tools.refresh import refresh
from tools.tests.samples import CASE, SLUG, baseline, fingerprint, record, run, stored
from tools.tests.test_refresh import NOW
from tools.verdict import Verdict

COUNT = 1797
BEFORE = 1747  # right, of COUNT


def outcomes(lost=0, won=0, count=COUNT, right=BEFORE, examples="digits"):
    """Of a model that had the first `right` examples right, lost some of them and won some others."""
    found = [place < right for place in range(count)]
    found[:lost] = [False] * lost
    found[right : right + won] = [True] * won
    return outcomes_of(found, examples)


def top1(found):
    return Metric(found.bits.bit_count() / found.count, outcomes=found)


def verdict(lost, won, **size):
    return judge_paired(outcomes(lost, won, **size), outcomes(**size))


def test_half_a_point_of_all_digits_is_a_regression():
    word, reason = verdict(9, 0)
    assert word is Verdict.REGRESSED
    assert reason == "of 1797 examples 9 lost, 0 won: -0.5 points (-0.9 to -0.3)"


def test_half_a_point_of_few_examples_is_inconclusive_and_says_how_many_would_decide():
    word, reason = verdict(3, 0, count=597, right=580)
    assert word is Verdict.INCONCLUSIVE
    assert reason.endswith("some 1,569 examples would decide")


def test_as_many_lost_as_won_is_no_loss():
    word, reason = verdict(3, 3)
    assert word is Verdict.UNCHANGED
    assert "3 lost, 3 won: +0.0 points" in reason


def test_many_flips_either_way_leave_it_open():
    assert verdict(30, 25)[0] is Verdict.INCONCLUSIVE


def test_the_same_examples_right_is_unchanged_however_few_they_are():
    assert verdict(0, 0, count=10, right=5)[0] is Verdict.UNCHANGED


def test_what_is_won_beyond_chance_is_an_improvement():
    assert verdict(1, 20)[0] is Verdict.IMPROVED


@pytest.mark.parametrize("now", [None, outcomes(examples="others"), outcomes(count=1000, right=900)])
def test_other_examples_cannot_be_compared(now):
    assert judge_paired(now, outcomes())[0] is Verdict.INCOMPARABLE


@given(st.integers(0, 8))
def test_fewer_than_nine_flips_never_turn_red(lost):
    assert verdict(lost, 0)[0] is not Verdict.REGRESSED


@pytest.mark.parametrize("flipped", [10, 30, 100])
def test_flips_by_chance_turn_red_no_more_often_than_alpha(flipped):
    generator = np.random.default_rng(2)
    lost = generator.binomial(flipped, 0.5, size=20_000)
    red = np.mean([chance_of_loss(Flips(int(each), flipped - int(each), COUNT)) <= paired.ALPHA for each in lost])
    assert red <= paired.ALPHA + 3 * math.sqrt(paired.ALPHA / 20_000)


def test_as_many_examples_as_it_asked_for_do_decide():
    found = Flips(9, 1, COUNT)
    more = deciding_count(found) / COUNT
    assert chance_of_loss(Flips(round(9 * more), round(more), round(COUNT * more))) <= 2 * paired.ALPHA


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (Flips(10, 0, 1000), 2.807**2 * 0.01 / 0.01**2),  # beyond the margin only a loss can be shown
        (Flips(5, 0, 1000), 2.807**2 * 0.005 / 0.005**2),
        (Flips(30, 27, 1000), 2.807**2 * 0.057 / 0.003**2),
        (Flips(2, 1, 1000), 1.96**2 * 0.003 / 0.004**2),
        (Flips(2, 6, 1000), 1.96**2 * 0.008 / 0.009**2),
        (Flips(0, 60, 1000), 1.96**2 * 0.06 / 0.065**2),
    ],
)
def test_how_many_examples_would_decide(found, count):
    """z of 0.0025 and of 0.025, squared, times the variance of one example over the square of what is to be told."""
    margin = {Flips(30, 27, 1000): 1.96**2 * 0.057 / 0.002**2}.get(found, math.inf)
    assert deciding_count(found) == pytest.approx(min(count, margin), rel=2e-3, abs=1)


@pytest.mark.parametrize(("lost", "won", "chance"), [(9, 0, 1 / 512), (9, 1, 11 / 1024), (0, 3, 1.0), (1, 1, 0.75)])
def test_a_fair_coin_decides_each_flip(lost, won, chance):
    assert chance_of_loss(Flips(lost, won, COUNT)) == pytest.approx(chance)
    assert chance_of_gain(Flips(won, lost, COUNT)) == pytest.approx(chance)


def test_the_edges_of_the_three_words():
    """Nine lost are red and eight are not; a loss of half a point at most, with 95 % confidence, is none."""
    assert verdict(8, 0)[0] is Verdict.INCONCLUSIVE
    assert [verdict(0, won)[0] for won in (8, 9)] == [Verdict.UNCHANGED, Verdict.IMPROVED]
    assert score_interval(3, 0, COUNT).high < paired.SAME < score_interval(4, 0, COUNT).high
    assert [verdict(lost, 0)[0] for lost in (3, 4)] == [Verdict.UNCHANGED, Verdict.INCONCLUSIVE]


def test_a_verdict_at_its_own_edge_falls(monkeypatch):
    monkeypatch.setattr(paired, "ALPHA", 1 / 256)
    assert [verdict(*lost_won)[0] for lost_won in ((8, 0), (0, 8))] == [Verdict.REGRESSED, Verdict.IMPROVED]
    monkeypatch.setattr(paired, "SAME", score_interval(5, 0, COUNT).high)
    assert verdict(5, 0)[0] is Verdict.UNCHANGED


def test_no_number_of_examples_decides_a_loss_of_nothing_beside_the_margin():
    assert deciding_count(Flips(0, 0, 10)) == 0
    assert deciding_count(Flips(5, 5, 1000)) == math.ceil(1.96**2 * 0.01 / 0.005**2)


def test_bits_are_told_apart_by_place():
    assert flips(outcomes_of([True, False, True], "x"), outcomes_of([False, True, True], "x")) == Flips(1, 1, 3)


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_outcomes_keep_every_bit(right):
    found = outcomes_of(right, "x")
    assert [bool(found.bits >> (len(right) - 1 - place) & 1) for place in range(len(right))] == right


@pytest.mark.parametrize(("count", "right"), [(3, "ff"), (0, "0"), (4, "g"), (4, ""), (4, "-1")])
def test_outcomes_that_cannot_be_are_refused(count, right):
    with pytest.raises(BadRecord, match="outcomes of"):
        Outcomes("x", count, right)


def test_a_baseline_keeps_outcomes_and_a_slip_turns_red(tmp_path):
    before, after = record(top1_fraction=top1(outcomes())), record(top1_fraction=top1(outcomes(lost=12)))
    refresh([run(before), run(before)], tmp_path, "", NOW)
    kept = read_baselines(tmp_path, SLUG)["attention"]
    assert kept.cases[CASE].metrics["top1_fraction"].outcomes == outcomes()
    findings = {finding.metric: finding for finding in judge_record(after, kept, fingerprint())}
    assert findings["top1_fraction"].verdict is Verdict.REGRESSED


def test_small_slips_add_up_until_the_anchor_shows_them(tmp_path):
    for lost in (0, 4, 8):
        each = record(top1_fraction=top1(outcomes(lost=lost)))
        refresh([run(each)], tmp_path, "", NOW)
    kept = read_baselines(tmp_path, SLUG)["attention"]
    assert kept.cases[CASE].metrics["top1_fraction"].anchor.outcomes == outcomes()
    assert kept.cases[CASE].metrics["top1_fraction"].outcomes == outcomes(lost=8)
    last = record(top1_fraction=top1(outcomes(lost=12)))
    found = next(each for each in judge_record(last, kept, fingerprint()) if each.metric == "top1_fraction")
    assert found.verdict is Verdict.REGRESSED
    assert found.reason.startswith("crept: of 1797 examples 12 lost")


def test_what_is_won_beyond_chance_moves_the_anchor(tmp_path):
    for won, lost in ((0, 0), (0, 4), (20, 0)):
        refresh([run(record(top1_fraction=top1(outcomes(lost=lost, won=won))))], tmp_path, "", NOW)
    found = read_baselines(tmp_path, SLUG)["attention"].cases[CASE].metrics["top1_fraction"]
    assert (found.anchor, found.outcomes) == (None, outcomes(won=20))


def test_a_baseline_without_outcomes_is_judged_by_its_number_alone():
    kept = baseline({CASE: stored(top1_fraction=0.97)})
    found = judge_record(record(top1_fraction=top1(outcomes(lost=3))), kept, fingerprint())
    assert {each.metric: each.verdict for each in found}["top1_fraction"] is Verdict.UNCHANGED


def test_a_baseline_file_with_outcomes_reads_as_it_was_written(tmp_path):
    kept = baseline({CASE: stored(top1_fraction=Stored((0.97,), outcomes=outcomes()))})
    write_baselines(tmp_path, [kept])
    assert read_baselines(tmp_path, SLUG)["attention"] == kept


def test_everything_lost_is_everything():
    assert score_interval(50, 0, 50).high == pytest.approx(1.0)
    assert score_interval(0, 50, 50).low == pytest.approx(-1.0)
    assert score_interval(0, 0, 1) == Drop(pytest.approx(-0.79, abs=0.01), pytest.approx(0.79, abs=0.01))


@pytest.mark.parametrize(("lost", "won", "n"), [(7, 3, 50), (3, 7, 50), (12, 0, 100), (4, 4, 40), (1, 0, 44)])
@pytest.mark.parametrize("drop", [-0.3, -0.02, 0.0, 0.02, 0.3])
def test_the_score_is_that_of_the_likeliest_shares_under_the_hypothesis(lost, won, n, drop):
    """Shares: won p, lost p + drop, neither the rest. Its variance is that of the difference of two such counts."""

    def unlikely(p):
        shares = ((lost, p + drop), (won, p), (n - lost - won, 1 - 2 * p - drop))
        return -sum(count * math.log(max(share, 1e-300)) for count, share in shares)

    bounds = (max(0.0, -drop), (1 - drop) / 2)
    p = minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    expected = (lost - won - n * drop) / math.sqrt(n * (2 * p + drop - drop**2))
    assert score(drop, lost, won, n) == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_what_a_hypothesis_leaves_no_chance_for_is_infinitely_far_from_it():
    """All are won, it says, and one is not."""
    assert score(-1.0, 0, 49, 50) == math.inf
    assert score(-1.0, 0, 50, 50) == 0.0


@pytest.mark.parametrize(("lost", "won", "n"), [(7, 3, 50), (12, 0, 100), (0, 1, 44)])
def test_the_interval_ends_where_its_score_is_that_of_95_percent(lost, won, n):
    found, mirrored = score_interval(lost, won, n), score_interval(won, lost, n)
    assert score(found.low, lost, won, n) == pytest.approx(1.959964, abs=1e-5)
    assert score(found.high, lost, won, n) == pytest.approx(-1.959964, abs=1e-5)
    assert (mirrored.low, mirrored.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


@pytest.mark.parametrize("drop", [0.0, 0.02, 0.1])
def test_the_interval_holds_the_truth_as_often_as_it_says(drop):
    generator = np.random.default_rng(1)
    counts = generator.multinomial(400, [0.02 + drop, 0.02, 0.96 - drop], size=1000)
    intervals = [score_interval(int(lost), int(won), 400) for lost, won, _ in counts]
    held = np.mean([found.low <= drop <= found.high for found in intervals])
    assert 0.93 <= held <= 0.97
