import pytest

from tools.ab.selection import BadExpression, matching, select
from tools.verdict import Verdict

CASES = ["attention/compiled/d64-s4096/forward", "attention/eager/d64-s256/forward", "mxint8/cpp/g32-n1m-t1"]


@pytest.mark.parametrize(
    ("expression", "numbers"),
    [
        ("attention", [0, 1]),
        ("attention and compiled", [0]),
        ("attention and not compiled", [1]),
        ("COMPILED or cpp", [0, 2]),
        ("(eager or cpp) and not attention", [2]),
        ("d64-s4096/forward", [0]),
        ("forward", [0, 1]),
        ("nothing", []),
    ],
)
def test_expressions_are_read_as_pytest_reads_them(expression, numbers):
    """Words inside a part of an id are no operators: `forward` holds an `or`."""
    assert matching(expression, CASES) == [CASES[number] for number in numbers]


@pytest.mark.parametrize("expression", ["and", "a or", "(a", "a b", "not", "a)", "()"])
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(BadExpression, match="expected parts of case ids"):
        matching(expression, CASES)


def test_no_name_reaches_eval():
    assert matching("__import__", CASES) == []
    with pytest.raises(BadExpression):
        matching("__import__('os')", CASES)


def test_what_only_one_arm_has_is_judged_and_never_dropped():
    base, head = {"a": "1", "gone": "1", "other": "1"}, {"a": "1", "fresh": "1", "other": "2"}
    found = select(base, head, ["a", "gone", "fresh", "other"])
    assert [match.name for match in found.matches] == ["a"]
    assert {each.case: each.verdict for each in found.apart} == {
        "gone": Verdict.MISSING,
        "fresh": Verdict.NEW,
        "other": Verdict.INCOMPARABLE,
    }
