"""MXINT8: dequantizing kernels against eager and a copy of the same bytes, a packed layer, a packed model's bytes."""

import torch

from fixtures.case import Case, Tolerance, parametrize
from fixtures.kernels.mxint8.linear_workloads import cpp_linear_workload, linear_workload, triton_linear_workload
from fixtures.kernels.mxint8.workloads import dequantize_workload, model_memory_workload
from fixtures.plugin import Measure

EXACT = Tolerance(bit_exact=True, dtype=torch.bfloat16)
SHORT = {"float16": "fp16", "float32": "fp32"}
FP32 = Tolerance(relative_error=1e-5)

MI = 1 << 20


def dequantize(method: str, elements: int, group_size: int, threads: int, profile: str = "standard") -> Case:
    params = {"method": method, "elements": elements, "group_size": group_size, "threads": threads}
    name = f"mxint8/{method}/g{group_size}-n{elements // MI}m-t{threads}"
    return Case(name, dequantize_workload, params, EXACT, profile)


def on_gpu(method: str, elements: int, group_size: int, profile: str = "standard", dtype: str = "bfloat16") -> Case:
    """On a GPU. "2g+" elements are 2^31 and a group, more than 32 bits count; all others are whole Mi."""
    params = {"method": method, "elements": elements, "group_size": group_size, "dtype": dtype}
    size = f"{elements // MI}m" if elements % MI == 0 else "2g+"
    suffix = f"-{SHORT[dtype]}" if dtype in SHORT else ""
    name = f"mxint8/{method}/g{group_size}-n{size}{suffix}"
    tolerance = Tolerance(bit_exact=True, dtype=getattr(torch, dtype))
    return Case(name, dequantize_workload, params, tolerance, profile, packages=("triton",))


def sides(inputs: int, outputs: int) -> str:
    return f"f{inputs}" if inputs == outputs else f"f{inputs}x{outputs}"


def linear_cpp(inputs: int, outputs: int, batch: int, group_size: int, threads: int, profile: str = "standard") -> Case:
    sizes = {"inputs": inputs, "outputs": outputs, "batch": batch, "group_size": group_size}
    name = f"mxint8/linear-cpp/{sides(inputs, outputs)}-b{batch}-g{group_size}-t{threads}"
    return Case(name, cpp_linear_workload, {**sizes, "threads": threads}, FP32, profile)


def linear_triton(
    inputs: int, outputs: int, batch: int, group_size: int, dtype: str = "bfloat16", profile: str = "standard"
) -> Case:
    """Its error is that of rounding sums in fp32 to the dtype: 2^-8 and 2^-11 of an element at most."""
    sizes = {"inputs": inputs, "outputs": outputs, "batch": batch, "group_size": group_size}
    short, rounding = {"bfloat16": ("bf16", 2.0**-8), "float16": ("fp16", 2.0**-11)}[dtype]
    name = f"mxint8/linear-triton/{sides(inputs, outputs)}-b{batch}-g{group_size}-{short}"
    tolerance = Tolerance(relative_error=rounding, dtype=getattr(torch, dtype))
    return Case(name, triton_linear_workload, {**sizes, "dtype": dtype}, tolerance, profile, packages=("triton",))


CASES = [
    dequantize("reference", 1 * MI, 32, 1, "quick"),
    dequantize("cpp", 1 * MI, 32, 1, "quick"),
    dequantize("cpp", 16 * MI, 32, 1, "quick"),
    dequantize("cpp", 16 * MI, 32, 2),
    *(dequantize("cpp", 16 * MI, group_size, 1) for group_size in (8, 128, 512)),
    dequantize("cpp", 64 * MI, 32, 2, "full"),
    on_gpu("triton", 16 * MI, 32, "quick"),
    on_gpu("triton", 64 * MI, 32),
    *(on_gpu("triton", 64 * MI, group_size) for group_size in (8, 128, 512)),
    on_gpu("triton", 96 * MI, 24),
    *(on_gpu("triton", 64 * MI, 32, dtype=dtype) for dtype in SHORT),
    on_gpu("triton", 2048 * MI + 32, 32, "full"),
    on_gpu("cuda", 16 * MI, 32, "quick"),
    on_gpu("cuda", 64 * MI, 32),
    *(on_gpu("cuda", 64 * MI, group_size) for group_size in (8, 128, 512)),
    on_gpu("cuda", 96 * MI, 24),
    *(on_gpu("cuda", 64 * MI, 32, dtype=dtype) for dtype in SHORT),
    on_gpu("cuda", 2048 * MI + 32, 32, "full"),
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
    linear_cpp(4096, 4096, 1, 32, 1, "quick"),
    linear_cpp(4096, 4096, 1, 32, 2),
    *(linear_cpp(4096, 4096, batch, 32, 1) for batch in (4, 16)),
    linear_cpp(4096, 4096, 1, 128, 1),
    linear_cpp(4096, 11008, 1, 32, 1),
    linear_triton(4096, 4096, 1, 32, profile="quick"),
    *(linear_triton(4096, 4096, batch, 32) for batch in (4, 16, 64)),
    *(linear_triton(4096, 4096, batch, 32, "float16") for batch in (1, 16)),
    *(linear_triton(4096, 4096, batch, 128) for batch in (1, 64)),
    *(linear_triton(4096, 11008, batch, 32) for batch in (1, 16)),
    linear_triton(11008, 4096, 1, 32),
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
