import random

import pytest

from tools.ab.pairs import Effort, Side, alternate, effort, order
from tools.ab.rule import Rule
from tools.ab.workers import SETTINGS, environment

RULE = Rule()


class FakeWorker:
    """Answers every slot, and notes in a common list who was asked."""

    def __init__(self, arm, asked):
        self.arm, self.asked = arm, asked

    def ask(self, timeout_s, do, **arguments):
        self.asked.append((self.arm, arguments))
        return {"rounds": {"latency_s": [1.0]}, "wall_s": 1.0, "cpu_s": 1.0}


def sides(asked):
    return [Side(FakeWorker(arm, asked), "a/x") for arm in ("base", "head")]


@pytest.mark.parametrize(
    ("call_s", "iterations", "rounds", "settle"),
    [(5e-6, 2000, 3, 2000), (1e-3, 10, 3, 10), (0.02, 1, 2, 1), (0.1, 1, 1, 0), (2.0, 1, 1, 0)],
)
def test_rounds_are_long_enough_and_slots_short(call_s, iterations, rounds, settle):
    found = effort(call_s, RULE)
    assert (found.iterations, found.rounds, found.settle) == (iterations, rounds, settle)


def test_a_slow_case_has_fewer_alternations_but_never_too_few():
    assert effort(1e-3, RULE).alternations == RULE.alternations
    assert effort(0.25, RULE).alternations == 8
    assert effort(10.0, RULE).alternations == RULE.least_alternations


@pytest.mark.parametrize("seed", range(4))
def test_slots_follow_one_another_as_abba_with_the_same_effort(seed):
    asked = []
    base, head = sides(asked)
    found = list(alternate(base, head, Effort(7, 3, 2, 4), random.Random(seed), 1.0))
    arms = [arm for arm, _ in asked]
    assert arms in (["base", "head", "head", "base"] * 2, ["head", "base", "base", "head"] * 2)
    assert [each.base_first for each in found] == [arms[0] == "base", arms[0] != "base"] * 2
    assert {tuple(sorted(arguments.items())) for _, arguments in asked} == {
        (("case", "a/x"), ("iterations", 7), ("rounds", 3), ("settle", 2))
    }


def test_who_begins_is_drawn():
    firsts = set()
    for seed in range(20):
        asked = []
        base, head = sides(asked)
        list(alternate(base, head, Effort(1, 1, 0, 1), random.Random(seed), 1.0))
        firsts.add(asked[0][0])
    assert firsts == {"base", "head"}


def test_arms_take_every_place_in_turn():
    assert [order(3, pair) for pair in range(4)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


def test_both_arms_get_the_same_environment_but_for_their_caches(tmp_path):
    inherited = {"PATH": "/bin", "PYTHONPATH": "/mine", "LD_PRELOAD": "x", "PYTEST_XDIST_WORKER": "gw0"}
    first, second = (environment(123456789, tmp_path / name, inherited) for name in ("a", "b"))
    assert {name for name in first if first[name] != second[name]} == {
        "TORCHINDUCTOR_CACHE_DIR",
        "TORCH_EXTENSIONS_DIR",
        "TRITON_CACHE_DIR",
        "TMPDIR",
    }
    assert first["PATH"] == "/bin"
    assert first["PYTHONHASHSEED"] == "123456789"
    assert not {"PYTHONPATH", "LD_PRELOAD", "PYTEST_XDIST_WORKER"} & first.keys()
    assert first.items() >= SETTINGS.items()


def test_layout_is_drawn_anew_for_every_pair(tmp_path):
    first, second = (environment(seed, tmp_path, {}) for seed in (1, 2))
    assert first["PYTHONHASHSEED"] != second["PYTHONHASHSEED"]
    assert first["PERF_RATCHET_PADDING"] != second["PERF_RATCHET_PADDING"]
