"""Many damaged files, one after the other, each reproducible by the seed and its number."""

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tools.tests.fuzz.meanings import MEANINGS, Stage, missed
from tools.tests.fuzz.oracle import lost, misbehaved, refused
from tools.tests.fuzz.subjects import STORED, SUBJECTS, Subject
from tools.tests.fuzz.verbs import Answer, in_process
from tools.tests.fuzz.world import BASELINES, write_world
from tools.tests.mutations import PLACES, TWICE, displace, mutated

MEANING = "meaning"
Disk = Mapping[str, bytes | str]


@dataclass(frozen=True)
class Trial:
    """One damaged file, what read it, how that ended and what was wrong with that."""

    number: int
    format: str
    kind: str
    verb: tuple[str, ...]
    answer: Answer
    problems: tuple[str, ...]

    @property
    def outcome(self) -> str:
        return "refused" if refused(self.answer) else "accepted"


@dataclass
class Campaign:
    """subjects: see tools.tests.fuzz.subjects; every `process_every`-th input is read by a process of its own, too."""

    seed: int
    write: Callable[[Path], None] = write_world
    subjects: Sequence[Subject] = SUBJECTS
    meanings_share: float = 0.15
    process_every: int = 0
    world: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="fuzz-")))
    whole: Disk = field(default_factory=dict)

    def __enter__(self) -> "Campaign":
        self.write(self.world)
        self.whole = disk(self.world)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.world, ignore_errors=True)

    def trials(self, numbers: Sequence[int]) -> Iterator[Trial]:
        for number in numbers:
            trial = self.trial(number)
            if trial.problems:
                print(sentence(trial), flush=True)
            yield trial
            restore(self.world, self.whole)

    def trial(self, number: int) -> Trial:
        random = Random(f"{self.seed}/{number}")
        if random.random() < self.meanings_share:
            return self.meant(number, random)
        subject = random.choice(self.subjects)
        kind, verb = random.choice(subject.kinds), random.choice(subject.verbs)
        damage(random.choice(sorted(self.world.glob(subject.file))), kind, random)
        before = disk(self.world)
        answer = subject.answer(verb, self.world)
        problems = [*misbehaved(answer), *changes(before, disk(self.world), answer, subject)]
        problems += self.passed_over(verb, answer) + self.unreadable(subject, verb, answer)
        reads_all = "history" not in (verb[0], subject.format) and not (
            "otava" in verb and subject.format == "baseline"
        )
        if kind == TWICE and reads_all and answer.code != 2:
            problems.append("took one of two things of one name")
        if self.process_every and number % self.process_every == 0:
            problems += self.otherwise_in_a_process(subject, verb, answer, before)
        return Trial(number, subject.format, kind, verb, answer, tuple(problems))

    def meant(self, number: int, random: Random) -> Trial:
        change, stage = random.choice(MEANINGS), Stage.of(self.world, random)
        expected = change(stage)
        stage.write()
        verb = ("compare", "./run.json", *STORED, "--format", "json")
        answer = SUBJECTS[0].answer(verb, self.world)
        problems = [*misbehaved(answer), *self.passed_over(verb, answer)]
        problems += missed(expected, answer.out) if answer.code in (0, 1, 3) else ["refused a valid run"]
        return Trial(number, "run", f"{MEANING}: {change.__name__}", verb, answer, tuple(problems))

    def passed_over(self, verb: tuple[str, ...], answer: Answer) -> list[str]:
        judged = verb[0] == "compare" and "json" in verb and answer.code in (0, 1, 3) and answer.out
        return list(lost(self.world / "run.json", self.world / BASELINES, answer)) if judged else []

    def unreadable(self, subject: Subject, verb: tuple[str, ...], answer: Answer) -> list[str]:
        """What a verb wrote must be read by the next one."""
        after = READ_AGAIN.get(verb[0])
        if answer.code != 0 or after is None or subject.ask is not None:
            return []
        again = in_process([each.replace("./", f"{self.world}/", 1) for each in after])
        return [f"what it wrote cannot be used: {again.code} {again.err or again.out}"] if again.code in WRONG else []

    def otherwise_in_a_process(
        self, subject: Subject, verb: tuple[str, ...], answer: Answer, before: Disk
    ) -> list[str]:
        restore(self.world, before)
        found = subject.as_process(verb, self.world)
        same = found.code == answer.code and (found.code in (0, 1, 3) or found.err == answer.err)
        wrong = [f"as a process: {each}" for each in misbehaved(found)]
        return wrong if same else [*wrong, f"as a process: ended with {found.code}, here with {answer.code}"]


