"""How often each rule flags what, with bounds, and what the A/B's own figures are worth.

The bounds are of Clopper and Pearson (1934) and take trials to be independent. They are not quite: all doses of one
campaign are held against the same base processes, and all workloads of it share a machine and an hour. So each rate
of false alarms stands beside the share of campaigns that had any.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from tools.gate.rules import RULES, Archive, GateRule, Outcome
from tools.gate.trials import INJECTED, STEADY, UNCHANGED, VERDICTS, Trial, TrialFile
from tools.verdict import Verdict

MATCHED_FALSE_ALARMS = 0.01
POWER = 0.9
DANGEROUS_PER_CENT = 3.0  # to call so much `unchanged` is the dangerous miss


@dataclass(frozen=True)
class Rate:
    """count of `of`, and the 95 % bounds of the share behind it."""

    count: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Not a number where nothing was tried."""
        return self.count / self.of if self.of else math.nan


def rate(count: int, of: int) -> Rate:
    if not of:
        return Rate(0, 0, 0.0, 1.0)
    bounds = binomtest(count, of).proportion_ci(confidence_level=0.95, method="exact")
    return Rate(count, of, float(bounds.low), float(bounds.high))


def share_of(trials: Iterable[Trial], holds: Callable[[Trial], bool]) -> Rate:
    found = [holds(trial) for trial in trials]
    return rate(sum(found), len(found))


# Every rule on every trial.


@dataclass(frozen=True)
class Judged:
    """A trial and what a rule said of it."""

    trial: Trial
    outcome: Outcome


@dataclass(frozen=True)
class RuleRates:
    """What one rule did on all trials that it could judge.

    flagged          injection -> how often it called head slower
    alarmed          campaigns with a false alarm in any workload
    mde90            per cent from which on it flags 90 % as it is shipped; None: never within the doses
    matched_mde90    the same once its threshold is moved to MATCHED_FALSE_ALARMS
    matched_alarms   false alarms that are left at that threshold. With fewer than 100 trials none may be left, and the
                     upper bound says how little that proves; the threshold is chosen on the trials it is judged by
    cost_s           median machine time of a trial without a change, the usual case; nan where there is none
    """

    rule: GateRule
    flagged: Mapping[str, Rate]
    alarmed: Rate
    mde90: float | None
    matched_mde90: float | None
    matched_alarms: Rate
    cost_s: float


def rates_by_metric(file: TrialFile) -> dict[str, tuple[RuleRates, ...]]:
    """Metric -> every rule on the trials by it; in the order of the file."""
    return {metric: all_rates(file.by(metric)) for metric in file.metrics}


def all_rates(trials: Sequence[Trial], rules: Sequence[GateRule] = RULES) -> tuple[RuleRates, ...]:
    archive = Archive.of(trials)
    return tuple(rule_rates(rule, judge(rule, trials, archive)) for rule in rules)


def judge(rule: GateRule, trials: Iterable[Trial], archive: Archive) -> list[Judged]:
    """Trials whose data do not allow the rule are left out."""
    outcomes = ((trial, rule.judge(trial, archive)) for trial in trials)
    return [Judged(trial, outcome) for trial, outcome in outcomes if outcome is not None]


def rule_rates(rule: GateRule, judged: Sequence[Judged]) -> RuleRates:
    by_dose = {dose: [found.outcome for found in judged if found.trial.injected == dose] for dose in INJECTED}
    shipped = {
        dose: rate(sum(found.flagged for found in outcomes), len(outcomes)) for dose, outcomes in by_dose.items()
    }
    threshold = matched_threshold([found.score for found in by_dose[UNCHANGED]])
    matched = {dose: beyond(outcomes, threshold) for dose, outcomes in by_dose.items()}
    costs = [found.cost_s for found in by_dose[UNCHANGED]]
    return RuleRates(
        rule,
        shipped,
        alarmed_campaigns(judged),
        smallest_dose(shipped),
        smallest_dose(matched),
        matched[UNCHANGED],
        statistics.median(costs) if costs else math.nan,
    )


def beyond(outcomes: Sequence[Outcome], threshold: float) -> Rate:
    return rate(sum(found.score > threshold for found in outcomes), len(outcomes))


def matched_threshold(scores: Sequence[float]) -> float:
    """The lowest score that no more than MATCHED_FALSE_ALARMS of these, without a change, exceed."""
    allowed = int(MATCHED_FALSE_ALARMS * len(scores))
    return sorted(scores, reverse=True)[allowed] if scores else math.inf


