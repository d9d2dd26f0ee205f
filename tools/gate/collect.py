"""Collecting trials: the A/B engine itself on workloads whose true change is known, campaign after campaign."""

import dataclasses
import datetime
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.ab.checkouts import checked_out
from tools.ab.job import Job, Judgement
from tools.ab.pairs import Arm, Driver, Match
from tools.ab.rule import Rule
from tools.ab.slots import Duel
from tools.gate.trials import SCHEMA_VERSION, UNCHANGED, Pair, Trial, TrialFile, write_trials

TABLES = "fixtures/gate/cases.py"
HANG_S = 300.0
METRIC = "latency_s"
SEPARATOR = " with "


@dataclasses.dataclass(frozen=True)
class Campaign:
    """One uninterrupted round of measuring: a job whose cases are workloads with these injections."""

    number: int
    injected: tuple[str, ...]


# A/A campaigns before, between and after those with doses, so that both see all that the machine goes through.
# Doses of one campaign share their worker processes.
PLAN = (("0",), ("0",), ("2", "3"), ("0",), ("1", "5"), ("0",), ("10", "bimodal"))


def planned(number: int) -> Campaign:
    """The PLAN, then A/A for as long as there is time."""
    return Campaign(number, PLAN[number] if number < len(PLAN) else (UNCHANGED,))


def matches(workloads: Sequence[str], injected: Sequence[str]) -> list[Match]:
    return [
        Match(f"{workload}{SEPARATOR}{dose}", case_of(workload, UNCHANGED), case_of(workload, dose))
        for workload in workloads
        for dose in injected
    ]


def case_of(workload: str, dose: str) -> str:
    return f"gate/{workload}/{f'dose{dose}' if dose.isdigit() else dose}"


def frozen_rule(cases: int) -> Rule:
    """The rule of `ab` without its A/A arm, which is what is measured here. Each case is judged as the hardest one of
    a job of ten: at 0.001, not at 0.01 / `cases`, for no job has seven true changes of each case in it."""
    rule = Rule()
    return dataclasses.replace(rule, family_alpha=rule.alpha * cases, twin_every=10**6)


def run_campaign(
    repository: Path, python: str, campaign: Campaign, workloads: Sequence[str], say: Callable[[str], None]
) -> list[Trial]:
    asked = matches(workloads, campaign.injected)
    rule = frozen_rule(len(asked))
    arms = [Arm(name, "worktree", python) for name in ("base", "head")]
    with checked_out(repository, [arm.revision for arm in arms]) as checkouts:
        driver = Driver(checkouts, arms, rule, TABLES, "cpu", HANG_S, campaign.number, time.monotonic(), {}, {})
        start_s = time.monotonic()
        job = Job(driver, rule, asked, "cpu", clock=time.monotonic, say=say)
        found = job.run()
        wall_s = time.monotonic() - start_s
    if job.ended or driver.statuses:
        raise RuntimeError(f"campaign {campaign.number}: {job.ended or driver.statuses}")
    return [trial(campaign.number, each, job.duels, wall_s) for each in found]


def trial(campaign: int, found: Judgement, duels: Sequence[Duel], wall_s: float) -> Trial:
    """`wall_s`, of the whole campaign, is shared out by the time that the comparisons themselves took."""
    workload, _, dose = found.case.partition(SEPARATOR)
    own = [duel for duel in duels if duel.case == found.case]
    share = sum(duel.wall_s for duel in own) / sum(duel.wall_s for duel in duels)
    low, high = (None if bound is None else math.log1p(bound) for bound in (found.low, found.high))
    estimate = math.log1p(found.change or 0.0)
    pairs = tuple(pair(duel) for duel in own)
    return Trial(campaign, workload, dose, str(found.verdict), estimate, low, high, pairs, share * wall_s)


def pair(duel: Duel) -> Pair:
    kept = [each for each, objection in zip(duel.alternations, duel.objections, strict=True) if objection is None]
    kept = kept or list(duel.alternations)
    base, head = (tuple(tuple(getattr(each, arm).rounds[METRIC]) for each in kept) for arm in ("base", "head"))
    return Pair("ab" if duel.purpose == "decide" else "confirm", duel.start_s, base, head)


def collect(
    repository: Path,
    python: str,
    file: Path,
    commit: str,
    machine: str,
    workloads: Sequence[str],
    minutes: float,
    say: Callable[[str], None],
) -> TrialFile:
    """Campaigns until the time is up; the file is whole after each."""
    start_s, trials, number = time.monotonic(), list[Trial](), 0
    while time.monotonic() - start_s < 60 * minutes:
        campaign = planned(number)
        say(f"campaign {number}: {', '.join(campaign.injected)} % on {len(workloads)} workloads")
        trials += run_campaign(repository, python, campaign, workloads, say)
        done = TrialFile(
            SCHEMA_VERSION,
            commit,
            datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            machine,
            dataclasses.asdict(frozen_rule(1)),
            tuple(trials),
        )
        write_trials(file, done)
        number += 1
    return done
