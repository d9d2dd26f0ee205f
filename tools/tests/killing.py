"""python -m tools.tests.killing --times 50 --seed 1: verbs that write, killed at random moments.

Every second kill falls at any moment of the command, the others between the first and the last change that it makes.
After each, every file that the command writes must be the old or the new one, whole; the same command, run again, must
succeed and leave the new ones and nothing else.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tools.baselines import write_baselines
from tools.files import PART, STALE_S
from tools.history.ingest import ingest
from tools.history.places import place_of
from tools.history.store import columns_at, read_catalog
from tools.records import Run
from tools.runs import read_run
from tools.tests.fuzz.verbs import Answer, in_process
from tools.tests.history.folders import folder_of
from tools.tests.samples import baseline, record, run, run_file, stored
from tools.tests.test_merge import WHOLE

ROOT = Path(__file__).resolve().parents[2]
PATHS = ("attention", "compile", "mxint8", "quantizers", "search")
SUITE = "attention/eager/d64-s256/forward"
OLD, NEW, MIXED = "old", "new", "some old, some new"
LOCK = ".lock"
MOMENT = re.compile(r'"created_utc": "[^"]*"')
Content = Mapping[str, object]


@dataclass(frozen=True)
class Victim:
    """A command that writes.

    prepare   makes its inputs, and what it is to replace, in an empty folder
    watched   the folder in which it writes
    content   name -> what the files it writes say, apart from when they were written; raises for one that is damaged
    """

    name: str
    prepare: Callable[[Path], None]
    arguments: Callable[[Path], Sequence[str]]
    watched: str
    content: Callable[[Path], Content]


# ---------------------------------------------------------------- the commands


def measured(seconds: float, count: int) -> Run:
    cases = [f"{path}/c{number}" for path in PATHS for number in range(40)]
    return run(*(record(case, latency_s=seconds, graph_count=count) for case in cases))


def refresh_prepare(folder: Path) -> None:
    cases = {
        path: {f"{path}/c{number}": stored(latency_s=0.5, graph_count=1) for number in range(40)} for path in PATHS
    }
    write_baselines(folder / "b", [baseline(found, path) for path, found in cases.items()])
    run_file(folder, measured(0.25, 2))


def refresh_content(folder: Path) -> Content:
    texts = {str(file.relative_to(folder)): file.read_text() for file in (folder / "b").rglob("*.json")}
    return {name: (MOMENT.sub("", text), len(json.loads(text)["cases"]))[0] for name, text in texts.items()}


def merge_prepare(folder: Path) -> None:
    for number, each in enumerate(WHOLE):
        run_file(folder, each, f"{number}.json")
    (folder / "out").mkdir()
    run_file(folder / "out", run(record(latency_s=1.0)), "whole.json")


def merge_content(folder: Path) -> Content:
    read_run(folder / "out" / "whole.json")
    return {"whole.json": (folder / "out" / "whole.json").read_bytes()}


def history_prepare(folder: Path) -> None:
    folder_of(folder / "runs", [0.01] * 12)
    ingest([str(folder / "runs")], str(folder / "store"))
    folder_of(folder / "runs", [0.02] * 8, first=12)


def history_content(folder: Path) -> Content:
    """As those see it who ask: the runs, and all their rows, also the ones that merged parts hold."""
    place = place_of(str(folder / "store"))
    catalog = read_catalog(place)
    rows = columns_at(place, catalog.parts, ("run", "value"))
    times = sorted(zip(rows["run"].tolist(), rows["value"].tolist(), strict=True))
    return {"store": (len(catalog.runs), sorted(catalog.files), times)}


def report_prepare(folder: Path) -> None:
    (folder / "out").mkdir()
    refresh_prepare(folder)
    for name in ("out.html", "out.md"):
        (folder / "out" / name).write_text("old\n")


def out_content(folder: Path) -> Content:
    return {file.name: file.read_bytes() for file in (folder / "out").iterdir() if not PART.fullmatch(file.name)}


def suite_prepare(folder: Path) -> None:
    (folder / "out").mkdir()
    run_file(folder / "out", run(record(SUITE, latency_s=1.0)))


def suite_content(folder: Path) -> Content:
    """Of a run that cannot be foreseen: whether it is the one that was there."""
    found = read_run(folder / "out" / "run.json")
    return {"run.json": (found.profile, [each.case for each in found.records])}


def tools(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tools", *arguments]


def suite(folder: Path) -> list[str]:
    chosen = ["perf_tests/test_attention.py", "-k", SUITE, "--perf-profile", "quick", "--perf-device", "cpu"]
    cached = ["-p", "no:cacheprovider", "--perf-baselines", "none"]
    return [sys.executable, "-m", "pytest", *chosen, *cached, "--perf-run", str(folder / "out" / "run.json")]


VICTIMS = {
    each.name: each
    for each in (
        Victim(
            "refresh",
            refresh_prepare,
            lambda folder: tools("refresh", f"{folder}/run.json", "--baselines", f"{folder}/b", "--reason", "killed"),
            "b/cpu-sample-2c",
            refresh_content,
        ),
        Victim(
            "merge",
            merge_prepare,
            lambda folder: tools(
                "merge", *(f"{folder}/{number}.json" for number in range(3)), "--output", f"{folder}/out/whole.json"
            ),
            "out",
            merge_content,
        ),
        Victim(
            "history",
            history_prepare,
            lambda folder: tools("history", f"{folder}/runs", "--store", f"{folder}/store"),
            "store",
            history_content,
        ),
        Victim("suite", suite_prepare, suite, "out", suite_content),
        Victim(
            "report",
            report_prepare,
            lambda folder: tools(
                *("report", f"{folder}/run.json", "--baselines", f"{folder}/b"),
                *("--html", f"{folder}/out/out.html", "--markdown", f"{folder}/out/out.md"),
            ),
            "out",
            out_content,
        ),
        Victim(
            "export",
            report_prepare,
            lambda folder: tools(
                *("export", f"{folder}/run.json", "--baselines", f"{folder}/b"),
                *("--to", "otava", "--output", f"{folder}/out/out.html"),
            ),
            "out",
            out_content,
        ),
    )
}


# ---------------------------------------------------------------- killing


@dataclass(frozen=True)
class Usual:
    """A command that was let run: its exit code, how long it took, how long it wrote, and what it left."""

    code: int
    wall_s: float
    writing_s: float
    before: Content
    after: Content


@dataclass(frozen=True)
class Death:
    """state: OLD, NEW or MIXED; parts: files left beside those that count; finished: it was through before the kill."""

    state: str
    parts: int
    finished: bool
    problems: tuple[str, ...]


def started(victim: Victim, folder: Path) -> "subprocess.Popen[bytes]":
    """In a process group of its own, as a terminal or a CI job has one."""
    nothing = subprocess.DEVNULL
    return subprocess.Popen(
        victim.arguments(folder), cwd=ROOT, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )


def changed(folder: Path, process: "subprocess.Popen[bytes]", since: object) -> float:
    """When something in the folder first changes; the end of the process where nothing does."""
    while process.poll() is None and names(folder) == since:
        time.sleep(0.0002)
    return time.monotonic()


def writing(folder: Path, process: "subprocess.Popen[bytes]") -> float:
    """Seconds from the first change to the last; 0 where nothing changes."""
    since = names(folder)
    first_s = last_s = changed(folder, process, since)
    while process.poll() is None:
        since, last_s = names(folder), time.monotonic()
        changed(folder, process, since)
    return last_s - first_s


def names(folder: Path) -> frozenset[tuple[str, int]]:
    with contextlib.suppress(OSError):
        return frozenset((each.name, each.inode()) for each in os.scandir(folder) if each.name != LOCK)
    return frozenset()


def usual(victim: Victim, template: Path, times: int = 2) -> Usual:
    """Of several runs the last, which finds everything in the caches."""
    for _ in range(times):
        with prepared(victim, template) as folder:
            before, start_s = victim.content(folder), time.monotonic()
            process = started(victim, folder)
            writing_s = writing(folder / victim.watched, process)
            code, wall_s = process.wait(), time.monotonic() - start_s
            found = Usual(code, wall_s, writing_s, before, victim.content(folder))
    return found


@contextlib.contextmanager
def prepared(victim: Victim, template: Path) -> Iterator[Path]:
    """A copy of what the victim finds, always in one place: files may tell where they lie."""
    folder = template.with_name(f"{template.name}-here")
    shutil.copytree(template, folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def template_of(victim: Victim) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="killing-") as parent:
        here, template = Path(parent) / "world-here", Path(parent) / "world"
        here.mkdir()
        victim.prepare(here)
        here.rename(template)
        yield template


def killed(
    victim: Victim, template: Path, known: Usual, random: Random, while_writing: bool, again: bool = True
) -> Death:
    with prepared(victim, template) as folder:
        since = names(folder / victim.watched)
        process = started(victim, folder)
        if while_writing:
            changed(folder / victim.watched, process, since)
            time.sleep(random.uniform(0, known.writing_s))
        else:
            time.sleep(random.uniform(0, known.wall_s))
        finished = process.poll() is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        state, problems = state_of(victim, folder, known)
        parts = [file for file in (folder / victim.watched).iterdir() if PART.fullmatch(file.name)]
        problems += after_all(victim, folder, known, parts) if again else []
        return Death(state, len(parts), finished, tuple(problems))


def state_of(victim: Victim, folder: Path, known: Usual) -> tuple[str, list[str]]:
    try:
        found = victim.content(folder)
    except Exception as error:
        return MIXED, [f"damaged: {error}"]
    wrong = [
        f"{name} is neither the old nor the new one"
        for name in sorted(found.keys() | known.before.keys())
        if found.get(name) not in (known.before.get(name), known.after.get(name))
    ]
    if found == known.after:
        return NEW, wrong
    return (OLD if found == known.before else MIXED), wrong


def after_all(victim: Victim, folder: Path, known: Usual, parts: Sequence[Path]) -> list[str]:
    """The same command, later: it succeeds, what it leaves is the new state, and nothing else is there any more."""
    for part in parts:
        os.utime(part, (time.time() - 2 * STALE_S,) * 2)
    end = run_again(victim.arguments(folder))
    state, wrong = state_of(victim, folder, known)
    told = [] if end.code == known.code else [f"again: {end.code}, {end.out[-300:]}{end.err[-300:]}"]
    left = [file.name for file in (folder / victim.watched).iterdir() if PART.fullmatch(file.name)]
    return [*wrong, *told, *([] if state == NEW else [f"again: {state}"]), *(f"left for good: {name}" for name in left)]


def run_again(command: Sequence[str]) -> Answer:
    """A verb in this process, which has imported everything already."""
    if command[1:3] == ["-m", "tools"]:
        return in_process(command[3:])
    end = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    return Answer(end.returncode, end.stdout, end.stderr)


def row(name: str, known: Usual, deaths: Sequence[Death], wall_s: float) -> str:
    states = Counter(each.state for each in deaths)
    wrong = sum(bool(each.problems) for each in deaths)
    finished, parts = sum(each.finished for each in deaths), sum(each.parts for each in deaths)
    told = ", ".join(f"{states[state]} {state}" for state in (OLD, NEW, MIXED))
    return (
        f"{name:8} {len(deaths)} kills: {told}; {finished} after its end; {parts} parts left; {wrong} with a problem "
        f"(usually {known.wall_s:.2f} s, of which {known.writing_s:.3f} s from the first change on; {wall_s:.0f} s)"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50, help="kills of each command")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=VICTIMS, default=[*VICTIMS])
    asked = parser.parse_args()
    wrong = 0
    for name in asked.only:
        start_s, random, victim = time.monotonic(), Random(f"{asked.seed}/{name}"), VICTIMS[name]
        with template_of(victim) as template:
            known = usual(victim, template)
            deaths = []
            for number in range(asked.times):
                deaths.append(killed(victim, template, known, random, number % 2 == 1))
                for problem in deaths[-1].problems:
                    print(f"{name} {number}: {problem}", flush=True)
        print(row(name, known, deaths, time.monotonic() - start_s), flush=True)
        wrong += sum(bool(each.problems) for each in deaths)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
