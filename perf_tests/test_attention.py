"""Attention: eager, compiled, SDPA by backend and flex, over d_model x seq_len; Triton and SDPA in half precision."""

import torch

from fixtures.case import Case, Tolerance, parametrize
from fixtures.kernels.attention.half_workloads import HALF_METHODS, half_attention_workload
from fixtures.kernels.attention.methods import METHODS
from fixtures.kernels.attention.workloads import attention_workload, operators_workload
from fixtures.plugin import Measure

FP32 = Tolerance(relative_error=1e-5)
HALF = Tolerance(relative_error=5e-3, dtype=torch.float16)

WIDTHS = (16, 32, 64, 128)
LENGTHS = (256, 1024, 4096, 8192, 16384)
MAIN = ("eager", "compiled", "sdpa-flash")

# Four units of rounding (2^-8 of bf16, 2^-11 of fp16): weights and results are rounded once each, so that right kernels
# show 0.5 to 1.1 of one.
ROUNDED = {
    "bfloat16": Tolerance(relative_error=2**-6, dtype=torch.bfloat16),
    "float16": Tolerance(relative_error=2**-9, dtype=torch.float16),
}
SHORT = {"bfloat16": "bf16", "float16": "fp16"}


def profile_of(method: str, d_model: int, seq_len: int, direction: str) -> str:
    """Quick: the main methods at one small size. Standard: all methods at one width, the main ones at the others."""
    if d_model == 64 and seq_len == 256 and method in MAIN:
        return "quick"
    if d_model == 64 and (seq_len <= 1024 or (seq_len == 4096 and method in MAIN)):
        return "standard"
    if seq_len == 1024 and method in MAIN:
        return "standard"
    if (d_model, seq_len, method, direction) == (64, 16384, "eager", "backward"):
        return "standard"  # the published OOM row; where it cannot fit it costs nothing
    return "full"


def half_profile_of(method: str, dtype: str, seq_len: int, causal: bool) -> str:
    """Quick: one mask of what a CPU can do. Standard: all of it, and Triton in bf16, with torch's own beside it."""
    if seq_len == 512:
        return "quick" if dtype == "bfloat16" and causal else "standard"
    return "standard" if method == "triton" and dtype == "bfloat16" else "full"


def half_case(method: str, dtype: str, seq_len: int, d_head: int, causal: bool, direction: str) -> Case:
    """16,384 tokens in all, as FlashAttention's authors count; the shortest are for the CPU, too."""
    batch, heads = (1, 4) if seq_len == 512 else (16384 // seq_len, 16)
    mask = "-causal" if causal else ""
    params = {"method": method, "direction": direction, "causal": causal, "dtype": dtype}
    size = {"batch": batch, "heads": heads, "seq_len": seq_len, "d_head": d_head}
    return Case(
        f"attention/{method}/{SHORT[dtype]}-b{batch}-h{heads}-s{seq_len}-d{d_head}{mask}/{direction}",
        half_attention_workload,
        {**params, **size},
        ROUNDED[dtype],
        half_profile_of(method, dtype, seq_len, causal),
    )


# Cases of one size stand together: they share the fp64 truth.
HALF_CASES = [
    half_case(method, dtype, seq_len, d_head, causal, direction)
    for seq_len, d_head in [(512, 64), *((rows, width) for rows in (1024, 4096, 16384) for width in (64, 128))]
    for dtype in SHORT
    for causal in (True, False)
    for method in HALF_METHODS
    for direction in ("forward", "backward")
]

CASES = [
    Case(
        f"attention/{method}/d{d_model}-s{seq_len}/{direction}",
        attention_workload,
        {"method": method, "direction": direction, "d_model": d_model, "seq_len": seq_len},
        FP32,
        profile_of(method, d_model, seq_len, direction),
    )
    for d_model in WIDTHS
    for seq_len in LENGTHS
    for method in METHODS
    for direction in ("forward", "backward")
] + [
    Case(f"attention/{method}/b32-h8-s128-d64-fp16/operators", operators_workload, {"method": method}, HALF, "quick")
    for method in ("naive", "fused")
]
CASES += HALF_CASES


@parametrize(CASES)
def test_attention(case: Case, measure: Measure) -> None:
    measure(case)
