"""The inference matrix: every model in every runtime, batch by batch, held against its fp64 self and its eager time."""

from fixtures.case import Case, parametrize
from fixtures.plugin import Measure
from fixtures.runtimes.catalogue import RUNTIMES
from fixtures.runtimes.workloads import inference_workload

BATCHES = (1, 16, 32, 64)

# Model -> batch -> the smallest profile that measures it; other batches are part of `full`.
PROFILES = {
    "fcn": {1: "quick", 16: "standard"},
    "cnn": {1: "standard", 16: "quick"},
    "lstm": {1: "standard", 16: "standard"},
    "resnet18": {1: "standard"},
    "mobilenet-v3-large": {1: "standard"},
    "bert-small": {1: "standard"},
    "gpt-neo-small": {1: "standard"},
    "t5-tiny": {1: "standard"},
    "vit-b-16": {},
    "bert-base": {},
    "gpt-neo-1.3b": {},
    "t5-small": {},
}


def case(model: str, runtime: str, batch: int) -> Case:
    params = {"model": model, "runtime": runtime, "batch": batch}
    name = f"inference/{runtime}/{model}-b{batch}"
    return Case(name, inference_workload, params, RUNTIMES[runtime].tolerance, PROFILES[model].get(batch, "full"))


CASES = [case(model, runtime, batch) for model in PROFILES for runtime in RUNTIMES for batch in BATCHES]


@parametrize(CASES)
def test_inference(case: Case, measure: Measure) -> None:
    measure(case)
