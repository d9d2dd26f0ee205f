"""Kernels compiled for GPUs that are not here: registers, spills, occupancy, instructions; the same everywhere."""

from collections.abc import Mapping

import pytest
import torch

from fixtures.case import Case, Tolerance, arguments
from fixtures.errors import Unsupported
from fixtures.places import compiled_for
from fixtures.plugin import Measure
from fixtures.static.compiled import cuda_software
from fixtures.static.inspections import cuda_inspection, triton_inspection

# Products are added up in fp32; what is left is the rounding of the result, and in attention of its weights, too.
FP32 = Tolerance(relative_error=1e-6)
FP16 = Tolerance(relative_error=2**-11, dtype=torch.float16)
BF16 = Tolerance(relative_error=2**-8, dtype=torch.bfloat16)

EXACT = {
    "bf16": Tolerance(bit_exact=True, dtype=torch.bfloat16),
    "fp16": Tolerance(bit_exact=True, dtype=torch.float16),
    "fp32": Tolerance(bit_exact=True, dtype=torch.float32),
}

TRITON = {
    "attention": {
        "forward-d16-fp16": FP16,
        "forward-d64-bf16": BF16,
        "forward-d64-bf16-causal": BF16,
        "forward-d128-fp16": FP16,
        "forward-d128-bf16": BF16,
        "forward-d128-bf16-causal": BF16,
        "delta-d64-bf16": FP32,
        "backward-kv-d64-bf16": BF16,
        "backward-kv-d128-bf16-causal": BF16,
        "backward-q-d64-bf16": BF16,
        "backward-q-d128-bf16-causal": BF16,
    },
    "mxint8-dequantize": {
        **{f"g{group}-bf16": EXACT["bf16"] for group in (8, 24, 32, 128)},
        **{f"g32-{dtype}": EXACT[dtype] for dtype in ("fp16", "fp32")},
    },
    "mxint8-linear": {
        "gemv-g32-bf16": BF16,
        "gemv-g32-fp16": FP16,
        "gemv-g128-bf16": BF16,
        "gemm16-g32-bf16": BF16,
        "gemm16-g32-fp16": FP16,
        "gemm64-g32-bf16": BF16,
        "gemm64-g128-bf16": BF16,
    },
}
CAPABILITIES = (80, 90, 100, 120)
QUICK = ("forward-d128-bf16-causal", "backward-kv-d64-bf16", "g32-bf16", "gemv-g32-bf16", "gemm64-g32-bf16")


def compiled(kernel: str, configuration: str, tolerance: Tolerance, capability: int) -> Case:
    return Case(
        f"kernels_sm{capability}/{kernel}/{configuration}",
        triton_inspection,
        {"kernel": kernel, "configuration": configuration, "capability": capability},
        tolerance,
        "quick" if capability == 90 and configuration in QUICK else "standard",
        ("triton",),
        place=compiled_for(capability),
    )


def by_nvcc(dtype: str, tolerance: Tolerance, capability: int, software: Mapping[str, str]) -> Case:
    return Case(
        f"kernels_nvcc_sm{capability}/mxint8-dequantize/{dtype}",
        cuda_inspection,
        {"dtype": dtype, "capability": capability},
        tolerance,
        "quick" if (capability, dtype) == (90, "bf16") else "standard",
        software=software,
        place=compiled_for(capability),
    )


def cuda_cases() -> list[Case]:
    """Empty where there is no nvcc: paths that are there where it is."""
    try:
        software = cuda_software()
    except Unsupported:
        return []
    return [
        by_nvcc(dtype, tolerance, capability, software)
        for capability in CAPABILITIES
        for dtype, tolerance in EXACT.items()
    ]


CASES = [
    compiled(kernel, configuration, tolerance, capability)
    for capability in CAPABILITIES
    for kernel, configurations in TRITON.items()
    for configuration, tolerance in configurations.items()
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize(*arguments([*CASES, *cuda_cases()]))


def test_kernel_static(case: Case, measure: Measure) -> None:
    measure(case)
