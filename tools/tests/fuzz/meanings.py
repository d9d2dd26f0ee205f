"""Changes of a run or its baselines whose meaning is known, and the verdict that each must get."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tools.policy import Policy, Rule, policy_of
from tools.tests.fuzz.world import BASELINES

Document = dict[str, Any]
Expected = Mapping[tuple[str, str], tuple[str, ...]]

WORSE = {Rule.EXACT: ("regressed",), Rule.ERROR: ("regressed",), Rule.HINT: ("suspect",)}
NOISY_WORSE = ("suspect", "inconclusive", "incomparable")
BETTER = {Rule.EXACT: ("improved",), Rule.ERROR: ("improved",), Rule.HINT: ("improved",)}


@dataclass
class Stage:
    """The documents of a world; what is changed is written back."""

    world: Path
    run: Document
    stored: dict[Path, Document]
    random: Random

    @classmethod
    def of(cls, world: Path, random: Random) -> "Stage":
        files = sorted((world / BASELINES).glob("*/*.json"))
        run = json.loads((world / "run.json").read_bytes())
        return cls(world, run, {file: json.loads(file.read_bytes()) for file in files}, random)

    def write(self) -> None:
        (self.world / "run.json").write_text(json.dumps(self.run))
        for file, document in self.stored.items():
            file.write_text(json.dumps(document))

    @property
    def records(self) -> list[Document]:
        return self.run["perf_ratchet"]["records"]

    def pair(self) -> tuple[Document, Document]:
        """A measured record and what is stored of its case."""
        cases = {case: kept for document in self.stored.values() for case, kept in document["cases"].items()}
        found = [(each, cases[each["case"]]) for each in self.records if each["case"] in cases]
        return self.random.choice([pair for pair in found if pair[0]["status"] == "ok"])

    def metric(self) -> tuple[Document, Document, str]:
        """The same, and a metric of both that is judged by its size."""
        record, kept = self.pair()
        names = [
            name
            for name in kept["metrics"]
            if policy_of(name).rule not in (Rule.NONE, Rule.BOUND) and not kept["metrics"][name].get("outcomes")
        ]
        return (record, kept, self.random.choice(names)) if names else self.metric()


def worse(stage: Stage) -> Expected:
    record, _kept, name = stage.metric()
    policy = policy_of(name)
    record["metrics"][name]["value"] = shifted(record["metrics"][name]["value"], policy, stage.random, -1)
    return {(record["case"], name): WORSE.get(policy.rule, NOISY_WORSE)}


def better(stage: Stage) -> Expected:
    record, _kept, name = stage.metric()
    policy, value = policy_of(name), record["metrics"][name]["value"]
    if policy.noisy or (not policy.higher_is_better and value <= policy.floor + policy.margin * abs(value)):
        return {}
    record["metrics"][name]["value"] = shifted(value, policy, stage.random, 1)
    return {(record["case"], name): BETTER[policy.rule]}


def shifted(value: float, policy: Policy, random: Random, gain: int) -> float:
    """Beyond margin and floor, by a little or by far; never below what can be measured."""
    up = (gain > 0) == policy.higher_is_better
    if policy.rule is Rule.ERROR:
        return value * random.choice((3.5, 10.0)) if up else value / random.choice((10.0, 100.0))
    by = max(policy.floor, policy.margin * abs(value)) * 1.05 + (1 if isinstance(value, int) else 1e-9)
    by = by * random.choice((1, 1.5)) if not up else by * random.choice((1, 3, 1_000))
    if policy.noisy:
        by = value * random.choice((3, 30)) if up else 0.9 * value
    moved = value + by if up else value - by
    return round(moved) if isinstance(value, int) else moved


def stored_otherwise(stage: Stage) -> Expected:
    """What is stored is better than what was measured."""
    record, kept, name = stage.metric()
    policy, value = policy_of(name), record["metrics"][name]["value"]
    if policy.noisy or (not policy.higher_is_better and value <= policy.floor + policy.margin * abs(value)):
        return {}
    kept["metrics"][name] = {"values": [shifted(value, policy, stage.random, 1)]}
    return {(record["case"], name): WORSE[policy.rule]}


def metric_dropped(stage: Stage) -> Expected:
    record, _kept, name = stage.metric()
    del record["metrics"][name]
    return {(record["case"], name): ("missing",)}


def stored_metric_dropped(stage: Stage) -> Expected:
    record, kept, name = stage.metric()
    del kept["metrics"][name]
    return {(record["case"], name): ("new",)}


def record_dropped(stage: Stage) -> Expected:
    record, _ = stage.pair()
    stage.records.remove(record)
    return {(record["case"], "status"): ("missing",)}


def case_forgotten(stage: Stage) -> Expected:
    """As if it had been deleted from perf_tests."""
    record, _ = stage.pair()
    stage.records.remove(record)
    selection, path = stage.run["perf_ratchet"]["selection"], record["case"].partition("/")[0]
    selection["known"][path].remove(record["case"])
    selection["selected"].remove(record["case"])
    return {(record["case"], "status"): ("missing",)}


def stored_case_dropped(stage: Stage) -> Expected:
    record, _ = stage.pair()
    for document in stage.stored.values():
        document["cases"].pop(record["case"], None)
    return {(record["case"], "status"): ("new",)}


def case_renamed(stage: Stage) -> Expected:
    record, _ = stage.pair()
    before, record["case"] = record["case"], f"{record['case']}-renamed"
    return {(before, "status"): ("missing",), (record["case"], "status"): ("new",)}


def status_lost(stage: Stage) -> Expected:
    record, _ = stage.pair()
    record.update(status=stage.random.choice(("oom", "unsupported", "error")), metrics={})
    return {(record["case"], "status"): ("regressed",)}


def status_won(stage: Stage) -> Expected:
    record, kept = stage.pair()
    kept.update(status=stage.random.choice(("oom", "unsupported")), metrics={})
    return {(record["case"], "status"): ("improved",)}


def redefined(stage: Stage) -> Expected:
    record, kept = stage.pair()
    stage.random.choice((record, kept))["definition"] = "d9"
    return {(record["case"], "definition"): ("incomparable",)}


def other_software(stage: Stage) -> Expected:
    record, _kept, name = stage.metric()
    record["software"] = {**record["software"], "onnxruntime-gpu": "9.9"}
    scoped = "software" in policy_of(name).scope
    return {(record["case"], name): ("incomparable",)} if scoped else {}


def examples_lost(stage: Stage) -> Expected:
    """Thirty examples that were right are wrong now."""
    record = next(each for each in stage.records if each["metrics"].get("top1_fraction", {}).get("outcomes"))
    metric = record["metrics"]["top1_fraction"]
    outcomes = metric["outcomes"]
    bits, right = (
        int(outcomes["right"], 16),
        [n for n in range(outcomes["count"]) if int(outcomes["right"], 16) >> n & 1],
    )
    for place in stage.random.sample(right, 30):
        bits &= ~(1 << place)
    outcomes["right"], metric["value"] = f"{bits:x}", bits.bit_count() / outcomes["count"]
    return {(record["case"], "top1_fraction"): ("regressed",)}


def anchor_left_behind(stage: Stage) -> Expected:
    """Measured as it is stored lately, and far from where it was pinned."""
    record, kept, name = stage.metric()
    policy, value = policy_of(name), record["metrics"][name]["value"]
    if policy.noisy or (not policy.higher_is_better and value <= policy.floor + policy.margin * abs(value)):
        return {}
    origin = {"commit": "beef12345678", "created_utc": "2026-09-01T06:00:00+00:00"}
    pinned = {"values": [shifted(value, policy, stage.random, 1)], "origin": origin}
    kept["metrics"][name] = {"values": [value], "anchor": pinned}
    return {(record["case"], name): WORSE[policy.rule]}


MEANINGS: tuple[Callable[[Stage], Expected], ...] = (
    worse,
    worse,
    better,
    stored_otherwise,
    metric_dropped,
    stored_metric_dropped,
    record_dropped,
    case_forgotten,
    stored_case_dropped,
    case_renamed,
    status_lost,
    status_won,
    redefined,
    other_software,
    examples_lost,
    anchor_left_behind,
)


def missed(expected: Expected, out: str) -> list[str]:
    """The verdicts that are others than they must be."""
    said = {(each["case"], each["metric"]): each["verdict"] for each in json.loads(out)["verdicts"]}
    return [
        f"{key}: {said.get(key, 'nothing')}, expected {' or '.join(verdicts)}"
        for key, verdicts in expected.items()
        if said.get(key) not in verdicts
    ]
