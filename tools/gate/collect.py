"""Collecting trials: the A/B engine itself on workloads whose true change is known, campaign after campaign."""

import contextlib
import dataclasses
import datetime
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.ab.checkouts import WORKTREE, checked_out, git, has_history, known_commit
from tools.ab.job import INTERRUPTED, OUT_OF_TIME, Job, Judgement
from tools.ab.pairs import LOST, Arm, Driver, Match, Status
from tools.ab.rule import MARGINS, TRIM, Look, Rule
from tools.ab.slots import (
    LARGEST_FOREIGN_SHARE,
    LARGEST_STOLEN_SHARE,
    Alternation,
    Duel,
    Slot,
    commonest_objection,
    rejected_share,
)
from tools.ab.workers import SETTINGS, WorkerLost
from tools.files import UnusableFile
from tools.gate.trials import (
    BIMODAL,
    SCHEMA_VERSION,
    UNCHANGED,
    WHAT,
    Pair,
    Trial,
    TrialFile,
    shortened,
    write_trials,
)
from tools.quantities import counted
from tools.verdict import Verdict

HANG_S = 300.0
LEAST_HANG_S = 60.0  # of an answer that is waited for when the time is nearly over
SEPARATOR = " with "

# What one comparison costs as long as no trial tells: half as much again as equal code takes on the README's machine.
ASSUMED_CASE_S = 30.0
LEAST_COMPARISONS = 2  # of a campaign that is cut to the time left: starting workers for one alone would cost too much

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Campaign:
    """One uninterrupted round of measuring: a job with these injections; (start, step) = part of the workloads."""

    number: int
    injected: tuple[str, ...]
    part: tuple[int, int] = (0, 1)


# A/A campaigns before, between and after those with doses, so that both see all that the machine goes through, and
# more of them, for false alarms are rarer than finds. Doses of one campaign share their worker processes.
PLAN = (
    (("0",), (0, 1)),
    (("2", "3"), (0, 2)),
    (("0",), (0, 1)),
    (("1", "5"), (1, 3)),
    (("0",), (0, 1)),
    (("10", "bimodal"), (2, 3)),
    (("0",), (0, 1)),
    (("2", "3"), (1, 2)),
    *[(("0",), (0, 1))] * 4,
)


# The same for a GPU, whose time is short: whatever part of a lap is run, both kinds are in it.
GPU_PLAN = (
    (("0",), (0, 1)),
    (("1", "3"), (0, 2)),
    (("0.5", "2"), (1, 2)),
    (("0",), (0, 1)),
    (("1", "3"), (1, 2)),
    (("0.5", "2"), (0, 2)),
    (("0",), (0, 1)),
)

Plan = Sequence[tuple[tuple[str, ...], tuple[int, int]]]


@dataclasses.dataclass(frozen=True)
class Workloads:
    """A set of workloads with known doses: the file of its cases, how their ids begin, and what is tried when."""

    table: str
    path: str
    plan: Plan


WORKLOADS = {
    "cpu": Workloads("fixtures/gate/cases.py", "gate", PLAN),
    "gpu": Workloads("fixtures/gate/gpu_cases.py", "gate_gpu", GPU_PLAN),
}
USUAL_WORKLOADS = {"cpu": "cpu", "cuda": "gpu"}  # of a device


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is measured where.

    device     `cpu` or `cuda`
    workloads  a key of WORKLOADS; those of a GPU also run on a CPU, where they prove no more than that they run
    """

    repository: Path
    python: str
    device: str = "cpu"
    workloads: str = "cpu"

    @property
    def chosen(self) -> Workloads:
        return WORKLOADS[self.workloads]

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(metric for device, metric in MARGINS if device == self.device)


def planned(number: int, plan: Plan = PLAN) -> Campaign:
    """The plan over and over, with each round's doses on the next part of the workloads."""
    lap, place = divmod(number, len(plan))
    injected, (start, step) = plan[place]
    return Campaign(number, injected, ((start + lap) % step, step))


def matches(path: str, workloads: Sequence[str], injected: Sequence[str]) -> list[Match]:
    return [
        Match(f"{workload}{SEPARATOR}{dose}", case_of(path, workload, UNCHANGED), case_of(path, workload, dose))
        for workload in workloads
        for dose in injected
    ]