def smallest_dose(flagged: Mapping[str, Rate]) -> float | None:
    """Per cent from which on POWER is reached and kept, on straight lines between the steady doses; None if never."""
    found = None
    for dose in reversed([dose for dose in STEADY if flagged[dose].of]):
        if flagged[dose].share >= POWER:
            found = dose
        else:
            return None if found is None else crossing(flagged, dose, found)
    return None if found is None else INJECTED[found]


def crossing(flagged: Mapping[str, Rate], below: str, above: str) -> float:
    low, high = flagged[below].share, flagged[above].share
    return INJECTED[below] + (POWER - low) / (high - low) * (INJECTED[above] - INJECTED[below])


def alarmed_campaigns(judged: Iterable[Judged]) -> Rate:
    campaigns: dict[int, bool] = {}
    for found in judged:
        if found.trial.injected == UNCHANGED:
            campaigns[found.trial.campaign] = campaigns.get(found.trial.campaign, False) or found.outcome.flagged
    return rate(sum(campaigns.values()), len(campaigns))


# What the A/B said.


@dataclass(frozen=True)
class DoseRates:
    """The A/B at one injection.

    verdicts  how often it said what
    covered   its 95 % interval held the true log ratio; trials without an interval are not counted
    bias      mean estimate minus the true log ratio; nan without trials
    """

    injected: str
    verdicts: Mapping[str, Rate]
    covered: Rate
    bias: float


def dose_rates(trials: Sequence[Trial], injected: str) -> DoseRates:
    chosen = [trial for trial in trials if trial.injected == injected]
    verdicts = {said: rate(sum(trial.verdict == said for trial in chosen), len(chosen)) for said in VERDICTS}
    errors = [trial.estimate - trial.true_log_ratio for trial in chosen if trial.low is not None]
    return DoseRates(injected, verdicts, coverage(chosen), statistics.fmean(errors) if errors else math.nan)


def coverage(trials: Iterable[Trial]) -> Rate:
    """Looking several times and stopping early costs some: the interval itself knows of one look."""
    held = [t.low <= t.true_log_ratio <= t.high for t in trials if t.low is not None and t.high is not None]
    return rate(sum(held), len(held))


def dangerous_misses(trials: Iterable[Trial]) -> Rate:
    """`unchanged` said of DANGEROUS_PER_CENT or more; the bimodal one counts by its mean."""
    slow = [trial for trial in trials if INJECTED[trial.injected] >= DANGEROUS_PER_CENT]
    return share_of(slow, lambda trial: trial.verdict == Verdict.UNCHANGED)


def direction_errors(trials: Iterable[Trial]) -> Rate:
    """`improved` said of a slow-down."""
    slow = [trial for trial in trials if trial.injected != UNCHANGED]
    return share_of(slow, lambda trial: trial.verdict == Verdict.IMPROVED)


def pair_spread(trials: Iterable[Trial]) -> dict[str, float]:
    """Workload -> standard deviation between the log ratios of the pairs of one trial, without a change.

    The mean variance over trials of two pairs or more, so that drift from campaign to campaign does not enter.
    """
    variances: dict[str, list[float]] = {}
    for trial in trials:
        ratios = [pair.log_ratio for pair in trial.ab_pairs]
        if trial.injected == UNCHANGED and len(ratios) > 1:
            variances.setdefault(trial.workload, []).append(statistics.variance(ratios))
    return {workload: math.sqrt(statistics.fmean(found)) for workload, found in sorted(variances.items())}


# The clocks of a GPU.

APART_SHARE = 0.01


@dataclass(frozen=True)
class Clocks:
    """How the clock of the GPU's multiprocessors stood in the pairs of workers.

    apart   pairs whose base and head ran at clocks more than APART_SHARE apart, of those that were told
    untold  pairs of which no driver told the clocks
    lowest, highest  in MHz, of all arms; None where nothing was told
    """

    apart: Rate
    untold: int
    lowest: float | None
    highest: float | None


def clocks_of(trials: Iterable[Trial]) -> Clocks:
    """Each pair once: its metrics come from the same slots."""
    pairs = {
        (trial.campaign, trial.workload, trial.injected, pair.kind, pair.start_s): pair.clocks_mhz
        for trial in trials
        for pair in trial.pairs
    }
    told = [clocks for clocks in pairs.values() if clocks is not None]
    both = [clock for clocks in told for clock in clocks]
    apart = rate(sum(abs(head / base - 1) > APART_SHARE for base, head in told), len(told))
    return Clocks(apart, len(pairs) - len(told), min(both, default=None), max(both, default=None))
