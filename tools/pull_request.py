"""A run as a comment on a pull request, or as a step's summary: at most a screenful of Markdown, worst first.

What comes from a run is shown as it is: no Markdown, no HTML, and nobody is notified. GitHub looks for mentions and
references in what a reader will see, so that a backslash stops none; a character of no width behind the sign does.
"""

import re
import textwrap
import urllib.parse
from collections.abc import Sequence

import typer

from tools.ab.outcome import Outcome, cost
from tools.causes import Cause, grouped
from tools.compare import Finding
from tools.decided import final_code
from tools.page.subject import Subject
from tools.records import Run
from tools.report import counts, effort, next_steps
from tools.tables import escape_markdown, printable
from tools.verdict import Verdict
from tools.views import BLANK, change

MOST_CHARACTERS = 60_000  # GitHub takes 65,536
MOST_CAUSES = 7
TITLE_WIDTH, HINT_WIDTH, COMMAND_WIDTH = 180, 98, 195
CASE_WIDTH, REASON_WIDTH = 160, 240
MOST_FINDINGS = 400
RESERVE = 500  # for what stands around the table

ZERO_WIDTH = "&#8203;"
URL_SAFE = ":/?#@!$&*+,;=%-._~"

COLUMNS = "| verdict | case | metric | change | why |\n| :--- | :--- | :--- | ---: | :--- |\n"


def marker(slug: str) -> str:
    """By which the comment of a device is found again. The rules of a slug leave no way out of an HTML comment."""
    return f"<!-- perf-ratchet:{slug} -->"


def comment(subject: Subject, link: str = "") -> str:
    """Markdown; its first line is the verdict in words and the marker. A clean run has two lines.

    link  address of the whole report; "" for none. Raises typer.BadParameter for one that is no address.
    """
    causes = grouped(subject.findings, subject.run, subject.baselines, subject.file)
    return written(subject, causes, final_code(subject.run, subject.findings, subject.outcomes), link)


def written(subject: Subject, causes: Sequence[Cause], code: int, link: str) -> str:
    run = subject.run
    first = f"**{safe(headline(subject, causes, code))}** on {safe(place(run))} {marker(run.fingerprint.slug)}\n"
    if not causes:
        return f"{first}{safe(' '.join(closing(subject)))} {linked(link)}".rstrip() + "\n"
    parts = [first, "".join(item(cause) for cause in causes[:MOST_CAUSES])]
    if len(causes) > MOST_CAUSES:
        parts.append(f"and {amount(len(causes) - MOST_CAUSES, 'more cause')}, with all findings, below\n")
    facts = [counts(run, subject.findings), effort(run), *told(subject.outcomes)]
    after = [folded("Run", facts), *([f"{linked(link)}\n"] if link else [])]
    room = MOST_CHARACTERS - sum(map(len, [*parts, *after])) - RESERVE
    return "\n".join([*parts, table_of(causes, room), *after])


def headline(subject: Subject, causes: Sequence[Cause], code: int) -> str:
    suspects = sum(finding.verdict is Verdict.SUSPECT for finding in subject.findings)
    if code == 1:
        return f"Regressed: {named(causes, Verdict.REGRESSED)}"
    if code == 3:
        return "Could not judge everything" if causes else "Could not judge: nothing has a verdict"
    return f"Nothing regressed, {amount(suspects, 'suspect')} undecided" if suspects else "Nothing regressed"


def named(causes: Sequence[Cause], verdict: Verdict) -> str:
    """`40 cases, 2 causes`."""
    of_verdict = [cause for cause in causes if cause.verdict is verdict]
    cases = {f.case for cause in of_verdict for f in cause.findings if f.verdict is verdict}
    return f"{amount(len(cases), 'case')}, {amount(len(of_verdict), 'cause')}"


def amount(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def place(run: Run) -> str:
    return f"{run.fingerprint.slug}, commit {run.commit}{' and changed files' if run.dirty else ''}"


def closing(subject: Subject) -> list[str]:
    """Under a clean run: what there was, and what to store."""
    steps = next_steps(subject.run, subject.findings, subject.file, subject.own)
    return [f"{counts(subject.run, subject.findings)}.", *steps]


def item(cause: Cause) -> str:
    """A cause in a few lines: what, what it has in common, what to type."""
    hint = f"\n  {safe(shortened(cause.hint, HINT_WIDTH))}" if cause.hint else ""
    hint = f"{hint}  " if hint else ""
    return (
        f"- **{cause.verdict}** {safe(shortened(cause.title, TITLE_WIDTH))}  {hint}\n"
        f"  {span(clipped(cause.command, COMMAND_WIDTH))}\n"
    )


def table_of(causes: Sequence[Cause], room: int) -> str:
    """All findings, folded, as many as there is room for."""
    findings = [finding for cause in causes for finding in cause.findings]
    rows: list[str] = []
    for finding in findings[:MOST_FINDINGS]:
        rows.append(row(finding))
        room -= len(rows[-1])
        if room < 0:
            rows.pop()
            break
    left = len(findings) - len(rows)
    more = f"\nand {left:,} more: `python -m tools compare RUN` lists them all\n" if left else ""
    whole = "The finding" if len(findings) == 1 else f"All {amount(len(findings), 'finding')}"
    title = whole if not left else f"{len(rows)} of {len(findings):,} findings"
    return f"<details><summary>{title}</summary>\n\n{COLUMNS}{''.join(rows)}{more}\n</details>\n"


def row(finding: Finding) -> str:
    cells = (
        finding.verdict,
        clipped(finding.case, CASE_WIDTH),
        clipped(finding.metric, CASE_WIDTH),
        change(finding) if finding.change is not None else BLANK,
        shortened(finding.reason, REASON_WIDTH),
    )
    return f"| {' | '.join(safe(cell) for cell in cells)} |\n"


def told(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f"A/B of {outcome.head.name} against {outcome.base.name}: {cost(outcome)}"
        f"{f'; {outcome.problem}' if outcome.problem else ''}"
        for outcome in outcomes
    ]


def folded(title: str, sentences: Sequence[str]) -> str:
    items = "".join(f"- {safe(shortened(sentence, 2 * TITLE_WIDTH))}\n" for sentence in sentences)
    return f"<details><summary>{title}</summary>\n\n{items}\n</details>\n"


# text


def safe(text: str) -> str:
    """Shown as it is, and neither a mention, a reference to an issue nor a link."""
    escaped = escape_markdown(text).replace("\\@", f"@{ZERO_WIDTH}").replace("\\#", f"#{ZERO_WIDTH}")
    escaped = escaped.replace("://", f":{ZERO_WIDTH}//")
    return re.sub(r"(?i)(www|gh)([.-])", rf"\1{ZERO_WIDTH}\2", escaped)


def span(text: str) -> str:
    """A code span: its fence is longer than any that the text holds."""
    shown = printable(text)
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    return f"{fence} {shown} {fence}" if "`" in shown else f"{fence}{shown}{fence}"


def shortened(text: str, width: int) -> str:
    """By whole words; a word that is longer than all is cut."""
    found = textwrap.shorten(text, width, placeholder=" …")
    return found if found not in ("…", "") else clipped(text, width)


def clipped(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 2]} …"


def linked(url: str) -> str:
    if url and not re.match(r"https?://[^/]", url):
        raise typer.BadParameter(f"--link {url!r}: expected an address that begins with https://")
    return f"[Full report]({urllib.parse.quote(url, safe=URL_SAFE)})" if url else ""
