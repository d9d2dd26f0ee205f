"""What asks for attention, by what probably caused it: one entry for one cause, however many cases it hit."""

import json
import math
import re
import shlex
import textwrap
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from tools.baselines import Baseline
from tools.compare import Finding, elsewhere, lines_of
from tools.decided import measured_by_ab
from tools.policy import EVERYTHING, SOFTWARE_AND_DEVICE
from tools.records import Record, Run, path_of, unit_suffix
from tools.verdict import CLEAN, SEVERITY, Verdict

ATTENTION = (Verdict.REGRESSED, Verdict.MISSING, Verdict.INCOMPARABLE, Verdict.SUSPECT)

# Metrics that one cause moves together; a metric of another unit is a family of its own.
FAMILIES = {"_s": "time", "_ratio": "time", "_bytes": "memory", "_error": "accuracy", "_db": "accuracy"}

NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")
LINES = re.compile(r"(?P<file>[^:]+):(?P<ranges>\d+(?:-\d+)?(?:, ?\d+(?:-\d+)?)*)")
WORD = re.compile(r"(?a:\w[\w:+\-.\[\]/]*)")  # one word of pytest's -k, and no option
NODE = re.compile(r"(?a:\w[\w/.\-]*\.py)::.+", re.DOTALL)  # a test in a file, and no option
MADE_ELSEWHERE = "the baseline was made elsewhere"  # as tools.compare begins that reason
TITLE_WIDTH = 200  # of the reason in a title; the whole one stands with its finding
MOST_VALUES = 3  # of a parameter in a hint

Item = tuple[str, str]  # a parameter and its value


@dataclass(frozen=True)
class Cause:
    """Findings that probably have one cause.

    title     one sentence
    hint      what they share and no unchanged case has; "" where nothing is known
    findings  worst first
    command   the next thing to type
    """

    verdict: Verdict
    title: str
    hint: str
    findings: tuple[Finding, ...]
    command: str

    @property
    def cases(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(finding.case for finding in self.findings))


@dataclass(frozen=True)
class Evidence:
    """What a run and its baselines know of a finding beyond its own words."""

    findings: Sequence[Finding]
    records: Mapping[str, Record]
    baselines: Mapping[str, Baseline]
    run: Run
    run_file: str

    def where(self, finding: Finding) -> str:
        """The lines of the source, as `tools.compare` tells them."""
        record = self.records.get(finding.case)
        return lines_of(record, finding.metric) if record and finding.metric in record.metrics else ""

    def differences(self, case: str, scope: tuple[str, ...] = EVERYTHING) -> tuple[str, ...]:
        """`part.name: theirs -> ours`, in which the record's surroundings are not the baseline's."""
        record = self.records.get(case)
        baseline = self.baselines.get(record.path) if record else None
        stored = baseline.cases.get(case) if baseline else None
        if record is None or baseline is None or stored is None:
            return ()
        return tuple(elsewhere(record, stored, baseline, record.place or self.run.fingerprint, scope))

    def clean(self, group: Sequence[Finding]) -> list[Record]:
        """Cases of the same paths whose same metrics were judged and are no worse."""
        metrics, hit = {finding.metric for finding in group}, {finding.case for finding in group}
        paths = {path_of(case) for case in hit}
        quiet = {f.case for f in self.findings if f.metric in metrics and f.verdict in CLEAN and f.case not in hit}
        return [self.records[case] for case in sorted(quiet) if case in self.records and path_of(case) in paths]


