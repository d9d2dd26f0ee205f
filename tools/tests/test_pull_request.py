import html
import re
import textwrap
from pathlib import Path

import pytest
import typer
from markdown_it import MarkdownIt

from tools.causes import Cause
from tools.compare import Finding, judge_run
from tools.page.subject import Subject
from tools.pull_request import comment, marker, written
from tools.tests.ab.test_outcome import judgement, outcome
from tools.tests.samples import CASE, NASTY, SLUG, baseline, full_baseline, full_run, record, run, stored
from tools.tests.test_tables import HOSTILE
from tools.verdict import Verdict

SCREEN = 45


def subject(made, baselines, outcomes=()):
    return Subject(made, judge_run(made, baselines), baselines, outcomes, {}, Path("runs/now.json"))


def of(verdict, case=CASE, reason="because", title="latency_s grew", hint="a hint", command="pytest x", count=1):
    findings = tuple(Finding(case, "latency_s", verdict, reason, change=0.1) for _ in range(count))
    return Cause(verdict, title, hint, findings, command)


def shown(causes, code=1, link="", outcomes=()):
    findings = [finding for cause in causes for finding in cause.findings]
    return written(Subject(run(record()), findings, {}, outcomes, {}, Path("runs/now.json")), causes, code, link)


def rendered(text):
    return MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(text)


def leaves(text):
    """What a renderer makes of the text between the blocks."""
    return [child for token in rendered(text) for child in token.children or ()]


def lines_of_screen(text):
    """Lines that a reader sees before anything is opened, in a column as wide as GitHub's."""
    closed = re.sub(r"<details><summary>(.*?)</summary>.*?</details>", r"\1", text, flags=re.DOTALL)
    seen = html.unescape(re.sub(r"\\(.)", r"\1", closed)).replace("\u200b", "")
    return sum(len(textwrap.wrap(line, 100)) for line in seen.splitlines() if line.strip())


def test_the_first_line_is_the_verdict_and_the_marker_by_which_the_comment_is_found():
    first = shown([of(Verdict.REGRESSED)]).splitlines()[0]
    assert first == f"**Regressed: 1 case, 1 cause** on {SLUG}, commit c0ffee <!-- perf-ratchet:{SLUG} -->"
    assert marker(SLUG) in comment(subject(full_run(), {"attention": full_baseline()}))


def test_a_clean_run_has_two_lines():
    text = comment(subject(full_run(), {"attention": full_baseline()}), "https://x/y")
    first, second = text.splitlines()
    assert first.startswith("**Nothing regressed**")
    assert second.startswith("4 cases (2 ok, 1 oom, 1 unsupported); 13 metrics judged: 4 new")
    assert "python -m tools refresh runs/now.json" in second
    assert second.endswith("[Full report](https://x/y)")


@pytest.mark.parametrize(
    ("causes", "code", "told"),
    [
        ([], 0, "Nothing regressed"),
        ([], 3, "Could not judge: nothing has a verdict"),
        ([of(Verdict.MISSING)], 3, "Could not judge everything"),
        ([of(Verdict.SUSPECT, count=2)], 0, "Nothing regressed, 2 suspects undecided"),
        (
            [of(Verdict.REGRESSED), of(Verdict.REGRESSED, "b"), of(Verdict.SUSPECT, "c")],
            1,
            "Regressed: 2 cases, 2 causes",
        ),
    ],
)
def test_the_verdict_in_words(causes, code, told):
    assert shown(causes, code).startswith(f"**{told}** on ")


def test_a_cause_says_what_and_what_in_common_and_what_to_type():
    text = shown([of(Verdict.REGRESSED, command="pytest 'a b'")])
    assert "- **regressed** latency\\_s grew  \n  a hint  \n  `pytest 'a b'`\n" in text


def test_the_worst_run_fits_a_screen_and_what_github_takes():
    reason = "@team #1 http://x " + "|`*_[]<>&" * 100
    causes = [of(Verdict.REGRESSED, "c" * 400, reason, reason, reason, reason, count=300) for _ in range(200)]
    text = shown(causes, link="https://x/" + "y" * 99, outcomes=[outcome(judgement(), problem=reason)] * 3)
    assert len(text) <= 60_000
    assert lines_of_screen(text) <= SCREEN
    assert "and 193 more causes" in text
    assert re.search(r"and [\d,]+ more: `python -m tools compare RUN`", text)
    assert text.count("<details>") == text.count("</details>") == 2


def test_forty_tests_of_one_cause_are_one_entry():
    cases = {f"attention/d{n}": stored(peak_allocated_bytes=2**24) for n in range(40)}
    made = run(*(record(case, peak_allocated_bytes=2**25) for case in cases))
    text = comment(subject(made, {"attention": baseline(cases)}))
    assert text.count("- **regressed**") == 1
    assert lines_of_screen(text) < 10
    assert text.count("| regressed |") == 40


@pytest.mark.parametrize(
    "text", [*HOSTILE, "--> <b>", "</details>", "@team", "fix #12", "GH-12", "http://evil.x", "www.x"]
)
def test_nothing_of_a_run_is_markdown_html_a_mention_or_a_link(text):
    made = [of(Verdict.REGRESSED, f"a/{text}", text, text, text, text)]
    written = shown(made)
    kinds = {child.type for child in leaves(written)}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close", "code_inline", "softbreak", "hardbreak",
                     "html_inline"}  # fmt: skip
    raw = [child.content for child in leaves(written) if child.type == "html_inline"]
    raw += [line for token in rendered(written) if token.type == "html_block" for line in token.content.splitlines()]
    assert set(raw) <= {marker(SLUG), "<details><summary>The finding</summary>", "<details><summary>Run</summary>",
                         "</details>"}  # fmt: skip
    seen = "".join(child.content for child in leaves(written) if child.type in ("text", "text_special"))
    assert not re.search(r"@\w|#\d|://|(?i:gh-\d|www\.)", seen)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_shown_can_be_read_as_it_is(text):
    seen = "".join(child.content for child in leaves(shown([of(Verdict.REGRESSED, reason=text)])))
    assert re.sub(
        r"\s+", " ", "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in " ".join(text.split()))
    ) in (seen.replace("\u200b", ""))


@pytest.mark.parametrize("text", ["`", "a``b", "`x`", "``` ```"])
def test_a_command_with_backticks_stays_one_code_span(text):
    spans = [
        child.content for child in leaves(shown([of(Verdict.SUSPECT, command=text)])) if child.type == "code_inline"
    ]
    assert spans == [text]


def test_an_ab_tells_what_it_cost():
    made = subject(run(record(NASTY, "error", "x")), {}, [outcome(judgement())])
    assert "1 case in 1 pair of fresh processes, 60 s wall" in comment(made)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "x", "https://", "file:///x", " https://x"])
def test_a_link_that_is_none_is_refused(link):
    with pytest.raises(typer.BadParameter, match="begins with https://"):
        comment(subject(run(record()), {}), link)


def test_a_link_cannot_leave_its_parentheses():
    text = shown([of(Verdict.REGRESSED)], link="https://x/(a) <b>)[c](d)")
    hrefs = [child.attrs["href"] for child in leaves(text) if child.type == "link_open"]
    assert hrefs == ["https://x/%28a%29%20%3Cb%3E%29%5Bc%5D%28d%29"]
