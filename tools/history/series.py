"""The points of one number at one place, in the order of time, cut where it cannot be compared with what was before."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tools.compare import software_differences
from tools.history.places import Place
from tools.history.rows import Array
from tools.history.store import Catalog, columns_at
from tools.policy import Policy, policy_of
from tools.startup.phases import WHOLE, metric_of

# The time of a case is the first of these that it has, as in the table of a run.
PRIMARY = ("device_s", metric_of(WHOLE), "latency_s")
NEEDED = ("run", "case", "environment", "definition", "disturbed", "value", "quartile1", "quartile3", "wall_s")
MOST_TOLD = 3  # packages of a software change


@dataclass(frozen=True)
class Mark:
    """From run number `first` of the series on, other software or another definition of the case. text says which."""

    first: int
    text: str
    redefined: bool = False


@dataclass(frozen=True)
class Series:
    """Points in the order of time.

    place    device, and what tells this series from others of the same device, case and metric
    runs     of each point, its number in the catalog
    values   in the metric's unit
    steady   whether nothing is known against the point; a disturbed time decides nothing
    """

    case: str
    metric: str
    slug: str
    place: str
    runs: Array
    values: Array
    steady: Array
    marks: tuple[Mark, ...]

    @property
    def policy(self) -> Policy:
        return policy_of(self.metric)


@dataclass(frozen=True)
class Environment:
    """Where a point comes from, as tools.history.rows.Environments wrote it down."""

    slug: str
    device: str
    machine: str
    software: Mapping[str, str]

    def scope(self, policy: Policy) -> tuple[str, ...]:
        """What two points must share to be of one series. Software is not asked: where it changes, there is a mark."""
        return (
            self.slug,
            self.device if "device" in policy.scope else "",
            self.machine if "machine" in policy.scope else "",
        )


def environment_of(text: str) -> Environment:
    parts = json.loads(text)
    device, machine = (json.dumps(parts[name], sort_keys=True) for name in ("device", "machine"))
    return Environment(parts["slug"], device, machine, parts["software"])


def all_series(
    place: Place, catalog: Catalog, metrics: Sequence[str], cases: Collection[str] | None, device: str = ""
) -> Iterator[Series]:
    """Of these metrics, of all or these cases, of one device if it is named; one metric after the other is read."""
    numbers = {word: number for number, word in enumerate(catalog.words)}
    chosen = None if cases is None else [numbers[case] for case in cases if case in numbers]
    for metric in metrics:
        if metric in numbers and chosen != []:
            columns = columns_at(place, catalog.parts, NEEDED, [numbers[metric]], chosen)
            yield from of_metric(catalog, metric, columns, device)


def primary_series(place: Place, catalog: Catalog, cases: Collection[str] | None, device: str = "") -> Iterator[Series]:
    """The time of every case: of its first metric in PRIMARY, and of no other."""
    timed: set[str] = set()
    for metric in PRIMARY:
        found = [each for each in all_series(place, catalog, (metric,), cases, device) if each.case not in timed]
        yield from found
        timed |= {each.case for each in found}


def of_metric(catalog: Catalog, metric: str, columns: Mapping[str, Array], device: str) -> Iterator[Series]:
    """The series of all rows of one metric."""
    policy = policy_of(metric)
    found = {int(number): environment_of(catalog.words[number]) for number in np.unique(columns["environment"])}
    scopes = sorted({each.scope(policy) for each in found.values() if device in ("", each.slug)})
    group_of = np.full(len(catalog.words) + 1, -1)
    for number, each in found.items():
        if device in ("", each.slug):
            group_of[number] = scopes.index(each.scope(policy))
    group = group_of[columns["environment"]]
    order = np.lexsort((time_ranks(catalog)[columns["run"]], group, columns["case"]))
    order = order[group[order] >= 0]
    borders = np.flatnonzero(np.diff(columns["case"][order]) | np.diff(group[order])) + 1
    for rows in np.split(order, borders) if len(order) else ():
        points = {name: values[rows] for name, values in columns.items()}
        yield from lanes(catalog, metric, points, found, called(scopes, int(group[rows[0]])))


def time_ranks(catalog: Catalog) -> Array:
    """Run number -> its place in time; runs of one second keep the order in which they were read."""
    ranks = np.empty(len(catalog.runs), np.int64)
    ranks[np.argsort([run.header.time_s for run in catalog.runs], kind="stable")] = np.arange(len(catalog.runs))
    return ranks


def called(scopes: Sequence[tuple[str, ...]], number: int) -> str:
    """The device; where it has several configurations or machines, with a number."""
    slug = scopes[number][0]
    alike = [place for place, scope in enumerate(scopes) if scope[0] == slug]
    return slug if len(alike) == 1 else f"{slug} #{alike.index(number) + 1}"


def lanes(
    catalog: Catalog, metric: str, points: Mapping[str, Array], environments: Mapping[int, Environment], name: str
) -> Iterator[Series]:
    """One series; where two sets of software take turns (two jobs of a CI), a series for each."""
    software = software_numbers(points["environment"], environments)
    kinds, turns = list(dict.fromkeys(software.tolist())), int(np.sum(software[1:] != software[:-1]))
    if turns <= 2 * (len(kinds) - 1):  # each new software once, and each taken back once
        yield series(catalog, metric, points, environments, name)
        return
    for number, kind in enumerate(kinds):
        chosen = {column: values[software == kind] for column, values in points.items()}
        yield series(catalog, metric, chosen, environments, f"{name} software {number + 1}")


def software_numbers(points: Array, environments: Mapping[int, Environment]) -> Array:
    """Of each point the first environment that has its software."""
    first: dict[str, int] = {}
    same = {
        number: first.setdefault(json.dumps(environments[number].software, sort_keys=True), number)
        for number in np.unique(points).tolist()
    }
    return np.array([same[number] for number in points.tolist()])


def series(
    catalog: Catalog, metric: str, points: Mapping[str, Array], environments: Mapping[int, Environment], name: str
) -> Series:
    once = first_of_each(catalog, points)
    points = {column: values[once] for column, values in points.items()}
    policy, words = policy_of(metric), catalog.words
    steady = np.ones(len(once), bool)
    if policy.noisy:
        quiet = words.index("") if "" in words else -1
        steady = (points["disturbed"] == quiet) & (points["value"] > 0)
    environment = environments[int(points["environment"][0])]
    marks = tuple(marks_of(points, environments, words))
    case = words[int(points["case"][0])]
    return Series(case, metric, environment.slug, name, points["run"], points["value"], steady, marks)


def first_of_each(catalog: Catalog, points: Mapping[str, Array]) -> Array:
    """Places of the points, each measurement once: a run that was merged from others holds theirs again."""
    if len(np.unique(points["value"])) == len(points["value"]):
        return np.arange(len(points["value"]))
    kept: dict[tuple[object, ...], int] = {}
    told = [
        np.nan_to_num(points[name]).tolist() for name in ("quartile1", "wall_s", "quartile3", "value", "environment")
    ]
    for place, (run, quartile, wall_s, *others) in enumerate(zip(points["run"].tolist(), *told, strict=True)):
        commit = catalog.runs[run].header.commit
        # Without samples and wall time nothing tells a second measurement from a second copy.
        kept.setdefault((commit, quartile, wall_s, *others) if quartile or wall_s else (run,), place)
    return np.array(sorted(kept.values()))


def marks_of(
    points: Mapping[str, Array], environments: Mapping[int, Environment], words: Sequence[str]
) -> Iterator[Mark]:
    changed = (np.diff(points["environment"]) != 0) | (np.diff(points["definition"]) != 0)
    for before in np.flatnonzero(changed).tolist():
        old, new = (environments[int(points["environment"][place])].software for place in (before, before + 1))
        differences = [each.removeprefix("software.") for each in software_differences(new, old)]
        definitions = [words[int(points["definition"][place])] for place in (before, before + 1)]
        differences += [f"redefined: {definitions[0]} -> {definitions[1]}"] if definitions[0] != definitions[1] else []
        if differences:
            more = f"; and {len(differences) - MOST_TOLD} more" if len(differences) > MOST_TOLD else ""
            yield Mark(before + 1, "; ".join(differences[:MOST_TOLD]) + more, definitions[0] != definitions[1])
