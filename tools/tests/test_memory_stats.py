import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.memory_stats import (
    EVENTS,
    FAMILIES,
    KINDS,
    KNOWN,
    OVERSIZE,
    POOLED,
    POOLS,
    broken_identities,
    is_bytes,
    key_of,
    metric_of,
    stats_of,
)
from tools.policy import policy_of
from tools.records import unit_suffix
from tools.tests.samples import record

MIB = 2**20


class Allocator:
    """Blocks in multiples of 512 bytes, in segments of 2 MiB for small ones and of 20 MiB or more for others."""

    def __init__(self):
        self.stats = {
            **{f"{counter}.{kind}": 0 for counter in (*POOLED, *OVERSIZE) for kind in KINDS},
            **dict.fromkeys(EVENTS, 0),
            "max_split_size": -1,
        }
        self.blocks = []

    def change(self, family, pool, amount):
        for counter in (f"{family}.all", f"{family}.{pool}"):
            self.stats[f"{counter}.{'allocated' if amount > 0 else 'freed'}"] += abs(amount)
            self.stats[f"{counter}.current"] += amount
            self.stats[f"{counter}.peak"] = max(self.stats[f"{counter}.peak"], self.stats[f"{counter}.current"])

    def room(self, pool):
        return self.stats[f"reserved_bytes.{pool}.current"] - self.stats[f"active_bytes.{pool}.current"]

    def allocate(self, size):
        pool, rounded = ("small_pool" if size <= MIB else "large_pool"), -(-size // 512) * 512
        if self.room(pool) < rounded:
            self.change("segment", pool, 1)
            self.change("reserved_bytes", pool, 2 * MIB if pool == "small_pool" else max(20 * MIB, rounded))
            self.stats["num_device_alloc"] += 1
        self.blocks.append((pool, size, rounded))
        self.move(pool, size, rounded, 1)

    def free(self, index):
        if self.blocks:
            self.move(*self.blocks.pop(index % len(self.blocks)), -1)

    def move(self, pool, size, rounded, sign):
        for family, amount in (
            ("active", 1),
            ("allocation", 1),
            ("active_bytes", rounded),
            ("allocated_bytes", rounded),
        ):
            self.change(family, pool, sign * amount)
        self.change("requested_bytes", pool, sign * size)
        idle = self.room(pool) - self.stats[f"inactive_split_bytes.{pool}.current"]
        self.change("inactive_split_bytes", pool, idle)
        self.change("inactive_split", pool, bool(self.room(pool)) - self.stats[f"inactive_split.{pool}.current"])

    def observed_since(self, before):
        """Relative to what `before` read, with peaks that started there."""
        base = {key: key.rpartition(".")[0] + ".current" if key.endswith(".peak") else key for key in self.stats}
        return {key: value - (0 if key == "max_split_size" else before[base[key]]) for key, value in self.stats.items()}

    def restart_peaks(self):
        for key in self.stats:
            if key.endswith(".peak"):
                self.stats[key] = self.stats[key.replace(".peak", ".current")]


def lived(*moves):
    """An allocator after these moves: a size allocates, a number below 1 frees one of the blocks."""
    made = Allocator()
    for move in moves:
        made.allocate(move) if move > 0 else made.free(move)
    return made


MOVES = st.lists(st.integers(-100, 0) | st.integers(1, 3000) | st.integers(1, 40 * MIB), max_size=30)
SAMPLE = lived(700, 3 * MIB, 30 * MIB, 100, 0, 5000, -1, 900).stats


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("key", "metric"),
    [
        ("active_bytes.all.peak", "allocator.active.all.peak_bytes"),
        ("active.all.peak", "allocator.active.all.peak_count"),
        ("allocation.all.allocated", "allocator.allocation.all.allocated_count"),
        ("oversize_segments.current", "allocator.oversize_segments.current_count"),
        ("num_ooms", "allocator.num_ooms_count"),
        ("max_split_size", "allocator.max_split_size_count"),
        (
            "reserved_bytes_by_private_pools.0_1.all.peak",
            "allocator.reserved_bytes_by_private_pools.0_1.all.peak_bytes",
        ),
    ],
)
def test_a_key_and_its_metric(key, metric):
    assert (metric_of(key), key_of(metric)) == (metric, key)