def case_of(path: str, workload: str, dose: str) -> str:
    return f"{path}/{workload}/{dose if dose == BIMODAL else f'dose{dose}'}"


def frozen_rule(cases: int, metrics: int = 1) -> Rule:
    """The rule of `ab` without its A/A arm, which is what is measured here. Each case is judged as the hardest one of
    a job of ten: at 0.005, not at 0.05 / `cases`, for no job has seven true changes of each case in it. Where a job
    judges a case by several metrics, Holm's share of each is so much smaller, and so is it here."""
    rule = Rule()
    looks = tuple(Look(look.pairs, look.alpha / metrics) for look in rule.looks)
    return dataclasses.replace(rule, looks=looks, family_alpha=rule.alpha * cases, twin_every=10**6)


@contextlib.contextmanager
def driven(setting: Setting, seed: int, rule: Rule, end_s: float = math.inf) -> Iterator[Driver]:
    """Both arms are the files as they are now: what differs between them is the dose alone."""
    arms = [Arm(name, WORKTREE, setting.python) for name in ("base", "head")]
    hang_s = min(HANG_S, max(LEAST_HANG_S, end_s - time.monotonic()))
    with checked_out(setting.repository, [arm.revision for arm in arms]) as checkouts:
        yield Driver(
            checkouts,
            arms,
            rule,
            [setting.chosen.table],
            setting.device,
            hang_s,
            seed,
            time.monotonic(),
            {},
            {},
            end_s=end_s,
        )


@dataclasses.dataclass
class Narrowing:
    """A driver for a job whose time is short: comparisons are given up after its first pair that would keep the others
    from an answer, and later those that would keep them from the first look. One is kept in any case.

    look    pairs of the first look
    needed  pairs of an answer, see `least_pairs`
    """

    driver: Driver
    look: int
    needed: int
    end_s: float

    @property
    def statuses(self) -> dict[str, Status]:
        return self.driver.statuses

    def run(self, matches: Sequence[Match], purpose: str, twin: bool) -> list[Duel]:
        start_s = time.monotonic()
        found = self.driver.run(matches, purpose, twin)
        pairs = self.driver.pairs
        if pairs < self.look:
            to_come = (self.needed if pairs == 1 else self.look) - pairs
            self.give_up(matches, to_come * (time.monotonic() - start_s))
        return found

    def give_up(self, matches: Sequence[Match], needed_s: float) -> None:
        left_s = self.end_s - time.monotonic()
        if left_s >= needed_s:
            return
        kept = max(1, int(len(matches) * left_s / needed_s))
        for match in matches[kept:]:
            self.statuses[match.name] = Status(LOST, LOST, "no time for its first look")


def run_campaign(setting: Setting, campaign: Campaign, workloads: Sequence[str], end_s: float, say: Say) -> list[Trial]:
    """Ends at `end_s` (of time.monotonic()) with what it has looked at by then."""
    asked = matches(setting.chosen.path, workloads, campaign.injected)
    rule = frozen_rule(len(asked), len(setting.metrics))
    start_s = time.monotonic()
    with driven(setting, campaign.number, rule, end_s) as driver:
        job = Job(
            Narrowing(driver, rule.looks[0].pairs, max(least_pairs(rule, dose) for dose in campaign.injected), end_s),
            rule,
            asked,
            setting.device,
            remaining_s=lambda: end_s - time.monotonic(),
            clock=time.monotonic,
            say=say,
            every_metric=True,
        )
        found = job.run()
        wall_s = time.monotonic() - start_s
    if job.ended == INTERRUPTED:
        raise KeyboardInterrupt
    if job.ended not in ("", OUT_OF_TIME):
        raise WorkerLost(f"campaign {campaign.number} of the validation broke off: {job.ended}")
    for case, status in driver.statuses.items():
        say(f"{case}: left out, {status.reason}")
    if rejected := rejected_share(job.duels):
        say(f"{rejected:.0%} of the alternations were rejected: {commonest_objection(job.duels)}")
    return trials_of(campaign.number, setting.metrics, found, job, wall_s, say)


def least_pairs(rule: Rule, dose: str) -> int:
    """For an answer: one look at equal code; two at a slow-down, for the first one's error rate is so small that it
    shows large ones only, and fresh pairs that confirm it."""
    return rule.looks[0].pairs if dose == UNCHANGED else rule.looks[1].pairs + rule.confirm[0].pairs


