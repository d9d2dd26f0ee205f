import dataclasses
import math

import numpy
import pytest

from tools.gate import rules
from tools.gate.rates import (
    Judged,
    alarmed_campaigns,
    all_rates,
    clocks_of,
    dangerous_misses,
    direction_errors,
    dose_rates,
    matched_threshold,
    pair_spread,
    rate,
    rates_by_metric,
    rule_rates,
    smallest_dose,
)
from tools.gate.rules import AB, RULES, GateRule, Outcome
from tools.gate.trials import INJECTED, STEADY, TrialFile
from tools.policy import policy_of
from tools.tests.gate.samples import RULE, campaigns, told, trial

RAMP = {"0": 0, "1": 20, "2": 60, "3": 80, "5": 100, "10": 100}
NAMED = GateRule("named", "nobody", lambda trial, archive: None)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [  # two-sided 95 %, as in the tables of the exact binomial interval
        (0, 10, 0.0, 0.3085),
        (1, 20, 0.0013, 0.2487),
        (5, 10, 0.1871, 0.8129),
        (10, 100, 0.0490, 0.1762),
        (0, 300, 0.0, 0.0122),
        (10, 10, 0.6915, 1.0),
    ],
)
def test_bounds_are_those_of_clopper_and_pearson(count, of, low, high):
    found = rate(count, of)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_nothing_tried_proves_nothing():
    found = rate(0, 0)
    assert (found.low, found.high) == (0.0, 1.0)
    assert math.isnan(found.share)


def shares(**per_cent):
    return {dose: rate(per_cent.get(f"d{dose}", 0), 100 if f"d{dose}" in per_cent else 0) for dose in INJECTED}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (shares(d0=0, d1=20, d2=60, d3=80, d5=100, d10=100), 4.0),
        (shares(d0=0, d1=0, d2=0, d3=85, d5=95, d10=100), 4.0),
        (shares(d0=0, d1=100, d2=100, d3=100, d5=100, d10=100), 0.9),
        (shares(d0=0, d1=90, d2=95, d3=95, d5=95, d10=95), 1.0),
        (shares(d0=0, d1=95, d2=50, d3=95, d5=95, d10=95), 2 + 40 / 45),  # what is not kept does not count
        (shares(d0=0, d1=100, d2=100, d3=100, d5=100, d10=80), None),
        (shares(d0=0, d1=1, d2=2, d3=3, d5=5, d10=10), None),
        (shares(d0=0, d10=100), 9.0),
        (shares(d0=95, d1=95), 0.0),
        (shares(d3=95, d10=95), 3.0),
        (shares(), None),
    ],
)
def test_mde90_lies_on_the_straight_line_between_doses(found, expected):
    assert smallest_dose(found) == (expected if expected is None else pytest.approx(expected))


def ramp(shift, flagged_above):
    """100 trials a dose, of which RAMP says how many score beyond all the trials without a change."""
    for dose, count in RAMP.items():
        for number in range(100):
            quiet = number / 100 if dose == "0" else 0.0
            score = shift + (2.0 if number < count else quiet)
            yield Judged(told("unchanged", dose, campaign=number % 5), Outcome(score > flagged_above, score, 3.0))


@pytest.mark.parametrize("shift", [0.0, 7.0])
def test_the_matched_threshold_makes_up_for_a_wrong_one(shift):
    found = rule_rates(NAMED, list(ramp(shift, flagged_above=1.5)))
    assert found.matched_mde90 == pytest.approx(4.0)
    assert found.matched_alarms.count == 1
    assert found.mde90 == (pytest.approx(4.0) if shift == 0.0 else 0.0)
    assert found.flagged["0"].count == (0 if shift == 0.0 else 100)
    assert found.alarmed.count == (0 if shift == 0.0 else 5)
    assert found.cost_s == 3.0


def test_at_most_one_in_a_hundred_exceeds_the_matched_threshold():
    scores = [float(value) for value in range(250)]
    threshold = matched_threshold(scores)
    assert sum(score > threshold for score in scores) == 2
    assert matched_threshold(scores[:99]) == 98.0  # too few to allow any
    assert matched_threshold([]) == math.inf


def test_scores_that_are_equal_are_flagged_together_or_not_at_all():
    assert matched_threshold([1.0] * 300) == 1.0


def test_a_campaign_with_two_alarms_counts_once():
    alarms = [(0, "0", True), (0, "0", True), (1, "0", False), (2, "0", False), (2, "10", True)]
    judged = [
        Judged(told("unchanged", dose, campaign=number), Outcome(said, 0.0, 0.0)) for number, dose, said in alarms
    ]
    found = alarmed_campaigns(judged)
    assert (found.count, found.of) == (1, 3)


