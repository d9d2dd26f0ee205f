"""From pairs to verdicts: looks, Holm, confirmation, the A/A arm, the budget. Knows no process: `Pairs` runs them."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tools.ab.pairs import LOST, Match, Status
from tools.ab.rule import (
    MARGINS,
    Estimate,
    Look,
    Margins,
    Opinion,
    Rule,
    alarmed,
    confirms,
    estimate,
    holm,
    opinion,
)
from tools.ab.slots import Duel, commonest_objection, log_ratios, rejected_share
from tools.ab.workers import WorkerLost
from tools.quantities import counted
from tools.verdict import Verdict

Key = tuple[str, str]  # match, metric
INTERRUPTED = "interrupted"
OUT_OF_TIME = "the time given with --max-minutes is over"


class Pairs(Protocol):
    """What a job needs of the driver."""

    @property
    def statuses(self) -> dict[str, Status]: ...

    def run(self, matches: Sequence[Match], purpose: str, twin: bool) -> list[Duel]: ...


@dataclass(frozen=True)
class Judgement:
    """The verdict on one metric of one match. Changes are relative (0.03: head takes 3 % longer).

    judged      False where no rule could be applied (lost worker, budget, rejected slots): exit code 3
    detectable  the smallest slow-down that the whole job shows 9 times out of 10 at the spread of these pairs
    """

    case: str
    metric: str
    verdict: Verdict
    reason: str
    judged: bool = True
    change: float | None = None
    low: float | None = None
    high: float | None = None
    pairs: int = 0
    detectable: float | None = None
    base_s: float | None = None
    head_s: float | None = None


class Ended(Exception):
    """No more pairs: the budget is spent, or a worker is lost. The message says which."""


@dataclass
class Job:
    """One A/B of some matches; `judgements` is complete when `run` returns.

    every_metric  collect for all metrics of a match to their end, where one of them is red for good as well
    """

    pairs: Pairs
    rule: Rule
    matches: Sequence[Match]
    device: str
    remaining_s: Callable[[], float] = lambda: math.inf
    clock: Callable[[], float] = lambda: 0.0
    say: Callable[[str], None] = lambda text: None
    every_metric: bool = False
    duels: list[Duel] = field(default_factory=list)
    opinions: dict[Key, Opinion] = field(default_factory=dict)
    judgements: dict[Key, Judgement] = field(default_factory=dict)
    ended: str = ""
    taken: int = 0
    case_s: float = 0.0
    twin_alarm: Estimate | None = None

    def run(self) -> list[Judgement]:
        try:
            self.decide()
        except Ended as end:
            self.ended = str(end)
        except KeyboardInterrupt:
            self.ended = INTERRUPTED
        self.conclude()
        return [self.judgements[key] for key in sorted(self.judgements)]

    # collecting

    def collect(self, purpose: str, matches: Sequence[Match], upto: int) -> None:
        """Pairs of workers until each of the matches has `upto` of this purpose."""
        while fit := self.short_of(upto, purpose, matches):
            self.refuse_beyond_budget(len(fit))
            start_s = self.clock()
            twin = purpose == "decide" and self.taken % min(self.rule.twin_every, len(fit)) == 0
            try:
                self.duels += self.pairs.run(fit, purpose, twin)
            except WorkerLost as error:
                raise Ended(str(error)) from error
            self.taken += 1
            pair_s = self.clock() - start_s
            self.case_s = pair_s / len(fit)
            self.say(self.progress(purpose, len(fit), pair_s, upto))

    def short_of(self, upto: int, purpose: str, matches: Sequence[Match]) -> list[Match]:
        fit = [match for match in matches if match.name not in self.pairs.statuses]
        return [match for match in fit if len(self.of(match.name, purpose)) < upto]

    def progress(self, purpose: str, cases: int, pair_s: float, upto: int) -> str:
        doing = {"decide": f"looks at {', '.join(str(look.pairs) for look in self.rule.looks)}"}
        told = doing.get(purpose, f"{upto} fresh ones confirm what looks slower")
        return f"pair {self.taken}: {counted(cases, 'case')}, {pair_s:.0f} s ({told})"

    def refuse_beyond_budget(self, cases: int) -> None:
        """Another pair would not end in time, at what a case took in the last one."""
        if self.remaining_s() < self.case_s * cases:
            raise Ended(OUT_OF_TIME)

    def of(self, name: str, purpose: str) -> list[Duel]:
        return [duel for duel in self.duels if (duel.case, duel.purpose) == (name, purpose)]

    # judging

    def decide(self) -> None:
        """What is red at a look is confirmed before the next one, while there is time for it."""
        for look in self.rule.looks:
            undecided = self.undecided()
            if not undecided:
                return
            self.collect("decide", undecided, look.pairs)
            self.look(look, undecided)
            self.confirm()

    def undecided(self) -> list[Match]:
        return [
            match for match in self.matches if match.name not in self.pairs.statuses and not self.settled(match.name)
        ]

    def settled(self, name: str) -> bool:
        """By its first metric that is red for good, or when all of its metrics are."""
        verdicts = [found.verdict for (match, _), found in self.opinions.items() if match == name]
        red = name in self.red() and not self.every_metric
        return red or (bool(verdicts) and None not in verdicts)

    def red(self) -> set[str]:
        return {name for (name, _), found in self.judgements.items() if found.verdict is Verdict.REGRESSED}

    def look(self, look: Look, matches: Iterable[Match]) -> None:
        for match in matches:
            duels = self.of(match.name, "decide")
            for metric in common_metrics(duels):
                key, found = (match.name, metric), estimate(log_ratios(duels, metric))
                if key not in self.judgements and found and rejected_share(duels) <= self.rule.rejected_share:
                    self.note(key, opinion(found, look, self.rule, self.margins(metric)))
        self.refuse_unheld()

    def note(self, key: Key, new: Opinion) -> None:
        """The p of a case is the least of its looks: each look has paid for its own part of the error rate."""
        old = self.opinions.get(key)
        self.opinions[key] = replace(new, p=min(new.p, old.p)) if old else new

    def refuse_unheld(self) -> None:
        """A red of its own that Holm does not hold among the other cases is collected further."""
        held = holm({key: found.p for key, found in self.opinions.items()}, self.rule.family_alpha)
        for key, found in self.opinions.items():
            if found.verdict is Verdict.REGRESSED and key not in held:
                told = f"red alone, but not as one of {len(self.opinions)} (Holm)"
                self.opinions[key] = replace(found, verdict=None, reason=told)

    def margins(self, metric: str) -> Margins:
        return MARGINS[self.device, metric]

    def confirm(self) -> None:
        """Every red once more, with fresh pairs: what went away was no regression, and is not tried a second time."""
        for look in self.rule.confirm:
            doubtful = [match for match in self.matches if self.unconfirmed(match.name)]
            self.collect("confirm", doubtful, look.pairs)
            for match in doubtful:
                self.try_to_confirm(match.name, look)
        for match in self.matches:
            for metric in self.unconfirmed(match.name):
                self.conclude_unconfirmed((match.name, metric), self.opinions[match.name, metric])

    def unconfirmed(self, name: str) -> list[str]:
        return [
            metric
            for (match, metric), found in self.opinions.items()
            if match == name and found.verdict is Verdict.REGRESSED and (match, metric) not in self.judgements
        ]

    def try_to_confirm(self, name: str, look: Look) -> None:
        for metric in self.unconfirmed(name):
            found = self.estimated(name, metric, "confirm")
            if found is not None and confirms(found, look, self.margins(metric)):
                told = f"confirmed by {found.pairs} fresh pairs: {percent(found.centre)}"
                self.settle((name, metric), Verdict.REGRESSED, told)

    def estimated(self, name: str, metric: str, purpose: str) -> Estimate | None:
        duels = self.of(name, purpose)
        if rejected_share(duels) > self.rule.rejected_share:
            return None
        return estimate(log_ratios(duels, metric))

    # concluding

    def conclude(self) -> None:
        """Every metric gets its verdict; nothing that was asked for is left out."""
        for match in self.matches:
            status, duels = self.pairs.statuses.get(match.name), self.of(match.name, "decide")
            if status is not None:
                self.judgements[match.name, "status"] = unfit(match.name, status, len(duels))
                continue
            for metric in common_metrics(duels) or ("latency_s",):
                if (match.name, metric) not in self.judgements:
                    self.conclude_metric((match.name, metric))
            for metric in sorted({name for duel in duels for name in duel.lost_metrics}):
                told = "base has this metric, head has not"
                self.judgements[match.name, metric] = Judgement(match.name, metric, Verdict.MISSING, told)
        self.heed_twin()

    def conclude_metric(self, key: Key) -> None:
        found, duels = self.opinions.get(key), self.of(key[0], "decide")
        if found and found.verdict is Verdict.REGRESSED:
            self.conclude_unconfirmed(key, found)
        elif found and found.verdict is not None:
            self.settle(key, found.verdict, "")
        elif rejected_share(duels) > self.rule.rejected_share:
            told = f"{rejected_share(duels):.0%} of the alternations were rejected: {commonest_objection(duels)}"
            self.settle(key, Verdict.INCONCLUSIVE, told, judged=False)
        elif self.ended:
            self.settle(key, Verdict.INCONCLUSIVE, f"{self.ended}; {counted(len(duels), 'pair')} taken", judged=False)
        elif found and found.reason:
            self.settle(key, Verdict.INCONCLUSIVE, found.reason)
        elif key[0] in self.red() and not self.every_metric:
            self.settle(key, Verdict.INCONCLUSIVE, "not looked at further: another metric of this case is red")
        else:
            self.settle(key, Verdict.INCONCLUSIVE, "too noisy to tell after the last look")

    def conclude_unconfirmed(self, key: Key, found: Opinion) -> None:
        assert found.estimate is not None
        fresh = self.estimated(*key, "confirm")
        told = f"{percent(found.estimate.centre)} at first, not confirmed"
        if self.ended:
            self.settle(key, Verdict.INCONCLUSIVE, f"{told}: {self.ended}", judged=False)
        elif fresh is None:
            self.settle(key, Verdict.INCONCLUSIVE, f"{told}: too many slots were rejected", judged=False)
        else:
            self.settle(key, Verdict.INCONCLUSIVE, f"{told}: {percent(fresh.centre)} in {fresh.pairs} fresh pairs")

    def settle(self, key: Key, verdict: Verdict, reason: str, judged: bool = True) -> None:
        name, metric = key
        duels = self.of(name, "decide")
        found = estimate(log_ratios(duels, metric)) if duels else None
        base_s, head_s = medians(duels, metric)
        numbers = self.numbers(found, self.margins(metric)) if found else {}
        pairs = len(duels)
        self.judgements[key] = Judgement(
            name, metric, verdict, reason, judged, pairs=pairs, base_s=base_s, head_s=head_s, **numbers
        )

    def numbers(self, found: Estimate, margins: Margins) -> dict[str, float]:
        """`detectable` as the hardest of the job's cases, for which Holm leaves the least error rate."""
        low, high = found.low(self.rule.same_alpha), found.high(self.rule.same_alpha)
        last, hardest = self.rule.looks[-1], self.rule.family_alpha / max(1, len(self.opinions))
        alpha = last.alpha * min(1.0, hardest / self.rule.alpha)
        least = found.detectable(Look(last.pairs, alpha), math.log1p(margins.bias))
        detectable = max(least, math.log1p(margins.fail))
        return {
            "change": math.expm1(found.centre),
            "low": math.expm1(low),
            "high": math.expm1(high),
            "detectable": math.expm1(detectable),
        }

    def heed_twin(self) -> None:
        """Base that differs from base: this machine cannot tell now, so that nothing may be called red or better."""
        twins = [duel for duel in self.duels if duel.purpose == "twin"]
        for metric in sorted({name for duel in twins for name in duel.metrics}):
            numbers = sorted({duel.pair for duel in twins})
            pairs = [log_ratios([duel for duel in twins if duel.pair == number], metric) for number in numbers]
            alarm = alarmed([ratios for ratios in pairs if ratios], self.rule, self.margins(metric))
            self.twin_alarm = alarm or self.twin_alarm
        if self.twin_alarm is None:
            return
        told = f"base differs from itself by {percent(self.twin_alarm.centre)}: the job is invalid"
        for key, found in self.judgements.items():
            if found.metric != "status":
                self.judgements[key] = replace(found, verdict=Verdict.INCONCLUSIVE, reason=told, judged=False)