def trials_of(
    campaign: int, metrics: Sequence[str], found: Sequence[Judgement], job: Job, wall_s: float, say: Say
) -> list[Trial]:
    """One for each case and metric that was looked at, in the order of `metrics`; what is missing is said."""
    judged = {(each.case, each.metric): each for each in found}
    made = []
    for case in dict.fromkeys(each.case for each in found if each.metric != "status"):
        taken = len(job.of(case, "decide"))
        if job.ended and taken < job.rule.looks[0].pairs:
            say(f"{case}: no trial, the time was over after {counted(taken, 'pair')}")
            continue
        for metric in metrics:
            if (case, metric) in judged:
                verdict = judged[case, metric]
                made.append(trial(campaign, verdict, job.duels, wall_s, cut_off(job, verdict)))
            else:
                say(f"{case}: no trial by {metric}, which could not be measured")
    return made


def cut_off(job: Job, found: Judgement) -> bool:
    """Whether the time was over before its last look, or before a red of it was confirmed."""
    opinion = job.opinions.get((found.case, found.metric))
    red = opinion is not None and opinion.verdict is Verdict.REGRESSED
    return bool(job.ended) and not found.judged and (red or found.pairs < job.rule.looks[-1].pairs)


def trial(campaign: int, found: Judgement, duels: Sequence[Duel], wall_s: float, cut: bool = False) -> Trial:
    """`wall_s`, of the whole campaign, is shared out by the time that the comparisons themselves took."""
    workload, _, dose = found.case.partition(SEPARATOR)
    own = [duel for duel in duels if duel.case == found.case]
    share = sum(duel.wall_s for duel in own) / sum(duel.wall_s for duel in duels)
    low, high = (None if bound is None else math.log1p(bound) for bound in (found.low, found.high))
    measured = [duel for duel in own if found.metric in duel.metrics]
    return Trial(
        campaign,
        workload,
        dose,
        str(found.verdict),
        math.log1p(found.change or 0.0),
        low,
        high,
        tuple(pair(duel, found.metric) for duel in measured if duel.log_ratio(found.metric) is not None),
        share * wall_s,
        found.metric,
        cut,
    )


def pair(duel: Duel, metric: str) -> Pair:
    kept = duel.valid()
    base, head = (tuple(tuple(getattr(each, arm).rounds[metric]) for each in kept) for arm in ("base", "head"))
    return Pair(
        "ab" if duel.purpose == "decide" else "confirm",
        duel.start_s,
        base,
        head,
        tuple(each.base_first for each in kept),
        clocks_mhz(kept),
    )


def clocks_mhz(kept: Sequence[Alternation]) -> tuple[float, float] | None:
    """Medians of base and head over the slots whose driver told it; None where that of an arm never did."""
    base, head = clocks_of([each.base for each in kept]), clocks_of([each.head for each in kept])
    return (statistics.median(base), statistics.median(head)) if base and head else None


def clocks_of(slots: Sequence[Slot]) -> list[float]:
    return [slot.gpu["sm_clock_mhz"] for slot in slots if "sm_clock_mhz" in slot.gpu]


def collect(setting: Setting, file: Path, minutes: float, say: Say, known: TrialFile | None = None) -> TrialFile:
    """Campaigns until the time is up, after those of `known`; the file is whole after each. Raises WorkerLost and
    UnusableFile.

    The first campaign is begun whatever the time; a later one on as many workloads as the time left will do for, by
    what trials have cost so far. One that takes longer after all ends with the time: before its first look by giving up
    comparisons (`Narrowing`), after it with what is decided by then.
    """
    end_s = time.monotonic() + 60 * minutes
    machine, workloads = survey(setting)
    here = begun(machine, setting)
    done = continued(known, file, here) if known else here
    number = first = 1 + max((trial.campaign for trial in done.trials), default=-1)
    while part := affordable(done, setting, number, workloads, end_s - time.monotonic(), number == first):
        campaign = planned(number, setting.chosen.plan)
        say(f"campaign {number}: {', '.join(campaign.injected)} % on {len(part)} workloads")
        trials = done.trials + tuple(run_campaign(setting, campaign, part, end_s, say))
        commits = dict.fromkeys([*filter(None, done.commit.split(", ")), frozen_at(setting.repository)])
        done = dataclasses.replace(done, commit=", ".join(commits), created_utc=now_utc(), trials=trials)
        write_trials(file, done)
        number += 1
    return done


