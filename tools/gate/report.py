"""The tables of a validation: every rule on the same trials, the A/B's own figures, the spread of each workload."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tools.gate.rates import (
    APART_SHARE,
    DANGEROUS_PER_CENT,
    MATCHED_FALSE_ALARMS,
    DoseRates,
    Rate,
    RuleRates,
    clocks_of,
    dangerous_misses,
    direction_errors,
    dose_rates,
    pair_spread,
    rate,
    rates_by_metric,
)
from tools.gate.rules import AB
from tools.gate.trials import BIMODAL, INJECTED, UNCHANGED, VERDICTS, Trial, TrialFile
from tools.spread import relative
from tools.tables import Table, escape_markdown, to_markdown
from tools.verdict import Verdict

BLANK = "–"


Rates = Mapping[str, Sequence[RuleRates]]  # by metric


def tables(file: TrialFile, rates: Rates) -> tuple[Table, ...]:
    """The tables of each metric; where there are several, first the A/B by all of them."""
    found = [table for metric in file.metrics for table in metric_tables(file, metric, rates[metric])]
    above = [metrics_table(file, rates)] if len(file.metrics) > 1 else []
    return (*above, *found, sources_table(rates[file.metrics[0]]))


def metric_tables(file: TrialFile, metric: str, rates: Sequence[RuleRates]) -> tuple[Table, ...]:
    trials = file.by(metric)
    found = rules_table(rates, file.doses), doses_table(trials), spread_table(trials)
    return found if len(file.metrics) == 1 else tuple(replace(one, title=f"{metric}: {one.title}") for one in found)


def markdown(file: TrialFile, rates: Rates | None = None) -> str:
    """The whole report. `rates`: those of the file, where they were worked out already."""
    found = rates_by_metric(file) if rates is None else rates
    parts = [escape_markdown(sentence) + "\n" for sentence in sentences(file)]
    return "\n".join(parts + [to_markdown(table) for table in tables(file, found)])


def sentences(file: TrialFile) -> tuple[str, ...]:
    """What was tried, what the counts can support, and what the A/B got wrong in the worst ways."""
    trials, several = file.trials, len(file.metrics) > 1
    campaigns = len({trial.campaign for trial in trials})
    workloads = len({trial.workload for trial in trials})
    judged = f", each comparison by {', '.join(file.metrics)}" if several else ""
    unchanged = sum(trial.injected == UNCHANGED for trial in trials)
    return (
        f"{len(trials)} trials ({campaigns} campaigns, {workloads} workloads{judged}) on {file.machine}, "
        f"{file.created_utc}, rule frozen at {file.commit}.",
        f"{unchanged} trials compare a workload with itself. Doses of one campaign share base processes, and its "
        "workloads share the machine, so the bounds are somewhat narrower than they should be.",
        *(sentence for metric in file.metrics for sentence in metric_sentences(file, metric)),
        *cut_sentences(trials),
        *gpu_sentences(file),
    )


def metric_sentences(file: TrialFile, metric: str) -> tuple[str, str]:
    trials = file.by(metric)
    by = f" by {metric}" if len(file.metrics) > 1 else ""
    return (
        matched_sentence(sum(trial.injected == UNCHANGED for trial in trials), by),
        f"A/B{by}: {of(dangerous_misses(trials))} slow-downs of {DANGEROUS_PER_CENT:g} % or more called unchanged; "
        f"{of(direction_errors(trials))} slow-downs called improved.",
    )


def cut_sentences(trials: Sequence[Trial]) -> tuple[str, ...]:
    cut = [trial for trial in trials if trial.cut]
    if not cut:
        return ()
    equal = sum(trial.injected == UNCHANGED for trial in cut)
    return (
        f"{len(cut)} trials were looked at and still open when the time was over. The {equal} of equal code among them "
        "are left out of the A/B's false alarms, for they might have become some; the others count as not found.",
    )


def gpu_sentences(file: TrialFile) -> tuple[str, ...]:
    """What else has to be known of the workloads for a GPU: at which clocks they ran, or that it was none."""
    if file.workloads != "gpu":
        return ()
    found = clocks_of(file.trials)
    if found.lowest is None or found.highest is None:
        told = f"Clocks of the GPU: not told in any of {found.untold} pairs."
    else:
        told = (
            f"Clocks of the GPU: {found.lowest:.0f} to {found.highest:.0f} MHz; base and head more than "
            f"{APART_SHARE:.0%} apart in {of(found.apart)} pairs; not told in {found.untold}."
        )
    if not file.machine.startswith("cpu-"):
        return (told,)
    return (told, "A processor ran the workloads of a GPU in small: that proves this command, and nothing of a GPU.")


def exit_code(trials: Sequence[Trial]) -> int:
    """1 equal code was called slower, 3 nothing was measured or nothing could be said of equal code, else 0."""
    found = {trial.verdict for trial in trials if trial.injected == UNCHANGED}
    if Verdict.REGRESSED in found:
        return 1
    return 3 if not trials or found == {Verdict.INCONCLUSIVE} else 0


def matched_sentence(unchanged: int, by: str = "") -> str:
    allowed = int(MATCHED_FALSE_ALARMS * unchanged)
    return (
        f"Matched{by}: the threshold of each rule is moved until {allowed} of {unchanged} such trials at most raise an "
        f"alarm, which supports a rate of false alarms under {rate(allowed, unchanged).high:.1%} and no better. "
        "It is chosen on the trials it is then judged by."
    )


def of(found: Rate) -> str:
    """Count, trials and the upper bound of the share."""
    return f"{found.count} of {found.of} (at most {found.high:.1%})" if found.of else BLANK


# Every rule.


def rules_table(rates: Iterable[RuleRates], injected: Iterable[str]) -> Table:
    doses = tuple(dose for dose in injected if dose != UNCHANGED)
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


def metrics_table(file: TrialFile, rates: Rates) -> Table:
    doses = tuple(dose for dose in file.doses if dose != UNCHANGED)
    columns = ("metric", "false alarms", "at most", *map(label, doses), "MDE90", "slow-downs tried")
    rows = tuple(metric_row(metric, ab_of(rates[metric]), doses) for metric in file.metrics)
    title = "the A/B by each metric: flagged as slower, of all trials; MDE90: the slow-down found nine times out of ten"
    return Table(title, columns, rows, frozenset({"metric"}))


def ab_of(rates: Iterable[RuleRates]) -> RuleRates:
    [found] = [each for each in rates if each.rule.name == AB]
    return found


def metric_row(metric: str, found: RuleRates, doses: Iterable[str]) -> tuple[str, ...]:
    alarms, flagged = found.flagged[UNCHANGED], [found.flagged[dose] for dose in doses]
    return (
        metric,
        count(alarms),
        f"{alarms.high:.1%}" if alarms.of else BLANK,
        *map(count, flagged),
        size(found.mde90, found.flagged),
        str(sum(each.of for each in flagged)),
    )


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
