"""The rules that others and we decide by, each on the part of a trial that it would have collected itself.

Every rule says yes or no as its tool ships it, and gives a score that grows with the evidence for a slow-down: with
it the rule's threshold can be moved until all rules raise as many false alarms as each other.

Where the data differ from what a tool collects, they favour the other tool, but for their amount: processes are warmed,
pinned and run in turns, on the same core, and a round lasts 5 ms where pytest-benchmark is content with 5 µs; yet an
arm of a pair is timed for 0.16 s in all, where pytest-benchmark takes a second.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy
from scipy.stats import mannwhitneyu, wilcoxon
from scipy.stats import t as student_t

from tools import spread
from tools.ab.rule import estimate
from tools.gate.trials import UNCHANGED, Pair, Slots, Trial
from tools.opinion import judge_spread
from tools.policy import policy_of
from tools.verdict import Verdict

LEAST_ROUND_S = 0.005
LEAST_P = 1e-300  # stands for a p too small for a float, so that its logarithm exists
PAIRED_ALPHA = 0.001  # one-sided


@dataclass(frozen=True)
class Outcome:
    """What a rule says of one trial.

    flagged  it calls head slower
    score    its evidence for that; -inf where it has none
    cost_s   machine time in seconds of the data it used; a stored base is free, for it is measured once
    """

    flagged: bool
    score: float
    cost_s: float


@dataclass(frozen=True)
class Archive:
    """What stored baselines are made from: for each campaign and workload the base of one trial without a change."""

    unchanged: Mapping[int, Mapping[str, Trial]]

    @staticmethod
    def of(trials: Iterable[Trial]) -> "Archive":
        found: dict[int, dict[str, Trial]] = {}
        for trial in trials:
            if trial.injected == UNCHANGED and trial.ab_pairs:
                found.setdefault(trial.campaign, {}).setdefault(trial.workload, trial)
        return Archive(found)

    def before(self, trial: Trial) -> Mapping[str, Trial]:
        """The last campaign before the trial's that has its workload; the first campaign leans on the last one."""
        known = [c for c in sorted(self.unchanged) if c != trial.campaign and trial.workload in self.unchanged[c]]
        earlier = [campaign for campaign in known if campaign < trial.campaign]
        return self.unchanged[(earlier or known)[-1]] if known else {}


Judge = Callable[[Trial, Archive], Outcome | None]


@dataclass(frozen=True)
class GateRule:
    """name; source: whose rule it is and how it was coded; judge: its outcome, None where the data do not allow one."""

    name: str
    source: str
    judge: Judge


# What a rule sees of a trial.


@dataclass(frozen=True)
class Sample:
    """Seconds per call of both sides, and the machine time in seconds that they cost."""

    base: tuple[float, ...]
    head: tuple[float, ...]
    cost_s: float


Sampler = Callable[[Trial, Archive], Sample | None]


def pooled(slots: Slots) -> tuple[float, ...]:
    return tuple(chain.from_iterable(slots))


def process_median(slots: Slots) -> float:
    return statistics.median(pooled(slots))


def sample(trial: Trial, base: tuple[float, ...], head: tuple[float, ...]) -> Sample:
    """Every value is one round of this trial."""
    return Sample(base, head, trial.seconds_of(len(base) + len(head)))


def stored_process(trial: Trial, archive: Archive) -> Sample | None:
    """One process each: base from an earlier campaign, head from this one."""
    stored = archive.before(trial).get(trial.workload)
    if stored is None or not trial.ab_pairs:
        return None
    head = pooled(trial.ab_pairs[0].head)
    return Sample(pooled(stored.ab_pairs[0].base), head, trial.seconds_of(len(head)))


def same_job(trial: Trial, archive: Archive) -> Sample | None:
    """One process each, both of the first pair."""
    return first_pairs(trial, 1)


def two_processes(trial: Trial, archive: Archive) -> Sample | None:
    """The rounds of two processes each, taken together."""
    return first_pairs(trial, 2)


def first_pairs(trial: Trial, count: int) -> Sample | None:
    pairs = trial.ab_pairs[:count]
    if len(pairs) < count:
        return None
    base = chain.from_iterable(pooled(pair.base) for pair in pairs)
    head = chain.from_iterable(pooled(pair.head) for pair in pairs)
    return sample(trial, tuple(base), tuple(head))


def autorange(trial: Trial, archive: Archive, min_run_time_s: float = 0.2) -> Sample | None:
    """The rounds of one process each until they make 0.2 s, the default of `blocked_autorange`, or all there are."""
    if not trial.ab_pairs:
        return None
    pair = trial.ab_pairs[0]
    return sample(trial, until(pooled(pair.base), min_run_time_s), until(pooled(pair.head), min_run_time_s))


def until(rounds: Sequence[float], seconds: float) -> tuple[float, ...]:
    """As many as last so long. A round is as many calls as make LEAST_ROUND_S."""
    spent = numpy.cumsum([math.ceil(LEAST_ROUND_S / value) * value for value in rounds])
    return tuple(rounds[: int(numpy.searchsorted(spent, seconds)) + 1])


