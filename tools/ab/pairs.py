"""One pair of workers: started fresh, led through all cases one slot at a time, killed."""

import contextlib
import math
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.ab.checkouts import Checkouts
from tools.ab.rule import Rule
from tools.ab.slots import Alternation, Duel, Slot, objections
from tools.ab.workers import Worker, WorkerLost, environment, libraries_of

BASE, HEAD, TWIN = "base", "head", "twin"
NO_TURN = "Unlockable"  # of fixtures/lock.py
LOST = "lost"  # no status of a case: its worker ended, or fresh processes disagree


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
    """Frozen from base before anything is compared, and used for both arms.

    alternations  of one pass
    passes        of a pair: in each the case is built anew
    """

    iterations: int
    rounds: int
    settle: int
    alternations: int
    passes: int


@dataclass(frozen=True)
class Stretch:
    """What one pass gave of one comparison."""

    start_s: float
    wall_s: float
    alternations: tuple[Alternation, ...]


@dataclass(frozen=True)
class Status:
    """A case that cannot be timed on both sides: it does not fit, is not supported, is wrong, or ended its worker."""

    base: str
    head: str
    reason: str

    def like(self, other: "Status") -> bool:
        return (self.base, self.head) == (other.base, other.head)


def effort(call_s: float, build_s: float, rule: Rule) -> Effort:
    """Rounds long enough for the clock, a slot short against drift, and no more alternations than a case may cost. What
    takes long to build, a compiled model, is built once a pair."""
    iterations = max(1, math.ceil(rule.least_round_s / call_s))
    rounds = max(1, math.ceil(rule.slot_s / (iterations * call_s)))
    affordable = int(rule.case_pair_s / (2 * rounds * iterations * call_s))
    alternations = max(rule.least_alternations, min(rule.alternations, affordable))
    passes = max(1, min(rule.passes, alternations // rule.least_alternations, int(rule.case_pair_s / (2 * build_s))))
    return Effort(iterations, rounds, 0 if call_s > rule.settle_s else iterations, alternations // passes, passes)


@dataclass
class Driver:
    """Runs pairs.

    frozen    match -> effort, from the first pair in which it appears
    statuses  match -> what it ended with; doubts: what it showed once and fresh processes have to show again
    end_s     time.monotonic() from which on no further case of a pair is begun
    """

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
    doubts: dict[str, Status] = field(default_factory=dict)
    pairs: int = 0
    end_s: float = math.inf

    def run(self, matches: Sequence[Match], purpose: str, twin: bool) -> list[Duel]:
        """All matches in one pair; it ends early where a case ends its worker, and at `end_s`. Raises WorkerLost."""
        rng = random.Random(f"{self.seed}/{self.pairs}")
        arms = self.arms if twin else self.arms[:2]
        self.checkouts.rearrange(order(len(self.arms), self.pairs))
        with self.workers(arms, rng) as workers:
            taken = self.passes(matches, workers, purpose, rng)
        found = [self.duel(name, versus, stretches, len(arms)) for (name, versus), stretches in taken.items()]
        self.pairs += 1
        return [duel for duel in found if duel is not None]

    def passes(
        self, matches: Sequence[Match], workers: Mapping[str, Worker], purpose: str, rng: random.Random
    ) -> Mapping[tuple[str, str], list[Stretch]]:
        """Every match as often as its effort says, in an order drawn anew for each pass, so that no case lives in one
        spell of the machine or in one place of memory. What could not be built is left to fresh processes."""
        taken = defaultdict[tuple[str, str], list[Stretch]](list)
        fit = list(matches)
        for number in range(self.rule.passes):
            for match in rng.sample(fit, len(fit)):
                if time.monotonic() >= self.end_s:
                    return taken
                try:
                    for versus, stretch in self.stretches(match, workers, purpose, number, rng):
                        taken[match.name, versus].append(stretch)
                except WorkerLost as error:
                    self.statuses[match.name] = Status(LOST, LOST, str(error))
                    return taken
            fit = [each for each in fit if number < len(taken[each.name, purpose]) < self.frozen[each.name].passes]
        return taken

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
                # What was put beside this interpreter says nothing of another one.
                libraries = libraries_of(os.environ) if arm.python == sys.executable else ""
                variables = environment(seed, self.checkouts.cache(number), os.environ, libraries)
                label = f"{arm.name} ({arm.revision[:12]})"
                live[arm.name] = Worker(label, arm.python, self.checkouts.place(number), variables)
                stack.callback(live[arm.name].kill)
            for answer, worker in together(
                live, self.hang_s, "hello", tables=list(self.tables), seed=seed, device=self.device
            ):
                refuse_unfit(worker, answer)
            yield live

    def stretches(
        self, match: Match, workers: Mapping[str, Worker], purpose: str, number: int, rng: random.Random
    ) -> Iterator[tuple[str, Stretch]]:
        """Head against base, and in some pairs base against its twin; nothing where a side turns out unfit."""
        base, head = Side(workers[BASE], match.base_case), Side(workers[HEAD], match.head_case)
        found = self.stretch(match, base, head, purpose, number, rng)
        if found is None:
            return
        yield purpose, found
        if TWIN in workers:
            twin = self.stretch(match, base, Side(workers[TWIN], match.base_case), TWIN, number, rng)
            if twin is not None:
                yield TWIN, twin

    def stretch(
        self, match: Match, base: "Side", head: "Side", purpose: str, number: int, rng: random.Random
    ) -> Stretch | None:
        """One pass, the `number`-th of its pair, on a core that changes from pass to pass and from pair to pair."""
        start_s, taken = time.monotonic(), tuple[Alternation, ...]()
        status = self.build(match, base, head, number == 0 and (purpose == TWIN or match.name not in self.frozen))
        if status is None:
            taken = tuple(alternate(base, head, self.frozen[match.name], rng, self.hang_s, self.pairs + number))
        self.drop(base, head)
        if status is not None:
            self.doubt(match, status, purpose)
            return None
        return Stretch(start_s - self.started_s, time.monotonic() - start_s, taken)

    def duel(self, name: str, purpose: str, stretches: Sequence[Stretch], workers: int) -> Duel | None:
        """All passes of a comparison together; None where the pair ended before the last of them."""
        if not stretches or len(stretches) < self.frozen[name].passes:
            return None
        taken = tuple(each for stretch in stretches for each in stretch.alternations)
        found = objections(taken, os.cpu_count() or 1, workers)
        wall_s = sum(stretch.wall_s for stretch in stretches)
        return Duel(name, purpose, self.pairs, stretches[0].start_s, wall_s, taken, found)

    def build(self, match: Match, base: "Side", head: "Side", verify: bool) -> Status | None:
        """None if both are ready. The first time, base's fastest call then fixes the effort for good, and what a second
        build takes: the first one compiled what later ones find, and was checked."""
        found = self.prepare(base, head, verify)
        if match.name in self.frozen or isinstance(found, Status):
            return found if isinstance(found, Status) else None
        self.drop(base, head)
        start_s = time.monotonic()
        found = self.prepare(base, head, verify=False)
        if isinstance(found, Status):
            return found
        build_s = (time.monotonic() - start_s) / 2 - self.rule.warm_s
        self.frozen[match.name] = effort(found, max(build_s, 1e-3), self.rule)
        return None

    def prepare(self, base: "Side", head: "Side", verify: bool) -> Status | float:
        """Built and warmed one arm after the other, so that neither meets the other's peak of memory; who is first
        changes from pair to pair. Seconds of base's fastest call."""
        sides = (base, head) if self.pairs % 2 == 0 else (head, base)
        found = {side: side.ask(self.hang_s, "build", verify=verify) for side in sides}
        if all(answer["status"] == "ok" for answer in found.values()):
            found = {side: side.ask(self.hang_s, "warm", least_s=self.rule.warm_s) for side in sides}
        told = [found[side] for side in (base, head)]
        if any(answer["status"] != "ok" for answer in told):
            return Status(told[0]["status"], told[1]["status"], told[1]["reason"] or told[0]["reason"])
        return float(found[base]["call_s"])

    def doubt(self, match: Match, status: Status, purpose: str) -> None:
        """Final once fresh processes have shown it again. What befalls the twin says nothing of head."""
        if purpose == TWIN:
            return
        before = self.doubts.get(match.name)
        if before is not None and before.like(status):
            self.statuses[match.name] = status
        elif before is not None:
            told = f"{before.base} -> {before.head} in one pair of processes, {status.base} -> {status.head} in another"
            self.statuses[match.name] = Status(LOST, LOST, f"{told}: {status.reason}")
        else:
            self.doubts[match.name] = status

    def drop(self, base: "Side", head: "Side") -> None:
        for side in (base, head):
            side.worker.send("drop", case=side.case)
        for side in (base, head):
            answer = side.worker.receive(self.hang_s)
            if answer:
                told = f"cannot go on after {side.case}: {answer.get('reason', answer)}"
                raise WorkerLost(f"{side.worker.arm}: {told}")


@dataclass(frozen=True)
class Side:
    """A case in one worker."""

    worker: Worker
    case: str

    def ask(self, timeout_s: float, do: str, **arguments: Any) -> dict[str, Any]:
        return self.worker.ask(timeout_s, do, case=self.case, **arguments)


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
    """Nothing is measured with an arm that cannot be imported, has no turn on the GPU, or came from somewhere else."""
    if "reason" in answer:
        kind, _, told = answer["reason"].partition(": ")
        raise WorkerLost(
            f"{worker.arm}: no turn: {told}" if kind == NO_TURN else f"{worker.arm}: cannot be imported: {kind}: {told}"
        )
    if os.path.realpath(answer["root"]) != os.path.realpath(worker.checkout):
        raise WorkerLost(
            f"{worker.arm}: imported {answer['root']}, expected its own checkout; is another one installed?"
        )
    worker.facts = answer


def alternate(
    base: Side, head: Side, plan: Effort, rng: random.Random, hang_s: float, turn: int
) -> Iterator[Alternation]:
    """ABBA: who begins is drawn once, then changes each time, so that drift falls on both arms alike; both on the same
    core, the `turn`-th."""
    base_first = rng.random() < 0.5
    for _ in range(plan.alternations):
        first, second = (base, head) if base_first else (head, base)
        slots = {side: slot_of(side, plan, hang_s, turn) for side in (first, second)}
        yield Alternation(slots[base], slots[head], base_first)
        base_first = not base_first


def slot_of(side: Side, plan: Effort, hang_s: float, turn: int) -> Slot:
    wanted = {"iterations": plan.iterations, "rounds": plan.rounds, "settle": plan.settle, "turn": turn}
    answer = side.ask(hang_s, "slot", **wanted)
    if "rounds" not in answer:
        raise WorkerLost(f"{side.worker.arm}: {side.case} failed while it was timed: {answer.get('reason', answer)}")
    rounds = {name: tuple(found) for name, found in answer.pop("rounds").items()}
    return Slot(rounds, **answer)
