"""What this machine can measure, what it lacks, what disturbs it now, and how noisy it is. Changes nothing.

What there is to know of devices and libraries is asked in a process of its own (fixtures/doctor.py).
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from tools.ab.checkouts import WORKTREE, UnusableRevision
from tools.ab.contest import Request
from tools.ab.noise import CONFIDENCE, LEAST_PAIRS, Noise, largest_factor, measured_noise
from tools.ab.slots import THROTTLED
from tools.ab.workers import WorkerLost
from tools.baselines import Baseline, has_baseline, read_baselines
from tools.disturbance import LARGEST_DISTURBANCE
from tools.quantities import binary_size, counted
from tools.tables import Table, printable, to_rich
from tools.terminal import tell

ROOT = Path(__file__).parents[1]
ASKING_S = 600.0
WIDE = 140  # columns from which on no cell is folded
LARGEST_SWAP_BYTES = 64 << 20
CLOCKS_HELD = 0x2  # of the driver's event reasons: the clocks are those that somebody set
HELD_CLOCK_SHARE = 0.75

# Quick to build, and different in what the noise of a machine does to them: one works in the caches, one allocates
# large temporaries, one is many small calls. Those that cannot run here are left out.
TRIED = {
    "cpu": ("mxint8/cpp/g32-n1m-t1", "attention/eager/d64-s256/forward", "inference/eager/cnn-b16"),
    "cuda": ("mxint8/triton/g32-n16m", "attention/eager/d64-s256/forward", "inference/eager/cnn-b16"),
}


class Unwell(Exception):
    """Nothing can be measured here; the message says why, in one line."""


@dataclass(frozen=True)
class Kind:
    """Cases that differ in size alone. reason: why they cannot be measured here, "" where they can."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    cases: int
    reason: str

    @property
    def path(self) -> str:
        return self.name.partition("/")[0]

    @property
    def stem(self) -> str:
        """Its first two parts, the second of which says what is done, or by what."""
        return "/".join(self.name.split("/")[:2])


@dataclass(frozen=True)
class Software:
    """found: its version or place; missing: the suite's own sentence, with the command that brings it."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    found: str
    missing: str


@dataclass(frozen=True)
class Machine:
    """Of the processor and its system; "" or None where it does not tell."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    cores: int
    memory_bytes: int
    virtual: bool
    load_1min: float
    governor: str
    boost: str
    smt: str
    transparent_hugepages: str
    swap_used_bytes: int
    quota: str
    pressure_told: bool
    preloaded: str
    foreign_load_share: float | None


@dataclass(frozen=True)
class Gpu:
    """Its state now, and the questions that its driver does not answer here."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    uuid: str
    gauges: dict[str, float]
    reasons: int
    foreign: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """All that the other process told. problem: why no kind of case was asked."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    slug: str
    device: str
    name: str
    problem: str
    software: tuple[Software, ...]
    machine: Machine
    kinds: tuple[Kind, ...] = field(default_factory=tuple)
    gpu: Gpu | None = None

    @property
    def measurable(self) -> list[Kind]:
        return [kind for kind in self.kinds if not kind.reason]


def asked(device: str | None) -> Facts:
    """Raises Unwell where the other process cannot even start, crashes, or says nothing that can be read."""
    command = [sys.executable, "-m", "fixtures.doctor", *([device] if device else [])]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=ASKING_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unwell(f"it gave no answer within {ASKING_S:.0f} s: {' '.join(command)}") from error
    if answer.returncode:
        raise Unwell(ending(answer.returncode, answer.stderr.decode("utf-8", "replace")))
    try:
        return TypeAdapter(Facts).validate_json(answer.stdout)
    except ValidationError as error:
        raise Unwell(f"{' '.join(command[1:])} said what cannot be read: {error.errors()[0]['msg']}") from error


def ending(code: int, said: str) -> str:
    """How the process ended, by its last words; a missing library with the command that brings all of them."""
    last = (said.strip().splitlines() or ["it said nothing"])[-1].strip()
    if last.startswith("ModuleNotFoundError"):
        return (
            f"{last} in {sys.executable}: bash ci/perf.sh --perf-profile quick  sets up .venv with all that is needed"
        )
    return f"killed by signal {-code}: {last}" if code < 0 else last


def identity(facts: Facts) -> list[str]:
    machine = facts.machine
    kind = ", a virtual machine" if machine.virtual else ""
    memory = binary_size(machine.memory_bytes)
    return [f"{facts.slug}: {facts.name}; {machine.cores} cores, {memory} of memory{kind}"]


def baseline(facts: Facts, stored: Mapping[str, Baseline]) -> str:
    if not has_baseline(stored, facts.slug):
        return "baseline: none of this device, so every result will be new; make one with  bash ci/refresh.sh --runs 3"
    own = [each for each in stored.values() if each.fingerprint.slug == facts.slug]
    cases = counted(sum(len(each.cases) for each in own), "case")
    return f"baseline: {cases} in {counted(len(own), 'path')} of this device"


