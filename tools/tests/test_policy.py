import pytest

from tools import memory_stats as allocator
from tools.policy import (
    DEVICE,
    EVERYTHING,
    GPU_PROCESSES,
    POLICIES,
    SOFTWARE,
    SOFTWARE_AND_DEVICE,
    SPECIAL,
    Policy,
    Rule,
    identifies_gpu,
    policy_of,
    policy_on,
)
from tools.records import UNITS, BadRecord
from tools.startup.phases import PHASES, metric_of
from tools.tests.samples import GPU


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
        ("top1_w4_ptq_drop_low_fraction", Rule.NONE, SOFTWARE, False),
        ("metric_drop_high_fraction", Rule.BOUND, SOFTWARE, False),
        ("peak_overhead_fraction", Rule.EXACT, SOFTWARE_AND_DEVICE, False),
        ("kv_block_count", Rule.EXACT, SOFTWARE_AND_DEVICE, True),
        ("kv_token_count", Rule.EXACT, SOFTWARE_AND_DEVICE, True),
        ("spill_store_bytes", Rule.EXACT, SOFTWARE_AND_DEVICE, False),
        ("tensor_core_count", Rule.EXACT, SOFTWARE_AND_DEVICE, True),
        ("global_load_wide_fraction", Rule.EXACT, SOFTWARE_AND_DEVICE, True),
        ("global_load_width_bytes", Rule.HINT, SOFTWARE_AND_DEVICE, True),
        ("occupancy_fraction", Rule.EXACT, SOFTWARE_AND_DEVICE, True),
        ("fused_node_count", Rule.EXACT, SOFTWARE_AND_DEVICE, True),
        ("fp16_layer_count", Rule.NONE, SOFTWARE_AND_DEVICE, False),
        ("register_count", Rule.HINT, SOFTWARE_AND_DEVICE, False),
        ("global_load_128bit_count", Rule.NONE, SOFTWARE_AND_DEVICE, False),
        ("tuned.block_m_count", Rule.NONE, SOFTWARE_AND_DEVICE, False),
        ("floor_s", Rule.NONE, EVERYTHING, False),
        ("reading.graph_s", Rule.NONE, SOFTWARE_AND_DEVICE, False),
        ("cold_disagreement_fraction", Rule.NONE, EVERYTHING, False),
        ("cold_disagreement_high_fraction", Rule.BOUND, SOFTWARE, False),
        ("launch_overhead_s", Rule.SCREEN, EVERYTHING, False),
    ],
)
def test_what_a_unit_depends_on_and_how_it_is_judged(metric, rule, scope, higher_is_better):
    policy = policy_of(metric)
    assert (policy.rule, policy.scope, policy.higher_is_better) == (rule, scope, higher_is_better)


@pytest.mark.parametrize("metric", ["first_call_s", "process_memory_bytes"])
def test_named_exceptions_are_recorded_and_never_judged(metric):
    assert policy_of(metric).rule is Rule.NONE
    assert policy_of(f"other_{metric}").rule is not Rule.NONE