READ_AGAIN: Mapping[str, tuple[str, ...]] = {
    "refresh": ("compare", "./run.json", *STORED, "--format", "json"),
    "merge": ("compare", "./out/out.json", *STORED, "--format", "json"),
    "durations": ("durations", "./other.json", *STORED),
    "history": ("history", "./runs", "--store", "./store"),
}
WRONG = (2, "hung", "crashed")


def damage(file: Path, kind: str, random: Random) -> None:
    if kind == PLACES:
        displace(file, random)
    else:
        file.write_bytes(mutated(file.read_bytes(), kind, random))


def disk(folder: Path) -> dict[str, bytes | str]:
    """Name -> content of a file, the target of a link, or "" for a folder. Locks say nothing."""
    found: dict[str, bytes | str] = {}
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root) / name
            if name != ".lock":
                content = os.readlink(path) if path.is_symlink() else "" if path.is_dir() else path.read_bytes()
                found[str(path.relative_to(folder))] = content
    return found


def changes(before: Disk, after: Disk, answer: Answer, subject: Subject) -> list[str]:
    """What a verb changed on the disk and must not have. A folder that a lock needed is nothing."""
    touched = [
        name for name in sorted({*before, *after}) if before.get(name) != after.get(name) and after.get(name) != ""
    ]
    allowed = subject.writes if not refused(answer) else subject.derived
    return [f"{answer.code}, and changed {name}" for name in touched if not name.startswith(allowed)]


def restore(folder: Path, whole: Disk) -> None:
    there = disk(folder)
    for name in sorted(there.keys() - whole.keys(), reverse=True):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    for name in sorted(whole):
        if there.get(name) != whole[name]:
            put_back(folder / name, whole[name], name in there)


def put_back(path: Path, content: bytes | str, there: bool) -> None:
    if there:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.mkdir()


def table(trials: Sequence[Trial]) -> list[str]:
    """A line for each format and kind of damage: inputs, refused, accepted, problems."""
    found: Counter[tuple[str, str, str]] = Counter()
    for trial in trials:
        found[trial.format, trial.kind, trial.outcome] += 1
        found[trial.format, trial.kind, "problems"] += bool(trial.problems)
    keys = sorted({(form, kind) for form, kind, _ in found})
    lines = [
        f"{form:10} {kind:32} {found[form, kind, 'refused'] + found[form, kind, 'accepted']:7} "
        f"{found[form, kind, 'refused']:8} {found[form, kind, 'accepted']:9} {found[form, kind, 'problems']:9}"
        for form, kind in keys
    ]
    return [f"{'format':10} {'damage':32} {'inputs':>7} {'refused':>8} {'accepted':>9} {'problems':>9}", *lines]


def report(trials: Sequence[Trial], seed: int, wall_s: float) -> list[str]:
    codes = Counter(str(trial.answer.code) for trial in trials)
    wrong = sum(bool(trial.problems) for trial in trials)
    return [
        *table(trials),
        f"{len(trials)} inputs, seed {seed}, {wall_s:.0f} s; exit codes {json.dumps(codes)}; {wrong} with a problem",
    ]


def sentence(trial: Trial) -> str:
    """What to run to see it again stands first."""
    told = trial.answer.err.strip().replace("\n", " | ")[:400]
    what = f"{trial.format}, {trial.kind}, {' '.join(trial.verb)}"
    return f"--only {trial.number}: {what}: {'; '.join(trial.problems)[:600]} [{told}]"


def hunted(campaign: Campaign, numbers: Sequence[int]) -> tuple[list[Trial], list[str]]:
    start_s = time.monotonic()
    with campaign:
        trials = list(campaign.trials(numbers))
    return trials, report(trials, campaign.seed, time.monotonic() - start_s)
