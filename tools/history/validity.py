"""How good the change points are, on made series whose truth is known:  python -m tools.history.validity

    equal     no change: how many of the series get one all the same, and how many a creep
    step      one change of known size, so many runs before the end: found within one run of its place, and nothing else
    ramp      a slow creep: named as such, and not taken for a step

The noise is normal, or what machines really do: heavy tails (Student's t with 3 degrees of freedom), two modes (every
fifth run 30 % slower), a machine that wanders (each run remembers half of the last one's deviation), spikes (every
twentieth run half again as slow).
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tools.history.changes import noisy_steps
from tools.history.creep import noisy_creep
from tools.history.rows import Array
from tools.policy import policy_of
from tools.tables import Table, to_markdown

Generator = np.random.Generator
Noise = Callable[[Generator, int], Array]
LATENCY = policy_of("latency_s")


def normal(random: Generator, runs: int) -> Array:
    return random.normal(size=runs)


def heavy_tails(random: Generator, runs: int) -> Array:
    return random.standard_t(3, size=runs) / 3**0.5


def two_modes(random: Generator, runs: int) -> Array:
    return random.normal(size=runs) + 30 * (random.random(runs) < 0.2)


def wandering(random: Generator, runs: int) -> Array:
    found = random.normal(size=runs)
    for place in range(1, runs):
        found[place] = 0.5 * found[place - 1] + 0.75**0.5 * found[place]
    return found


def spikes(random: Generator, runs: int) -> Array:
    return random.normal(size=runs) + 50 * (random.random(runs) < 0.05)


NOISES: dict[str, Noise] = {
    "normal": normal,
    "heavy tails": heavy_tails,
    "two modes": two_modes,
    "wandering": wandering,
    "spikes": spikes,
}


def made(random: Generator, noise: Noise, course: Array, sd: float) -> Array:
    """A second, times the course of the truth, times noise of this relative size."""
    return np.exp(np.log1p(course) + sd * noise(random, len(course)))


def step_at(runs: int, first: int, size: float) -> Array:
    return np.where(np.arange(runs) < first, 0.0, size)


def ramp(runs: int, of: int, a_run: float) -> Array:
    """Level, then so many runs that are each `a_run` slower than the one before."""
    return np.maximum(np.arange(runs) - (runs - of), 0) * a_run


def places(values: Array) -> list[int]:
    return [step.first for step in noisy_steps(values)]


def creeps(values: Array) -> bool:
    return noisy_creep(values, places(values), LATENCY) is not None


def falsely(random: Generator, noise: Noise, runs: int, sd: float, series: int) -> tuple[int, int]:
    """Of so many series without a change: in how many steps, in how many a creep was seen."""
    found = [made(random, noise, np.zeros(runs), sd) for _ in range(series)]
    return sum(bool(places(values)) for values in found), sum(creeps(values) for values in found)


def detected(random: Generator, noise: Noise, course: Array, first: int, sd: float, series: int) -> tuple[int, int]:
    """In how many series the step was found within one run; in how many something else was seen as well, or instead."""
    found = [places(made(random, noise, course, sd)) for _ in range(series)]
    right = [any(abs(place - first) <= 1 for place in each) for each in found]
    return sum(right), sum(len(each) > hit for each, hit in zip(found, right, strict=True))


def crept(random: Generator, noise: Noise, course: Array, sd: float, series: int) -> tuple[int, int]:
    """In how many series a creep was named, in how many a step was seen."""
    found = [made(random, noise, course, sd) for _ in range(series)]
    return sum(creeps(values) for values in found), sum(bool(places(values)) for values in found)


def equal_table(random: Generator, series: int) -> Table:
    rows = [
        (name, f"{sd:.0%}", str(runs), *(f"{count}/{series}" for count in falsely(random, noise, runs, sd, series)))
        for name, noise in NOISES.items()
        for sd, runs in ((0.01, 30), (0.01, 200), (0.05, 200))
    ]
    columns = ("noise", "its size", "runs", "a step", "a creep")
    return Table("equal code: series in which something is seen", columns, tuple(rows), frozenset({"noise"}))


def step_rows(random: Generator, series: int) -> Iterator[tuple[str, ...]]:
    for name, noise in NOISES.items():
        for size in (0.02, 0.05, 0.10):
            counts = [
                detected(random, noise, step_at(60, 60 - after, size), 60 - after, 0.01, series)
                for after in (3, 5, 10, 30)
            ]
            yield name, f"+{size:.0%}", *(f"{hit}" for hit, _ in counts), str(sum(other for _, other in counts))


def step_table(random: Generator, series: int) -> Table:
    columns = ("noise of 1%", "step", "3 runs after", "5 runs after", "10 runs after", "30 runs after", "elsewhere")
    title = f"one step in 60 runs: found within one run of its place, of {series} series each"
    return Table(title, columns, tuple(step_rows(random, series)), frozenset({columns[0]}))


def ramp_table(random: Generator, series: int) -> Table:
    rows = [
        (
            name,
            f"{a_run:.2%} a run",
            f"{of} of {runs}",
            *(map(str, crept(random, noise, ramp(runs, of, a_run), 0.01, series))),
        )
        for name, noise in NOISES.items()
        for a_run, of, runs in ((0.001, 60, 60), (0.001, 60, 120), (0.0005, 120, 120))
    ]
    columns = ("noise of 1%", "slope", "runs", "named a creep", "taken for a step")
    return Table(f"a slow creep, of {series} series each", columns, tuple(rows), frozenset({columns[0]}))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="How good the change points are, on series whose truth is known.")
    parser.add_argument("--series", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    for table in (equal_table, step_table, ramp_table):
        print(to_markdown(table(np.random.default_rng(asked.seed), asked.series)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