PARTS = st.sampled_from(
    ["active", "active_bytes", "_bytes", "_count", "bytes", "_bytes_by_", "x", "", "a_count", "peak"]
)
KEYS = st.sampled_from(sorted(KNOWN)) | st.lists(PARTS, min_size=1, max_size=4).map(".".join) | st.text(max_size=30)


@given(KEYS)
def test_every_key_comes_back_from_a_metric_that_names_its_unit(key):
    assert key_of(metric_of(key)) == key
    assert unit_suffix(metric_of(key)) == ("_bytes" if is_bytes(key) else "_count")
    assert policy_of(metric_of(key))


METRICS = st.builds(
    "{}{}{}".format, st.sampled_from(["allocator.", ""]), KEYS, st.sampled_from(["_bytes", "_count", ""])
)


@given(METRICS)
def test_a_metric_is_that_of_its_key_or_has_none(metric):
    key = key_of(metric)
    assert key is None or metric_of(key) == metric


@pytest.mark.parametrize(
    "metric",
    ["peak_allocated_bytes", "num_ooms_count", "allocator.num_ooms", "allocator.x_s", "allocator", "", "_count"],
)
def test_other_metrics_have_no_key(metric):
    assert key_of(metric) is None


def test_a_whole_set_of_statistics_goes_through_a_record():
    metrics = {metric_of(key): value for key, value in SAMPLE.items()}
    assert stats_of(record(latency_s=0.1, graph_count=2, **metrics)) == SAMPLE
    assert stats_of(record(latency_s=0.1, graph_count=2)) == {}


# ---------------------------------------------------------------- identities


@given(MOVES)
def test_an_allocator_that_counts_right_contradicts_nothing(moves):
    stats = lived(*moves).stats
    assert broken_identities(stats) == broken_identities(stats, relative=False) == []


@given(MOVES, MOVES)
def test_an_observation_that_starts_in_the_middle_contradicts_nothing(before, after):
    made = lived(*before)
    made.restart_peaks()
    start = dict(made.stats)
    for move in after:
        made.allocate(move) if move > 0 else made.free(move)
    assert broken_identities(made.observed_since(start)) == []


def test_since_the_start_of_a_process_blocks_lie_in_its_segments_and_nothing_is_below_nothing():
    """In an observation they may lie in older segments, and fill their rest."""
    made = lived(1000)
    made.restart_peaks()
    start = dict(made.stats)
    made.allocate(3000)
    found = made.observed_since(start)
    assert broken_identities(found) == []
    told = broken_identities(found, relative=False)
    assert "active_bytes.all.current is 3072, more than reserved_bytes.all.current 0" in told
    assert "inactive_split_bytes.all.current is -3072, expected 0 or more" in told


@given(
    MOVES, st.sampled_from(FAMILIES), st.sampled_from(POOLS), st.sampled_from(KINDS[:3]), st.sampled_from([-1, 1, 512])
)
def test_no_count_can_be_changed_alone(moves, family, pool, kind, by):
    stats = lived(*moves).stats
    key = f"{family}.{pool}.{kind}"
    assert any(key in sentence for sentence in broken_identities({**stats, key: stats[key] + by}))


@given(MOVES, st.sampled_from(POOLED))
def test_no_peak_can_be_below_what_is_there(moves, counter):
    stats = lived(*moves).stats
    key = f"{counter}.peak"
    told = broken_identities({**stats, key: stats[f"{counter}.current"] - 1})
    assert any(key in sentence for sentence in told)


@given(MOVES, st.sampled_from(FAMILIES))
def test_no_peak_of_the_whole_can_be_above_those_of_both_pools(moves, family):
    stats = lived(*moves).stats
    whole, large, small = (stats[f"{family}.{pool}.peak"] for pool in POOLS)
    told = broken_identities({**stats, f"{family}.all.peak": large + small + 1})
    key = f"{family}.all.peak is {large + small + 1}, "
    assert f"{key}{family}.large_pool.peak + {family}.small_pool.peak {large} + {small}" in told
    assert whole <= large + small


