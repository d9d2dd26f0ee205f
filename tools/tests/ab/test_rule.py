import math

import numpy as np
import pytest
from scipy.stats import mstats
from scipy.stats import t as student_t

from tools.ab.rule import (
    MARGINS,
    Estimate,
    Look,
    Margins,
    Rule,
    alarmed,
    confirms,
    estimate,
    holm,
    kept,
    mirrored,
    opinion,
    spent,
)
from tools.verdict import Verdict

RULE, CPU = Rule(), MARGINS["cpu", "latency_s"]


def ratios(centre, sd, count=18, seed=0):
    return list(math.log1p(centre) + np.random.default_rng(seed).normal(0, sd, count))


def verdict(centre, sd, look=2, margins=CPU, **options):
    found = estimate(ratios(centre, sd, RULE.looks[look].pairs, **options))
    return opinion(found, RULE.looks[look], RULE, margins).verdict


def test_the_interval_is_that_of_scipy():
    values = ratios(0.01, 0.02)
    found = estimate(values)
    low, high = mstats.trimmed_mean_ci(values, limits=(0.2, 0.2), alpha=0.05)
    assert (found.low(0.025), found.high(0.025)) == (pytest.approx(low), pytest.approx(high))
    assert found.centre == pytest.approx(float(mstats.trimmed_mean(values, limits=(0.2, 0.2))))


def test_p_and_interval_agree():
    found = estimate(ratios(0.01, 0.02))
    assert found.p_slower(found.low(0.001)) == pytest.approx(0.001)


def test_too_few_pairs_estimate_nothing():
    assert estimate([0.1, 0.1, 0.1]) is None
    assert estimate([0.1] * 4) == Estimate(pytest.approx(0.1), 1e-9, 3, 4)


def test_equal_ratios_still_have_an_interval():
    found = estimate([0.1] * 6)
    assert found.low(0.0002) == pytest.approx(0.1, abs=1e-6)


def test_what_looks_and_confirmation_spend_together():
    """Equal code is called slower once in 6,666 cases, if pairs are independent: 0.005 x 0.03."""
    assert [look.pairs for look in RULE.looks] == [6, 12, 18, 30]
    assert RULE.alpha * sum(look.alpha for look in RULE.confirm) == pytest.approx(0.00015)
    assert spent(RULE, 0.0005, RULE.looks[0]) == pytest.approx(RULE.alpha)
    assert spent(RULE, 0.9, RULE.looks[0]) == 1.0


def test_an_improvement_must_be_surer_for_nothing_confirms_it():
    """p of 0.0003 at the first look: enough of its 0.0005 for a red, not for an improvement."""
    look, margins = RULE.looks[0], Margins(bias=1e-9, same=0.02, fail=1e-9)
    found = Estimate(centre=0.05, standard_error=0.05 / float(student_t.isf(0.0003, 3)), degrees=3, pairs=6)
    assert opinion(found, look, RULE, margins).verdict is Verdict.REGRESSED
    assert opinion(mirrored(found), look, RULE, margins).verdict is None


@pytest.mark.parametrize(
    ("centre", "sd", "expected"),
    [
        (0.10, 0.01, Verdict.REGRESSED),
        (0.03, 0.005, Verdict.REGRESSED),
        (-0.10, 0.01, Verdict.IMPROVED),
        (0.0, 0.005, Verdict.UNCHANGED),
        (0.006, 0.0005, Verdict.UNCHANGED),  # surely slower, surely too little to fail
        (0.0, 0.2, None),
    ],
)
def test_what_a_look_says(centre, sd, expected):
    assert verdict(centre, sd) is expected


def test_what_is_surely_slower_but_not_yet_red_goes_on():
    """95 % sure of more than the bias, not yet sure at the look's own share: within what `unchanged` allows."""
    found = Estimate(centre=0.014, standard_error=0.003, degrees=11, pairs=18)
    assert found.low(0.025) > math.log1p(CPU.bias)
    assert found.high(0.025) < math.log1p(CPU.same)
    assert opinion(found, RULE.looks[2], RULE, CPU).verdict is None


SURE = 1e-30  # a standard error that leaves the centre as it is: the interval is a point


