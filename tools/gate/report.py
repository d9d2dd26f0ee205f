"""The tables of a validation: every rule on the same trials, the A/B's own figures, the spread of each workload."""

import math
from collections.abc import Iterable, Mapping, Sequence

from tools.compare import Verdict
from tools.gate.rates import (
    DANGEROUS_PER_CENT,
    MATCHED_FALSE_ALARMS,
    DoseRates,
    Rate,
    RuleRates,
    all_rates,
    dangerous_misses,
    direction_errors,
    dose_rates,
    pair_spread,
    rate,
)
from tools.gate.trials import BIMODAL, INJECTED, UNCHANGED, VERDICTS, Trial, TrialFile
from tools.spread import relative
from tools.tables import Table, escape_markdown, to_markdown

BLANK = "–"


def tables(file: TrialFile, rates: Sequence[RuleRates]) -> tuple[Table, ...]:
    return rules_table(rates), doses_table(file.trials), spread_table(file.trials), sources_table(rates)


def markdown(file: TrialFile, rates: Sequence[RuleRates] | None = None) -> str:
    """The whole report. `rates`: those of the file, where they were worked out already."""
    found = all_rates(file.trials) if rates is None else rates
    parts = [escape_markdown(sentence) + "\n" for sentence in sentences(file)]
    return "\n".join(parts + [to_markdown(table) for table in tables(file, found)])


def sentences(file: TrialFile) -> tuple[str, ...]:
    """What was tried, what the counts can support, and what the A/B got wrong in the worst ways."""
    trials = file.trials
    campaigns = len({trial.campaign for trial in trials})
    workloads = len({trial.workload for trial in trials})
    unchanged = sum(trial.injected == UNCHANGED for trial in trials)
    return (
        f"{len(trials)} trials ({campaigns} campaigns, {workloads} workloads) on {file.machine}, {file.created_utc}, "
        f"rule frozen at {file.commit}.",
        f"{unchanged} trials compare a workload with itself. Doses of one campaign share base processes, and its "
        "workloads share the machine, so the bounds are somewhat narrower than they should be.",
        matched_sentence(unchanged),
        f"A/B: {of(dangerous_misses(trials))} slow-downs of {DANGEROUS_PER_CENT:g} % or more called unchanged; "
        f"{of(direction_errors(trials))} slow-downs called improved.",
    )


def exit_code(trials: Sequence[Trial]) -> int:
    """1 equal code was called slower, 3 nothing was measured or nothing could be said of equal code, else 0."""
    found = {trial.verdict for trial in trials if trial.injected == UNCHANGED}
    if Verdict.REGRESSED in found:
        return 1
    return 3 if not trials or found == {Verdict.INCONCLUSIVE} else 0


def matched_sentence(unchanged: int) -> str:
    allowed = int(MATCHED_FALSE_ALARMS * unchanged)
    return (
        f"Matched: the threshold of each rule is moved until {allowed} of {unchanged} such trials at most raise an "
        f"alarm, which supports a rate of false alarms under {rate(allowed, unchanged).high:.1%} and no better. "
        "It is chosen on the trials it is then judged by."
    )


def of(found: Rate) -> str:
    """Count, trials and the upper bound of the share."""
    return f"{found.count} of {found.of} (at most {found.high:.1%})" if found.of else BLANK


# Every rule.


def rules_table(rates: Iterable[RuleRates]) -> Table:
    doses = tuple(dose for dose in INJECTED if dose != UNCHANGED)
    columns = (
        "rule",
        "false alarms",
        "at most",
        "campaigns with one",
        *(label(dose) for dose in doses),
        "MDE90",
        "MDE90 (false alarms), matched",
        "seconds per case",
    )
    rows = tuple(rule_row(found, doses) for found in rates)
    title = "flagged as slower, of all trials; MDE90: the slow-down that is found nine times out of ten"
    return Table(title, columns, rows, frozenset({"rule"}))


def rule_row(found: RuleRates, doses: Iterable[str]) -> tuple[str, ...]:
    alarms = found.flagged[UNCHANGED]
    return (
        found.rule.name,
        count(alarms),
        f"{alarms.high:.1%}" if alarms.of else BLANK,
        count(found.alarmed),
        *(count(found.flagged[dose]) for dose in doses),
        size(found.mde90, found.flagged),
        f"{size(found.matched_mde90, found.flagged)} ({count(found.matched_alarms)})",
        seconds(found.cost_s),
    )


def seconds(cost_s: float) -> str:
    if math.isnan(cost_s):
        return BLANK
    return f"{cost_s:.1f}" if cost_s < 10 else f"{cost_s:,.0f}"


def label(injected: str) -> str:
    return injected if injected == BIMODAL else f"+{injected}%"


def count(found: Rate) -> str:
    return f"{found.count}/{found.of}" if found.of else BLANK


def size(mde90: float | None, flagged: Mapping[str, Rate]) -> str:
    """Per cent, or beyond the largest dose that was tried."""
    largest = max((INJECTED[dose] for dose, found in flagged.items() if found.of), default=0.0)
    if mde90 is None:
        return f"> {largest:g}%" if largest else BLANK
    return f"{mde90:.1f}%"


def sources_table(rates: Iterable[RuleRates]) -> Table:
    rows = tuple((found.rule.name, found.rule.source) for found in rates)
    return Table("where the rules come from", ("rule", "source"), rows, frozenset({"rule", "source"}))


# The A/B.


def doses_table(trials: Sequence[Trial]) -> Table:
    present = [dose for dose in INJECTED if any(trial.injected == dose for trial in trials)]
    columns = ("injected", *VERDICTS, "in the 95% interval", "bias")
    rows = tuple(dose_row(dose_rates(trials, dose)) for dose in present)
    return Table("the A/B: verdicts, coverage and bias at each injection", columns, rows, frozenset({"injected"}))


def dose_row(found: DoseRates) -> tuple[str, ...]:
    covered = f"{count(found.covered)} ({found.covered.share:.0%})" if found.covered.of else BLANK
    bias = BLANK if math.isnan(found.bias) else f"{relative(found.bias):+.2%}"
    return (label(found.injected), *(count(found.verdicts[said]) for said in VERDICTS), covered, bias)


def spread_table(trials: Iterable[Trial]) -> Table:
    rows = tuple((workload, f"{relative(sd):.2%}") for workload, sd in pair_spread(trials).items())
    return Table(
        "spread between the pairs of a trial without a change (SD of log ratios)",
        ("workload", "SD"),
        rows,
        frozenset({"workload"}),
    )
