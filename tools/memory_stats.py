"""The statistics of torch's caching allocator: their names, and what must hold between them. Pure functions.

Keys are those of torch.cuda.memory_stats(). Which there are depends on the version of torch, so a key that is not
known here is carried along, and one that is missing breaks nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.records import Record

PREFIX = "allocator."
FAMILIES = (
    "active",
    "active_bytes",
    "allocated_bytes",
    "allocation",
    "inactive_split",
    "inactive_split_bytes",
    "requested_bytes",
    "reserved_bytes",
    "segment",
)
POOLS = ("all", "large_pool", "small_pool")
OVERSIZE = ("oversize_allocations", "oversize_segments")  # have no pools
KINDS = ("allocated", "current", "freed", "peak")
UNLIMITED = "max_split_size"  # -1 where blocks of any size are split
EVENTS = (
    "num_alloc_retries",
    "num_ooms",
    "num_sync_all_streams",
    "num_device_alloc",
    "num_device_free",
    UNLIMITED,
)
POOLED = tuple(f"{family}.{pool}" for family in FAMILIES for pool in POOLS)
KNOWN = frozenset({f"{counter}.{kind}" for counter in (*POOLED, *OVERSIZE) for kind in KINDS} | {*EVENTS})

Stats = Mapping[str, int]


@dataclass(frozen=True)
class Snapshot:
    """The statistics of one moment, in bytes and counts.

    label     names it in tables
    software  `torch 2.15.0`; "" where unknown
    relative  to the start of an observation; else since the start of the process
    """

    label: str
    stats: Stats
    software: str = ""
    relative: bool = True


# ---------------------------------------------------------------- names


def is_bytes(key: str) -> bool:
    """Whether a key counts bytes; also those of private pools, reserved_bytes_by_private_pools.0_1.all.peak."""
    family = key.partition(".")[0]
    return family.endswith("_bytes") or "_bytes_by_" in family


def metric_of(key: str) -> str:
    """`active_bytes.all.peak` -> `allocator.active.all.peak_bytes`, `num_ooms` -> `allocator.num_ooms_count`."""
    if not is_bytes(key):
        return f"{PREFIX}{key}_count"
    family, dot, rest = key.partition(".")
    return f"{PREFIX}{family if '_bytes_by_' in family else family.removesuffix('_bytes')}{dot}{rest}_bytes"


def key_of(metric: str) -> str | None:
    """The inverse of metric_of; None for a metric that is none of the allocator's."""
    body = metric.removeprefix(PREFIX)
    if body.endswith("_count"):
        key = body.removesuffix("_count")
    else:
        family, dot, rest = body.removesuffix("_bytes").partition(".")
        key = f"{family if '_bytes_by_' in family else f'{family}_bytes'}{dot}{rest}"
    return key if metric_of(key) == metric else None


def stats_of(record: Record) -> dict[str, int]:
    """The metrics of a case that are the allocator's, by key; empty where it has none."""
    return {key: int(value) for key, value in values_of(record).items()}


def values_of(record: Record) -> dict[str, int | float]:
    keys = {name: key_of(name) for name in record.metrics}
    return {key: record.metrics[name].value for name, key in keys.items() if key is not None}


# ---------------------------------------------------------------- identities


def broken_identities(stats: Stats, relative: bool = True) -> list[str]:
    """A sentence for everything that must hold in every version of torch, and does not. Empty: nothing contradicts.

    relative  to the start of an observation: then something older may have gone meanwhile, which takes `current` below
              0, and blocks may lie in segments that are older than they are
    """
    rules = [negative, unbalanced, beyond_peak, pools_apart, allocated_beyond_active]
    rules += [] if relative else [negative_current, active_beyond_reserved]
    return [sentence for rule in rules for sentence in rule(stats)]


def negative(stats: Stats) -> Iterator[str]:
    return below_nothing(stats, [key for key in stats if key != UNLIMITED and not key.endswith(".current")])


def negative_current(stats: Stats) -> Iterator[str]:
    return below_nothing(stats, [key for key in stats if key.endswith(".current")])


def below_nothing(stats: Stats, keys: Iterable[str]) -> Iterator[str]:
    for key in sorted(keys):
        if stats[key] < 0:
            yield f"{key} is {stats[key]}, expected 0 or more"


def unbalanced(stats: Stats) -> Iterator[str]:
    for counter in (*POOLED, *OVERSIZE):
        came, went, left = (f"{counter}.{kind}" for kind in ("allocated", "freed", "current"))
        if {came, went, left} <= stats.keys() and stats[came] - stats[went] != stats[left]:
            yield f"{came} - {went} is {stats[came]} - {stats[went]}, {left} {stats[left]}"


def beyond_peak(stats: Stats) -> Iterator[str]:
    for counter in (*POOLED, *OVERSIZE):
        yield from beyond(f"{counter}.current", f"{counter}.peak", stats)


def pools_apart(stats: Stats) -> Iterator[str]:
    """Pools that do not make up the whole. Their peaks need not fall together, so that the whole's may be lower."""
    for family in FAMILIES:
        for kind in KINDS:
            whole, large, small = (f"{family}.{pool}.{kind}" for pool in POOLS)
            if not {whole, large, small} <= stats.keys():
                continue
            excess = stats[whole] - (stats[large] + stats[small])
            if excess > 0 or (excess < 0 and kind != "peak"):
                yield f"{whole} is {stats[whole]}, {large} + {small} {stats[large]} + {stats[small]}"


def allocated_beyond_active(stats: Stats) -> Iterator[str]:
    """A block in use is active; one that was freed while a stream still reads it is active and not in use."""
    return outgrown("allocated_bytes", "active_bytes", stats)


def active_beyond_reserved(stats: Stats) -> Iterator[str]:
    """Blocks lie in segments."""
    return outgrown("active_bytes", "reserved_bytes", stats)


def outgrown(inner: str, outer: str, stats: Stats) -> Iterator[str]:
    for pool in POOLS:
        for kind in ("current", "peak"):
            yield from beyond(f"{inner}.{pool}.{kind}", f"{outer}.{pool}.{kind}", stats)


def beyond(smaller: str, larger: str, stats: Stats) -> Iterator[str]:
    if {smaller, larger} <= stats.keys() and stats[smaller] > stats[larger]:
        yield f"{smaller} is {stats[smaller]}, more than {larger} {stats[larger]}"
