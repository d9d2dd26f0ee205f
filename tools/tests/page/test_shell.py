"""The shell of a page: nothing from outside gets in, and data stays data."""

import base64
import hashlib
import json
import re
import sys

import pytest

from tools.files import UnusableFile
from tools.page import shell
from tools.page.shell import in_script
from tools.tests.page.samples import parsed, subject


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!-- <script>", "]]>", "\u2028", "&lt;", '"\\']
)
def test_data_cannot_end_the_script_that_it_stands_in(text):
    told = in_script({"words": [text]})
    assert not set("<>&\u2028") & set(told)
    assert json.loads(told) == {"words": [text]}


def test_numbers_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        in_script([float("nan")])


def test_the_policy_allows_this_script_and_style_and_nothing_else():
    page = parsed(whole())
    [policy] = [each["content"] for _, each in page.elements if each.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == rules.pop("base-uri") == rules.pop("form-action") == "'none'"
    assert rules.pop("img-src") == "data:"
    assert rules == {f"{kind}-src": digest(page.scripts[kind]) for kind in ("script", "style")}


def whole():
    from tools.page.document import html

    return html(subject())


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_script_and_styles_make_no_html_of_data_and_ask_for_nothing():
    page = parsed(whole())
    forbidden = r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|fetch|XMLHttp|import\(|cssText"
    assert not re.search(forbidden, page.scripts["script"])
    assert not re.search(r"url\(|@import", page.scripts["style"])


def test_without_jinja2_it_says_so_in_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UnusableFile, match=r"^HTML: found no jinja2 .*pip install jinja2$"):
        shell.environment()
