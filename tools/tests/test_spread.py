import math

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import spread
from tools.compare import RED_ALPHA, SCREEN_ALPHA, Verdict, judge_spread
from tools.policy import POLICIES

T_10_RED = 4.5869  # one-sided 0.0005 quantile of Student's t, 10 degrees of freedom: 8 of the prior, 2 of 3 processes
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


@pytest.mark.parametrize(("alpha", "quantile"), [(RED_ALPHA, T_10_RED), (SCREEN_ALPHA, T_10_SCREEN)])
def test_interval_is_the_t_prediction_interval_of_one_more_process(alpha, quantile):
    found = spread.interval(1.2, around(0.05), 0.05, alpha)
    assert found.log_ratio == pytest.approx(math.log(1.2))
    assert found.half_width == pytest.approx(quantile * 0.05 * math.sqrt(4 / 3), rel=1e-4)
    assert (found.low, found.high) == (found.log_ratio - found.half_width, found.log_ratio + found.half_width)


def test_more_processes_narrow_the_interval():
    few = spread.interval(1.0, around(0.05), 0.05, RED_ALPHA)
    many = spread.interval(1.0, around(0.05) * 3, 0.05, RED_ALPHA)
    assert many.half_width < few.half_width


@calm
@given(
    small=st.floats(0.0, 0.5),
    more=st.floats(0.01, 0.5),
    neighbours=st.floats(0.0, 0.5),
    alpha=st.sampled_from([RED_ALPHA, SCREEN_ALPHA]),
)
def test_interval_widens_with_spread(small, more, neighbours, alpha):
    narrow = spread.interval(1.0, around(small), neighbours, alpha).half_width
    assert spread.interval(1.0, around(small + more), neighbours, alpha).half_width > narrow
    assert spread.interval(1.0, around(small), neighbours + more, alpha).half_width > narrow


@calm
@given(values=st.lists(st.floats(0.1, 10.0), min_size=3, max_size=9), neighbours=st.floats(0.0, 0.5))
def test_a_rarer_alarm_needs_a_wider_interval(values, neighbours):
    red = spread.interval(1.0, values, neighbours, RED_ALPHA)
    assert red.half_width > spread.interval(1.0, values, neighbours, SCREEN_ALPHA).half_width


DRAWS, PROCESSES, NEIGHBOURS = 4000, 3, 8


def verdicts(sd, unit, slowdown=1.0):
    """Verdicts on DRAWS fresh processes, each against its own baseline of one path with NEIGHBOURS more cases."""
    draw = numpy.random.default_rng(int(1000 * sd)).lognormal(0.0, sd, (DRAWS, NEIGHBOURS + 1, PROCESSES + 1))
    policy = POLICIES[unit]
    factor = 1 / slowdown if policy.higher_is_better else slowdown
    found = []
    for path in draw:
        neighbours_sd = spread.typical_sd([tuple(case[:PROCESSES]) for case in path])
        value, values = float(path[0, PROCESSES]) * factor, tuple(map(float, path[0, :PROCESSES]))
        found.append(judge_spread(value, values, neighbours_sd, policy)[0])
    return found


@pytest.mark.parametrize("sd", [0.02, 0.05])
def test_false_red_is_rare(sd):
    found = verdicts(sd, "_ratio")
    # 20 of 4000: at the promised rate of 0.0005 two are expected.
    assert found.count(Verdict.REGRESSED) <= 0.005 * DRAWS


@pytest.mark.parametrize("sd", [0.02, 0.05])
def test_a_slowdown_of_one_half_is_found(sd):
    assert verdicts(sd, "_ratio", slowdown=1.5).count(Verdict.REGRESSED) >= 0.9 * DRAWS


def test_screen_sends_few_unchanged_times_to_the_ab_and_nearly_all_slow_ones():
    assert verdicts(0.05, "_s").count(Verdict.SUSPECT) <= 0.05 * DRAWS
    assert verdicts(0.05, "_s", slowdown=1.5).count(Verdict.SUSPECT) >= 0.99 * DRAWS
