import dataclasses
import functools
import math

import numpy
import pytest
from scipy import stats

from tools.gate import rules
from tools.gate.rules import AB, RULES, SCREEN, SCREEN_THEN_AB, Archive
from tools.tests.gate.samples import RULE, campaigns, flags, told, trial

OWN_LIMIT_IS_TEN_PER_CENT = {"mean:10%, stored", "mean:10%, same job", "asv"}
SILENT = {"process_sd": 0.0, "round_sd": 0.0}


@functools.cache
def noiseless(slowdown):
    """A slowed trial, and what stored baselines are made from."""
    rng = numpy.random.default_rng(0)
    stored = [trial(rng, campaign=1, workload=name, **SILENT) for name in ("sort", "copy")]
    return trial(rng, slowdown, "10", campaign=2, **SILENT), Archive.of(stored)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_without_noise_a_slowdown_beyond_every_limit_is_seen_by_all(rule):
    assert rule.judge(*noiseless(1.11)).flagged


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_without_noise_ten_per_cent_is_seen_by_all_but_those_whose_limit_it_is(rule):
    assert rule.judge(*noiseless(1.0999)).flagged == (rule.name not in OWN_LIMIT_IS_TEN_PER_CENT)


@pytest.mark.parametrize("slowdown", [1.0, 0.9])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_without_noise_neither_the_same_nor_a_faster_head_is_flagged(rule, slowdown):
    assert not rule.judge(*noiseless(slowdown)).flagged


@pytest.mark.parametrize("name", ["median:5%, stored", "median:5%, same job"])
def test_a_limit_finds_a_change_of_its_own_size_half_the_time(name):
    rng = numpy.random.default_rng(5)
    stored = Archive.of([trial(rng, campaign=0, pairs=1, **SILENT)])
    trials = [trial(rng, 1.05, "5", campaign=1, pairs=1, process_sd=0.02, round_sd=0.001) for _ in range(400)]
    found = sum(RULE[name].judge(one, stored).flagged for one in trials)
    assert 150 < found < 250  # 200 are expected, 50 are five standard deviations


def test_processes_that_differ_are_false_alarms_to_a_test_on_rounds_only():
    rng = numpy.random.default_rng(7)
    trials = [trial(rng, process_sd=0.05, round_sd=0.005) for _ in range(200)]
    # The rounds of two processes hardly overlap, so nearly every second trial must raise an alarm.
    assert flags("Mann-Whitney on rounds, p < .05", trials) > 60
    assert flags("Mann-Whitney on rounds, p < .001", trials) > 60
    # 2.5 % of 200 are 5; 16 are five standard deviations above.
    assert flags("google/benchmark U test", trials) <= 16
    assert flags("same pairs, trimmed mean", trials) <= 3
    assert flags(AB, trials) <= 3


def test_values_of_one_process_are_no_independent_values_to_pyperf_either():
    rng = numpy.random.default_rng(8)
    trials = [trial(rng, process_sd=0.05, round_sd=0.001) for _ in range(300)]
    # With three equal values a process t is sqrt(3) too large: 2.5 % become about 13 %.
    assert 18 < flags("pyperf compare_to", trials) < 75


def test_one_slow_epoch_costs_the_plain_mean_its_power_and_not_the_trimmed_one():
    rng = numpy.random.default_rng(9)
    calm = [trial(rng, 1.03, "3", process_sd=0.003) for _ in range(20)]
    spoilt = [dataclasses.replace(one, pairs=(*one.pairs[1:], trial(rng, 0.8, pairs=1).pairs[0])) for one in calm]
    assert flags("same pairs, trimmed mean", calm) == flags("same pairs, plain t", calm) == 20
    assert flags("same pairs, trimmed mean", spoilt) == 20
    assert flags("same pairs, plain t", spoilt) == 0


def test_signed_ranks_are_out_of_reach_below_ten_pairs():
    rng = numpy.random.default_rng(10)
    assert flags("same pairs, Wilcoxon", [trial(rng, 1.2, "10", pairs=9)]) == 0
    assert flags("same pairs, Wilcoxon", [trial(rng, 1.2, "10", pairs=10)]) == 1