def coverage(facts: Facts) -> list[str]:
    """How much of the standard profile can be measured, in all and path by path."""
    if facts.problem:
        return [f"cases: not asked: {facts.problem}"]
    able, every = (sum(kind.cases for kind in kinds) for kinds in (facts.measurable, facts.kinds))
    paths = []
    for path in dict.fromkeys(kind.path for kind in facts.kinds):
        known = sum(kind.cases for kind in facts.kinds if kind.path == path)
        here = sum(kind.cases for kind in facts.measurable if kind.path == path)
        paths.append(f"{path} {here}" if here == known else f"{path} {here} of {known}")
    return [f"cases: {able} of {every} of the standard profile can be measured here: {', '.join(paths)}"]


def unsupported(facts: Facts) -> Table | None:
    """Reason by reason, as the cases themselves would say it."""
    reasons: dict[str, list[Kind]] = {}
    for kind in facts.kinds:
        if kind.reason:
            reasons.setdefault(kind.reason, []).append(kind)
    rows = [
        (str(sum(kind.cases for kind in kinds)), ", ".join(common_names(kinds, facts.kinds)), reason)
        for reason, kinds in sorted(reasons.items(), key=lambda item: -sum(kind.cases for kind in item[1]))
    ]
    columns = ("cases", "of", "unsupported here, because")
    return Table("", columns, tuple(rows), frozenset(columns[1:])) if rows else None


def common_names(kinds: Sequence[Kind], every: Sequence[Kind]) -> list[str]:
    """`attention/triton` for its forward and its backward, where these are all that there is of it."""
    split = {kind.stem for kind in every if kind not in kinds}
    return list(dict.fromkeys(kind.name if kind.stem in split else kind.stem for kind in kinds))


def software(facts: Facts) -> list[str]:
    """What is there in one line, what is not each with what brings it."""
    found = ", ".join(f"{each.name} {short(each.found)}" for each in facts.software if not each.missing)
    return [f"found: {found}", *(f"{each.name}: {each.missing}" for each in facts.software if each.missing)]


def short(found: str) -> str:
    """Of a place only its end."""
    return ".../" + "/".join(found.split("/")[-2:]) if found.startswith("/") else found


def disturbances(facts: Facts) -> list[str]:
    """What makes times on this machine worth less now, each with what ends it."""
    return [*of_the_processor(facts.machine), *(of_the_gpu(facts.gpu) if facts.gpu else [])]


def of_the_processor(machine: Machine) -> list[str]:
    share = machine.foreign_load_share or 0.0
    told = {
        f"other processes use {share:.0%} of the machine (load {machine.load_1min:.1f}): times taken meanwhile decide "
        "nothing; end them, or wait": share > LARGEST_DISTURBANCE,
        f"the frequency governor is {machine.governor}:  sudo cpupower frequency-set -g performance": machine.governor
        not in ("", "performance"),
        "the processor raises its clock by itself, less the more of it is at work (boost):  echo 0 | sudo tee "
        "/sys/devices/system/cpu/cpufreq/boost  , on Intel  echo 1 | sudo tee "
        "/sys/devices/system/cpu/intel_pstate/no_turbo": machine.boost == "1",
        "transparent huge pages are always on: which arrays get them differs from process to process:  echo madvise | "
        "sudo tee /sys/kernel/mm/transparent_hugepage/enabled": "[always]" in machine.transparent_hugepages,
        f"{binary_size(machine.swap_used_bytes)} are swapped out, and slow when they are needed: free memory, then  "
        "sudo swapoff -a && sudo swapon -a": machine.swap_used_bytes > LARGEST_SWAP_BYTES,
        f"a quota (cpu.max: {machine.quota}) stops this process whenever it is used up: ask for whole cores instead "
        "(--cpuset-cpus)": machine.quota not in ("",) and not machine.quota.startswith("max"),
        f"LD_PRELOAD is {machine.preloaded}: the allocator is not the one that the suite sets up; unset it": bool(
            machine.preloaded
        ),
        "a virtual machine: what its neighbours on the host do is seen as stolen time at most; an A/B takes turns with "
        "it, a stored time cannot": machine.virtual,
    }
    return [sentence for sentence, holds in told.items() if holds]


def of_the_gpu(gpu: Gpu) -> list[str]:
    name, gauges = f"-i GPU-{gpu.uuid}", gpu.gauges
    most_mhz = gauges.get("sm_clock_limit_mhz", 0.0)
    told = {
        f"{', '.join(gpu.foreign)} on the GPU: end {'them' if len(gpu.foreign) > 1 else 'it'}, or times taken "
        "meanwhile decide nothing": bool(gpu.foreign),
        "the GPU is throttled now (heat, or the hardware's own protection): cool it;  nvidia-smi "
        f"{name} -q -d PERFORMANCE,TEMPERATURE  tells more": bool(gpu.reasons & THROTTLED),
        "MIG is on: a slice shares clocks, heat and power with the others": bool(gauges.get("mig_enabled")),
        f"persistence mode is off, so that the driver starts anew with every process:  sudo nvidia-smi {name} -pm "
        "1": gauges.get("persistence_enabled") == 0,
        "nothing says that its clocks are held, so that they follow heat and power: ask an administrator for  sudo "
        f"nvidia-smi {name} -lgc {held_mhz(most_mhz)}  (back:  -rgc)": bool(most_mhz) and not gpu.reasons & CLOCKS_HELD,
        f"its driver does not tell {', '.join(gpu.refused)} (a container, a slice, or no permission): what happens "
        "there goes unseen": bool(gpu.refused),
    }
    return [sentence for sentence, holds in told.items() if holds]


