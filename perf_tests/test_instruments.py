"""The sampler itself: held against Triton's and torch's own timers, on calls of a microsecond and on large ones."""

import torch

from fixtures.case import Case, Tolerance, parametrize
from fixtures.instruments.workloads import gpu_workload, host_workload
from fixtures.plugin import Measure

KI, MI, GI = 1 << 10, 1 << 20, 1 << 30

ADD = Tolerance(relative_error=1e-6)
COPY = Tolerance(bit_exact=True, dtype=torch.int8)
FP32 = Tolerance(relative_error=1e-5)
BF16 = Tolerance(relative_error=2**-7, dtype=torch.bfloat16)  # two roundings: of a part of the sum, and of the sum


def on_gpu(name: str, size: dict[str, int | str], tolerance: Tolerance, profile: str = "standard") -> Case:
    params = {"operation": name.partition("-")[0], **size}
    return Case(f"instruments/gpu/{name}", gpu_workload, params, tolerance, profile, packages=("triton",))


def on_host(name: str, size: dict[str, int | str], tolerance: Tolerance, profile: str = "standard") -> Case:
    return Case(
        f"instruments/host/{name}", host_workload, {"operation": name.partition("-")[0], **size}, tolerance, profile
    )


# Large: what the ceilings of a roofline are measured on (fixtures/ceilings.py).
CASES = [
    on_gpu("add-4ki", {"elements": 4 * KI}, ADD, "quick"),
    on_gpu("copy-1gi", {"bytes_moved": 1 * GI}, COPY),
    on_gpu("matmul-bf16-8192", {"rows": 8192, "precision": "bfloat16"}, BF16),
    on_host("add-4ki", {"elements": 4 * KI}, ADD, "quick"),
    on_host("copy-256mi", {"bytes_moved": 256 * MI}, COPY),
    on_host("matmul-fp32-512", {"rows": 512, "precision": "float32"}, FP32),
    on_host("matmul-bf16-192", {"rows": 192, "precision": "bfloat16"}, BF16),
]


@parametrize(CASES)
def test_instruments(case: Case, measure: Measure) -> None:
    measure(case)
