"""The inference matrix: every model in every runtime, batch by batch, held against its fp64 self and its eager time."""

import pytest

from fixtures.case import Case, arguments
from fixtures.matrix import asked_or, builds, row
from fixtures.plugin import Measure

# Model -> batch -> the smallest profile that measures it; other batches are part of `full`.
PROFILES = {
    "fcn": {1: "standard", 16: "standard"},
    "cnn": {1: "standard", 16: "quick"},
    "lstm": {16: "standard"},
    "resnet18": {1: "standard"},
    "mobilenet-v3-large": {1: "standard"},
    "bert-small": {16: "standard"},
    "gpt-neo-small": {1: "standard"},
    "t5-tiny": {1: "standard"},
    "vit-b-16": {},
    "bert-base": {},
    "gpt-neo-1.3b": {},
    "t5-small": {},
}

BUILDS = {"cnn": "quick", "resnet18": "standard", "bert-small": "standard"}

CASES = [
    *(case for model, profiles in PROFILES.items() for case in row(model, profiles)),
    *(case for model in PROFILES for case in builds(model, BUILDS.get(model, "full"))),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize(*arguments(asked_or(CASES, metafunc.config)))


def test_inference(case: Case, measure: Measure) -> None:
    measure(case)
