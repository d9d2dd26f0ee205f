import dataclasses
import math

import pytest

from tools.ab.slots import Alternation, Duel, commonest_objection, log_ratios, objections, rejected_share
from tools.tests.ab.fakes import alternation, duel, slot

STEP = 0.01  # each slot takes 1 % longer than the one before it: a clock that sinks, a cache that fills


def drifting(orders):
    """Alternations of two equal arms on a machine that slows down from slot to slot."""
    taken, speed = [], 1e-3
    for base_first in orders:
        first, second = slot(speed), slot(speed * math.exp(STEP))
        taken.append(Alternation(first, second, True) if base_first else Alternation(second, first, False))
        speed *= math.exp(2 * STEP)
    return Duel("a/x", "decide", 0, 0.0, 1.0, tuple(taken), (None,) * len(taken))


@pytest.mark.parametrize("orders", [[True, False] * 4, [True, False] * 4 + [True], [False, True] * 3 + [False]])
def test_drift_cancels_when_both_orders_take_turns(orders):
    assert drifting(orders).log_ratio("latency_s") == pytest.approx(0.0, abs=1e-12)


def test_with_base_always_first_the_same_drift_would_pass_for_a_slower_head():
    """The bias is the whole drift of a slot, and no number of alternations removes it; so nothing is said at all."""
    fixed = drifting([True] * 9)
    assert all(each.log_ratio("latency_s") == pytest.approx(STEP) for each in fixed.alternations)
    assert fixed.log_ratio("latency_s") is None


def test_one_slow_slot_does_not_move_a_pair():
    ratios = [0.02, 0.02, 0.02, 0.02, 0.02, 3.0]
    assert duel("a/x", "decide", 0, ratios).log_ratio("latency_s") == pytest.approx(0.02)


def test_rejected_alternations_do_not_count():
    found = duel("a/x", "decide", 0, [0.0, 0.0, 0.5, 0.5], [None, None, "throttled", "throttled"])
    assert found.log_ratio("latency_s") == pytest.approx(0.0)
    assert rejected_share([found]) == 0.5
    assert commonest_objection([found]) == "throttled"
    assert (rejected_share([]), commonest_objection([])) == (0.0, "")


def test_a_pair_without_a_valid_alternation_is_worth_nothing():
    lost = duel("a/x", "decide", 0, [0.1, 0.1], ["throttled"] * 2)
    assert lost.log_ratio("latency_s") is None
    assert log_ratios([lost, duel("a/x", "decide", 1, [0.1, 0.1])], "latency_s") == [pytest.approx(0.1)]


def test_a_metric_that_one_slot_lacks_is_none():
    """A graph that could be captured in one arm only."""
    both = slot(1.0)
    graph = slot(1.0, metric="graph_s")
    wide = Alternation(base=type(both)({**both.rounds, **graph.rounds}, 1.0, 1.0), head=slot(1.0), base_first=True)
    assert Duel("a/x", "decide", 0, 0.0, 1.0, (wide,), (None,)).metrics == ("latency_s",)


def test_a_metric_that_only_base_has_is_lost():
    base, head = slot(1.0), slot(1.0)
    wide = dataclasses.replace(base, rounds={**base.rounds, "graph_s": (1.0,)})
    found = Duel("a/x", "decide", 0, 0.0, 1.0, (Alternation(wide, head, True),), (None,))
    assert found.lost_metrics == ("graph_s",)
    assert Duel("a/x", "decide", 0, 0.0, 1.0, (Alternation(head, wide, True),), (None,)).lost_metrics == ()


def test_a_neighbour_too_small_for_one_alternation_is_seen_in_all_of_them():
    """0.034 s of a core in 0.08 s of wall: within the ticks once, and far beyond them fifteen times."""
    one = Alternation(slot(1.0, wall_s=0.04, busy_s=0.057), slot(1.0, wall_s=0.04, busy_s=0.057), True)
    assert one.objection(cores=2, workers=2) is None
    assert objections([one] * 15, cores=2, workers=2) == ("other processes used the machine",) * 15
    idle = Alternation(slot(1.0, wall_s=0.04, busy_s=0.04), slot(1.0, wall_s=0.04, busy_s=0.05), True)
    assert objections([idle] * 15, cores=2, workers=2) == (None,) * 15


@pytest.mark.parametrize(
    ("conditions", "objection"),
    [
        ({}, None),
        ({"busy_s": 0.05, "stolen_s": 0.0}, None),
        ({"busy_s": 1.5}, "other processes used the machine"),
        ({"stolen_s": 0.5}, "the host took the processor away"),
        ({"gpu": {"event_reasons": 0x0}}, None),
        ({"gpu": {"event_reasons": 0x4}}, None),
        ({"gpu": {"event_reasons": 0x1 | 0x2 | 0x10 | 0x100}}, None),  # idle, clocks as set, sync boost, display
        ({"gpu": {"event_reasons": 0x8}}, "the GPU was throttled"),
        ({"gpu": {"event_reasons": 0x20 | 0x4}}, "the GPU was throttled"),
        ({"gpu": {"event_reasons": 0x40}}, "the GPU was throttled"),
        ({"gpu": {"event_reasons": 0x80}}, "the GPU was throttled"),
        ({"gpu": {"processes": 2}}, None),
        ({"gpu": {"processes": 3}}, "a foreign process was on the GPU"),
    ],
)
def test_what_is_rejected_before_any_time_is_looked_at(conditions, objection):
    """A mocked slot of head; the same conditions count wherever the arm is."""
    for swapped in (False, True):
        found = alternation(0.0, wall_s=1.0, **conditions)
        found = Alternation(found.head, found.base, False) if swapped else found
        assert found.objection(cores=2, workers=2) == objection


@pytest.mark.parametrize(
    ("stolen_s", "foreign_s", "told"),
    [
        (0.02 * 16 + 0.01, 0.0, None),
        (0.331, 0.0, "the host took the processor away"),
        (0.0, 1.619, None),
        (0.0, 1.621, "other processes used the machine"),
        (0.3, 1.6, None),
        (0.3, 1.64, "other processes used the machine"),
    ],
)
def test_how_much_of_the_cores_the_host_and_others_may_take(stolen_s, foreign_s, told):
    """Four cores for 4 s: 2 % of 16 s and a tick may be stolen, and beside that 10 % and two ticks used by others."""
    busy = slot(1.0, wall_s=2.0, busy_s=2.0 + stolen_s + foreign_s, stolen_s=stolen_s)
    idle = slot(1.0, wall_s=2.0, busy_s=2.0, stolen_s=0.0)
    assert Alternation(busy, idle, True).objection(cores=4, workers=2) == told
    assert Alternation(idle, busy, True).objection(cores=4, workers=2) == told


def test_exactly_what_others_may_use_is_allowed():
    busy = dataclasses.replace(slot(1.0, wall_s=4.0, busy_s=0.1 * 16 + 2 * 0.01), cpu_s=0.0)
    assert Alternation(busy, slot(1.0, wall_s=0.0), True).objection(cores=4, workers=2) is None


def test_a_driver_that_does_not_tell_its_processes_names_none():
    assert alternation(0.0, gpu={"power_w": 100.0}).objection(cores=2, workers=0) is None


def test_a_tick_of_the_machines_counters_is_nobodys_fault():
    short = alternation(0.0, wall_s=0.03, busy_s=0.04)
    assert short.objection(cores=2, workers=2) is None