def common_metrics(duels: Sequence[Duel]) -> tuple[str, ...]:
    return tuple(name for name in duels[0].metrics if all(name in duel.metrics for duel in duels)) if duels else ()


def medians(duels: Sequence[Duel], metric: str) -> tuple[float | None, float | None]:
    """Seconds per call of base and head over all slots, for the eye; the verdict comes from the ratios."""
    found = [alternation for duel in duels for alternation in duel.alternations if metric in duel.metrics]
    if not found:
        return None, None
    return (
        statistics.median(each.base.median_s(metric) for each in found),
        statistics.median(each.head.median_s(metric) for each in found),
    )


def unfit(name: str, status: Status, duels: int) -> Judgement:
    """A case that only head cannot do any more has regressed; what base cannot do either leaves nothing to judge."""
    told = status.reason if status.base == LOST else f"{status.base} -> {status.head}: {status.reason}"
    if duels:
        told = f"{counted(duels, 'pair')} of processes could be timed, later ones could not: {told}"
    if duels or status.base == LOST:
        return Judgement(name, "status", Verdict.INCONCLUSIVE, told, judged=False, pairs=duels)
    if status.base == status.head and status.base != "error":
        return Judgement(name, "status", Verdict.UNCHANGED, told)
    if "ok" not in (status.base, status.head):
        return Judgement(name, "status", Verdict.INCONCLUSIVE, told, judged=False)
    return Judgement(name, "status", Verdict.IMPROVED if status.head == "ok" else Verdict.REGRESSED, told)


def percent(log_ratio: float) -> str:
    return f"{math.expm1(log_ratio):+.1%}"
