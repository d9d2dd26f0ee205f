"""What a campaign measures, stage by stage, on a machine that it may have for minutes only."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Code for GPUs that are not there, and graphs: the same on every machine, so that no minute of this one goes to them.
ELSEWHERE = "not kernels_ and not graphs"
# Paths whose published tables have more rows than the standard profile measures.
SWEPT = "(attention or mxint8 or startup or training_memory)"


class BadSlice(ValueError):
    """No part of a whole."""


@dataclass(frozen=True)
class Slice:
    """Part `number` of `count` of the cases."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def suffix(self) -> str:
        return "" if self.count == 1 else f".{self.number}-of-{self.count}"

    @property
    def first(self) -> bool:
        return self.number == 1

    @property
    def last(self) -> bool:
        return self.number == self.count

    def all(self) -> tuple["Slice", ...]:
        return tuple(Slice(number, self.count) for number in range(1, self.count + 1))


def slice_of(text: str) -> Slice:
    found = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", text, re.ASCII)
    if found is None or int(found[1]) > int(found[2]):
        raise BadSlice(f"--slice {text}: expected N/M, such as 1/3, with N from 1 to M")
    return Slice(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class Campaign:
    """What was asked for.

    out        folder of everything that is made
    python     the interpreter at hand
    processes  fresh processes for the baseline
    arguments  to pytest, of the measuring stages
    """

    out: Path
    python: str
    device: str
    profile: str
    processes: int
    part: Slice
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """A step of the campaign.

    command  "" for a stage of this package's own (it is done by its name)
    needs    names of stages that must be done before, in every slice
    measures whether it has a journal and a run file, and goes on where it was broken off
    once     whether a slice of its own does it: the first, or the last; None where every slice does its part
    sliced   whether every slice measures a part of its cases
    told     what the line of its log holds that says what came of it; "" for the last one
    """

    name: str
    command: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    measures: bool = False
    once: str | None = None
    sliced: bool = False
    told: str = ""

    def in_slice(self, part: Slice) -> bool:
        return {None: True, "first": part.first, "last": part.last}[self.once]

    def key(self, part: Slice) -> str:
        """Under which the state knows it, and how its files are called."""
        return self.name + (part.suffix if self.sliced else "")

    def keys(self, part: Slice) -> tuple[str, ...]:
        return tuple(self.key(each) for each in part.all()) if self.sliced else (self.name,)


def process(number: int) -> str:
    return f"process-{number}"


def stages(asked: Campaign) -> tuple[Stage, ...]:
    """In the order in which they are worth their time: first whether the instruments can be believed."""
    processes = [process(number) for number in range(1, asked.processes + 1)]
    whole = measuring(asked, "perf_tests", "-k", ELSEWHERE)
    found = [
        doctor(asked),
        tests(asked),
        Stage("instruments", measuring(asked, "perf_tests/test_instruments.py"), measures=True, once="first"),
        Stage(processes[0], whole, measures=True, sliced=True),
        sweep(asked),
        *(Stage(name, whole, measures=True, sliced=True) for name in processes[1:]),
        Stage("store", needs=tuple(processes), once="last"),
        Stage("again", (*whole, *stored(asked)), needs=("store",), measures=True, once="last"),
        Stage("planted", planted(asked), needs=("store",), once="last"),
        Stage("gate", gate(asked), once="last", told=" trials ("),
    ]
    return tuple(stage for stage in found if stage is not None)


def doctor(asked: Campaign) -> Stage:
    command = tools(asked, "doctor", "--seconds", "0", "--device", asked.device)
    return Stage("doctor", command, once="first", told="cases: ")


def tests(asked: Campaign) -> Stage | None:
    """The suite's own tests that need a GPU."""
    if asked.device != "cuda":
        return None
    command = (asked.python, "-m", "pytest", "fixtures/tests", "-m", "cuda", "-q", "-p", "no:cacheprovider")
    return Stage("tests", command, once="first")


def sweep(asked: Campaign) -> Stage | None:
    """The published sweeps as a whole; one process is enough to see statuses and formulas. On a GPU: minutes there,
    hours on a processor."""
    if asked.device != "cuda":
        return None
    command = measuring(dataclasses.replace(asked, profile="full"), "perf_tests", "-k", f"{SWEPT} and {ELSEWHERE}")
    return Stage("sweep", command, measures=True, sliced=True)


def measuring(asked: Campaign, *what: str) -> tuple[str, ...]:
    """Where `asked.arguments` have a -k of their own, pytest takes the last one."""
    settings = ("--perf-device", asked.device, "--perf-profile", asked.profile)
    return (asked.python, "-m", "pytest", *what, *settings, "--perf-baselines", "none", *asked.arguments)


def stored(asked: Campaign) -> tuple[str, ...]:
    return ("--perf-baselines", str(asked.out / "baselines"))


def planted(asked: Campaign) -> tuple[str, ...]:
    return ("bash", "ci/planted.sh", str(asked.out / "baselines"), asked.device, str(asked.out / "planted"))


def gate(asked: Campaign) -> tuple[str, ...]:
    """Its minutes are added when it begins: as many as are left."""
    file = str(asked.out / "gate-trials.json.gz")
    return tools(asked, "validate-gate", file, "--append", "--device", asked.device, "--workloads", "gpu")


def tools(asked: Campaign, *arguments: str) -> tuple[str, ...]:
    return (asked.python, "-m", "tools", *arguments)


MINUTES: Mapping[str, str] = {"gate": "--minutes"}
"""Stages that are told how long they may take, by which option."""