def test_what_no_data_allow_is_not_judged():
    lonely = trial(numpy.random.default_rng(0), pairs=1)
    unable = {rule.name for rule in RULES if rule.judge(lonely, Archive.of([lonely])) is None}
    assert {name for name in unable if "stored" in name} == {"median:5%, stored", "mean:10%, stored", "min:5%, stored"}
    assert {"asv", "same pairs, trimmed mean", "same pairs, plain t", SCREEN, SCREEN_THEN_AB} <= unable
    nothing = told("inconclusive", half_width=None)
    assert [rule.name for rule in RULES if rule.judge(nothing, Archive.of([lonely]))] == [AB]


def test_a_stored_base_is_of_the_last_campaign_before():
    rng = numpy.random.default_rng(0)
    archive = Archive.of([trial(rng, campaign=number, pairs=1) for number in (3, 1, 2)])
    found = {number: archive.before(trial(rng, campaign=number, pairs=1))["sort"].campaign for number in (1, 2, 3, 9)}
    assert found == {1: 3, 2: 1, 3: 2, 9: 3}
    assert archive.before(trial(rng, campaign=2, workload="new", pairs=1)) == {}


def test_a_stored_base_holds_no_injection():
    rng = numpy.random.default_rng(0)
    slowed = trial(rng, 1.5, "10", campaign=1, pairs=1)
    assert Archive.of([slowed, told("unchanged", campaign=2)]).unchanged == {}


def test_p_values_are_those_of_the_published_tests():
    rng = numpy.random.default_rng(3)
    base, head = rng.normal(1.0, 0.1, 12), rng.normal(1.1, 0.1, 15)
    t = stats.ttest_ind(head, base).pvalue
    u = stats.mannwhitneyu(head, base, alternative="two-sided").pvalue
    assert rules.pooled_t(base, head) == pytest.approx(-math.log10(t))
    assert rules.pooled_t(head, base) == pytest.approx(math.log10(t))
    assert rules.mann_whitney(base, head) == pytest.approx(-math.log10(u))
    assert rules.mann_whitney(head, base) == pytest.approx(math.log10(u))
    one_sided = stats.ttest_1samp(head - 1.05, 0.0, alternative="greater").pvalue
    assert rules.plain_t_p([float(value) for value in head - 1.05]) == pytest.approx(one_sided)


def test_asv_needs_the_factor_and_the_test():
    rng = numpy.random.default_rng(4)
    large_but_unsure = rules.asv_score([1.0, 1.01], [1.2, 1.21])
    sure_but_small = rules.asv_score(rng.normal(1.0, 0.001, 50), rng.normal(1.09, 0.001, 50))
    both = rules.asv_score(rng.normal(1.0, 0.001, 50), rng.normal(1.11, 0.001, 50))
    assert large_but_unsure < 1 < both
    assert 0.8 < sure_but_small < 1


def test_autorange_stops_after_a_fifth_of_a_second():
    assert len(rules.until([0.001] * 50, 0.2)) == 40
    assert len(rules.until([0.15] * 50, 0.2)) == 2
    assert len(rules.until([0.15], 0.2)) == 1


def test_each_rule_pays_for_what_it_used():
    rng = numpy.random.default_rng(6)
    trials = campaigns(rng, count=2, doses=("0",), workloads=("sort", "copy"), pairs=12, wall_s=240.0)
    costs = {rule.name: rule.judge(trials[-1], Archive.of(trials)).cost_s for rule in RULES}
    process = 240.0 / 24
    assert costs["median:5%, stored"] == costs[SCREEN] == pytest.approx(process)
    assert costs["median:5%, same job"] == pytest.approx(2 * process)
    assert costs["asv"] == pytest.approx(4 * process)
    assert costs["google/benchmark U test"] == pytest.approx(18 * process)
    assert costs["pyperf compare_to"] == pytest.approx(24 * process)
    assert costs[AB] == costs["same pairs, plain t"] == pytest.approx(240.0)
    assert costs[SCREEN_THEN_AB] == pytest.approx(process)


def test_a_suspect_pays_for_the_ab_too():
    slowed, archive = noiseless(1.2)
    assert RULE[SCREEN_THEN_AB].judge(slowed, archive).cost_s == pytest.approx(60.0 + 60.0 / 24)


def test_only_what_the_screen_suspects_can_turn_red():
    slowed, archive = noiseless(1.02)
    assert RULE[AB].judge(slowed, archive).flagged
    assert not RULE[SCREEN].judge(slowed, archive).flagged
    both = RULE[SCREEN_THEN_AB].judge(slowed, archive)
    assert (both.flagged, both.score) == (False, -math.inf)


def test_names_are_unique_and_sources_are_told():
    assert len(RULE) == len(RULES)
    assert all(rule.source for rule in RULES)
