"""What an A/B found: verdicts, exit code, table, and the file that keeps every raw slot."""

import dataclasses
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tools.ab.job import Judgement
from tools.ab.rule import Rule
from tools.ab.slots import Duel
from tools.files import UnusableFile, read_json, remedy, validate
from tools.quantities import counted
from tools.records import Metric
from tools.tables import Table
from tools.verdict import SEVERITY, Verdict
from tools.views import BLANK, WHY_WIDTH, seconds

# Format history of an outcome in its file:
#   1  first form
SCHEMA_VERSION = 1

COLUMNS = ("verdict", "case", "metric", "base", "head", "change", "95 % interval", "pairs", "could have seen", "why")
LEFT = frozenset({"verdict", "case", "metric", "why"})
UNJUDGED = (Verdict.MISSING, Verdict.INCOMPARABLE)


@dataclass(frozen=True)
class Side:
    """One arm as it was measured: what was asked for, the commit (or `worktree`), the interpreter and its versions."""

    asked: str
    commit: str
    python: str
    versions: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.asked[:12] if self.asked == self.commit else f"{self.asked} ({self.commit[:12]})"


@dataclass(frozen=True)
class Outcome:
    """One A/B. `problem` says why it ended before its time; "" if it did not."""

    __pydantic_config__: ClassVar = {"allow_inf_nan": False}

    created_utc: str
    slug: str
    base: Side
    head: Side
    rule: Rule
    seed: int
    wall_s: float
    problem: str
    invalid: bool
    judgements: tuple[Judgement, ...]
    duels: tuple[Duel, ...]

    def exit_code(self, *, strict: bool = False) -> int:
        """0 nothing regressed, 1 regressed, 3 could not judge: a case that was asked for has no verdict, or none was
        measured in both arms."""
        verdicts = {found.verdict for found in self.judgements}
        if Verdict.REGRESSED in verdicts:
            return 1
        undecided = strict and Verdict.INCONCLUSIVE in verdicts
        unjudged = any(not found.judged or found.verdict in UNJUDGED for found in self.judgements)
        compared = Verdict.IMPROVED in verdicts or any(found.pairs for found in self.judgements)
        return 3 if undecided or unjudged or self.problem or not compared else 0

    def worst_first(self) -> list[Judgement]:
        return sorted(self.judgements, key=lambda found: (SEVERITY[found.verdict], found.case, found.metric))

    def document(self) -> str:
        content: dict[str, Any] = {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}
        return json.dumps({**content, "exit_code": self.exit_code()}, separators=(",", ":"), sort_keys=True) + "\n"


def read_outcome(path: Path) -> Outcome:
    """What `ab --json` kept. Raises UnusableFile for a file that is missing, damaged, of another schema or no A/B."""
    document = read_json(path, "A/B file")
    found = validate(document, Outcome, path, "A/B file", SCHEMA_VERSION)
    if told := contradiction(found, document.get("exit_code")):
        raise UnusableFile(f"A/B file {path}: {told}; {remedy('A/B file')}")
    return found


def contradiction(found: Outcome, code: Any) -> str:
    """What no A/B could have written, in words; "" where there is none."""
    if code != found.exit_code():
        return f"found exit code {code!r}, its verdicts make {found.exit_code()}"
    if any(len(duel.alternations) != len(duel.objections) for duel in found.duels):
        return "found alternations without a word on whether they count, expected one each"
    slots = [slot for duel in found.duels for each in duel.alternations for slot in each.slots]
    if any(min(rounds, default=0.0) <= 0 for slot in slots for rounds in slot.rounds.values()):
        return "found a slot without a time or with one that is not positive"
    return ""


def table(outcome: Outcome) -> Table:
    title = f"{outcome.head.name} against {outcome.base.name} on {outcome.slug}"
    return Table(title, COLUMNS, tuple(row(found) for found in outcome.worst_first()), LEFT)


def row(found: Judgement) -> tuple[str, ...]:
    return (
        found.verdict,
        found.case,
        found.metric,
        time(found.base_s),
        time(found.head_s),
        percent(found.change),
        f"{percent(found.low)} … {percent(found.high)}" if found.low is not None else BLANK,
        str(found.pairs) if found.pairs else BLANK,
        percent(found.detectable),
        textwrap.shorten(found.reason, WHY_WIDTH, placeholder=" …"),
    )


def time(value: float | None) -> str:
    return seconds(None if value is None else Metric(value))


def percent(change: float | None) -> str:
    return BLANK if change is None else f"{change:+.1%}"


def sentences(outcome: Outcome) -> list[str]:
    """Under the table: what needs somebody's attention in full, then what the job cost and why it ended."""
    attention = (Verdict.REGRESSED, Verdict.MISSING, Verdict.INCOMPARABLE)
    told = [
        f"{found.case}: {found.metric} {found.verdict}: {numbers(found)}{found.reason}"
        for found in outcome.worst_first()
        if found.verdict in attention or not found.judged
    ]
    return [*told, cost(outcome), *versions(outcome), *([outcome.problem] if outcome.problem else [])]


def numbers(found: Judgement) -> str:
    if found.change is None:
        return ""
    return f"{percent(found.change)} ({percent(found.low)} to {percent(found.high)}, {counted(found.pairs, 'pair')}); "


def cost(outcome: Outcome) -> str:
    pairs, cases = len({duel.pair for duel in outcome.duels}), len({found.case for found in outcome.judgements})
    rejected = [objection for duel in outcome.duels for objection in duel.objections]
    share = sum(objection is not None for objection in rejected) / len(rejected) if rejected else 0.0
    per_case = f", {outcome.wall_s / cases:.0f} s a case" if cases else ""
    return (
        f"{counted(cases, 'case')} in {counted(pairs, 'pair')} of fresh processes, {outcome.wall_s:.0f} s wall"
        f"{per_case}; {share:.1%} of the alternations rejected"
    )


def versions(outcome: Outcome) -> list[str]:
    """Two environments are told apart, for a change may come from them and not from the commits."""
    base, head = outcome.base.versions, outcome.head.versions
    names = [name for name in sorted(base.keys() | head.keys()) if base.get(name) != head.get(name)]
    told = "; ".join(f"{name} {base.get(name)} -> {head.get(name)}" for name in names)
    return [f"the environments differ: {told}"] if told else []