def grouped(
    findings: Sequence[Finding], run: Run, baselines: Mapping[str, Baseline], run_file: Path | None = None
) -> tuple[Cause, ...]:
    """The findings that ask for attention by cause: worst verdict first, then most cases, then what moved most.

    run_file  named in the commands; without it they say RUN
    """
    records = {record.case: record for record in run.records}
    evidence = Evidence(findings, records, baselines, run, shlex.quote(str(run_file)) if run_file else "RUN")
    alarming = [finding for finding in findings if finding.verdict in ATTENTION]
    places = shared_lines({evidence.where(f) for f in alarming if f.verdict in (Verdict.REGRESSED, Verdict.SUSPECT)})
    groups: dict[Hashable, list[Finding]] = {}
    for finding in alarming:
        groups.setdefault(key(finding, evidence, places), []).append(finding)
    found = [cause(sorted(group, key=worst_first), evidence) for group in groups.values()]
    return tuple(sorted(found, key=rank))


def worst_first(finding: Finding) -> tuple[int, float, str, str]:
    return SEVERITY[finding.verdict], -size(finding), finding.case, finding.metric


def rank(found: Cause) -> tuple[int, int, float, str]:
    return SEVERITY[found.verdict], -len(found.cases), -max(size(each) for each in found.findings), found.title


def size(finding: Finding) -> float:
    """How far it moved, either way alike: half and double are one size; 0 where it is not known."""
    if finding.change is None:
        return 0.0
    return abs(math.log1p(finding.change)) if finding.change > -1 else math.inf


# keys: findings of one key have one cause


def key(finding: Finding, evidence: Evidence, places: Mapping[str, str]) -> Hashable:
    path = path_of(finding.case)
    if finding.verdict is Verdict.INCOMPARABLE and finding.reason.startswith(MADE_ELSEWHERE):
        return "elsewhere", evidence.differences(finding.case)
    if (finding.verdict, finding.metric) == (Verdict.MISSING, "status"):
        return "gone", finding.reason
    if finding.verdict in (Verdict.INCOMPARABLE, Verdict.MISSING):
        return finding.verdict, finding.metric, path, without_numbers(finding.reason)
    if where := evidence.where(finding):
        return "lines", places[where]
    if finding.metric == "status":
        return finding.verdict, "status", without_numbers(finding.reason)
    return finding.verdict, family(finding.metric), path, finding.anchor


def family(metric: str) -> str:
    return FAMILIES.get(unit_suffix(metric), metric)


def without_numbers(reason: str) -> str:
    """One trouble at several sizes is one trouble; hashes of definitions are numbers, too."""
    hashes = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{12}\b", "#", reason)
    return NUMBER.sub("#", hashes)


def shared_lines(places: Iterable[str]) -> dict[str, str]:
    """Each place with the first of those that it shares lines with, directly or over others."""
    ordered = sorted(place for place in places if place)
    spans = {place: spans_of(place) for place in ordered}
    first: dict[str, str] = {}
    for place in ordered:
        reached = {first[other] for other in first if overlap(spans[place], spans[other])}
        chosen = min({place, *reached})
        first = {other: chosen if found in reached else found for other, found in first.items()} | {place: chosen}
    return first