@pytest.mark.parametrize(
    ("centre", "error", "margins", "expected"),
    [
        (0.01, SURE, CPU, Verdict.REGRESSED),  # the smallest that fails a job
        (0.01, 0.002, CPU, None),  # not yet sure of it: collected further
        (0.01, SURE, Margins(bias=0.01, same=0.02, fail=0.01), Verdict.UNCHANGED),  # no more than the bias
        (0.02, SURE, Margins(bias=0.05, same=0.02, fail=0.05), None),  # `unchanged` is surely less than this
        (-0.02, SURE, Margins(bias=0.05, same=0.02, fail=0.05), None),
    ],
)
def test_a_margin_itself_is_large_enough_to_fail_and_too_large_to_be_unchanged(centre, error, margins, expected):
    found = Estimate(math.copysign(math.log1p(abs(centre)), centre), error, degrees=11, pairs=18)
    told = opinion(found, RULE.looks[2], RULE, margins)
    assert (told.verdict, told.estimate) == (expected, found)


@pytest.mark.parametrize(("sign", "expected"), [(1, Verdict.REGRESSED), (-1, Verdict.IMPROVED)])
def test_a_look_may_spend_all_that_it_has(sign, expected):
    """An estimate of just the bias has p = 1/2, whatever its degrees of freedom."""
    half, margins = Rule(looks=(Look(6, 0.5),), improved_alpha=0.5), Margins(bias=0.01, same=0.02, fail=0.01)
    found = Estimate(sign * math.log1p(0.01), 0.1, degrees=3, pairs=6)
    told = opinion(found, half.looks[0], half, margins)
    assert (told.verdict, told.estimate) == (expected, found)
    assert told.p == pytest.approx(0.5 if sign > 0 else found.p_slower(math.log1p(0.01)))


def test_the_other_way_round_only_the_centre_changes():
    assert mirrored(Estimate(0.1, 0.2, 3, 6)) == Estimate(-0.1, 0.2, 3, 6)


def test_one_slow_epoch_in_eighteen_pairs_flips_nothing():
    """A pair that another tenant slowed by half on head's side alone; a plain mean would call it 2.3 % slower."""
    values = [*ratios(0.0, 0.003, 17), math.log(1.5)]
    assert opinion(estimate(values), RULE.looks[2], RULE, CPU).verdict is Verdict.UNCHANGED
    assert np.mean(values) > math.log1p(0.02)
    slower = [*ratios(0.05, 0.003, 17), math.log(0.5)]
    assert opinion(estimate(slower), RULE.looks[2], RULE, CPU).verdict is Verdict.REGRESSED


def test_holm_steps_down():
    """By hand, four at 0.05: the smallest is held against 0.0125, the next against 0.0167, 0.025 and 0.05."""
    assert holm({"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.005}, 0.05) == {"a", "b", "c", "d"}
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}, 0.05) == {"a", "d"}
    assert holm({"a": 0.02, "b": 0.001, "c": 0.9}, 0.01) == {"b"}
    assert holm({}, 0.01) == set()
    assert holm({"a": 0.05}, 0.05) == {"a"}


def test_a_confirmation_must_be_sure_and_large_enough():
    look = RULE.confirm[0]
    assert confirms(estimate([0.03, 0.031, 0.029, 0.03, 0.03, 0.03]), look, CPU)
    assert not confirms(estimate([0.005, 0.0051, 0.0049, 0.005, 0.005, 0.005]), look, CPU)
    assert not confirms(estimate([0.06, -0.03, 0.09, 0.0, 0.03, 0.03]), look, CPU)


def test_a_confirmation_of_just_what_fails_a_job_is_one_and_of_perhaps_nothing_is_none():
    look = RULE.confirm[0]
    assert confirms(Estimate(math.log1p(CPU.fail), SURE, 3, 6), look, CPU)
    wide = Estimate(0.0, 1.0, 3, 6)
    touching = Estimate(wide.quantile(look.alpha), 1.0, 3, 6)
    assert touching.low(look.alpha) == 0.0
    assert not confirms(touching, look, CPU)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("alpha", "alarm"), [(0.0045, True), (0.0055, False)])
