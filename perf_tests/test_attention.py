"""Attention: eager, compiled, SDPA by backend and flex, over d_model x seq_len; and its operators in half precision."""

import torch

from fixtures.case import Case, Tolerance, parametrize
from fixtures.kernels.attention.methods import METHODS
from fixtures.kernels.attention.workloads import attention_workload, operators_workload
from fixtures.plugin import Measure

FP32 = Tolerance(relative_error=1e-5)
HALF = Tolerance(relative_error=5e-3, dtype=torch.float16)

WIDTHS = (16, 32, 64, 128)
LENGTHS = (256, 1024, 4096, 8192, 16384)
MAIN = ("eager", "compiled", "sdpa-flash")


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


@parametrize(CASES)
def test_attention(case: Case, measure: Measure) -> None:
    measure(case)
