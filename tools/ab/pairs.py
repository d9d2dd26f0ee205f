"""One pair of workers: started fresh, led through all cases one slot at a time, killed."""

import contextlib
import math
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.ab.checkouts import Checkouts
from tools.ab.rule import Rule
from tools.ab.slots import Alternation, Duel, Slot
from tools.ab.workers import Worker, WorkerLost, environment

BASE, HEAD, TWIN = "base", "head", "twin"


@dataclass(frozen=True)
class Arm:
    """A side of the comparison: base, head, or the twin (base again)."""

    name: str
    revision: str
    python: str


@dataclass(frozen=True)
class Match:
    """What is compared with what: usually one case with itself in the other checkout."""

    name: str
    base_case: str
    head_case: str


@dataclass(frozen=True)
class Effort:
    """Frozen from base before anything is compared, and used for both arms."""

    iterations: int
    rounds: int
    settle: int
    alternations: int


@dataclass(frozen=True)
class Status:
    """A case that cannot be timed on both sides: it does not fit, is not supported, or is wrong."""

    base: str
    head: str
    reason: str


def effort(call_s: float, rule: Rule) -> Effort:
    """Rounds long enough for the clock, a slot short against drift, and no more alternations than a case may cost."""
    iterations = max(1, math.ceil(rule.least_round_s / call_s))
    rounds = max(1, math.ceil(rule.slot_s / (iterations * call_s)))
    slot_s = rounds * iterations * call_s
    affordable = int(rule.case_pair_s / (2 * slot_s))
    alternations = max(rule.least_alternations, min(rule.alternations, affordable))
    return Effort(iterations, rounds, 0 if call_s > rule.slot_s else iterations, alternations)


@dataclass
class Driver:
    """Runs pairs. `frozen` and `statuses` grow with the first pair in which a match appears."""

    checkouts: Checkouts
    arms: Sequence[Arm]
    rule: Rule
    tables: Sequence[str]
    device: str | None
    hang_s: float
    seed: int
    started_s: float
    frozen: dict[str, Effort]
    statuses: dict[str, Status]
    pairs: int = 0

    def run(self, matches: Sequence[Match], purpose: str, twin: bool) -> list[Duel]:
        """All matches in one pair, in random order. Raises WorkerLost."""
        rng = random.Random(f"{self.seed}/{self.pairs}")
        arms = self.arms if twin else self.arms[:2]
        self.checkouts.rearrange(order(len(self.arms), self.pairs))
        found = []
        with self.workers(arms, rng) as workers:
            for match in rng.sample(list(matches), len(matches)):
                found += self.duels(match, workers, purpose, rng)
        self.pairs += 1
        return found

    def survey(self) -> dict[str, Mapping[str, Any]]:
        """What base and head say of themselves: their cases, device and versions. Raises WorkerLost."""
        with self.workers(self.arms[:2], random.Random(self.seed)) as workers:
            return {name: surveyed(worker, self.hang_s) for name, worker in workers.items()}

    @contextlib.contextmanager
    def workers(self, arms: Sequence[Arm], rng: random.Random) -> Iterator[dict[str, Worker]]:
        """Fresh processes that have imported their checkouts; started together, in random order."""
        seed, live = rng.getrandbits(32), {}
        with contextlib.ExitStack() as stack:
            for arm in rng.sample(list(arms), len(arms)):
                number = self.arms.index(arm)
                variables = environment(seed, self.checkouts.cache(number), os.environ)
                label = f"{arm.name} ({arm.revision[:12]})"
                live[arm.name] = Worker(label, arm.python, self.checkouts.place(number), variables)
                stack.callback(live[arm.name].kill)
            for answer, worker in together(
                live, self.hang_s, "hello", tables=list(self.tables), seed=seed, device=self.device
            ):
                refuse_unfit(worker, answer)
            yield live

    def duels(self, match: Match, workers: Mapping[str, Worker], purpose: str, rng: random.Random) -> list[Duel]:
        """Head against base, and in some pairs base against its twin; nothing once a side turned out unfit."""
        base, head = (BASE, match.base_case), (HEAD, match.head_case)
        found = [self.duel(match, workers, base, head, purpose, rng)]
        if TWIN in workers and match.name not in self.statuses:
            found.append(self.duel(match, workers, base, (TWIN, match.base_case), TWIN, rng))
        return [duel for duel in found if duel is not None]

    def duel(
        self,
        match: Match,
        workers: Mapping[str, Worker],
        base: tuple[str, str],
        head: tuple[str, str],
        purpose: str,
        rng: random.Random,
    ) -> Duel | None:
        start_s = time.monotonic()
        sides = {arm: (workers[arm], case) for arm, case in (base, head)}
        verify = match.name not in self.frozen or purpose == TWIN
        if not self.build(match, sides, verify):
            return None
        plan = self.warm(match, sides)
        taken = tuple(alternate(*sides[base[0]], *sides[head[0]], plan, rng, self.hang_s))
        for worker, case in sides.values():
            worker.send("drop", case=case)
        for worker, _ in sides.values():
            worker.receive(self.hang_s)
        objections = tuple(each.objection(os.cpu_count() or 1, len(workers)) for each in taken)
        now_s = time.monotonic()
        return Duel(match.name, purpose, self.pairs, start_s - self.started_s, now_s - start_s, taken, objections)

    def build(self, match: Match, sides: Mapping[str, tuple[Worker, str]], verify: bool) -> bool:
        """Both at once: nothing is timed yet."""
        for worker, case in sides.values():
            worker.send("build", case=case, verify=verify)
        answers = {arm: worker.receive(self.hang_s) for arm, (worker, _) in sides.items()}
        base, head = answers.values()
        if (base["status"], head["status"]) == ("ok", "ok"):
            return True
        reason = head["reason"] or base["reason"]
        self.statuses.setdefault(match.name, Status(base["status"], head["status"], reason))
        return False

    def warm(self, match: Match, sides: Mapping[str, tuple[Worker, str]]) -> Effort:
        """One arm after the other; the first time, base's fastest call fixes the effort for good."""
        calls_s = {
            arm: worker.ask(self.hang_s, "warm", case=case, least_s=self.rule.warm_s)["call_s"]
            for arm, (worker, case) in sides.items()
        }
        return self.frozen.setdefault(match.name, effort(calls_s[BASE], self.rule))


