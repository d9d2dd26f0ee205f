"""Which cases an A/B compares, and what is said of those that it cannot."""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.ab.job import Judgement
from tools.ab.pairs import Match
from tools.verdict import Verdict

OPERATORS = ("(", ")", "and", "or", "not")
WORDS = re.compile(r"[()]|[^\s()]+")


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
    if base is None and head is None:
        return Verdict.MISSING, "neither arm has it: the run is of another commit"
    if base is None:
        return Verdict.NEW, "only head has it"
    if head is None:
        return Verdict.MISSING, "only base has it: renamed or deleted?"
    if base != head:
        return Verdict.INCOMPARABLE, f"redefined ({base} -> {head}): the two measure different things"
    return None


def matching(expression: str, cases: Iterable[str]) -> list[str]:
    """Case ids that `expression` fits, read as pytest reads -k: parts of the id with and, or, not and parentheses."""
    words = WORDS.findall(expression)
    try:
        return [case for case in cases if holds(ast.parse(filled_in(words, case.lower()), mode="eval").body)]
    except SyntaxError as error:
        raise BadExpression(f"-k {expression!r}: expected parts of case ids joined by and, or, not and ()") from error


def filled_in(words: Sequence[str], case: str) -> str:
    """The expression with True or False in the place of each part, so that nothing else of it reaches the parser."""
    return " ".join(word if word in OPERATORS else str(word.lower() in case) for word in words)


def holds(node: ast.expr) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(set(map(holds, parts)))
        case ast.BoolOp(values=parts):
            return any(set(map(holds, parts)))
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not holds(part)
        case ast.Constant(value=bool(found)):
            return found
    raise SyntaxError("neither a part nor an operator")
