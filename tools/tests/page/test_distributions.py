"""Base beside head: an A/B's pairs before a baseline's processes, in a unit that is read, few enough to be drawn."""

import pytest

from tools.page.distributions import MOST_VALUES, distribution, few
from tools.records import Metric
from tools.tests.ab.fakes import duel
from tools.tests.ab.test_outcome import outcome
from tools.tests.page.samples import subject
from tools.tests.samples import CASE, baseline, record, run, stored

ROUNDS = Metric(0.0011, (0.001, 0.0011, 0.0013))


def measured(kept=(0.001, 0.002), metric=ROUNDS, outcomes=(), name="latency_s"):
    return subject(run(record(**{name: metric})), baseline({CASE: stored(**{name: kept})}), outcomes=outcomes)


def ab(*duels):
    made = outcome()
    return type(made)(**{**vars(made), "duels": duels})


def test_processes_of_the_baseline_stand_beside_rounds_of_the_run():
    found = distribution(measured(), CASE, "latency_s")
    assert (found.unit, found.base.label, found.head.label) == ("ms", "baseline, 2 processes", "this run, 3 rounds")
    assert found.base.values == pytest.approx((1.0, 2.0))
    assert found.head.values == pytest.approx((1.0, 1.1, 1.3))


def test_pairs_of_an_ab_go_before_them():
    duels = duel(CASE, "decide", 0, [0.1, 0.1]), duel(CASE, "confirm", 1, [0.2, 0.2])
    found = distribution(measured(outcomes=[ab(*duels)]), CASE, "latency_s")
    assert found.base.values == pytest.approx((1.0, 1.0))
    assert found.head.values == pytest.approx((1.10517, 1.2214), rel=1e-4)
    assert "2 pairs of processes, A/B" in found.head.label


@pytest.mark.parametrize(
    "other",
    [
        duel(CASE, "twin", 0, [0.5, 0.5]),
        duel("attention/other", "decide", 0, [0.5, 0.5]),
        duel(CASE, "decide", 0, [0.5, 0.5], ["throttled", "throttled"]),
    ],
)
def test_base_against_itself_other_cases_and_rejected_slots_are_no_head(other):
    alone = distribution(measured(outcomes=[ab(other)]), CASE, "latency_s")
    assert alone.head.label == "this run, 3 rounds"
    beside = distribution(measured(outcomes=[ab(other, duel(CASE, "decide", 1, [0.1, 0.1]))]), CASE, "latency_s")
    assert beside.head.values == pytest.approx((1.10517,), rel=1e-4)


@pytest.mark.parametrize(
    ("kept", "metric", "name"),
    [
        ((5.0,), Metric(7), "peak_allocated_bytes"),
        ((0.001, 0.001), Metric(0.001), "latency_s"),
    ],
)
def test_what_has_no_spread_is_not_drawn(kept, metric, name):
    assert distribution(measured(kept, metric, name=name), CASE, name) is None


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [("latency_s", 3e-9, "ns"), ("latency_s", 2.0, "s"), ("speedup_over_eager_ratio", 2.0, "x")],
)
def test_units(name, value, unit):
    found = distribution(measured((value, 2 * value), Metric(value), name=name), CASE, name)
    assert found.unit == unit
    assert min(found.base.values) == pytest.approx(3.0 if unit == "ns" else 2.0)


def test_many_values_become_few_with_both_ends():
    values = [float(each) for each in range(1000)]
    found = few(values[::-1])
    assert len(found) == MOST_VALUES
    assert (found[0], found[-1]) == (0.0, 999.0)
    assert found == sorted(found)