def order(arms: int, pair: int) -> list[int]:
    """Which arm lies in which place: turned by one from pair to pair."""
    return [(place + pair) % arms for place in range(arms)]


def together(
    live: Mapping[str, Worker], timeout_s: float, do: str, **arguments: Any
) -> list[tuple[dict[str, Any], Worker]]:
    for worker in live.values():
        worker.send(do, **arguments)
    return [(worker.receive(timeout_s), worker) for worker in live.values()]


def surveyed(worker: Worker, hang_s: float) -> dict[str, Any]:
    answer = worker.ask(hang_s, "survey")
    if "cases" not in answer:
        raise WorkerLost(f"{worker.arm}: cannot tell what it holds: {answer.get('reason', answer)}")
    return {**worker.facts, **answer}


def refuse_unfit(worker: Worker, answer: Mapping[str, Any]) -> None:
    """Nothing is measured with an arm that cannot be imported, or that came from somewhere else."""
    if "reason" in answer:
        raise WorkerLost(f"{worker.arm}: cannot be imported: {answer['reason']}")
    if os.path.realpath(answer["root"]) != os.path.realpath(worker.checkout):
        raise WorkerLost(
            f"{worker.arm}: imported {answer['root']}, expected its own checkout; is another one installed?"
        )
    worker.facts = answer


def alternate(
    base: Worker, base_case: str, head: Worker, head_case: str, plan: Effort, rng: random.Random, hang_s: float
) -> Iterator[Alternation]:
    """ABBA: who begins is drawn once, then changes each time, so that drift falls on both arms alike."""
    base_first = rng.random() < 0.5
    for _ in range(plan.alternations):
        slots = {}
        for arm in ("base", "head") if base_first else ("head", "base"):
            worker, case = (base, base_case) if arm == "base" else (head, head_case)
            slots[arm] = slot_of(worker, case, plan, hang_s)
        yield Alternation(slots["base"], slots["head"], base_first)
        base_first = not base_first


def slot_of(worker: Worker, case: str, plan: Effort, hang_s: float) -> Slot:
    answer = worker.ask(hang_s, "slot", case=case, iterations=plan.iterations, rounds=plan.rounds, settle=plan.settle)
    if "rounds" not in answer:
        raise WorkerLost(f"{worker.arm}: {case} failed while it was timed: {answer.get('reason', answer)}")
    rounds = {name: tuple(found) for name, found in answer.pop("rounds").items()}
    return Slot(rounds, **answer)
