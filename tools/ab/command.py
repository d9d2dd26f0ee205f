"""python -m tools ab: two revisions, or environments, side by side."""

import math
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from tools.ab.checkouts import WORKTREE, UnusableRevision, commit_of
from tools.ab.contest import PROFILES, Request, contest
from tools.ab.outcome import Outcome, sentences, table
from tools.ab.rule import Rule
from tools.arguments import ROOT, Baselines
from tools.compare import Finding
from tools.decided import measured_by_ab
from tools.files import check_writable, write_atomically
from tools.interruption import interruptible
from tools.judged import judged
from tools.records import BROUGHT
from tools.tables import printable
from tools.terminal import show, tell
from tools.verdict import Verdict


def ab(
    base: Annotated[str, typer.Option("--base", metavar="REV", help="what head is held against")],
    head: Annotated[
        str, typer.Option("--head", metavar="REV", help="a revision, or the files as they are now")
    ] = WORKTREE,
    keyword: Annotated[str, typer.Option("-k", metavar="EXPR", help="as pytest reads it, on case ids")] = "",
    suspects: Annotated[
        Path | None, typer.Option("--suspects", metavar="RUN", help="only the cases that this run leaves suspect")
    ] = None,
    baselines: Baselines = ROOT,
    profile: Annotated[str, typer.Option(metavar="|".join(PROFILES), help="which cases")] = "standard",
    device: Annotated[str | None, typer.Option(metavar="cpu|cuda", help="default: cuda where there is one")] = None,
    base_python: Annotated[str, typer.Option(metavar="EXE", help="interpreter of base")] = sys.executable,
    head_python: Annotated[str, typer.Option(metavar="EXE", help="interpreter of head")] = sys.executable,
    max_minutes: Annotated[
        float, typer.Option(min=0.0, help="what is undecided then is inconclusive: exit 3")
    ] = math.inf,
    hang_s: Annotated[float, typer.Option(min=1.0, help="a worker that answers nothing for so long is lost")] = 900.0,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="keep every raw slot here")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="inconclusive also exits 3")] = False,
) -> None:
    """Measure two revisions (or environments) side by side, in turns, and say which cases changed."""
    if profile not in PROFILES:
        raise typer.BadParameter(f"unknown profile {profile!r}, expected one of: {', '.join(PROFILES)}")
    if device not in (None, "cpu", "cuda"):
        raise typer.BadParameter(f"unknown device {device!r}, expected cpu or cuda")
    chosen = None
    if suspects:
        chosen, measured_on = suspect_cases(suspects, baselines, base)
        device = device or measured_on
        if not chosen:
            print(f"{suspects} leaves no suspect that an A/B against {base} decides")
            return
    if json is not None:
        check_writable(json, "A/B file")
    request = Request(
        Path(),
        base,
        head,
        interpreter(base_python),
        interpreter(head_python),
        keyword,
        chosen,
        profile,
        device,
        max_minutes,
        hang_s,
    )
    with interruptible():
        outcome = contest(request, Rule(), tell)
    tell_outcome(outcome, json)
    raise typer.Exit(outcome.exit_code(strict=strict))


def interpreter(python: str) -> str:
    """Its whole path, for workers run elsewhere; links are kept, for they tell a virtual environment."""
    found = shutil.which(python)
    if found is None:
        raise typer.BadParameter(f"{python}: no such interpreter, expected an executable file")
    return os.path.abspath(found)


def suspect_cases(run_file: Path, baselines: Path, base: str) -> tuple[frozenset[str], str]:
    """The cases whose suspects an A/B against `base` can decide, and the device of the run; the others are named."""
    found = judged(run_file, baselines)
    run, findings = found.run, found.findings
    suspects = {found: left_open(found, base, run_file) for found in findings if found.verdict is Verdict.SUSPECT}
    for finding, why in suspects.items():
        if why:
            print(printable(f"{finding.case}: {finding.metric} stays suspect: {why}"))
    decided = frozenset(finding.case for finding, why in suspects.items() if not why)
    return decided, "cpu" if run.fingerprint.slug.startswith("cpu-") else "cuda"


def left_open(finding: Finding, base: str, run_file: Path) -> str:
    """Why an A/B against `base` does not decide a suspect; "" where it does. What crept is no slower than yesterday."""
    if finding.case.startswith(BROUGHT):
        return "it came by an option, and no checkout holds it; measure again, or refresh with more processes"
    if not measured_by_ab(finding):
        return "an A/B does not measure it"
    if finding.anchor and not same_commit(finding.anchor, base):
        return f"it crept, which shows in  python -m tools ab --base {finding.anchor} --suspects {run_file}"
    return ""


def same_commit(first: str, second: str) -> bool:
    try:
        return commit_of(Path(), first) == commit_of(Path(), second)
    except UnusableRevision:
        return first == second


def tell_outcome(outcome: Outcome, file: Path | None) -> None:
    """The table first: a file that cannot be written must not cost the verdicts."""
    show(table(outcome))
    print("\n".join(printable(sentence) for sentence in sentences(outcome)))
    if file is not None:
        write_atomically(file, outcome.document(), "A/B file")
