"""Start-up of LLM engines, phase by phase, cold and warm: a process a start."""

import pytest

from fixtures.case import Case, Tolerance, arguments
from fixtures.engines.workloads import embedded_workload
from fixtures.plugin import Measure
from fixtures.vllm_cases import vllm_cases

FP32 = Tolerance(relative_error=1e-5)
UTILIZATIONS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
QUICK = ("startup/qwen2-4l-u0.9/cold", "startup/qwen2-4l-u0.9/warm")
STANDARD = {"cold": (0.9,), "warm": (0.3, 0.9)}
MEMORY_GIB = {"qwen2-4l": 1, "qwen2-8l": 1, "qwen2-0.5b": 8}


def embedded(model: str, utilization: float, cache: str) -> Case:
    params = {"model": model, "utilization": utilization, "cache": cache, "cpu_memory_gib": MEMORY_GIB[model]}
    name = f"startup/{model}-u{utilization}/{cache}"
    return Case(name, embedded_workload, {**params, "max_length": 512}, FP32, profile(name, model, utilization, cache))


def profile(name: str, model: str, utilization: float, cache: str) -> str:
    if name in QUICK:
        return "quick"
    return "standard" if model == "qwen2-4l" and utilization in STANDARD[cache] else "full"


# A cold start fills the compiler's cache, which the warm ones after it find.
CASES = [
    embedded(model, utilization, cache)
    for model in MEMORY_GIB
    for cache in ("cold", "warm")
    for utilization in UTILIZATIONS
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize(*arguments([*CASES, *vllm_cases(metafunc.config.getoption("--perf-vllm-model"))]))


def test_startup(case: Case, measure: Measure) -> None:
    measure(case)
