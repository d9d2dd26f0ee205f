"""An A/B from request to outcome: lay out the revisions, ask both arms what they hold, run the job."""

import contextlib
import datetime
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.ab.checkouts import checked_out, commit_of
from tools.ab.job import Job, Judgement
from tools.ab.outcome import Outcome, Side
from tools.ab.pairs import BASE, HEAD, TWIN, Arm, Driver
from tools.ab.rule import Rule
from tools.ab.selection import matching, select
from tools.quantities import counted
from tools.verdict import Verdict

PROFILES = ("quick", "standard", "full")
TABLES = "perf_tests/test_*.py"


class NothingToCompare(Exception):
    """No case was selected; the message says what there is."""


@dataclass(frozen=True)
class Request:
    """What is asked of an A/B.

    keyword   as pytest reads -k; "" for all
    suspects  case ids to which it is restricted, None for no restriction
    hang_s    the longest that a worker may take for one answer (a build with its compilation is one)
    """

    repository: Path
    base: str
    head: str
    base_python: str
    head_python: str
    keyword: str = ""
    suspects: frozenset[str] | None = None
    profile: str = "standard"
    device: str | None = None
    minutes: float = math.inf
    hang_s: float = 900.0
    seed: int | None = None


def contest(request: Request, rule: Rule, say: Callable[[str], None]) -> Outcome:
    """Raises UnusableRevision, WorkerLost (an arm that cannot be imported), NothingToCompare and BadExpression."""
    started_s = time.monotonic()
    seed = request.seed if request.seed is not None else random.SystemRandom().getrandbits(32)
    with driven(request, rule, seed, started_s) as driver:
        held = driver.survey()
        refuse_two_devices(held)
        chosen = select(definitions(held[BASE]), definitions(held[HEAD]), wanted(request, held))
        driver.tables = tables_of(held, [match.name for match in chosen.matches])
        say(f"{counted(len(chosen.matches), 'case')}, at least {rule.looks[0].pairs} pairs of fresh processes")
        job = Job(
            driver,
            rule,
            chosen.matches,
            held[BASE]["device"],
            remaining_s=lambda: started_s + 60 * request.minutes - time.monotonic(),
            clock=time.monotonic,
            say=say,
        )
        found = [*chosen.apart, *(job.run() if chosen.matches else [])]
        if request.suspects is not None:
            found = [untimed(each) for each in found]
    base, head, _ = driver.arms
    return Outcome(
        created_utc=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        slug=held[BASE]["slug"],
        base=Side(request.base, base.revision, base.python, held[BASE]["versions"]),
        head=Side(request.head, head.revision, head.python, held[HEAD]["versions"]),
        rule=rule,
        seed=seed,
        wall_s=time.monotonic() - started_s,
        problem=job.ended,
        invalid=job.twin_alarm is not None,
        judgements=tuple(found),
        duels=tuple(job.duels),
    )


@contextlib.contextmanager
def driven(request: Request, rule: Rule, seed: int, started_s: float) -> Iterator[Driver]:
    """A driver over fresh checkouts of base, head and base again."""
    asked = (request.base, request.head, request.base)
    commits = [commit_of(request.repository, revision) for revision in asked]
    pythons = (request.base_python, request.head_python, request.base_python)
    arms = [Arm(*each) for each in zip((BASE, HEAD, TWIN), commits, pythons, strict=True)]
    with checked_out(request.repository, commits) as checkouts:
        yield Driver(checkouts, arms, rule, [TABLES], request.device, request.hang_s, seed, started_s, {}, {})


def untimed(found: Judgement) -> Judgement:
    """A suspect had a time in its run: without one here nothing is decided, however equal the arms are."""
    if found.verdict is not Verdict.NEW and (found.metric, found.verdict) != ("status", Verdict.UNCHANGED):
        return found
    return replace(found, verdict=Verdict.INCONCLUSIVE, reason=f"{found.reason}; it was ok in the run", judged=False)


def refuse_two_devices(held: Mapping[str, Mapping[str, Any]]) -> None:
    if held[BASE]["device"] != held[HEAD]["device"]:
        found = f"base measures on {held[BASE]['device']}, head on {held[HEAD]['device']}"
        raise NothingToCompare(f"{found}; choose one that both have with --device")


def tables_of(held: Mapping[str, Mapping[str, Any]], cases: Sequence[str]) -> list[str]:
    """The files that hold these cases: the others, and what they import, need not be read for every pair."""
    return sorted({facts["cases"][case]["table"] for facts in held.values() for case in cases})


def definitions(facts: Mapping[str, Any]) -> dict[str, str]:
    return {name: case["definition"] for name, case in facts["cases"].items()}


def wanted(request: Request, held: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Ids of either arm that the request asks for. Raises NothingToCompare."""
    known = {**held[BASE]["cases"], **held[HEAD]["cases"]}
    of_profile = [name for name, facts in known.items() if in_profile(facts["profile"], request.profile)]
    found = narrowed(of_profile if request.suspects is None else {*known, *request.suspects}, request)
    if not found:
        told = f"{counted(len(of_profile), 'case')} of profile {request.profile}, {len(known)} in all"
        hint = "; --profile full takes them all" if narrowed(known, request) else ""
        raise NothingToCompare(f"no case fits -k {request.keyword!r}: found {told}{hint}")
    return found


def narrowed(cases: Iterable[str], request: Request) -> list[str]:
    found = matching(request.keyword, cases) if request.keyword else list(cases)
    return [case for case in found if request.suspects is None or case in request.suspects]


def in_profile(profile: str, asked: str) -> bool:
    """The suite's profiles contain one another; one that this checkout does not know is taken in."""
    return profile not in PROFILES or PROFILES.index(profile) <= PROFILES.index(asked)
