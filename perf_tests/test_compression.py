"""Compression: accuracy curves of quantized and pruned classifiers, a training step, masks, 2:4."""

import pytest
import torch

from fixtures.case import Case, Tolerance, arguments
from fixtures.compression.semi_structured import semi_structured_workload
from fixtures.compression.step import step_workload
from fixtures.plugin import Measure
from fixtures.pruning.workloads import mask_workload
from fixtures.sweep import FEW_PERCENTS, SAME_PRODUCTS, TRAINED_WIDTHS, WIDTHS, asked_or, pipeline, prune, ptq, qat

MASK = Tolerance(bit_exact=True, dtype=torch.bool)
FP16 = Tolerance(relative_error=2e-3, dtype=torch.float16)

SMALL_WIDTHS = {
    "denorm": (4, 6, 8),
    "ieee": (4, 6, 8),
    "log": (4, 6, 8),
    "blockfp": (4, 6, 8),
    "blocklog": (4, 6, 8),
    "mxint": (4, 8),
    "mxfp": (4, 6, 8),
    "binary": (1,),
    "binary-scaled": (1,),
    "binary-scaling": (1,),
}

PTQ_PROFILES = {"blocklog": "full"}  # the slowest, and log's curve is like it


def step(model: str, profile: str = "standard") -> Case:
    params = {"model": model, "family": "integer", "width": 8, "batch": 256}
    return Case(f"compression/qat-step/{model}-int8f4-b256", step_workload, params, SAME_PRODUCTS, profile)


CASES = [
    ptq("mlp", "integer", WIDTHS, "quick"),
    ptq("encoder", "integer", WIDTHS),
    *(ptq("encoder", family, widths, PTQ_PROFILES.get(family, "standard")) for family, widths in SMALL_WIDTHS.items()),
    qat("mlp", "integer", TRAINED_WIDTHS, "quick"),
    qat("encoder", "integer", TRAINED_WIDTHS),
    *(qat("encoder", family, widths, "full") for family, widths in SMALL_WIDTHS.items()),
    *(prune("mlp", "l1", scope, profile="quick" if scope == "local" else "standard") for scope in ("local", "global")),
    prune("mlp", "random", "local"),
    *(prune("encoder", "l1", scope) for scope in ("local", "global")),
    prune("encoder", "random", "local"),
    prune("encoder", "l1", "global", "input", percents=FEW_PERCENTS),
    prune("encoder", "l1", "local", "input", "full", FEW_PERCENTS),
    prune("encoder", "random", "local", "input", percents=FEW_PERCENTS),
    *(prune("encoder", method, "local", "both", "full", FEW_PERCENTS) for method in ("random", "l1")),
    *(
        pipeline("encoder", family, order)
        for family in ("integer", "log")
        for order in (("quantize", "prune"), ("prune", "quantize"))
    ),
    step("mlp", "quick"),
    step("encoder"),
    Case("compression/mask/l1-global-n17m", mask_workload, {"elements": 17 << 20, "layers": 17, "sparsity": 0.5}, MASK),
    Case("compression/two-of-four/f4096-b64", semi_structured_workload, {"features": 4096, "batch": 64}, FP16),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize(*arguments(asked_or(CASES, metafunc.config)))


def test_compression(case: Case, measure: Measure) -> None:
    measure(case)