def process_medians(trial: Trial, archive: Archive, most: int = 9) -> Sample | None:
    """A median each of up to 9 processes."""
    pairs = trial.ab_pairs[:most]
    base = tuple(process_median(pair.base) for pair in pairs)
    head = tuple(process_median(pair.head) for pair in pairs)
    return Sample(base, head, seconds_of(trial, pairs)) if pairs else None


def pyperf_values(trial: Trial, archive: Archive, processes: int = 20) -> Sample | None:
    """Up to 20 processes, 3 values each: means over a third of its rounds, which last about as long as pyperf's."""
    pairs = trial.ab_pairs[:processes]
    base = tuple(value for pair in pairs for value in three_values(pair.base))
    head = tuple(value for pair in pairs for value in three_values(pair.head))
    return Sample(base, head, seconds_of(trial, pairs)) if len(base) > 1 else None


def three_values(slots: Slots) -> list[float]:
    """One after the other, so that what drifts in a process shows between its values."""
    parts = (slots[len(slots) * third // 3 : len(slots) * (third + 1) // 3] for third in range(3))
    return [statistics.fmean(pooled(part)) for part in parts if part]


def seconds_of(trial: Trial, pairs: Sequence[Pair]) -> float:
    return trial.seconds_of(sum(pair.round_count for pair in pairs))


# How a rule decides.

Score = Callable[[Sequence[float], Sequence[float]], float]


def deciding(sampler: Sampler, score: Score, threshold: float) -> Judge:
    def judge(trial: Trial, archive: Archive) -> Outcome | None:
        seen = sampler(trial, archive)
        if seen is None:
            return None
        found = score(seen.base, seen.head)
        return Outcome(found > threshold, found, seen.cost_s)

    return judge


def ratio_of(statistic: Callable[[Sequence[float]], float]) -> Score:
    return lambda base, head: statistic(head) / statistic(base)


def evidence(p: float, slower: bool = True) -> float:
    """-log10 p; the same below zero where head is the faster one."""
    size = -math.log10(max(p, LEAST_P))
    return size if slower else -size


def mann_whitney(base: Sequence[float], head: Sequence[float]) -> float:
    """Evidence of the two-sided test (Mann and Whitney 1947; scipy.stats.mannwhitneyu)."""
    if len({*base, *head}) == 1:
        return 0.0
    found = mannwhitneyu(head, base, alternative="two-sided")
    return evidence(float(found.pvalue), float(found.statistic) > len(base) * len(head) / 2)


def pooled_t(base: Sequence[float], head: Sequence[float]) -> float:
    """Evidence of Student's two-tailed t test with pooled variance."""
    degrees = len(base) + len(head) - 2
    squares = (len(base) - 1) * numpy.var(base, ddof=1) + (len(head) - 1) * numpy.var(head, ddof=1)
    error = math.sqrt(float(squares) / degrees * (1 / len(base) + 1 / len(head)))
    difference = statistics.fmean(head) - statistics.fmean(base)
    return evidence(min(2 * upper_tail(abs(difference), error, degrees), 1.0), difference > 0)


def upper_tail(value: float, error: float, degrees: int) -> float:
    """One-sided p of Student's t = value / error; without any spread it is certain."""
    if error == 0:
        return 0.0 if value > 0 else 1.0
    return float(student_t.sf(value / error, degrees))


def asv_score(base: Sequence[float], head: Sequence[float], factor: float = 1.1, p: float = 0.002) -> float:
    """Both conditions as shares of what they must exceed, the smaller one: above 1 where both hold."""
    ratio = math.log(statistics.median(head) / statistics.median(base))
    return min(ratio / math.log(factor), mann_whitney(base, head) / evidence(p))


# The same pairs as the A/B, other estimators. They look once, at whatever number of pairs the A/B stopped at.


def paired(test: Callable[[Sequence[float]], float | None]) -> Judge:
    """One log ratio a pair, tested one-sided; `test` gives p."""

    def judge(trial: Trial, archive: Archive) -> Outcome | None:
        pairs = trial.ab_pairs
        p = test([pair.log_ratio for pair in pairs])
        return None if p is None else Outcome(p < PAIRED_ALPHA, evidence(p), seconds_of(trial, pairs))

    return judge


def trimmed_p(ratios: Sequence[float]) -> float | None:
    found = estimate(ratios)
    return found.p_slower(0.0) if found else None


def plain_t_p(ratios: Sequence[float]) -> float | None:
    if len(ratios) < 2:
        return None
    error = statistics.stdev(ratios) / math.sqrt(len(ratios))
    return upper_tail(statistics.fmean(ratios), error, len(ratios) - 1)


def wilcoxon_p(ratios: Sequence[float]) -> float | None:
    if not any(ratios):
        return 1.0 if ratios else None
    return float(wilcoxon(ratios, alternative="greater").pvalue)


# Ours.


def screen(trial: Trial, archive: Archive) -> Outcome | None:
    """One process against a stored baseline, by the code that judges a time metric (tools.opinion.judge_spread)."""
    baseline = {workload: found for workload, kept in archive.before(trial).items() if (found := stored_values(kept))}
    values = baseline.pop(trial.workload, None)
    if values is None or not trial.ab_pairs:
        return None
    policy, rounds = policy_of(trial.metric), pooled(trial.ab_pairs[0].head)
    opinion = judge_spread(statistics.median(rounds), values, spread.pool(baseline.values()), policy)
    if opinion.bounds is None:
        return None
    score = opinion.bounds.log_ratio / max(opinion.bounds.half_width, math.log1p(policy.margin))
    return Outcome(opinion.verdict is Verdict.SUSPECT, score, trial.seconds_of(len(rounds)))


def stored_values(trial: Trial) -> tuple[float, ...]:
    """The values of a baseline: medians of three processes; nothing where there were fewer."""
    values = tuple(process_median(pair.base) for pair in trial.ab_pairs[: spread.LEAST_PROCESSES])
    return values if len(values) == spread.LEAST_PROCESSES else ()


def ab(trial: Trial, archive: Archive) -> Outcome | None:
    """What the real A/B said, confirmation included; its score is the lower bound of its 95 % interval.

    Where the time cut it off, a slow-down was not found, and of equal code nothing is known: it might have turned red.
    """
    if trial.cut and trial.injected == UNCHANGED:
        return None
    score = -math.inf if trial.low is None else trial.low
    return Outcome(trial.verdict == Verdict.REGRESSED, score, trial.wall_s)


def screen_then_ab(trial: Trial, archive: Archive) -> Outcome | None:
    """Only what the screen suspects is compared side by side, and paid for."""
    first, second = screen(trial, archive), ab(trial, archive)
    if first is None or second is None:
        return None
    if not first.flagged:
        return Outcome(False, -math.inf, first.cost_s)
    return Outcome(second.flagged, second.score, first.cost_s + second.cost_s)


def compare_fail(field: str, statistic: Callable[[Sequence[float]], float], per_cent: int) -> list[GateRule]:
    """pytest-benchmark's --benchmark-compare-fail, with the stored file it is made for and, kinder, in one job."""
    option, score = f"{field}:{per_cent}%", ratio_of(statistic)
    source = f"pytest-benchmark 5.2 --benchmark-compare-fail={option}, one process each"
    threshold = 1 + per_cent / 100
    return [
        GateRule(
            f"{option}, stored", f"{source}; base from another campaign", deciding(stored_process, score, threshold)
        ),
        GateRule(f"{option}, same job", f"{source}; both from one pair", deciding(same_job, score, threshold)),
    ]


SCREEN = "ours: screen"
AB = "ours: A/B"
SCREEN_THEN_AB = "ours: screen, then A/B"

RULES: tuple[GateRule, ...] = (
    *compare_fail("median", statistics.median, 5),
    *compare_fail("mean", statistics.fmean, 10),
    *compare_fail("min", min, 5),
    GateRule(
        "torch medians +5%",
        "torch.utils.benchmark blocked_autorange, 0.2 s each in one job; it ships no rule, 5 % is our choice",
        deciding(autorange, ratio_of(statistics.median), 1.05),
    ),
    GateRule(
        "Mann-Whitney on rounds, p < .05",
        "the rounds of one process each in one job, as if they were independent",
        deciding(same_job, mann_whitney, evidence(0.05)),
    ),
    GateRule(
        "Mann-Whitney on rounds, p < .001",
        "the same at a stricter level",
        deciding(same_job, mann_whitney, evidence(0.001)),
    ),
    GateRule(
        "google/benchmark U test",
        "tools/compare.py: two-sided Mann-Whitney p < .05 on 9 repetitions; here medians of processes, 9 or as many as "
        "the A/B took, where it takes repetitions of one",
        deciding(process_medians, mann_whitney, evidence(0.05)),
    ),
    GateRule(
        "pyperf compare_to",
        "pyperf 2.10: pooled-variance t, two-tailed 95 %, on 20 processes x 3 values; here as many processes as the "
        "A/B took, each value the mean of a third of the rounds",
        deciding(pyperf_values, pooled_t, evidence(0.05)),
    ),
    GateRule(
        "asv",
        "asv continuous: Mann-Whitney p < .002 and a factor of 1.1 between medians, two rounds of processes",
        deciding(two_processes, asv_score, 1.0),
    ),
    GateRule("same pairs, trimmed mean", "the A/B's pairs and estimator, one look, p < .001", paired(trimmed_p)),
    GateRule("same pairs, plain t", "the A/B's pairs, Student's t, p < .001", paired(plain_t_p)),
    GateRule(
        "same pairs, Wilcoxon",
        "the A/B's pairs, signed ranks, p < .001: out of its reach where the A/B stopped before 10 pairs",
        paired(wilcoxon_p),
    ),
    GateRule(SCREEN, "tools.compare on a stored baseline of three processes: suspect", screen),
    GateRule(AB, "python -m tools ab: regressed, confirmed by fresh pairs", ab),
    GateRule(SCREEN_THEN_AB, "both: only suspects go into the A/B", screen_then_ab),
)
