"""How new numbers follow stored ones: what stays of the history, and where each anchor stays pinned.

An anchor moves with a decision, never with time:
    worse, with a reason    it was accepted, and must not stay red; without one it stays where it can be seen
    better beyond chance    a gain that the anchor does not know could be lost again, a little at a time
    another environment     of which the old numbers do not speak: other software, device, machine or definition
    --anchor                somebody says so
"""

import dataclasses
import statistics
from dataclasses import dataclass

from tools import spread
from tools.baselines import Anchor, Baseline, Stored, StoredCase, Values
from tools.compare import neighbours
from tools.opinion import judge_value
from tools.policy import decisive, policy_of
from tools.records import Metric
from tools.verdict import Verdict

# Twice what a time on a known GPU needs before it may turn red, and still recent.
MOST_PROCESSES = 20


@dataclass(frozen=True)
class Manner:
    """How new numbers are stored.

    append  noisy numbers join the stored ones, of which the latest MOST_PROCESSES stay; else they replace them
    anchor  the new numbers are the anchors
    """

    append: bool = False
    anchor: bool = False


@dataclass(frozen=True)
class Succession:
    """`new`, as it was measured, takes the place of `old`; `accepted` are the (case, metric) worse with a reason."""

    old: Baseline
    new: Baseline
    accepted: frozenset[tuple[str, str]]
    manner: Manner

    def baseline(self) -> Baseline:
        cases = {case: self.case(case, stored) for case, stored in self.new.cases.items()}
        processes = min(self.old.processes + self.new.processes, MOST_PROCESSES)
        return dataclasses.replace(
            self.new, cases=cases, processes=processes if self.manner.append else self.new.processes
        )

    def case(self, case: str, new: StoredCase) -> StoredCase:
        old = self.old.cases.get(case)
        if old is None or old.definition != new.definition:
            return new
        metrics = {
            name: self.metric(case, name, old.metrics[name], stored) if name in old.metrics else stored
            for name, stored in new.metrics.items()
        }
        return dataclasses.replace(new, metrics=metrics)

    def metric(self, case: str, name: str, old: Stored, new: Stored) -> Stored:
        """A decided change begins everything anew: the old values no longer describe the code."""
        if self.decided(case, name, old, new):
            return new
        values = joined(old.values, new.values) if self.manner.append and policy_of(name).noisy else new.values
        anchor = old.anchor or Anchor(old.values, self.old.origin(case), old.outcomes)
        return Stored(values, None if self.manner.anchor else kept(anchor, values, new, name), new.outcomes)

    def decided(self, case: str, name: str, old: Stored, new: Stored) -> bool:
        elsewhere = self.new.fingerprint.differences(self.old.fingerprint, policy_of(name).scope)
        return bool(elsewhere) or (case, name) in self.accepted or self.gained(name, old, new)

    def gained(self, name: str, old: Stored, new: Stored) -> bool:
        """Better than the anchor beyond the bounds of red, for times as well.

        These bounds are the widest there are: a lucky process must not set a mark that no later one can reach.
        """
        others = neighbours(self.old, name, old)
        middle = Metric(statistics.median(new.values), outcomes=new.outcomes)
        return judge_value(middle, old.anchor or old, others, decisive(policy_of(name))).verdict is Verdict.IMPROVED


def joined(old: Values, new: Values) -> Values:
    return (*old, *new)[-MOST_PROCESSES:]


def kept(anchor: Anchor, values: Values, new: Stored, name: str) -> Anchor | None:
    """None where the values do as well: they are the same, or the anchor's processes are too few to judge by."""
    noisy = policy_of(name).noisy
    too_few = noisy and len(anchor.values) < spread.LEAST_PROCESSES
    same = anchor.values == values if noisy else statistics.median(anchor.values) == statistics.median(values)
    return None if too_few or (same and anchor.outcomes == new.outcomes) else anchor
