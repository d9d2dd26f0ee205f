"""All that is known of each case, as compact data from which the page's script makes the details when they are opened.

Every text stands once in `words`; elsewhere its number stands for it:
    {"words": [text...], "cases": [[facts, metrics, distributions]...]}
    facts          [name, text, name, text...]
    metrics        [name, verdict, base, value, change, interval, limit, where, reason] each
    distributions  [metric, unit, base label, [values], head label, [values]] each
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.compare import Finding
from tools.page.concerns import place_of
from tools.page.distributions import Distribution, distribution
from tools.page.subject import Subject
from tools.page.texts import interval, percent, told
from tools.policy import policy_of
from tools.records import Metric, Record
from tools.tables import printable
from tools.views import primary_time, seconds

MOST_DISTRIBUTIONS = 4  # of a case, its time first


@dataclass
class Words:
    """Each text once, in the order in which they came."""

    numbers: dict[str, int] = field(default_factory=dict)

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(printable(text), len(self.numbers))


def dossiers(subject: Subject, cases: Iterable[str]) -> Mapping[str, Any]:
    words = Words()
    found = [dossier(subject, case, words) for case in cases]
    return {"words": list(words.numbers), "cases": found}


def dossier(subject: Subject, case: str, words: Words) -> list[Any]:
    record, findings, metrics = subject.records.get(case), subject.by_case.get(case, ()), subject.metrics(case)
    facts = [words(text) for pair in facts_of(record).items() for text in pair]
    quiet = sorted(metrics.keys() - {finding.metric for finding in findings})
    rows = [judged(finding, metrics.get(finding.metric)) for finding in findings]
    rows += [recorded(name, metrics[name]) for name in quiet]
    packed_rows = [[words(text) for text in row] for row in rows]
    return [facts, packed_rows, [packed(each, words) for each in distributions(subject, case, metrics)]]


def facts_of(record: Record | None) -> Mapping[str, str]:
    if record is None:
        return {"record": "none in this run"}
    found = {
        "status": f"{record.status}: {record.reason}" if record.reason else record.status,
        "disturbed": record.disturbed,
        "parameters": listed(record.params),
        "test": record.node,
        "begins at": place_of(record),
        "took": seconds(Metric(record.wall_s)) if record.wall_s else "",
        "conditions": listed(record.conditions),
        "place": record.place.slug if record.place else "",
        "software of its own": listed(record.software),
    }
    return {name: text for name, text in found.items() if text}


def listed(items: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}" for name, value in items.items()
    )


def judged(finding: Finding, metric: Metric | None) -> Sequence[str]:
    name = finding.metric
    texts = (told(name, finding.baseline), told(name, finding.value), percent(finding.change), interval(finding))
    return (name, finding.verdict, *texts, limit(name, metric), metric.where if metric else "", finding.reason)


def recorded(name: str, metric: Metric) -> Sequence[str]:
    """What is never judged."""
    return (name, "", "", told(name, metric.value), "", "", limit(name, metric), metric.where, "")


def limit(name: str, metric: Metric | None) -> str:
    return told(name, metric.limit) if metric and metric.limit is not None else ""


def distributions(subject: Subject, case: str, metrics: Mapping[str, Metric]) -> Iterable[Distribution]:
    """Of what is noisy, the time that the case is known by first."""
    first = primary_time(metrics)
    noisy = sorted((name for name in metrics if policy_of(name).noisy), key=lambda name: (name != first, name))
    found = (distribution(subject, case, name) for name in noisy)
    return [each for each in found if each][:MOST_DISTRIBUTIONS]


def packed(found: Distribution, words: Words) -> list[Any]:
    sides = [part for side in (found.base, found.head) for part in (words(side.label), rounded(side.values))]
    return [words(found.metric), words(found.unit), *sides]


def rounded(values: Sequence[float]) -> list[float]:
    """Four digits: what a dot of three pixels can show, and a whole number without its point."""
    short = [float(f"{value:.4g}") for value in values]
    return [int(value) if value == int(value) else value for value in short]