def affordable(
    done: TrialFile, setting: Setting, number: int, workloads: Sequence[str], left_s: float, first: bool
) -> list[str]:
    """The campaign's part of the workloads, or those of it that were tried least, as many as `left_s` will do for;
    of the first campaign one at least, of others none where they would make fewer than LEAST_COMPARISONS."""
    campaign = planned(number, setting.chosen.plan)
    start, step = campaign.part
    part = workloads[start::step] or workloads
    cost_s = sum(case_s(done.trials, dose) for dose in campaign.injected)
    count = min(len(part), max(0, int(left_s / cost_s)))
    if count * len(campaign.injected) < min(LEAST_COMPARISONS, len(part) * len(campaign.injected)):
        count = min(1, len(part)) if first else 0
    tried = Counter(trial.workload for trial in done.trials if trial.injected in campaign.injected)
    chosen = set(sorted(part, key=lambda workload: tried[workload])[:count])
    return [workload for workload in part if workload in chosen]


def case_s(trials: Sequence[Trial], dose: str) -> float:
    """Mean cost of a comparison with that dose in seconds; where there was none, from what equal code takes."""
    alike = [trial for trial in trials if trial.injected == dose]
    costs = {(trial.campaign, trial.workload): trial.wall_s for trial in alike}
    if costs:
        return statistics.fmean(costs.values())
    if dose == UNCHANGED:
        return ASSUMED_CASE_S
    return case_s(trials, UNCHANGED) * least_pairs(Rule(), dose) / least_pairs(Rule(), UNCHANGED)


def begun(machine: str, setting: Setting) -> TrialFile:
    rule = constants(setting.device, setting.metrics)
    return TrialFile(SCHEMA_VERSION, "", now_utc(), machine, rule, (), setting.workloads, setting.metrics)


def constants(device: str, metrics: Sequence[str]) -> dict[str, Any]:
    """All that a verdict hangs on besides the code, as a file gives it back."""
    margins: Mapping[str, Any] = {metric: dataclasses.asdict(MARGINS[device, metric]) for metric in metrics}
    disturbed = {"stolen": LARGEST_STOLEN_SHARE, "foreign": LARGEST_FOREIGN_SHARE}
    found = {
        "margins": margins if len(metrics) > 1 else margins[metrics[0]],
        "trim": TRIM,
        "largest_share": disturbed,
        "settings": SETTINGS,
    }
    return dict(shortened({**dataclasses.asdict(frozen_rule(1, len(metrics))), **found}))


def continued(known: TrialFile, file: Path, here: TrialFile) -> TrialFile:
    """Trials of another machine, other workloads or metrics, or another rule do not add up: UnusableFile. What an older
    file does not tell is let pass. `here`: a file begun now."""
    expected = f"expected {here.machine}, workloads for a {here.workloads}, {', '.join(here.metrics)}"
    told = f"{expected} and the rule of this checkout; give a new file"
    for found, wanted in (
        (known.machine, here.machine),
        (f"workloads for a {known.workloads}", f"workloads for a {here.workloads}"),
        (", ".join(known.metrics), ", ".join(here.metrics)),
    ):
        if found != wanted:
            raise UnusableFile(f"{WHAT} {file}: its trials are of {found}, {told}")
    other = [name for name, value in known.rule.items() if here.rule.get(name) != value]
    if other:
        raise UnusableFile(f"{WHAT} {file}: its trials are of another rule ({', '.join(other)}), {told}")
    return dataclasses.replace(known, rule=here.rule, schema_version=SCHEMA_VERSION)


def now_utc() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def frozen_at(repository: Path) -> str:
    """The commit whose rule is tried, and whether files have been changed since."""
    changed = has_history(repository) and git(repository, "status", "--porcelain").strip()
    return known_commit(repository) + ("+changes" if changed else "")


def survey(setting: Setting) -> tuple[str, list[str]]:
    """Slug of this machine, and the workloads that its checkout has."""
    with driven(setting, 0, Rule()) as driver:
        facts = driver.survey()["base"]
    return facts["slug"], sorted({case.split("/")[1] for case in facts["cases"]})