def test_verdicts_coverage_and_bias_of_a_dose():
    true = math.log(1.05)
    trials = [
        told("regressed", "5", true + 0.02),
        told("regressed", "5", true - 0.005),
        told("unchanged", "5", true + 0.009),
        told("inconclusive", "5", 9.9, half_width=None),
        told("regressed", "10", 0.0),
    ]
    found = dose_rates(trials, "5")
    assert {said: rate.count for said, rate in found.verdicts.items()} == {
        "regressed": 2,
        "improved": 0,
        "unchanged": 1,
        "inconclusive": 1,
    }
    assert (found.covered.count, found.covered.of) == (2, 3)
    assert found.bias == pytest.approx(0.008)


def test_the_dangerous_miss_begins_at_three_per_cent():
    trials = [told("unchanged", dose) for dose in INJECTED] + [told("regressed", dose) for dose in STEADY]
    found = dangerous_misses(trials)
    assert (found.count, found.of) == (4, 7)


def test_to_call_a_slowdown_an_improvement_is_a_wrong_direction():
    trials = [told("improved", dose) for dose in ("0", "1", "bimodal")] + [told("regressed", "2")]
    found = direction_errors(trials)
    assert (found.count, found.of) == (2, 3)


def test_spread_between_pairs_is_told_apart_by_workload():
    rng = numpy.random.default_rng(2)
    calm = [trial(rng, workload="calm", process_sd=0.01, round_sd=0.0) for _ in range(60)]
    wild = [trial(rng, workload="wild", process_sd=0.05, round_sd=0.0) for _ in range(60)]
    slow = [trial(rng, injected="5", workload="slow")]
    found = pair_spread([*wild, *calm, *slow])
    assert list(found) == ["calm", "wild"]
    assert found["calm"] == pytest.approx(0.01 * math.sqrt(2), rel=0.1)
    assert found["wild"] == pytest.approx(0.05 * math.sqrt(2), rel=0.1)


def test_all_rules_are_rated_on_the_same_trials():
    trials = campaigns(numpy.random.default_rng(11), doses=("0", "10"))
    found = {rates.rule.name: rates for rates in all_rates(trials)}
    assert list(found) == [rule.name for rule in RULES]
    assert all(rates.flagged["0"].of == rates.flagged["10"].of == 8 for rates in found.values())
    assert (found[AB].flagged["0"].count, found[AB].flagged["10"].count) == (0, 8)
    assert found[AB].alarmed.of == 4


def test_a_single_campaign_has_no_stored_base():
    trials = campaigns(numpy.random.default_rng(12), count=1, doses=("0",))
    [found] = all_rates(trials, [RULE["median:5%, stored"]])
    assert (found.flagged["0"].of, found.mde90, found.matched_mde90) == (0, None, None)
    assert math.isnan(found.cost_s)


def test_the_ab_has_nothing_to_say_of_equal_code_that_the_time_cut_off():
    """It might have turned red. A slow-down that was not found in the time was not found."""
    trials = [
        told("unchanged"),
        *(dataclasses.replace(told("inconclusive", dose), cut=True) for dose in ("0", "3")),
        told("regressed", "3"),
    ]
    [found] = [each for each in all_rates(trials) if each.rule.name == AB]
    assert (found.flagged["0"].of, found.flagged["3"].count, found.flagged["3"].of) == (1, 1, 2)
    assert found.alarmed.of == 1


def test_the_rates_of_a_metric_are_of_its_trials_alone():
    trials = (told("unchanged"), dataclasses.replace(told("regressed"), metric="graph_s"))
    file = TrialFile(2, "", "", "", {}, trials, "gpu", ("latency_s", "graph_s"))
    found = {
        metric: {each.rule.name: each for each in rates}[AB].flagged["0"].count
        for metric, rates in rates_by_metric(file).items()
    }
    assert found == {"latency_s": 0, "graph_s": 1}


def test_the_screen_judges_a_trial_by_the_policy_of_its_metric(monkeypatch):
    asked = []
    monkeypatch.setattr(rules, "policy_of", lambda metric: asked.append(metric) or policy_of(metric))
    trials = [dataclasses.replace(one, metric="graph_s") for one in campaigns(numpy.random.default_rng(1), 2, ("0",))]
    RULE[rules.SCREEN].judge(trials[-1], rules.Archive.of(trials))
    assert asked == ["graph_s"]


def test_clocks_are_apart_beyond_one_per_cent_and_each_pair_counts_once():
    made = trial(numpy.random.default_rng(1), pairs=4)
    clocks = [(1980.0, 1961.0), (1980.0, 2001.0), None, (1000.0, 1000.0)]
    pairs = tuple(
        dataclasses.replace(pair, start_s=float(number), clocks_mhz=told)
        for number, (pair, told) in enumerate(zip(made.pairs, clocks, strict=True))
    )
    by_metric = [dataclasses.replace(made, pairs=pairs, metric=metric) for metric in ("latency_s", "graph_s")]
    found = clocks_of(by_metric)
    assert (found.apart.count, found.apart.of, found.untold) == (1, 3, 1)
    assert (found.lowest, found.highest) == (1000.0, 2001.0)
    assert clocks_of([]).lowest is None
