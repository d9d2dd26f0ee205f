"""What the zoo's models become, in numbers that no machine changes: ONNX files, Dynamo's graphs, operations, plans."""

import platform

from fixtures.case import Case, parametrize
from fixtures.graphs.workloads import (
    flops_inspection,
    fx_inspection,
    int8_inspection,
    onnx_inspection,
    rtx_inspection,
)
from fixtures.matrix import BUILT, tolerance
from fixtures.models.zoo import MODELS, images
from fixtures.places import GRAPHS
from fixtures.plugin import Measure
from fixtures.runtimes.catalogue import ORT, RTX
from fixtures.runtimes.rtx_workload import PRECISIONS

BATCH = 3  # files are exported from two samples: an axis that was closed then does not take three

QUICK = ("cnn",)
LARGE = ("vit-b-16", "bert-base", "t5-small", "gpt-neo-1.3b")
UNEXPORTED = ("gpt-neo-1.3b",)  # 5 GB of file, and of each of its copies

EXPORTER = ("torch", "onnx-ir")
# Dynamo reads bytecode, which each Python has its own of.
PYTHON = {"python": ".".join(platform.python_version_tuple()[:2])}

KINDS = {
    "onnx": (onnx_inspection, "fp32", (*EXPORTER, *ORT), {}),
    "onnx-int8": (int8_inspection, "int8", (*EXPORTER, *ORT), {}),
    "fx": (fx_inspection, "fp32", ("torch",), PYTHON),
    "flops": (flops_inspection, "fp32", ("torch",), {}),
}


def cases(model: str) -> list[Case]:
    """All of a model together, so that they share its file and its fp64 output."""
    found = [computed(kind, model) for kind in KINDS]
    plans = [plan(model, precision) for precision in PRECISIONS]
    return found[2:] if model in UNEXPORTED else [*found[:2], *plans, *found[2:]]


def computed(kind: str, model: str) -> Case:
    build, precision, packages, software = KINDS[kind]
    return Case(
        f"graphs/{kind}/{model}",
        build,
        {"model": model, "batch": BATCH},
        tolerance(precision, MODELS[model].depth),
        profile(model),
        (*packages, *sources(model)),
        software,
        GRAPHS,
    )


def plan(model: str, precision: str) -> Case:
    return Case(
        f"graphs/tensorrt-rtx/{model}-{precision}",
        rtx_inspection,
        {"model": model, "precision": precision},
        BUILT,
        profile(model),
        (*EXPORTER, *RTX, *sources(model)),
        place=GRAPHS,
    )


def profile(model: str) -> str:
    return "quick" if model in QUICK else "full" if model in LARGE else "standard"


def sources(model: str) -> tuple[str, ...]:
    """Packages that the model's code comes from."""
    return ("torchvision",) if MODELS[model].draw is images else MODELS[model].packages


CASES = [case for model in MODELS for case in cases(model)]


@parametrize(CASES)
def test_graph_static(case: Case, measure: Measure) -> None:
    measure(case)
