import numpy as np
import pytest

from tools.history.changes import exact_steps, noisy_steps, steps, worse
from tools.history.creep import crept
from tools.history.validity import NOISES, creeps, detected, made, normal, ramp, step_at
from tools.policy import policy_of

LATENCY = policy_of("latency_s")


def series(course, seed=0, sd=0.01, noise=normal):
    return made(np.random.default_rng(seed), noise, course, sd)


@pytest.mark.parametrize("size", [0.05, -0.05, 0.5])
@pytest.mark.parametrize(("runs", "first"), [(40, 20), (60, 55), (300, 150), (20, 10)])
def test_a_step_in_noise_is_found_at_its_run(runs, first, size):
    for seed in range(5):
        [step] = noisy_steps(series(step_at(runs, first, size), seed))
        assert abs(step.first - first) <= 1
        assert step.change == pytest.approx(size, abs=0.02)


@pytest.mark.parametrize("noise", NOISES)
def test_equal_code_has_no_steps(noise):
    """The rate is told by tools.history.validity: at most one series of two hundred, whatever the noise."""
    found = [noisy_steps(series(np.zeros(60), seed, noise=NOISES[noise])) for seed in range(200)]
    assert sum(map(bool, found)) <= 2


def test_two_steps_are_two():
    course = step_at(90, 30, 0.10) + step_at(90, 60, -0.05)
    assert [abs(step.first - at) <= 1 for step, at in zip(noisy_steps(series(course)), (30, 60), strict=True)] == [
        True
    ] * 2


@pytest.mark.parametrize("runs", [60, 120])
def test_a_slow_creep_is_a_creep_and_no_step(runs):
    found = [series(ramp(runs, 60, 0.001), seed) for seed in range(30)]
    assert sum(map(creeps, found)) >= 28
    assert sum(bool(noisy_steps(values)) for values in found) <= 2


@pytest.mark.parametrize("runs", [0, 1, 5])
def test_too_few_runs_have_no_steps(runs):
    assert noisy_steps(np.exp(np.arange(runs))) == []


def test_one_bad_run_is_no_step():
    values = series(np.zeros(40))
    values[[7, 39]] *= 3
    assert noisy_steps(values) == []


def test_spikes_do_not_hide_a_step():
    """Every twentieth run half again as slow; uncut, these would take five steps of twenty with them."""
    found = detected(np.random.default_rng(1), NOISES["spikes"], step_at(60, 55, 0.05), 55, 0.01, 60)
    assert found[0] >= 48


def test_a_step_below_one_per_cent_is_not_told():
    assert noisy_steps(series(step_at(400, 200, 0.008), sd=0.001)) == []
    assert len(noisy_steps(series(step_at(400, 200, 0.012), sd=0.001))) == 1


def test_a_time_of_a_moment_must_change_by_more_than_its_floor():
    course = step_at(60, 30, 0.5)
    assert steps(0.01 * series(course), policy_of("build_s")) == []
    assert len(steps(series(course), policy_of("build_s"))) == 1


def test_numbers_that_never_change_are_no_noise():
    assert noisy_steps(np.full(50, 2.0)) == []
    assert [step.first for step in noisy_steps(np.array([2.0] * 20 + [2.5] * 20))] == [20]


MIB = 1 << 20


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("graph_count", [1, 1, 2], [2]),
        ("graph_count", [1, 2, 1], [1, 2]),
        ("peak_allocated_bytes", [MIB, MIB + 4000, MIB], []),  # within 1 % and 4 KiB, and it did not stay
        ("peak_allocated_bytes", [MIB] * 3 + [MIB + 4000] * 3, [3]),
        ("peak_allocated_bytes", [MIB] * 2 + [MIB + 4000] * 3, []),
        ("peak_allocated_bytes", [MIB, 2 * MIB], [1]),
        ("relative_error", [1e-6, 1.9e-6, 1e-6], []),
        ("relative_error", [1e-6, 2.1e-6], [1]),
        ("relative_error", [2.1e-6, 1e-6], [1]),
        ("relative_error", [0.0, 1e-6], [1]),
        ("foreign_load_share", [0.1, 0.9], []),  # never judged
        ("flops_per_s", [1.0, 9.0], []),
    ],
)
def test_a_number_that_repeats_changes_at_every_step(metric, values, expected):
    assert [step.first for step in steps(np.array(values, float), policy_of(metric))] == expected


@pytest.mark.parametrize(
    ("metric", "values", "drift"),
    [
        ("peak_allocated_bytes", [100 * MIB * 1.005**each for each in range(10)], 1.005**9 - 1),
        ("peak_allocated_bytes", [100 * MIB * 0.995**each for each in range(10)], None),  # less is better
        ("saved_fraction", [0.5 * 0.995**each for each in range(10)], 0.995**9 - 1),
        ("peak_allocated_bytes", [100 * MIB, 120 * MIB], None),  # a step explains it
        ("foreign_load_share", [0.1, 0.5], None),
    ],
)
def test_creep_of_a_number_that_repeats(metric, values, drift):
    policy = policy_of(metric)
    found = crept(np.array(values), [], exact_steps(values, policy), policy)
    assert (found and found.drift) == (drift and pytest.approx(drift))


def test_a_creep_beside_a_step_is_still_one():
    course = ramp(120, 120, 0.001) + step_at(120, 60, 0.10)
    values = series(course)
    [step] = noisy_steps(values)
    assert abs(step.first - 60) <= 1
    assert 0.05 < crept(values, [step.first], [step], LATENCY).drift < 0.13


def test_a_step_alone_is_no_creep():
    values = series(step_at(80, 40, 0.10))
    assert crept(values, [40], [], LATENCY) is None


def test_a_creep_that_a_step_more_than_won_back_is_no_loss():
    values = series(ramp(120, 120, 0.001) + step_at(120, 60, -0.30))
    assert crept(values, [60], [], LATENCY) is None


def test_a_drift_for_the_better_is_no_creep():
    assert crept(series(-ramp(60, 60, 0.002)), [], [], LATENCY) is None
    assert crept(series(-ramp(60, 60, 0.002)), [], [], policy_of("speedup_over_eager_ratio")) is not None


@pytest.mark.parametrize(("metric", "more_is_worse"), [("latency_s", True), ("speedup_over_eager_ratio", False)])
def test_which_way_is_worse(metric, more_is_worse):
    assert worse(1.0, 2.0, policy_of(metric)) is more_is_worse
    assert worse(2.0, 1.0, policy_of(metric)) is not more_is_worse
