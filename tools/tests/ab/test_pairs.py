import contextlib
import math
import os
import random
import sys

import pytest

from tools.ab import pairs
from tools.ab.pairs import Arm, Driver, Effort, Match, Side, Status, Stretch, alternate, effort, order
from tools.ab.rule import Rule
from tools.ab.workers import SETTINGS, WorkerLost, environment, libraries_of
from tools.tests.ab.fakes import alternation

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
    [(5e-6, 1000, 2, 1000), (1e-3, 5, 2, 5), (7e-3, 1, 2, 1), (0.02, 1, 1, 1), (0.1, 1, 1, 0), (2.0, 1, 1, 0)],
)
def test_rounds_are_long_enough_and_slots_short(call_s, iterations, rounds, settle):
    found = effort(call_s, 1e-3, RULE)
    assert (found.iterations, found.rounds, found.settle) == (iterations, rounds, settle)


def test_a_slow_case_has_fewer_alternations_but_never_too_few():
    assert shape(1e-3, 1e-3) == (4, 4)
    assert shape(0.25, 1e-3) == (4, 2)
    assert shape(10.0, 1e-3) == (4, 1)


def test_what_takes_long_to_build_is_built_once_a_pair():
    assert shape(1e-3, 0.9) == (8, 2)
    assert shape(1e-3, 7.0) == (16, 1)


def shape(call_s, build_s):
    found = effort(call_s, build_s, RULE)
    return found.alternations, found.passes


@pytest.mark.parametrize("seed", range(4))
def test_slots_follow_one_another_as_abba_with_the_same_effort(seed):
    asked = []
    base, head = sides(asked)
    found = list(alternate(base, head, Effort(7, 3, 2, 4, 1), random.Random(seed), 1.0, 3))
    arms = [arm for arm, _ in asked]
    assert arms in (["base", "head", "head", "base"] * 2, ["head", "base", "base", "head"] * 2)
    assert [each.base_first for each in found] == [arms[0] == "base", arms[0] != "base"] * 2
    assert {tuple(sorted(arguments.items())) for _, arguments in asked} == {
        (("case", "a/x"), ("iterations", 7), ("rounds", 3), ("settle", 2), ("turn", 3))
    }


def test_who_begins_is_drawn():
    firsts = set()
    for seed in range(20):
        asked = []
        base, head = sides(asked)
        list(alternate(base, head, Effort(1, 1, 0, 1, 1), random.Random(seed), 1.0, 3))
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


def test_a_worker_finds_packages_beside_the_interpreter_but_no_other_checkout(tmp_path):
    site, checkout = tmp_path / "site", tmp_path / "checkout"
    (site / "pydantic").mkdir(parents=True)
    (checkout / "fixtures").mkdir(parents=True)
    given = os.pathsep.join([str(checkout), "relative", "", str(site)])
    assert libraries_of({"PYTHONPATH": given}) == str(site)
    assert libraries_of({}) == ""
    assert environment(1, tmp_path, {"PYTHONPATH": given}, str(site))["PYTHONPATH"] == str(site)


@pytest.mark.parametrize(("python", "expected"), [(sys.executable, "site"), ("/another/python", None)])
def test_what_lies_beside_this_interpreter_is_not_given_to_another_one(tmp_path, monkeypatch, python, expected):
    started = []
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setattr("tools.ab.pairs.Worker", lambda *arguments: started.append(arguments[-1]) or Ready())
    driver = Driver(Places(tmp_path), [Arm("base", "", python)], RULE, [], "cpu", 1.0, 0, 0.0, {}, {})
    with driver.workers(driver.arms, random.Random(0)):
        pass
    found = started[0].get("PYTHONPATH")
    assert (found and os.path.basename(found)) == expected


class Places:
    def __init__(self, folder):
        self.cache = self.place = lambda arm: folder


class Ready:
    """A worker that is what was asked for."""

    arm, checkout = "base", "/"

    def send(self, do, **arguments):
        pass

    def receive(self, timeout_s):
        return {"root": "/"}

    def kill(self):
        pass