def test_an_alarm_spends_half_of_its_alpha_on_either_side(sign, alpha, alarm):
    """Two twins of one spread, moved to where the interval of this one-sided alpha ends at the bias."""
    pattern = [0.01 * step for step in (-1, -0.5, 0, 0, 0.5, 1)]
    still = estimate(pattern * 2)
    moved = math.log1p(CPU.bias) - still.low(alpha)
    found = alarmed([[sign * (moved + step) for step in pattern]] * 2, RULE, CPU)
    assert RULE.twin_alpha == 0.01
    assert (found is not None) is alarm


@pytest.mark.parametrize("sign", [1, -1])
def test_a_twin_of_just_the_bias_is_no_witness(sign):
    bias = math.log1p(CPU.bias)
    loud, quiet = [sign * 0.05] * 20, [sign * bias] * 3 + [sign * 0.05] * 2
    assert alarmed([loud, loud], RULE, CPU) is not None
    assert alarmed([loud, quiet], RULE, CPU) is None
    assert alarmed([loud, [-each for each in loud[:3]]], RULE, CPU) is None


def test_an_alarm_needs_more_than_the_bias_and_every_pair():
    margins = Margins(bias=0.005, same=0.02, fail=0.01)

    def alarm(*centres, sd=0.002):
        return alarmed([ratios(centre, sd, 6, seed) for seed, centre in enumerate(centres)], RULE, margins)

    assert alarm(0.03, 0.03) is not None
    assert alarm(-0.03, -0.03) is not None
    assert alarm(0.003, 0.003, sd=0.0001) is None
    assert alarm(0.06, 0.06, 0.06, 0.0) is None  # one pair of processes differs: its cases are no more than one witness
    assert alarm(0.5) is None


def test_detectable_shrinks_with_the_spread():
    last = RULE.looks[-1]
    assert estimate(ratios(0, 0.02)).detectable(last, 0.0) > 2 * estimate(ratios(0, 0.005)).detectable(last, 0.0)


def test_detectable_adds_what_a_look_and_its_power_ask_for_in_standard_errors_of_that_look():
    found, last = Estimate(0.3, 0.01, 3, 6), RULE.looks[-1]
    quantiles = student_t.isf(last.alpha, 17) + student_t.isf(0.1, 17)  # 18 of 30 are left
    assert found.detectable(last, 0.005) == pytest.approx(0.005 + quantiles * 0.01 * math.sqrt(6 / 30))


def test_detectable_is_what_turns_red_nine_times_out_of_ten():
    """At the last look, with its own number of pairs: drawn 400 times at exactly that change."""
    last, bias = RULE.looks[-1], math.log1p(CPU.bias)
    drawn = np.random.default_rng(1).normal(0, 0.01, (400, last.pairs))
    error = np.mean([estimate(list(row)).standard_error for row in drawn])
    change = Estimate(0.0, float(error), kept(last.pairs) - 1, last.pairs).detectable(last, bias)
    red = [estimate(list(change + row)).low(last.alpha) > bias for row in drawn]
    assert 0.8 < np.mean(red) < 0.97


def test_the_figures_are_those_that_were_fixed_before_the_data_that_validate_them():
    """Whoever changes one measures error rates and power anew: bash ci/gate.sh."""
    assert Rule() == Rule(
        slot_s=0.01,
        least_round_s=0.005,
        settle_s=0.03,
        warm_s=0.05,
        alternations=16,
        passes=4,
        case_pair_s=4.0,
        least_alternations=4,
        looks=(Look(6, 0.0005), Look(12, 0.001), Look(18, 0.0015), Look(30, 0.002)),
        confirm=(Look(6, 0.01), Look(12, 0.01), Look(18, 0.01)),
        family_alpha=0.05,
        improved_alpha=0.001,
        same_alpha=0.025,
        twin_every=4,
        twin_alpha=0.01,
        rejected_share=1 / 3,
    )
    figures = dict(MARGINS)
    assert figures == {
        ("cpu", "latency_s"): Margins(bias=0.005, same=0.025, fail=0.01),
        ("cuda", "latency_s"): Margins(bias=0.005, same=0.02, fail=0.005),
        ("cuda", "device_s"): Margins(bias=0.005, same=0.01, fail=0.005),
        ("cuda", "graph_s"): Margins(bias=0.0025, same=0.005, fail=0.0025),
    }


def test_every_margin_is_ordered():
    for margins in MARGINS.values():
        assert 0 < margins.bias <= margins.fail <= margins.same