def held_mhz(most_mhz: float) -> int:
    """A clock that the power cap leaves alone: three quarters of the most, in the driver's steps of 15 MHz."""
    return int(HELD_CLOCK_SHARE * most_mhz // 15 * 15)


def noise_table(found: Sequence[Noise]) -> Table:
    looks = sorted({pairs for noise in found for pairs in noise.detectable})
    columns = ("case", "metric", "pairs", "spread", *(f"at {pairs}" for pairs in looks))
    rows = tuple(
        (
            noise.case,
            noise.metric,
            str(noise.pairs),
            "–" if noise.spread is None else f"{noise.spread:.1%}",
            *(f"+{noise.detectable[pairs]:.1%}" if pairs in noise.detectable else "–" for pairs in looks),
        )
        for noise in found
    )
    return Table("", columns, rows, frozenset(columns[:2]))


def noise_sentences(found: Sequence[Noise], seconds: float) -> list[str]:
    fewest = min(noise.pairs for noise in found)
    told = [
        f"{noise.case}: {noise.rejected:.0%} of its slots do not count, for {noise.objection}"
        for noise in found
        if noise.rejected
    ]
    if fewest < LEAST_PAIRS and told:
        return [*told, "how noisy it is without that cannot be told: let nothing else run, and ask again"]
    if fewest < LEAST_PAIRS:
        return [
            *told,
            f"{seconds:.0f} s were too short for two pairs of each case: --seconds {max(120, 2 * seconds):.0f}",
        ]
    return [
        *told,
        "these files against themselves: spread of a pair of fresh processes, and the smallest slow-down that an A/B "
        "would show 9 times out of 10 after 6, 12, 18 and 30 pairs, extrapolated from the few pairs that there was "
        f"time for: the true spread may be {largest_factor(fewest):.1f} times as large ({CONFIDENCE:.0%})",
    ]


def tried(facts: Facts) -> list[str]:
    """The cases for the A/A: those of TRIED that can be built here."""
    able = {kind.stem for kind in facts.measurable}
    return [case for case in TRIED[facts.device] if "/".join(case.split("/")[:2]) in able]


def noise_of(facts: Facts, seconds: float) -> list[Noise]:
    """Raises WorkerLost and UnusableRevision."""
    cases = tried(facts)
    files = sorted({f"perf_tests/test_{case.partition('/')[0]}.py" for case in cases})
    request = Request(ROOT, WORKTREE, WORKTREE, sys.executable, sys.executable, device=facts.device)
    return measured_noise(request, files, cases, seconds, tell) if cases else []


def doctor(
    seconds: Annotated[
        float, typer.Option(min=0.0, help="for the noise: equal code against itself; 0 for none")
    ] = 60.0,
    device: Annotated[str | None, typer.Option(metavar="cpu|cuda", help="default: cuda where there is one")] = None,
    baselines: Annotated[
        Path, typer.Option("--baselines", metavar="DIR", help="folder of the stored baselines")
    ] = Path("baselines"),
) -> None:
    """Say what this machine can measure, what it lacks, what disturbs it, how noisy it is. Exit code 3: nothing."""
    if device not in (None, "cpu", "cuda"):
        raise typer.BadParameter(f"unknown device {device!r}, expected cpu or cuda")
    tell("building one case of each kind, about a minute")
    try:
        facts = asked(device)
    except Unwell as error:
        tell(f"perf-ratchet: nothing can be measured here: {error}")
        raise typer.Exit(3) from error
    view = Console(highlight=False, markup=False)
    stored = read_baselines(baselines, facts.slug)
    write(view, [*identity(facts), baseline(facts, stored), *coverage(facts)], unsupported(facts))
    write(view, ["", *software(facts), "", *(disturbances(facts) or ["nothing known disturbs it now"])])
    if seconds and facts.measurable:
        write_noise(view, facts, seconds)
    raise typer.Exit(0 if facts.measurable else 3)


def write_noise(view: Console, facts: Facts, seconds: float) -> None:
    """What was found before must not be lost to a worker that ends, so it is told already."""
    tell(f"equal code against itself for {seconds:.0f} s")
    try:
        found = noise_of(facts, seconds)
    except (WorkerLost, UnusableRevision) as error:
        write(view, ["", f"how noisy it is could not be measured: {error}"])
        return
    if found:
        write(view, ["", *noise_sentences(found, seconds)], noise_table(found))


def write(view: Console, lines: Sequence[str], table: Table | None = None) -> None:
    for line in lines:
        view.print(printable(line), soft_wrap=False)
    if table is not None:
        view.print(to_rich(table, wide=view.width >= WIDE))