def spans_of(place: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """`dequantize.py:40-43, 51` as its file and first and last lines. What is no such thing only equals itself."""
    match = LINES.fullmatch(place[:1000])
    if match is None:
        return place, ((0, 0),)
    pairs = [part.strip().partition("-") for part in match["ranges"].split(",")]
    return match["file"], tuple((int(low), int(high or low)) for low, _, high in pairs)


def overlap(ours: tuple[str, tuple[tuple[int, int], ...]], theirs: tuple[str, tuple[tuple[int, int], ...]]) -> bool:
    return ours[0] == theirs[0] and any(a <= d and c <= b for a, b in ours[1] for c, d in theirs[1])


# sentences


def cause(group: Sequence[Finding], evidence: Evidence) -> Cause:
    return Cause(group[0].verdict, title(group), hint(group, evidence), tuple(group), command(group, evidence))


def title(group: Sequence[Finding]) -> str:
    worst = group[0]
    if worst.verdict is Verdict.INCOMPARABLE and worst.reason.startswith(MADE_ELSEWHERE):
        return f"{subject(group)} cannot be compared: {MADE_ELSEWHERE}"
    if worst.verdict is Verdict.INCOMPARABLE and worst.metric == "definition":
        return f"{cases_of(group)} {'was' if being(group) == 'is ' else 'were'} redefined"
    if worst.metric == "status":
        return f"{cases_of(group)} {being(group)}{worst.verdict}: {shortened(worst.reason)}"
    if worst.verdict in (Verdict.INCOMPARABLE, Verdict.MISSING):
        return f"{subject(group)} {being(group)}{worst.verdict}: {shortened(worst.reason)}"
    return f"{subject(group)} {movement(group)}"


def subject(group: Sequence[Finding]) -> str:
    """Which metrics of how many cases: `latency_s and 2 more metrics of 14 cases of path attention`."""
    metrics = list(dict.fromkeys(finding.metric for finding in group))
    named = f"{metrics[0]} and {len(metrics) - 1} more metrics" if len(metrics) > 2 else " and ".join(metrics)
    return f"{named} of {cases_of(group)}"


def cases_of(group: Sequence[Finding]) -> str:
    cases = list(dict.fromkeys(finding.case for finding in group))
    if len(cases) == 1:
        return cases[0]
    paths = list(dict.fromkeys(path_of(case) for case in cases))
    return f"{len(cases)} cases of {f'path {paths[0]}' if len(paths) == 1 else some_paths(paths)}"


def some_paths(paths: Sequence[str]) -> str:
    return f"paths {', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}"


def being(group: Sequence[Finding]) -> str:
    """Nothing before `regressed`, which is a verb."""
    if group[0].verdict is Verdict.REGRESSED:
        return ""
    return "is " if len({finding.case for finding in group}) == 1 else "are "


def shortened(reason: str) -> str:
    return textwrap.shorten(reason, TITLE_WIDTH, placeholder=" …")


def movement(group: Sequence[Finding]) -> str:
    """`grew by 12 to 15 %`; times that grew and speed-ups that fell `got worse`; without percentages, in words."""
    changes = [finding.change for finding in group if finding.change]
    worst = group[0]
    if len(changes) < len(group) or missed(worst):
        verb = "missed a goal" if missed(worst) else "got worse"
        return f"{verb}{', the worst' if len(group) > 1 else ''}: {shortened(worst.reason)}"
    verb = "got worse" if min(changes) < 0 < max(changes) else "grew" if changes[0] > 0 else "fell"
    least, most = (percentage(extreme(changes, key=abs)) for extreme in (min, max))
    return f"{verb} by {least if least == most else f'{least} to {most}'} %"


def missed(finding: Finding) -> bool:
    """Whether its verdict is about a goal of the case, and not about what was stored."""
    return bool(finding.goal) and finding.reason == finding.goal


def percentage(change: float) -> str:
    """Whole percents from ten on, tenths below."""
    size = abs(change) * 100
    return f"{size:,.0f}" if size >= 10 else f"{size:.1f}"


def hint(group: Sequence[Finding], evidence: Evidence) -> str:
    """The strongest first: lines of a source, parameters, versions."""
    told = [source(group, evidence), parameters(group, evidence), versions(group, evidence)]
    return "; ".join(each for each in told if each)


def source(group: Sequence[Finding], evidence: Evidence) -> str:
    if group[0].verdict in (Verdict.MISSING, Verdict.INCOMPARABLE):
        return ""
    places = list(dict.fromkeys(place for finding in group if (place := evidence.where(finding))))
    return f"kernel {places[0]}" if places else ""


def versions(group: Sequence[Finding], evidence: Evidence) -> str:
    """In what all of them were measured elsewhere than their baselines were; of no baseline's device, nothing."""
    scope = EVERYTHING if group[0].verdict is Verdict.INCOMPARABLE else SOFTWARE_AND_DEVICE
    each = [evidence.differences(case, scope) for case in dict.fromkeys(finding.case for finding in group)]
    shared = [text for text in each[0] if all(text in other for other in each[1:])]
    if not shared:
        return ""
    more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
    return f"{', '.join(shared[:3])}{more} {'differs' if len(shared) == 1 else 'differ'} from the baseline's"


def parameters(group: Sequence[Finding], evidence: Evidence) -> str:
    """What the parameters of several cases have in common, and those of no unchanged case of the path."""
    hit = [record for case in dict.fromkeys(f.case for f in group) if (record := evidence.records.get(case))]
    clean = evidence.clean(group)
    if len(hit) < 2:
        return ""
    if not clean:
        return all_of_path(hit, evidence)
    found = shared_items(hit, clean) or shared_values(hit, clean)
    return f"only cases with {found}" if found else ""


def all_of_path(hit: Sequence[Record], evidence: Evidence) -> str:
    path = hit[0].path
    others = [record for record in evidence.records.values() if record.path == path and record not in hit]
    alone = len({record.path for record in hit}) == 1 and not others
    return f"all {len(hit)} cases of the path" if alone else ""


def shared_items(hit: Sequence[Record], clean: Sequence[Record]) -> str:
    """One parameter, else two together, that all that were hit share and no clean case has."""
    shared = sorted(set.intersection(*(items(record) for record in hit)))
    for count in (1, 2):
        for chosen in combinations(shared, count):
            if not any(set(chosen) <= items(record) for record in clean):
                return " and ".join(f"params.{name}={value}" for name, value in chosen)
    return ""


def shared_values(hit: Sequence[Record], clean: Sequence[Record]) -> str:
    """A parameter whose few values are all among what was hit, and none among the clean."""
    names = sorted(set.intersection(*({name for name, _ in items(record)} for record in hit)))
    for name in names:
        ours, theirs = ({value for each in side for key, value in items(each) if key == name} for side in (hit, clean))
        if len(ours) <= MOST_VALUES and len(ours) < len(hit) and theirs and not ours & theirs:
            return f"params.{name} of {' or '.join(sorted(ours))}"
    return ""


def items(record: Record) -> set[Item]:
    return {(name, plain(value)) for name, value in record.params.items()}


def plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


# commands


def command(group: Sequence[Finding], evidence: Evidence) -> str:
    """What to type next, for the worst of the group; quoted for a shell, whatever the names are."""
    worst = group[0]
    by_verdict: dict[Verdict, Callable[[], str]] = {
        Verdict.SUSPECT: lambda: decide(group, evidence),
        Verdict.INCOMPARABLE: lambda: refresh(group),
        Verdict.MISSING: lambda: again(worst, evidence) if selected(worst, evidence) else refresh(group),
    }
    return by_verdict.get(worst.verdict, lambda: again(worst, evidence))()


def decide(group: Sequence[Finding], evidence: Evidence) -> str:
    timed = next((finding for finding in group if measured_by_ab(finding)), None)
    if timed is not None:
        base = shlex.quote(timed.anchor or "main")
        return f"python -m tools ab --base {base} --suspects {evidence.run_file}"
    if evidence.where(group[0]):
        return f"python -m tools report {evidence.run_file} --view kernels"
    return again(group[0], evidence)


def refresh(group: Sequence[Finding]) -> str:
    paths = {path_of(finding.case) for finding in group}
    only = f" -k {shlex.quote(paths.pop())}" if len(paths) == 1 else ""
    return f'bash ci/refresh.sh --runs 3{only} --reason "..."'


def selected(finding: Finding, evidence: Evidence) -> bool:
    """Whether the case was to be measured, so that only its record is missing."""
    return finding.case in evidence.run.selection.selected


def again(finding: Finding, evidence: Evidence) -> str:
    record = evidence.records.get(finding.case)
    if record is not None and NODE.fullmatch(record.node):
        return f"pytest {shlex.quote(record.node)}"
    return f"pytest perf_tests -k {shlex.quote(finding.case)}" if WORD.fullmatch(finding.case) else "bash ci/perf.sh"