# Named metrics that are judged: how, what may pass (relative, absolute), and whether more is better.
NAMED = {
    "peak_reserved_bytes": (Rule.EXACT, 0.1, 2 * 2**20, False),
    "host_peak_bytes": (Rule.EXACT, 0.1, 2 * 2**20, False),
    "cold_compile_s": (Rule.SCREEN, 0.03, 0, False),
    "warm_compile_s": (Rule.SCREEN, 0.03, 0, False),
    "build_s": (Rule.SCREEN, 0.03, 0.1, False),
    "launch_overhead_s": (Rule.SCREEN, 0.03, 0, False),
    "enqueue_s": (Rule.SCREEN, 0.03, 0, False),
    "spill_store_bytes": (Rule.EXACT, 0, 0, False),
    "spill_load_bytes": (Rule.EXACT, 0, 0, False),
    "stack_bytes": (Rule.EXACT, 0, 0, False),
    "local_load_count": (Rule.EXACT, 0, 0, False),
    "local_store_count": (Rule.EXACT, 0, 0, False),
    "global_load_wide_fraction": (Rule.EXACT, 0.1, 0, True),
    "global_store_wide_fraction": (Rule.EXACT, 0.1, 0, True),
    "global_load_width_bytes": (Rule.HINT, 0.1, 0, True),
    "global_store_width_bytes": (Rule.HINT, 0.1, 0, True),
    "tensor_core_count": (Rule.EXACT, 0.001, 0, True),
    "occupancy_fraction": (Rule.EXACT, 0.001, 0, True),
    "register_count": (Rule.HINT, 0, 7, False),
    "shared_static_bytes": (Rule.HINT, 0, 1024, False),
    "shared_dynamic_bytes": (Rule.HINT, 0, 1024, False),
    "instruction_count": (Rule.HINT, 0.1, 0, False),
    "fp32_multiply_add_count": (Rule.HINT, 0.1, 0, False),
    "fused_node_count": (Rule.EXACT, 0.001, 0, True),
    "kv_block_count": (Rule.EXACT, 0.01, 0, True),
    "kv_token_count": (Rule.EXACT, 0.01, 0, True),
}
RECORDED = {
    "first_call_s",
    "process_memory_bytes",
    "foreign_memory_bytes",
    "floor_s",
    "compile_s",
    "fp16_layer_count",
    "int8_layer_count",
    "shared_load_count",
    "shared_store_count",
    "barrier_count",
    "bulk_load_count",
    "bulk_store_count",
    "ptx_bytes",
    "cubin_bytes",
    *(f"global_load_{bits}bit_count" for bits in (256, 128, 64, 32, 16, 8)),
    *(f"global_store_{bits}bit_count" for bits in (256, 128, 64, 32, 16, 8)),
}


@pytest.mark.parametrize("metric", NAMED)
def test_how_a_named_metric_is_judged(metric):
    policy = policy_of(metric)
    assert (policy.rule, policy.margin, policy.floor, policy.higher_is_better) == NAMED[metric]
    assert policy.scope == (EVERYTHING if metric.endswith("_s") else SOFTWARE_AND_DEVICE)
    assert policy.on_host is metric.endswith("_s")


def test_every_named_metric_is_one_of_these_or_only_recorded():
    phases = {metric_of(phase) for phase in PHASES}
    assert SPECIAL.keys() == {*NAMED, *RECORDED, *phases}
    assert {policy_of(metric).rule for metric in RECORDED} == {Rule.NONE}


def test_what_a_policy_does_not_say_is_neither_allowed_nor_stricter_than_the_path():
    plain = Policy(Rule.EXACT, SOFTWARE)
    assert (plain.higher_is_better, plain.margin, plain.floor, plain.alpha, plain.on_host) == (False, 0, 0, 1, False)
    assert {rule for rule in Rule if Policy(rule, SOFTWARE).noisy} == {Rule.SPREAD, Rule.SCREEN}


@pytest.mark.parametrize(
    ("unit", "margin", "floor"),
    [
        ("_bytes", 0.01, 4096),
        ("_count", 0, 0),
        ("_fraction", 0.01, 0),
        ("_error", 2, 0),
        ("_db", 0, pytest.approx(6.0206, abs=1e-4)),
        ("_ratio", 0.05, 0),
        ("_s", 0.03, 0),
    ],
)
def test_what_may_pass_of_a_unit(unit, margin, floor):
    assert (POLICIES[unit].margin, POLICIES[unit].floor) == (margin, floor)


@pytest.mark.parametrize("metric", ["launch_overhead_s", "enqueue_s"])
def test_what_it_costs_to_launch_is_the_processors_time(metric):
    assert policy_of(metric).on_host


def test_a_single_spilled_byte_counts():
    assert (policy_of("spill_load_bytes").margin, policy_of("spill_load_bytes").floor) == (0, 0)


def test_the_noise_of_a_format_repeats_and_that_of_a_computation_does_not():
    assert policy_of("gaussian_sqnr_db").floor == 0.1
    assert policy_of("sqnr_db").floor > 6


def test_reserved_memory_may_move_by_an_allocation_step():
    policy = policy_of("peak_reserved_bytes")
    assert (policy.rule, policy.margin, policy.floor) == (Rule.EXACT, 0.10, 2 * 1024 * 1024)