def test_layout_is_drawn_anew_for_every_pair(tmp_path):
    first, second = (environment(seed, tmp_path, {}) for seed in (1, 2))
    assert first["PYTHONHASHSEED"] != second["PYTHONHASHSEED"]
    assert first["PERF_RATCHET_PADDING"] != second["PERF_RATCHET_PADDING"]


class Scripted(Driver):
    """A driver whose stretches are told, not run: it notes who was asked, and ends where it is told to."""

    def stretches(self, match, workers, purpose, number, rng):
        self.asked.append((match.name, number))
        if match.name == "a/unfit":
            self.doubt(match, Status("ok", "error", "wrong"), purpose)
            return
        if match.name == "a/killer" and number:
            raise WorkerLost("head (abc): the worker was killed by SIGKILL during `slot a/killer`")
        self.frozen.setdefault(match.name, Effort(1, 1, 0, 2, 1 if match.name == "a/compiled" else self.rule.passes))
        yield purpose, Stretch(float(len(self.asked)), 1.0, (alternation(0.1), alternation(0.1, base_first=False)))

    @contextlib.contextmanager
    def workers(self, arms, rng):
        yield {}


class Nowhere:
    def rearrange(self, order):
        pass


def run_scripted(*names, seed=0, end_s=math.inf):
    arms = [Arm("base", "", ""), Arm("head", "", "")]
    driver = Scripted(Nowhere(), arms, RULE, [], "cpu", 1.0, seed, 0.0, {}, {}, end_s=end_s)
    driver.asked = []
    return driver, driver.run([Match(name, name, name) for name in names], "decide", False)


def test_a_pair_goes_through_all_cases_again_and_again_in_another_order():
    driver, found = run_scripted("a/x", "a/y", "a/z")
    orders = [tuple(name for name, _ in driver.asked[start : start + 3]) for start in range(0, 12, 3)]
    assert all(sorted(order) == ["a/x", "a/y", "a/z"] for order in orders)
    assert len(set(orders)) > 1
    assert [number for _, number in driver.asked] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert [len(duel.alternations) for duel in found] == [8, 8, 8]
    assert all(duel.wall_s == 4.0 for duel in found)


def test_what_is_built_once_a_pair_takes_part_in_its_first_pass_only():
    driver, found = run_scripted("a/x", "a/compiled")
    assert [name for name, _ in driver.asked].count("a/compiled") == 1
    assert {duel.case: len(duel.alternations) for duel in found} == {"a/x": 8, "a/compiled": 2}


def test_an_unfit_case_is_not_tried_again_by_the_same_processes():
    driver, found = run_scripted("a/x", "a/unfit")
    assert [name for name, _ in driver.asked].count("a/unfit") == 1
    assert driver.doubts.keys() == {"a/unfit"}
    assert not driver.statuses
    assert [duel.case for duel in found] == ["a/x"]


def test_a_pair_that_a_worker_ended_counts_for_no_case_that_was_not_through():
    driver, found = run_scripted("a/x", "a/killer", "a/compiled")
    assert driver.statuses.keys() == {"a/killer"}
    assert [duel.case for duel in found] == ["a/compiled"]


@pytest.mark.parametrize(("end_s", "passes", "duels"), [(0.0, 0, 0), (7.0, 3, 1), (99.0, 4, 3)])
def test_at_the_end_of_the_time_no_further_case_is_begun_and_none_counts_that_was_not_through(
    monkeypatch, end_s, passes, duels
):
    """A clock that each question moves by a second; `a/compiled` is through after its first pass."""
    now = iter(range(100))
    monkeypatch.setattr(pairs.time, "monotonic", lambda: float(next(now)))
    driver, found = run_scripted("a/x", "a/y", "a/compiled", end_s=end_s)
    assert len(found) == duels
    assert len({number for _, number in driver.asked}) == passes