@pytest.mark.parametrize(
    ("stats", "sentence"),
    [
        (
            {"active.all.allocated": 5, "active.all.freed": 3, "active.all.current": 1},
            "active.all.allocated - active.all.freed is 5 - 3, active.all.current 1",
        ),
        (
            {"oversize_segments.allocated": 2, "oversize_segments.freed": 0, "oversize_segments.current": 1},
            "oversize_segments.allocated - oversize_segments.freed is 2 - 0, oversize_segments.current 1",
        ),
        (
            {"segment.all.freed": 9, "segment.large_pool.freed": 4, "segment.small_pool.freed": 6},
            "segment.all.freed is 9, segment.large_pool.freed + segment.small_pool.freed 4 + 6",
        ),
        (
            {"segment.all.peak": 11, "segment.large_pool.peak": 4, "segment.small_pool.peak": 6},
            "segment.all.peak is 11, segment.large_pool.peak + segment.small_pool.peak 4 + 6",
        ),
        (
            {"active.all.current": 7, "active.all.peak": 6},
            "active.all.current is 7, more than active.all.peak 6",
        ),
        (
            {"oversize_allocations.current": 7, "oversize_allocations.peak": 6},
            "oversize_allocations.current is 7, more than oversize_allocations.peak 6",
        ),
        (
            {"allocated_bytes.all.peak": 7, "active_bytes.all.peak": 6},
            "allocated_bytes.all.peak is 7, more than active_bytes.all.peak 6",
        ),
        (
            {"allocated_bytes.small_pool.current": 7, "active_bytes.small_pool.current": 6},
            "allocated_bytes.small_pool.current is 7, more than active_bytes.small_pool.current 6",
        ),
        ({"num_ooms": -1}, "num_ooms is -1, expected 0 or more"),
        ({"brand_new.freed": -2}, "brand_new.freed is -2, expected 0 or more"),
    ],
)
def test_each_identity_has_a_sentence_that_names_keys_and_numbers(stats, sentence):
    assert broken_identities(stats) == [sentence]
    assert broken_identities(stats, relative=False) == [sentence]


@pytest.mark.parametrize(
    ("stats", "sentence"),
    [
        (
            {"active_bytes.all.peak": 7, "reserved_bytes.all.peak": 6},
            "active_bytes.all.peak is 7, more than reserved_bytes.all.peak 6",
        ),
        ({"segment.all.current": -1}, "segment.all.current is -1, expected 0 or more"),
    ],
)
def test_what_holds_since_the_start_of_a_process_only(stats, sentence):
    assert broken_identities(stats) == []
    assert broken_identities(stats, relative=False) == [sentence]


@pytest.mark.parametrize(
    "stats",
    [
        {},
        {"max_split_size": -1},
        {"active.all.allocated": 5, "active.all.freed": 3},
        {"segment.all.freed": 9, "segment.large_pool.freed": 4},
        {"segment.all.peak": 8, "segment.large_pool.peak": 4, "segment.small_pool.peak": 6},
        {"active_bytes.all.current": 7, "requested_bytes.all.current": 9},
        {"unheard_of": 3, "unheard_of.all.allocated": 5, "unheard_of.all.freed": 3, "unheard_of.all.current": 1},
    ],
    ids=str,
)
def test_what_is_missing_or_unheard_of_breaks_nothing(stats):
    assert broken_identities(stats) == broken_identities(stats, relative=False) == []


@given(MOVES, st.dictionaries(st.sampled_from(sorted(KNOWN)), st.integers(-5, 5), max_size=4))
def test_nothing_is_told_twice(moves, wrong):
    told = broken_identities({**lived(*moves).stats, **wrong}, relative=False)
    assert len(told) == len(set(told))
    assert all(re.search(r" is -?\d", sentence) for sentence in told)
