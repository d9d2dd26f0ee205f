"""Where a series changed: steps, found in its own noise, and creep against an anchor, which no step explains.

A time has noise. On its logarithms, cut at CLIP robust deviations from the median of their neighbours, PELT
(Killick, Fearnhead and Eckley 2012; ruptures' KernelCPD with a linear kernel) finds the segmentation of least cost:
squared deviations from the level of each segment, in units of the noise, plus a penalty for every change. The penalty
is z², z being the normal quantile beyond which a difference of two levels goes by chance once in 1 / CHANCE series,
shared out over all places of the series (Bonferroni): a change is worth its penalty only where it is less likely.

PELT believes its noise to be normal, known and independent. So what it proposes must also pass

    a t test between the two segments, at the same chance, with the deviations of all segments, widened by
    (1 + r) / (1 - r) where neighbours resemble each other (r: correlation of a deviation with the next, corrected for
    its bias in short series after Kendall and Marriott)
    the size: at least SMALLEST, as in an A/B
    the place: the runs of the shorter segment must lie where those of the other hardly ever do, so that a few slow runs
    of a machine that has such runs now and then are none: by the binomial tail, at most RARE over all places
    the shape: two levels must explain the runs better than any slope of RAMP runs or more does, or the lines through
    both segments must be a step apart where they meet, by the same t test; a creep is no step

and where one fails, the worst falls first, and the others are asked again. A number that repeats has no noise: there
every step is a change that goes beyond the margin of its policy, or stays for MIN_RUNS runs on both sides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from tools.history.places import needed
from tools.history.rows import Array
from tools.policy import Policy, Rule

CHANCE = 1e-4  # false changes a series, by the model: one in 10,000 series of any length
SMALLEST = 0.01
MIN_RUNS = 3  # of a segment: one run is no level, and two may be one afternoon
RARE = 3e-3
RAMP = 10  # runs
GRID = 8  # places at which a slope may begin, and as many at which it may end
CLIP = 4.0
NEIGHBOURS = 7  # runs whose median a value is cut to
LEAST_NOISE = 1e-4  # relative: no clock of ours tells less
ENDS = 10  # runs that make a level at the two ends of a drift
MAD_TO_SD = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class Step:
    """From one run to the next the level changed. first: number of the first run after it.

    before, after  the levels of the segments on its two sides, in the metric's unit
    """

    first: int
    before: float
    after: float

    @property
    def change(self) -> float:
        """Relative; infinite from nothing to something."""
        return self.after / self.before - 1 if self.before else math.copysign(math.inf, self.after)


@dataclass(frozen=True)
class Noise:
    """What stays of the logarithms when levels (or slopes) are taken away.

    sd       standard deviation, widened where neighbours resemble each other
    freedom  degrees of freedom of its estimate
    """

    sd: float
    freedom: int


def noisy(policy: Policy) -> bool:
    return policy.noisy


def exact(policy: Policy) -> bool:
    """Whether any step is a change. Bounds and what is only recorded have no better direction, or no past."""
    return policy.rule in (Rule.EXACT, Rule.HINT, Rule.ERROR)


def steps(values: Array, policy: Policy) -> list[Step]:
    """The steps of a series in the order of time; times and ratios must be positive. None of what is not judged."""
    if noisy(policy):
        return noisy_steps(values, policy.floor)
    return exact_steps(values.tolist(), policy) if exact(policy) else []


def noisy_steps(values: Array, floor: float = 0.0, chance: float = CHANCE) -> list[Step]:
    """floor: what a step must exceed in the unit of the values."""
    if not len(values):
        return []
    logs = np.log(values)
    bounds = tested(logs, proposed(logs, chance), chance)
    levels = [math.exp(float(np.median(part))) for part in np.split(logs, bounds)]
    found = [Step(first, levels[place], levels[place + 1]) for place, first in enumerate(bounds)]
    return [step for step in found if abs(step.after - step.before) >= floor]


def proposed(logs: Array, chance: float) -> list[int]:
    """First runs of all segments but the first, as PELT sees them."""
    if len(logs) < 2 * MIN_RUNS:
        return []
    kernel = needed(kernel_cpd)(kernel="linear", min_size=MIN_RUNS)
    scaled = clipped(logs) / spread(logs)
    found = kernel.fit((scaled - scaled.mean()).reshape(-1, 1)).predict(pen=quantile(chance, len(logs)) ** 2)
    return [int(place) for place in found[:-1]]


def kernel_cpd() -> Any:
    from ruptures import KernelCPD

    return KernelCPD


def quantile(chance: float, places: int) -> float:
    """Normal deviate exceeded on either side with this chance at any of so many places."""
    return NormalDist().inv_cdf(1 - chance / (2 * places))


def spread(logs: Array) -> float:
    """Robust deviation of a value, from differences of neighbours: a step is in one of them, a spike in two."""
    differences = np.diff(logs)
    return max(MAD_TO_SD * float(np.median(np.abs(differences - np.median(differences)))) / math.sqrt(2), LEAST_NOISE)


def clipped(logs: Array) -> Array:
    """With what lies far from the median of its neighbours cut back, so that one bad run is no segment."""
    half = NEIGHBOURS // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(logs, half, "symmetric"), NEIGHBOURS)
    middle, width = np.median(windows, axis=1), CLIP * spread(logs)
    return np.clip(logs, middle - width, middle + width)


def tested(logs: Array, bounds: Sequence[int], chance: float) -> list[int]:
    """The bounds that stand: while one fails a test, the one that fails most falls, and its segments become one."""
    bounds, cut = list(bounds), clipped(logs) if len(bounds) else logs
    while bounds:
        parts = np.split(cut, bounds)
        least, sloped = (
            smallest([without(part) for part in parts], chance, len(logs)) for without in (off_level, off_line)
        )
        edges = [0, *bounds, len(logs)]
        around = [slice(edges[place], edges[place + 2]) for place in range(len(bounds))]
        strengths = [
            strength(cut[whole], logs[whole], bound - whole.start, least, sloped, len(logs))
            for whole, bound in zip(around, bounds, strict=True)
        ]
        weakest = int(np.argmin(strengths))
        if strengths[weakest] >= 1:
            break
        del bounds[weakest]
    return bounds


def smallest(deviations: Sequence[Array], chance: float, places: int) -> float:
    """Size that a difference of two single runs would need by the t test, at any of so many places."""
    noise = noise_of(deviations)
    return t_quantile(chance / (2 * places), noise.freedom) * noise.sd


def strength(cut: Array, logs: Array, bound: int, least: float, sloped: float, places: int) -> float:
    """At least 1 where a step passes every test, less the more it fails one.

    cut, logs      two neighbouring segments, with and without spikes cut back; bound: where the second begins
    least, sloped  see smallest: by the deviations from levels, and from lines
    """
    size = abs(float(cut[bound:].mean() - cut[:bound].mean()))
    share = math.sqrt(1 / bound + 1 / (len(cut) - bound))
    rare = math.log(visited(logs[:bound], logs[bound:]) * places) / math.log(RARE)
    flat = squares_of_ramp(cut, bound) / squares(cut[:bound], cut[bound:])
    flat = min(flat, size / max(least * share, math.log1p(SMALLEST)))
    return min(rare, max(flat, jump(cut, bound) / max(2 * sloped * share, math.log1p(SMALLEST))))


def jump(values: Array, bound: int) -> float:
    """Size of the step between the lines through both segments, in the direction of their levels; 0 where one is short.

    Its standard error is about twice that of a difference of levels: slopes have to be told, too.
    """
    before, after = values[:bound], values[bound:]
    if min(len(before), len(after)) < RAMP:
        return 0.0
    apart = line_end(after[::-1]) - line_end(before)
    return float(apart if after.mean() > before.mean() else -apart)


def line_end(values: Array) -> float:
    """Where the line of least squares is half a run after the last value."""
    line = values - off_line(values)
    return float(line[-1] + (line[-1] - line[-2]) / 2)


def visited(before: Array, after: Array) -> float:
    """The chance of as many runs of the shorter segment beyond the middle of both levels as there are.

    The share of the longer one's runs that are there tells it, with Jeffreys' half a run more (a beta prior).
    """
    from scipy.special import bdtrc

    short, long = sorted((before, after), key=len)
    ends = float(np.median(short)), float(np.median(long))
    there = [(part > sum(ends) / 2) == (ends[0] > ends[1]) for part in (short, long)]
    share = (int(there[1].sum()) + 0.5) / (len(long) + 1)
    return max(float(bdtrc(int(there[0].sum()) - 1, len(short), share)), 1e-300)


def squares(*parts: Array) -> float:
    """Sum of squared deviations from the level of each part; never nothing, so that it can divide."""
    return sum(float(np.sum((part - part.mean()) ** 2)) for part in parts) + LEAST_NOISE**2


def squares_of_ramp(values: Array, bound: int) -> float:
    """The least sum of squares that a level, a slope and another level leave; infinite where no slope has room.

    The slope begins before the bound and ends after it, or is the whole, and is RAMP runs long or longer.
    """
    begins, ends = (np.unique(np.linspace(*each, GRID).round()) for each in ((0, bound - 1), (bound, len(values) - 1)))
    begin, end = (each.ravel() for each in np.meshgrid(begins, ends))
    long = end - begin >= min(RAMP, len(values) - 1)
    shapes = np.clip((np.arange(len(values)) - begin[long, None]) / (end - begin)[long, None], 0, 1)
    shapes -= shapes.mean(axis=1, keepdims=True)
    explained = (shapes @ values) ** 2 / np.sum(shapes**2, axis=1)
    return squares(values) - float(explained.max())


def off_level(values: Array) -> Array:
    return values - values.mean()


def off_line(values: Array) -> Array:
    """Deviations from the straight line of least squares."""
    time = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(time @ values) / max(float(time @ time), 1.0)
    return values - values.mean() - slope * time


def noise_of(deviations: Sequence[Array]) -> Noise:
    """Of segments, each without its own level or line."""
    count = sum(map(len, deviations))
    freedom = max(count - len(deviations), 1)
    total = sum(float(part @ part) for part in deviations)
    pairs = sum(float(part[:-1] @ part[1:]) for part in deviations)
    likeness = pairs / total if total else 0.0
    likeness = min(max(likeness + (1 + 3 * likeness) * len(deviations) / count, 0.0), 0.9)
    sd = max(math.sqrt(total / freedom), LEAST_NOISE)
    return Noise(sd * math.sqrt((1 + likeness) / (1 - likeness)), freedom)


def t_quantile(chance: float, freedom: int) -> float:
    from scipy.special import stdtrit

    return -float(stdtrit(freedom, chance))


def exact_steps(values: Sequence[float], policy: Policy) -> list[Step]:
    found = []
    for place in range(1, len(values)):
        before, after = values[place - 1], values[place]
        if after != before and (beyond(before, after, policy) or stays(values, place)):
            found.append(Step(place, before, after))
    return found


def stays(values: Sequence[float], place: int) -> bool:
    """Whether so many runs before and after a place have each one value."""
    before, after = values[max(place - MIN_RUNS, 0) : place], values[place : place + MIN_RUNS]
    return len(before) == len(after) == MIN_RUNS and len(set(before)) == len(set(after)) == 1


def beyond(before: float, after: float, policy: Policy) -> bool:
    """Whether a number that repeats moved by more than its policy lets pass."""
    if policy.rule is Rule.ERROR:
        return max(before, after) > policy.margin * min(before, after)
    return abs(after - before) > max(policy.floor, policy.margin * abs(before))


def worse(before: float, after: float, policy: Policy) -> bool:
    return after < before if policy.higher_is_better else after > before
