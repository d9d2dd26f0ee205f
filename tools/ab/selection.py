"""Which cases an A/B compares, and what is said of those that it cannot."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.ab.job import Judgement
from tools.ab.pairs import Match
from tools.compare import Verdict

WORDS = re.compile(r"(\(|\)|\b(?:and|or|not)\b(?=[\s()]|$))")


class BadExpression(ValueError):
    """A -k that is no expression of words, and, or, not and parentheses."""


@dataclass(frozen=True)
class Selection:
    """The matches that both arms have alike, and a judgement for every wanted case that they do not."""

    matches: tuple[Match, ...]
    apart: tuple[Judgement, ...]


def select(base: Mapping[str, Any], head: Mapping[str, Any], wanted: Iterable[str]) -> Selection:
    """`base` and `head`: case id -> its definition in that checkout."""
    matches, apart = [], []
    for case in sorted(wanted):
        told = difference(base.get(case), head.get(case))
        if told is None:
            matches.append(Match(case, case, case))
        else:
            apart.append(Judgement(case, "definition", *told))
    return Selection(tuple(matches), tuple(apart))


def difference(base: str | None, head: str | None) -> tuple[Verdict, str] | None:
    """Why a case cannot be compared; None where both arms mean the same by it."""
    if base is None:
        return Verdict.NEW, "only head has it"
    if head is None:
        return Verdict.MISSING, "only base has it: renamed or deleted?"
    if base != head:
        return Verdict.INCOMPARABLE, f"redefined ({base} -> {head}): the two measure different things"
    return None


def matching(expression: str, cases: Iterable[str]) -> list[str]:
    """Case ids that `expression` fits, read as pytest reads -k: parts of the id with and, or, not and parentheses."""
    tokens = [token.strip() for token in WORDS.split(expression) if token.strip()]
    return [case for case in cases if fits(tokens, case.lower(), expression)]


def fits(tokens: Sequence[str], case: str, expression: str) -> bool:
    """Only the words True, False, and, or, not and parentheses reach eval."""
    keep = ("(", ")", "and", "or", "not")
    told = " ".join(token if token in keep else str(token.lower() in case) for token in tokens)
    try:
        return bool(eval(told, {"__builtins__": {}}))
    except SyntaxError as error:
        raise BadExpression(f"-k {expression!r}: expected parts of case ids joined by and, or, not and ()") from error
