import math

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import spread
from tools.compare import RED_FAMILY_ALPHA, SCREEN_ALPHA, Verdict, judge_spread
from tools.policy import POLICIES

RARE = 0.0005
T_10_RARE = 4.5869  # one-sided quantile of Student's t, 10 degrees of freedom: 8 of the prior, 2 of 3 processes
T_10_SCREEN = 2.2281

calm = settings(deadline=None, derandomize=True, database=None)


def around(sd, middle=1.0):
    """Three values whose logarithms have this standard deviation."""
    return (middle * math.exp(-sd), middle, middle * math.exp(sd))


def test_spread_is_that_of_the_logarithms():
    assert spread.log_sd(around(0.1, 7.0)) == pytest.approx(0.1)
    assert spread.log_sd([3.0]) == 0.0


def test_typical_spread_is_the_median_of_families_with_more_than_one_process():
    assert spread.typical_sd([around(0.1), around(0.3), around(0.2), [5.0], [6.0]]) == pytest.approx(0.2)
    assert spread.typical_sd([[1.0], [2.0]]) == 0.0
    assert spread.typical_sd([]) == 0.0


def test_neighbours_count_as_eight_more_observations():
    assert spread.pooled_sd(around(0.1), 0.2) == pytest.approx(math.sqrt((8 * 0.2**2 + 2 * 0.1**2) / 10))


def test_processes_that_agree_by_luck_do_not_make_the_interval_vanish():
    assert spread.pooled_sd((1.0, 1.0, 1.0), 0.0) == spread.FLOOR_SD


@pytest.mark.parametrize(("alpha", "quantile"), [(RARE, T_10_RARE), (SCREEN_ALPHA, T_10_SCREEN)])
def test_interval_is_the_t_prediction_interval_of_one_more_process(alpha, quantile):
    found = spread.interval(1.2, around(0.05), 0.05, alpha)
    assert found.log_ratio == pytest.approx(math.log(1.2))
    assert found.half_width == pytest.approx(quantile * 0.05 * math.sqrt(4 / 3), rel=1e-4)
    assert (found.low, found.high) == (found.log_ratio - found.half_width, found.log_ratio + found.half_width)


def test_more_processes_narrow_the_interval():
    few = spread.interval(1.0, around(0.05), 0.05, RARE)
    many = spread.interval(1.0, around(0.05) * 3, 0.05, RARE)
    assert many.half_width < few.half_width


@calm
@given(
    small=st.floats(0.0, 0.5),
    more=st.floats(0.01, 0.5),
    neighbours=st.floats(0.0, 0.5),
    alpha=st.sampled_from([RARE, SCREEN_ALPHA]),
)
def test_interval_widens_with_spread(small, more, neighbours, alpha):
    narrow = spread.interval(1.0, around(small), neighbours, alpha).half_width
    assert spread.interval(1.0, around(small + more), neighbours, alpha).half_width > narrow
    assert spread.interval(1.0, around(small), neighbours + more, alpha).half_width > narrow


@calm
@given(values=st.lists(st.floats(0.1, 10.0), min_size=3, max_size=9), neighbours=st.floats(0.0, 0.5))
def test_a_rarer_alarm_needs_a_wider_interval(values, neighbours):
    red = spread.interval(1.0, values, neighbours, RARE)
    assert red.half_width > spread.interval(1.0, values, neighbours, SCREEN_ALPHA).half_width


DRAWS, PROCESSES, CASES = 4000, 3, 9


def drawn(sd, draws=DRAWS):
    """(draws, CASES, PROCESSES + 1) times: per case of a path the processes of its baseline and one fresh process."""
    return numpy.random.default_rng(int(1000 * sd)).lognormal(0.0, sd, (draws, CASES, PROCESSES + 1))


def verdict(path, unit, case=0, slowdown=1.0):
    """The verdict on the fresh process of one case, its own baseline unchanged."""
    policy = POLICIES[unit]
    value = float(path[case, PROCESSES]) * (1 / slowdown if policy.higher_is_better else slowdown)
    kin = [tuple(map(float, family[:PROCESSES])) for family in path]
    return judge_spread(value, kin[case], kin, policy)[0]


@pytest.mark.parametrize("sd", [0.02, 0.05])
def test_false_red_is_rare(sd):
    red = [verdict(path, "_ratio") for path in drawn(sd)].count(Verdict.REGRESSED)
    # 20 of 4000: at the promised rate of 0.005 / 9 two are expected.
    assert red <= 0.005 * DRAWS


def test_false_red_is_rare_over_a_whole_path():
    paths = drawn(0.05, 500)
    red = sum(any(verdict(path, "_ratio", case) is Verdict.REGRESSED for case in range(CASES)) for path in paths)
    # 12 of 500: at the promised rate of 0.005 2.5 are expected.
    assert RED_FAMILY_ALPHA == 0.005
    assert red <= 12


@pytest.mark.parametrize("sd", [0.02, 0.05])
def test_a_slowdown_of_one_half_is_found(sd):
    red = [verdict(path, "_ratio", slowdown=1.5) for path in drawn(sd)].count(Verdict.REGRESSED)
    assert red >= 0.9 * DRAWS


def test_screen_sends_few_unchanged_times_to_the_ab_and_nearly_all_slow_ones():
    paths = drawn(0.05, 1500)
    assert [verdict(path, "_s") for path in paths].count(Verdict.SUSPECT) <= 0.06 * len(paths)
    assert [verdict(path, "_s", slowdown=1.5) for path in paths].count(Verdict.SUSPECT) >= 0.99 * len(paths)


def test_more_noisy_neighbours_make_red_harder_for_each():
    few, many = [around(0.02)], [around(0.02)] * 100
    policy = POLICIES["_ratio"]
    edge = math.exp(-0.13)
    assert judge_spread(edge, around(0.02), few, policy)[0] is Verdict.REGRESSED
    assert judge_spread(edge, around(0.02), many, policy)[0] is Verdict.SUSPECT
