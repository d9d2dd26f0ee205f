"""Where the memory of training and evaluating a ViT goes, plain and with fake-quantized weights and inputs."""

from fixtures.case import Case, Tolerance, parametrize
from fixtures.plugin import Measure
from fixtures.training.workloads import train_workload

# Plain: fp32 against fp64. Quantized: the same fp32 products of the same codes, so that only sums differ in order.
FP32 = Tolerance(relative_error=1e-5)
METHODS = ("plain", "qat")


def case(mode: str, model: str, method: str, batch: int, profile: str) -> Case:
    params = {"mode": mode, "model": model, "method": method, "batch": batch}
    return Case(f"training_memory/{mode}/{model}-{method}-b{batch}", train_workload, params, FP32, profile)


# (mode, model, batch) -> the smallest profile that measures it. 256 and 100 are the batches of a published study.
PROFILES = {
    ("train", "vit-digits", 64): "quick",
    ("eval", "vit-digits", 64): "quick",
    ("train", "vit-digits", 256): "standard",
    ("eval", "vit-digits", 256): "standard",
    ("train", "vit-b-16", 16): "full",
    ("eval", "vit-b-16", 16): "full",
    ("train", "vit-b-16", 256): "full",
    ("eval", "vit-b-16", 100): "full",
}

CASES = [
    case(mode, model, method, batch, profile)
    for (mode, model, batch), profile in PROFILES.items()
    for method in METHODS
]


@parametrize(CASES)
def test_training_memory(case: Case, measure: Measure) -> None:
    measure(case)
