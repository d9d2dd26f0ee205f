"""The first lines of the page: what the run says in a sentence, and what it is a run of."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tools.causes import ATTENTION
from tools.compare import worst
from tools.decided import final_code
from tools.page.subject import Subject
from tools.quantities import counted
from tools.records import Run
from tools.report import counts, effort
from tools.verdict import Verdict

EVERYTHING = ("software", "device", "machine")
MEANINGS = {0: "nothing regressed", 1: "regressed", 3: "could not judge"}


@dataclass(frozen=True)
class Summary:
    """headline: the exit code in words; tone: the verdict whose colour it has.

    chips  verdict -> how many cases it is the worst of
    facts  name -> text
    """

    headline: str
    tone: str
    told: str
    chips: Mapping[Verdict, int]
    facts: Mapping[str, str]
    differences: Sequence[str]


def summary(subject: Subject) -> Summary:
    run, code = subject.run, final_code(subject.run, subject.findings, subject.outcomes)
    chips = Counter(worst(findings) for findings in subject.by_case.values())
    found = {verdict: chips[verdict] for verdict in Verdict if chips[verdict]}
    tone = {0: "improved" if subject.own else "new", 1: "regressed", 3: "missing"}[code]
    return Summary(
        headline(subject, code, found), tone, counts(run, subject.findings), found, facts(subject), differences(subject)
    )


def headline(subject: Subject, code: int, chips: Mapping[Verdict, int]) -> str:
    """`regressed (1): of 256 cases 2 regressed, 1 suspect`; what is new has passed nothing, and is told apart."""
    named = [f"{number} {verdict}" for verdict, number in chips.items() if verdict in ATTENTION]
    told = f"of {counted(sum(chips.values()), 'case')} {', '.join(named) or 'none needs attention'}"
    if Verdict.NEW in chips:
        told += f"; {chips[Verdict.NEW]} new, held against no baseline"
    if code == 3 and not named:
        told = "an A/B decided nothing, or not all" if subject.outcomes else "nothing was measured"
    return f"{MEANINGS[code]} ({code}): {told}"


def facts(subject: Subject) -> Mapping[str, str]:
    run = subject.run
    machine = run.fingerprint.device
    named = ", ".join(machine[name] for name in ("processor", "gpu", "name", "model") if machine.get(name))
    found = {
        "device": f"{run.fingerprint.slug}{f' ({named})' if named else ''}",
        "commit": f"{run.commit}{' with changes' if run.dirty else ''}",
        "profile": run.profile,
        "measured": run.created_utc,
        "selection": selection(run),
        "effort": effort(run),
        "A/B": "; ".join(f"{each.head.name} against {each.base.name}, {each.created_utc}" for each in subject.outcomes),
        "run file": str(subject.file),
    }
    return {name: text for name, text in found.items() if text}


def selection(run: Run) -> str:
    chosen = run.selection
    parts = [
        "" if chosen.whole else "a part of perf_tests",
        f"shard {chosen.shard.name}" if chosen.shard else "",
        f"what changes since {chosen.affected} can reach" if chosen.affected else "",
    ]
    return "; ".join(part for part in parts if part)


def differences(subject: Subject) -> list[str]:
    """In what the run's place differs from the baselines': a sentence each, with the paths that it concerns."""
    found: dict[str, list[str]] = {}
    for path in dict.fromkeys(record.path for record in subject.run.records):
        for text in differing(subject, path):
            found.setdefault(text, []).append(path)
    return [f"{text} ({joined(paths)})" for text, paths in found.items()]


def differing(subject: Subject, path: str) -> list[str]:
    baseline = subject.baselines.get(path)
    places = [record.place or subject.run.fingerprint for record in subject.run.records if record.path == path]
    return places[0].differences(baseline.fingerprint, EVERYTHING) if baseline else []


def joined(names: Iterable[str], most: int = 4) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
