"""Shards of one selection, joined to the run that one machine would have made of it all."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.files import UnusableFile, read_json, remedy
from tools.quantities import counted
from tools.records import Effort, Fingerprint, Run, Selection, Shard
from tools.runs import KEY, read_run

# What shards of one run agree in: numbers of other code or settings are no parts of it.
SAME: Mapping[str, Callable[[Run], Any]] = {
    "commit": lambda run: run.commit + ("+changes" if run.dirty else ""),
    "profile": lambda run: run.profile,
    "device": lambda run: run.fingerprint.slug,
    "affected since": lambda run: run.selection.affected or "not asked",
}


CUT_ANEW = "the shards were cut by different durations: measure them again, all from one commit"


class Unjoinable(UnusableFile):
    """Runs that are not the parts of one; the message names what overlaps, is missing or differs."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A shard's run and the file that it is in."""

    file: Path
    run: Run

    @property
    def shard(self) -> Shard:
        assert self.run.selection.shard is not None  # read_parts has looked
        return self.run.selection.shard


def read_parts(files: Sequence[Path]) -> list[Part]:
    """In the order of their numbers. Raises UnusableFile, also for a run that is no shard."""
    parts = [Part(file, read_run(file)) for file in files]
    for part in parts:
        if part.run.selection.shard is None:
            raise Unjoinable(f"run file {part.file}: is no shard, expected a run made with --perf-shard I/N")
    return sorted(parts, key=lambda part: part.shard.number)


def merge(parts: Sequence[Part], *, with_holes: bool = False) -> Run:
    """One run of all parts, its cases in the order in which they were asked for. Raises Unjoinable.

    with_holes  a shard may be missing: all that it was asked for then counts as selected, so that it is `missing`

    Of what tells one machine from its like only that is kept in which all shards agree: times that two machines took
    are times of neither.
    """
    for check in (refuse_other_cuts, refuse_twins, refuse_differences, refuse_overlaps):
        check(parts)
    if not with_holes:
        refuse_holes(parts)
    runs = [part.run for part in parts]
    place = {case: number for number, case in enumerate(parts[0].shard.asked)}
    return dataclasses.replace(
        runs[0],
        created_utc=max(run.created_utc for run in runs),
        fingerprint=shared([run.fingerprint for run in runs]),
        selection=joined([run.selection for run in runs], parts[0].shard.asked),
        effort=total([run.effort for run in runs]),
        records=tuple(sorted((r for run in runs for r in run.records), key=lambda record: place[record.case])),
    )


def refuse_other_cuts(parts: Sequence[Part]) -> None:
    first = parts[0]
    for part in parts:
        if (part.shard.count, part.shard.asked) != (first.shard.count, first.shard.asked):
            raise Unjoinable(
                f"{part.file}: is shard {part.shard.name} of {difference(part.shard.asked, first.shard.asked)}, but "
                f"{first.file} is {first.shard.name}; measure all shards with the same arguments"
            )


def difference(cases: Sequence[str], others: Sequence[str]) -> str:
    """How many cases there are, and the first that only one side has."""
    only = [f"{case!r} only there" for case in cases if case not in set(others)]
    only += [f"no {case!r}" for case in others if case not in set(cases)]
    return f"{counted(len(cases), 'case')}{f' ({only[0]})' if only else ''}"


def refuse_twins(parts: Sequence[Part]) -> None:
    seen: dict[int, Part] = {}
    for part in parts:
        other = seen.setdefault(part.shard.number, part)
        if other is not part:
            raise Unjoinable(f"{part.file}: is shard {part.shard.name}, as {other.file}; give each shard once")


def refuse_differences(parts: Sequence[Part]) -> None:
    first = parts[0]
    for part in parts:
        found = [
            f"{name}: {read(first.run)} -> {read(part.run)}"
            for name, read in SAME.items()
            if read(first.run) != read(part.run)
        ]
        found += part.run.fingerprint.differences(first.run.fingerprint, ("software", "device"))
        if found:
            raise Unjoinable(f"{part.file}: differs from {first.file} in {'; '.join(found)}; no parts of one run")


def refuse_overlaps(parts: Sequence[Part]) -> None:
    """Each case that was asked for is one shard's, and no other case is anybody's."""
    owner: dict[str, Part] = {}
    asked = set(parts[0].shard.asked)
    for part in parts:
        for case in {*part.run.selection.selected, *(record.case for record in part.run.records)}:
            other = owner.setdefault(case, part)
            if other is not part:
                raise Unjoinable(f"{part.file}: case {case!r} is also in {other.file}; {CUT_ANEW}")
            if case not in asked:
                raise Unjoinable(f"{part.file}: case {case!r} was not asked for; {CUT_ANEW}")


def refuse_holes(parts: Sequence[Part]) -> None:
    shard, found = parts[0].shard, {part.shard.number for part in parts}
    holes = [f"{number}/{shard.count}" for number in range(1, shard.count + 1) if number not in found]
    if holes:
        what = f"shard {', '.join(holes)} left no run file, found {', '.join(part.shard.name for part in parts)}"
        raise Unjoinable(f"{what}; see its log, measure it again, or join the others --with-holes")
    selected = {case for part in parts for case in part.run.selection.selected}
    left = [case for case in shard.asked if case not in selected]
    if left:
        raise Unjoinable(f"case {left[0]!r} is in no shard; {CUT_ANEW}")


def shared(fingerprints: Sequence[Fingerprint]) -> Fingerprint:
    first = fingerprints[0]
    machine = {
        name: value for name, value in first.machine.items() if all(p.machine.get(name) == value for p in fingerprints)
    }
    soft = {name: value for name, value in first.soft.items() if all(p.soft.get(name) == value for p in fingerprints)}
    return dataclasses.replace(first, machine=machine, soft=soft)


def joined(selections: Sequence[Selection], asked: tuple[str, ...]) -> Selection:
    known: dict[str, tuple[str, ...]] = {}
    for selection in selections:
        for path, cases in selection.known.items():
            known[path] = tuple(sorted({*known.get(path, ()), *cases}))
    return Selection(known, asked, all(each.whole for each in selections), affected=selections[0].affected)


def total(efforts: Sequence[Effort]) -> Effort:
    """Of all machines together."""
    phases = sorted({phase for effort in efforts for phase in effort.phases_s})
    return Effort(
        sum(effort.wall_s for effort in efforts),
        {phase: sum(effort.phases_s.get(phase, 0.0) for effort in efforts) for phase in phases},
    )


def benchmarks(files: Iterable[Path]) -> dict[str, Any]:
    """pytest-benchmark's own documents as one: all benchmarks, and of the rest what the first one says.

    Raises Unjoinable.
    """
    documents = {file: read_json(file, "run file") for file in files}
    for file, document in documents.items():
        if not isinstance(found := document.get("benchmarks", []), list):
            told = f"found {type(found).__name__} under 'benchmarks', expected a list"
            raise Unjoinable(f"run file {file}: {told}; {remedy('run file')}")
    rest = {key: value for key, value in next(iter(documents.values())).items() if key != KEY}
    every = [each for document in documents.values() for each in document.get("benchmarks", [])]
    return {**rest, "benchmarks": every}