def test_an_overhead_may_move_by_half_a_point():
    policy = policy_of("peak_overhead_fraction")
    assert (policy.margin, policy.floor) == (0.01, 0.005)


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_of_a_start_is_timed_as_a_build_is(phase):
    policy = policy_of(metric_of(phase))
    assert policy == policy_of("build_s")
    assert (policy.rule, policy.floor, policy.on_host) == (Rule.SCREEN, 0.1, True)


# ---------------------------------------------------------------- torch's allocator


def judged_keys():
    """Keys of the allocator whose metrics are judged -> their policies."""
    policies = {key: policy_of(allocator.metric_of(key)) for key in sorted(allocator.KNOWN)}
    return {key: policy for key, policy in policies.items() if policy.rule is not Rule.NONE}


def test_requests_and_what_blocks_hold_are_judged_and_all_else_of_the_allocator_is_recorded():
    repeating = [
        f"{family}.{pool}.{kind}"
        for family in ("active_bytes", "allocation", "requested_bytes")
        for pool in allocator.POOLS
        for kind in ("allocated", "current", "peak")
    ]
    assert judged_keys().keys() == {*repeating, "num_ooms", "num_alloc_retries", "reserved_bytes.all.peak"}


def test_what_is_judged_of_the_allocator_has_the_policy_of_its_unit():
    for key, policy in judged_keys().items():
        like = {"reserved_bytes.all.peak": "peak_reserved_bytes"}.get(key, "x_bytes" if "bytes" in key else "x_count")
        assert policy == policy_of(like)
        assert (policy.rule, policy.scope) == (Rule.EXACT, SOFTWARE_AND_DEVICE)


@pytest.mark.parametrize(
    "metric",
    ["allocator.unheard_of_count", "allocator.reserved_bytes_by_private_pools.0_1.all.peak_bytes", "allocator.build_s"],
)
def test_what_is_unheard_of_in_the_allocator_is_recorded(metric):
    assert policy_of(metric).rule is Rule.NONE


def test_the_allocators_words_mean_nothing_elsewhere():
    assert policy_of("num_ooms_count") == POLICIES["_count"]
    assert policy_of("segment.all.peak_count").rule is Rule.EXACT


@pytest.mark.parametrize("metric", ["latency", "allocator.num_ooms"])
def test_a_name_without_unit_has_no_policy(metric):
    with pytest.raises(BadRecord, match=f"'{metric}'"):
        policy_of(metric)


@pytest.mark.parametrize(
    ("machine", "known"),
    [
        (GPU, True),
        ({name: text for name, text in GPU.items() if name != "power_limit_mw"}, True),
        ({}, False),
        ({"id": "a host"}, False),
        *[({**GPU, name: "unsupported (NVML is missing)"}, False) for name in ("uuid", "driver", "clock_limit_mhz")],
        *[({**GPU, name: ""}, False) for name in ("uuid", "driver", "clock_limit_mhz")],
    ],
)
def test_a_gpu_is_known_by_its_uuid_driver_and_clocks(machine, known):
    assert identifies_gpu(machine) is known


@pytest.mark.parametrize(
    ("metric", "machine", "processes", "rule"),
    [
        ("device_s", GPU, GPU_PROCESSES, Rule.SPREAD),
        ("device_s", GPU, GPU_PROCESSES - 1, Rule.SCREEN),
        ("device_s", {}, 1000, Rule.SCREEN),
        ("cold_compile_s", GPU, 1000, Rule.SCREEN),
        ("warm_compile_s", GPU, 1000, Rule.SCREEN),
        ("first_call_s", GPU, 1000, Rule.NONE),
        ("graph_count", GPU, 1000, Rule.EXACT),
        ("speedup_over_eager_ratio", GPU, 3, Rule.SPREAD),
        ("speedup_over_eager_ratio", {}, 1000, Rule.SCREEN),
    ],
)
def test_a_time_decides_on_a_known_gpu_with_ten_processes_and_nowhere_else(metric, machine, processes, rule):
    assert GPU_PROCESSES == 10
    assert policy_on(metric, machine, processes).rule is rule


def test_a_time_that_decides_has_an_error_rate_and_a_margin_of_its_own():
    assert (POLICIES["_s"].alpha, POLICIES["_s"].margin) == (0.0005, 0.03)
