"""Compilers against eager: torch.compile (cold, warm, steady) and TorchScript, on ResNet-18 and a transformer block."""

from fixtures.case import Case, Tolerance, parametrize
from fixtures.models.workloads import inductor_workload, torchscript_workload
from fixtures.plugin import Measure

FP32 = Tolerance(relative_error=1e-5)


def case(runtime: str, model: str, batch: int, profile: str = "standard") -> Case:
    build = {"inductor": inductor_workload, "torchscript": torchscript_workload}[runtime]
    return Case(f"compile/{runtime}/{model}-b{batch}", build, {"model": model, "batch": batch}, FP32, profile)


CASES = [
    case("inductor", "transformer-block", 1, "quick"),
    case("torchscript", "transformer-block", 1, "quick"),
    case("inductor", "transformer-block", 16),
    case("inductor", "resnet18", 1),
    case("torchscript", "resnet18", 1),
    case("inductor", "resnet18", 16, "full"),
    case("torchscript", "resnet18", 16, "full"),
    case("inductor", "resnet18", 128, "full"),
    case("torchscript", "resnet18", 128, "full"),
]


@parametrize(CASES)
def test_compile(case: Case, measure: Measure) -> None:
    measure(case)
