import pytest

from tools.policy import DEVICE, EVERYTHING, POLICIES, SOFTWARE, SOFTWARE_AND_DEVICE, Rule, policy_of
from tools.records import UNITS, BadRecord


def test_every_unit_has_a_policy():
    assert POLICIES.keys() == UNITS.keys()


@pytest.mark.parametrize(
    ("metric", "rule", "scope", "higher_is_better"),
    [
        ("peak_allocated_bytes", Rule.EXACT, SOFTWARE_AND_DEVICE, False),
        ("graph_break_count", Rule.EXACT, SOFTWARE_AND_DEVICE, False),
        ("saved_fraction", Rule.EXACT, SOFTWARE_AND_DEVICE, True),
        ("relative_error", Rule.ERROR, SOFTWARE, False),
        ("sqnr_db", Rule.EXACT, SOFTWARE, True),
        ("speedup_over_eager_ratio", Rule.SPREAD, DEVICE, True),
        ("latency_s", Rule.SCREEN, EVERYTHING, False),
        ("matmul_share", Rule.NONE, EVERYTHING, False),
        ("flops_per_s", Rule.NONE, EVERYTHING, False),
        ("payback_calls", Rule.NONE, EVERYTHING, False),
    ],
)
def test_what_a_unit_depends_on_and_how_it_is_judged(metric, rule, scope, higher_is_better):
    policy = policy_of(metric)
    assert (policy.rule, policy.scope, policy.higher_is_better) == (rule, scope, higher_is_better)


@pytest.mark.parametrize("metric", ["first_call_s", "process_memory_bytes"])
def test_named_exceptions_are_recorded_and_never_judged(metric):
    assert policy_of(metric).rule is Rule.NONE
    assert policy_of(f"other_{metric}").rule is not Rule.NONE


def test_reserved_memory_may_move_by_an_allocation_step():
    policy = policy_of("peak_reserved_bytes")
    assert (policy.rule, policy.margin, policy.floor) == (Rule.EXACT, 0.10, 2 * 1024 * 1024)


def test_a_name_without_unit_has_no_policy():
    with pytest.raises(BadRecord, match="'latency'"):
        policy_of("latency")
