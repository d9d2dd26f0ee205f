"""For each unit: which way is better, what a change must exceed, and how far a stored baseline may speak."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tools.records import unit_suffix
from tools.startup.phases import PHASES, metric_of

SOFTWARE = ("software",)
DEVICE = ("device",)
SOFTWARE_AND_DEVICE = ("software", "device")
EVERYTHING = ("software", "device", "machine")


class Rule(StrEnum):
    """How a number is judged against its baseline."""

    EXACT = "exact"  # deterministic: any change beyond margin and floor is a verdict at once
    ERROR = "error"  # accuracy: a factor, anchored on the stored error
    SPREAD = "spread"  # repeats with noise: judged by the spread between the processes of the baseline, on a known GPU
    SCREEN = "screen"  # the same, but it only makes a suspect, unless a known GPU was measured often enough
    HINT = "hint"  # deterministic, but what it costs only a time can tell: worse is a suspect
    BOUND = "bound"  # proven, or not, to be within the case's own bound; no baseline is asked
    NONE = "none"  # recorded, never judged


@dataclass(frozen=True)
class Policy:
    """rule, the scope in which a baseline speaks, the better direction, and the size a change must exceed.

    margin    relative for EXACT, SPREAD and SCREEN; a factor for ERROR
    floor     absolute, in the metric's unit
    alpha     SPREAD and SCREEN: the one-sided error rate that red may have at most; the path's share may be smaller
    on_host   work of the processor alone, of which knowing the GPU says nothing
    doubt     BOUND: why a number beyond its bound is not proven to be wrong
    """

    rule: Rule
    scope: tuple[str, ...]
    higher_is_better: bool = False
    margin: float = 0.0
    floor: float = 0.0
    alpha: float = 1.0
    on_host: bool = False
    doubt: str = "too few data to tell"

    @property
    def noisy(self) -> bool:
        return self.rule in (Rule.SPREAD, Rule.SCREEN)


# Reasons for the numbers:
#   bytes      allocations repeat to the byte; 1 % and 4 KiB let a changed header or alignment pass
#   errors     twice the stored error, PyTorch's own rule for fp32 (benchmarks/dynamo `same`: RMSE <= 2 x RMSE + tol/10)
#   decibel    the same factor of two: 20 log10(2)
#   ratio      5 %: below that a stored number of another process should not stop anyone; the A/B finds smaller ones
#   seconds    3 %: the equivalence margin of a shared CPU machine; 0.0005 where a known GPU lets them decide
POLICIES = {
    "_bytes": Policy(Rule.EXACT, SOFTWARE_AND_DEVICE, margin=0.01, floor=4096),
    "_count": Policy(Rule.EXACT, SOFTWARE_AND_DEVICE),
    "_fraction": Policy(Rule.EXACT, SOFTWARE_AND_DEVICE, higher_is_better=True, margin=0.01),
    "_error": Policy(Rule.ERROR, SOFTWARE, margin=2.0),
    "_db": Policy(Rule.EXACT, SOFTWARE, higher_is_better=True, floor=20 * math.log10(2)),
    "_ratio": Policy(Rule.SPREAD, DEVICE, higher_is_better=True, margin=0.05),
    "_s": Policy(Rule.SCREEN, EVERYTHING, margin=0.03, alpha=0.0005),
    "_share": Policy(Rule.NONE, EVERYTHING),
    "_per_s": Policy(Rule.NONE, EVERYTHING),
    "_calls": Policy(Rule.NONE, EVERYTHING),
}

STATUS_SCOPE = SOFTWARE_AND_DEVICE

# Metrics that their unit alone would judge wrongly.
#   first_call_s          one call, with compilation and lazy set-up in it
#   process_memory_bytes  other allocators and earlier cases share it
#   peak_reserved_bytes   the CUDA allocator reserves in steps of 2 and 20 MiB
#   host_peak_bytes       pages that the kernel counts: 4 % between processes that allocate the same
#   *_compile_s, build_s  the compiler runs on the processor, also where its code then runs on a GPU; a build that
#                         takes a moment is timed once, so that it moves by half, and a tenth of a second is nothing
#   *_drop_*_fraction     the two ends of an interval: `low` is a limit of its case, `high` what the data can exclude
#   *_sqnr_db             of a format on given values, no error of a computation: it repeats to the last digit
#   phases of a start     read from disk and compiled, once, as what `build_s` times
#   kv_*_count            what is left for the cache of an engine: fewer blocks serve fewer requests; on a GPU the
#                         driver and others take a little more today than yesterday (foreign_memory_bytes)
#   fused_node_count      of a graph that a runtime has optimized; layers in half precision are no loss by themselves:
#                         one that fell back is one more in fp32
#   floor_s               what the machine's measured ceilings allow, for the reader
#   tuned.*               what an autotuner chose in this process
#   reading.*             what the instruments say that are held against each other: of the same work, again and again;
#                         its time is judged as every case's, by latency_s and its like
#   *_disagreement_*      of two instruments: `high` is what their rounds leave possible, and agreement is not shown
#                         where that is beyond 2 %; it says what can part these two, for none of it is a wrong result
#   launch_overhead_s     of a kernel of a microsecond, and the time to put it into the queue: what the processor does
#   *_overhead_fraction   a peak over another, minus one: less is better; half a point where 1 % of it is less
ON_HOST = dataclasses.replace(POLICIES["_s"], on_host=True)
MOMENT = dataclasses.replace(ON_HOST, floor=0.1)
MORE_ROOM = dataclasses.replace(POLICIES["_count"], higher_is_better=True, margin=0.01)
RESERVED = Policy(Rule.EXACT, SOFTWARE_AND_DEVICE, margin=0.10, floor=2 << 20)

# Of machine code, the same in every compilation by one version of a compiler. Red is what never helps:
#   spills, stack, local memory   registers that did not suffice, where they did
#   *_wide_fraction               of the bytes of global memory that are asked for 16 at a time
#   tensor_core_count             a product that went back to the other units
#   occupancy_fraction            fewer warps to hide latency behind
# More registers (given out by eights), shared memory, instructions, narrow accesses may pay for themselves: a hint.
# Bytes, the counts by width, of shared memory and of barriers explain; compile_s has no machine to be compared on.
WORSE_IF_MORE = Policy(Rule.EXACT, SOFTWARE_AND_DEVICE)
WORSE_IF_LESS = Policy(Rule.EXACT, SOFTWARE_AND_DEVICE, higher_is_better=True, margin=0.001)  # stored at four digits
MOSTLY_KEPT = Policy(Rule.EXACT, SOFTWARE_AND_DEVICE, higher_is_better=True, margin=0.1)  # a scale more is no loss
NARROWER = Policy(Rule.HINT, SOFTWARE_AND_DEVICE, higher_is_better=True, margin=0.1)
TENTH = Policy(Rule.HINT, SOFTWARE_AND_DEVICE, margin=0.1)
SHARED = Policy(Rule.HINT, SOFTWARE_AND_DEVICE, floor=1024)
EXPLAINS = Policy(Rule.NONE, SOFTWARE_AND_DEVICE)
WIDTHS = tuple(
    f"{kind}_{bits}bit_count" for kind in ("global_load", "global_store") for bits in (256, 128, 64, 32, 16, 8)
)
COMPILED = {
    **dict.fromkeys(("spill_store_bytes", "spill_load_bytes", "stack_bytes"), WORSE_IF_MORE),
    **dict.fromkeys(("local_load_count", "local_store_count"), WORSE_IF_MORE),
    **dict.fromkeys(("global_load_wide_fraction", "global_store_wide_fraction"), MOSTLY_KEPT),
    **dict.fromkeys(("global_load_width_bytes", "global_store_width_bytes"), NARROWER),
    **dict.fromkeys(("tensor_core_count", "occupancy_fraction"), WORSE_IF_LESS),
    "register_count": Policy(Rule.HINT, SOFTWARE_AND_DEVICE, floor=7),
    **dict.fromkeys(("shared_static_bytes", "shared_dynamic_bytes"), SHARED),
    **dict.fromkeys(("instruction_count", "fp32_multiply_add_count"), TENTH),
    **dict.fromkeys((*WIDTHS, "shared_load_count", "shared_store_count", "barrier_count"), EXPLAINS),
    **dict.fromkeys(("bulk_load_count", "bulk_store_count", "ptx_bytes", "cubin_bytes"), EXPLAINS),
    "compile_s": Policy(Rule.NONE, EVERYTHING),
}
SPECIAL = {
    "first_call_s": Policy(Rule.NONE, EVERYTHING),
    "process_memory_bytes": Policy(Rule.NONE, EVERYTHING),
    "foreign_memory_bytes": Policy(Rule.NONE, EVERYTHING),
    "peak_reserved_bytes": RESERVED,
    "host_peak_bytes": Policy(Rule.EXACT, SOFTWARE_AND_DEVICE, margin=0.10, floor=2 << 20),
    "cold_compile_s": ON_HOST,
    "warm_compile_s": ON_HOST,
    "build_s": MOMENT,
    "launch_overhead_s": ON_HOST,
    "enqueue_s": ON_HOST,
    **{metric_of(phase): MOMENT for phase in PHASES},
    **COMPILED,
    "floor_s": Policy(Rule.NONE, EVERYTHING),
    "fused_node_count": WORSE_IF_LESS,
    **dict.fromkeys(("fp16_layer_count", "int8_layer_count"), EXPLAINS),
    "kv_block_count": MORE_ROOM,
    "kv_token_count": MORE_ROOM,
}

# Two instruments -> what can part them although both are right.
PARTED = {
    "cold": "cold events and do_bench: it flushes 256 MiB, the sampler twice the L2, so that the queue runs dry at "
    "other calls, and a gap before a launch counts as the kernel's; an event pair tells 0.5 µs apart",
    "hot": "graph and do_bench_cudagraph: the start of a graph is shared out over another number of calls; an event "
    "pair tells 0.5 µs apart; clocks move between the two",
    "events": "hot events and graph: a gap before a launch, where the queue runs dry, counts as the kernel's, and in a "
    "graph one kernel may begin before the last has ended; an event pair tells 0.5 µs apart",
    "host": "host less launch and graph: the launch is a small kernel's, and this one's need not cost the same; clocks "
    "move while the host waits",
    "timer": "host and torch.utils.benchmark.Timer: other work on the processor hits one and not the other",
}


def parted(why: str) -> Policy:
    return Policy(Rule.BOUND, SOFTWARE, doubt=f"not shown to agree ({why})")


ENDINGS = {
    **{f"{pair}_disagreement_high_fraction": parted(why) for pair, why in PARTED.items()},
    "_disagreement_fraction": Policy(Rule.NONE, EVERYTHING),
    "_overhead_fraction": Policy(Rule.EXACT, SOFTWARE_AND_DEVICE, margin=0.01, floor=0.005),
    "_drop_low_fraction": Policy(Rule.NONE, SOFTWARE),
    "_drop_high_fraction": Policy(Rule.BOUND, SOFTWARE),
    "_sqnr_db": Policy(Rule.EXACT, SOFTWARE, higher_is_better=True, floor=0.1),
}

# Metrics of torch's allocator; those not named here are recorded and never judged: they repeat these (freed, active
# blocks, allocated bytes) or are the allocator's own affair and change with its version (splits, segments).
#   num_*       a run that got its memory at the second attempt, or not at all, has none left
#   allocation  requests: the program alone makes them, and always the same
#   active      what blocks hold, and
#   requested   what was asked of them: to the byte the same, too
#   reserved    in steps of segments, as peak_reserved_bytes
ALLOCATOR = "allocator."
TUNED = "tuned."
READING = "reading."
ALLOCATED = {
    "num_ooms_count": POLICIES["_count"],
    "num_alloc_retries_count": POLICIES["_count"],
    **{
        f"{family}.{pool}.{kind}{unit}": POLICIES[unit]
        for family, unit in (("allocation", "_count"), ("active", "_bytes"), ("requested", "_bytes"))
        for pool in ("all", "large_pool", "small_pool")
        for kind in ("allocated", "current", "peak")
    },
    "reserved.all.peak_bytes": RESERVED,
}


def policy_of(metric: str) -> Policy:
    """The policy of a metric: its own or its ending's if that is special, else its unit's.

    Raises BadRecord for a name without a unit.
    """
    suffix = unit_suffix(metric)
    if metric.startswith((TUNED, READING)):
        return EXPLAINS
    if metric.startswith(ALLOCATOR):
        return ALLOCATED.get(metric.removeprefix(ALLOCATOR), EXPLAINS)
    ending = next((policy for ending, policy in ENDINGS.items() if metric.endswith(ending)), POLICIES[suffix])
    return SPECIAL.get(metric, ending)


# A time of one process says little of the next; ten are the history from which a stored time may turn red.
GPU_PROCESSES = 10
GPU_IDENTITY = ("uuid", "driver", "clock_limit_mhz")


def policy_on(metric: str, machine: Mapping[str, str], processes: int) -> Policy:
    """The policy of a metric whose baseline holds so many processes of this very machine.

    A ratio decides on a known GPU only. On a CPU machine it holds two kinds of work against each other, and a neighbour
    nobody sees slows them by different amounts (seen on equal code: 18.1 -> 10.6, from which chance took 34 %).
    """
    policy, known = policy_of(metric), identifies_gpu(machine)
    if policy.rule is Rule.SPREAD and not known:
        return dataclasses.replace(policy, rule=Rule.SCREEN)
    return decisive(policy) if known and processes >= GPU_PROCESSES and not policy.on_host else policy


def identifies_gpu(machine: Mapping[str, str]) -> bool:
    """Whether the fingerprint's machine part names one GPU with its driver and clocks. Not so on a CPU machine.

    A driver that does not tell writes `unsupported`, and two machines are not the same for being equally silent.
    """
    return all(machine.get(name) and not machine[name].startswith("unsupported") for name in GPU_IDENTITY)


def decisive(policy: Policy) -> Policy:
    """A screen that may turn red and green, too."""
    return dataclasses.replace(policy, rule=Rule.SPREAD) if policy.rule is Rule.SCREEN else policy
