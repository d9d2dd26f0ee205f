"""Collecting trials: the A/B engine itself on workloads whose true change is known, campaign after campaign."""

import contextlib
import dataclasses
import datetime
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.ab.checkouts import WORKTREE, checked_out, commit_of, git
from tools.ab.job import INTERRUPTED, Job, Judgement
from tools.ab.pairs import Arm, Driver, Match
from tools.ab.rule import MARGINS, TRIM, Rule
from tools.ab.slots import LARGEST_FOREIGN_SHARE, LARGEST_STOLEN_SHARE, Duel
from tools.ab.workers import SETTINGS, WorkerLost
from tools.files import UnusableFile
from tools.gate.trials import SCHEMA_VERSION, UNCHANGED, WHAT, Pair, Trial, TrialFile, shortened, write_trials

TABLES = "fixtures/gate/cases.py"
HANG_S = 300.0
METRIC = "latency_s"
SEPARATOR = " with "


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


def planned(number: int) -> Campaign:
    """The PLAN over and over, with each round's doses on the next part of the workloads."""
    lap, place = divmod(number, len(PLAN))
    injected, (start, step) = PLAN[place]
    return Campaign(number, injected, ((start + lap) % step, step))


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
    a job of ten: at 0.005, not at 0.05 / `cases`, for no job has seven true changes of each case in it."""
    rule = Rule()
    return dataclasses.replace(rule, family_alpha=rule.alpha * cases, twin_every=10**6)


@contextlib.contextmanager
def driven(repository: Path, python: str, seed: int, rule: Rule) -> Iterator[Driver]:
    """Both arms are the files as they are now: what differs between them is the dose alone."""
    arms = [Arm(name, WORKTREE, python) for name in ("base", "head")]
    with checked_out(repository, [arm.revision for arm in arms]) as checkouts:
        yield Driver(checkouts, arms, rule, [TABLES], "cpu", HANG_S, seed, time.monotonic(), {}, {})


def run_campaign(
    repository: Path, python: str, campaign: Campaign, workloads: Sequence[str], say: Callable[[str], None]
) -> list[Trial]:
    asked = matches(workloads, campaign.injected)
    rule = frozen_rule(len(asked))
    start_s = time.monotonic()
    with driven(repository, python, campaign.number, rule) as driver:
        job = Job(driver, rule, asked, "cpu", clock=time.monotonic, say=say)
        found = job.run()
        wall_s = time.monotonic() - start_s
    if job.ended == INTERRUPTED:
        raise KeyboardInterrupt
    if job.ended:
        raise WorkerLost(f"campaign {campaign.number} of the validation broke off: {job.ended}")
    for case, status in driver.statuses.items():
        say(f"{case}: left out, {status.reason}")
    return [trial(campaign.number, each, job.duels, wall_s) for each in found if each.metric == METRIC]


def trial(campaign: int, found: Judgement, duels: Sequence[Duel], wall_s: float) -> Trial:
    """`wall_s`, of the whole campaign, is shared out by the time that the comparisons themselves took."""
    workload, _, dose = found.case.partition(SEPARATOR)
    own = [duel for duel in duels if duel.case == found.case]
    share = sum(duel.wall_s for duel in own) / sum(duel.wall_s for duel in duels)
    low, high = (None if bound is None else math.log1p(bound) for bound in (found.low, found.high))
    estimate = math.log1p(found.change or 0.0)
    pairs = tuple(pair(duel) for duel in own if duel.log_ratio(METRIC) is not None)
    return Trial(campaign, workload, dose, str(found.verdict), estimate, low, high, pairs, share * wall_s)


def pair(duel: Duel) -> Pair:
    kept = duel.valid()
    base, head = (tuple(tuple(getattr(each, arm).rounds[METRIC]) for each in kept) for arm in ("base", "head"))
    return Pair(
        "ab" if duel.purpose == "decide" else "confirm",
        duel.start_s,
        base,
        head,
        tuple(each.base_first for each in kept),
    )


def collect(
    repository: Path,
    python: str,
    file: Path,
    minutes: float,
    say: Callable[[str], None],
    known: TrialFile | None = None,
) -> TrialFile:
    """Campaigns until the time is up, after those of `known`; the file is whole after each. Raises WorkerLost and
    UnusableFile."""
    start_s, (machine, workloads) = time.monotonic(), survey(repository, python)
    done = continued(known, file, machine) if known else begun(machine)
    number = first = 1 + max((trial.campaign for trial in done.trials), default=-1)
    while number == first or time.monotonic() - start_s < 60 * minutes:
        campaign = planned(number)
        part = workloads[campaign.part[0] :: campaign.part[1]]
        say(f"campaign {number}: {', '.join(campaign.injected)} % on {len(part)} workloads")
        trials = done.trials + tuple(run_campaign(repository, python, campaign, part, say))
        commits = dict.fromkeys([*filter(None, done.commit.split(", ")), frozen_at(repository)])
        done = dataclasses.replace(done, commit=", ".join(commits), created_utc=now_utc(), trials=trials)
        write_trials(file, done)
        number += 1
    return done


def begun(machine: str) -> TrialFile:
    return TrialFile(SCHEMA_VERSION, "", now_utc(), machine, constants(), ())


def constants() -> dict[str, Any]:
    """All that a verdict hangs on besides the code, as a file gives it back."""
    margins = dataclasses.asdict(MARGINS["cpu", METRIC])
    disturbed = {"stolen": LARGEST_STOLEN_SHARE, "foreign": LARGEST_FOREIGN_SHARE}
    found = {"margins": margins, "trim": TRIM, "largest_share": disturbed, "settings": SETTINGS}
    return dict(shortened({**dataclasses.asdict(frozen_rule(1)), **found}))


def continued(known: TrialFile, file: Path, machine: str) -> TrialFile:
    """Trials of another rule or machine do not add up: UnusableFile. What an older file does not tell is let pass."""
    here = begun(machine)
    told = f"expected {machine} and the rule of this checkout; give a new file"
    if known.machine != machine:
        raise UnusableFile(f"{WHAT} {file}: its trials are of {known.machine}, {told}")
    other = [name for name, value in known.rule.items() if here.rule.get(name) != value]
    if other:
        raise UnusableFile(f"{WHAT} {file}: its trials are of another rule ({', '.join(other)}), {told}")
    return dataclasses.replace(known, rule=here.rule)


def now_utc() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def frozen_at(repository: Path) -> str:
    """The commit whose rule is tried, and whether files have been changed since."""
    changed = git(repository, "status", "--porcelain").strip()
    return commit_of(repository, "HEAD")[:12] + ("+changes" if changed else "")


def survey(repository: Path, python: str) -> tuple[str, list[str]]:
    """Slug of this machine, and the workloads that its checkout has."""
    with driven(repository, python, 0, Rule()) as driver:
        facts = driver.survey()["base"]
    return facts["slug"], sorted({case.split("/")[1] for case in facts["cases"]})
