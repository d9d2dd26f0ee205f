"""MXINT8: dequantizing kernels against eager and a copy of the same bytes, a packed layer, a packed model's bytes."""

import torch

from fixtures.case import Case, Tolerance, parametrize
from fixtures.kernels.mxint8.workloads import dequantize_workload, linear_workload, model_memory_workload
from fixtures.plugin import Measure

EXACT = Tolerance(bit_exact=True, dtype=torch.bfloat16)
FP32 = Tolerance(relative_error=1e-5)

MI = 1 << 20


def dequantize(method: str, elements: int, group_size: int, threads: int, profile: str = "standard") -> Case:
    params = {"method": method, "elements": elements, "group_size": group_size, "threads": threads}
    name = f"mxint8/{method}/g{group_size}-n{elements // MI}m-t{threads}"
    return Case(name, dequantize_workload, params, EXACT, profile)


CASES = [
    dequantize("reference", 1 * MI, 32, 1, "quick"),
    dequantize("cpp", 1 * MI, 32, 1, "quick"),
    dequantize("cpp", 16 * MI, 32, 1, "quick"),
    dequantize("cpp", 16 * MI, 32, 2),
    *(dequantize("cpp", 16 * MI, group_size, 1) for group_size in (8, 128, 512)),
    dequantize("cpp", 64 * MI, 32, 2, "full"),
    *(
        Case(
            f"mxint8/linear/f{features}-b{batch}-g32",
            linear_workload,
            {"features": features, "batch": batch, "group_size": 32},
            FP32,
            profile,
        )
        for features, batch, profile in ((1024, 1, "quick"), (1024, 64, "standard"), (2048, 16, "standard"))
    ),
    Case(
        "mxint8/model/w256-d4-g32",
        model_memory_workload,
        {"width": 256, "depth": 4, "classes": 10, "group_size": 32},
        FP32,
        "quick",
    ),
]


@parametrize(CASES)
def test_mxint8(case: Case, measure: Measure) -> None:
    measure(case)
