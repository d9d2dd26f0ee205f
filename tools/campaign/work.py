"""Works a campaign off, stage by stage, as far as its minutes go; called again, it goes on."""

import datetime
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.campaign.clock import PATIENCE_S, Clock, run
from tools.campaign.plan import MINUTES, Campaign, Slice, Stage
from tools.campaign.state import Done, State, state_file, write_state
from tools.merge import benchmarks, merge, read_parts
from tools.quantities import counted
from tools.records import Record, Run
from tools.refresh import Refused, fit, refresh
from tools.runs import read_run, write_run
from tools.tables import printable

# A stage is not begun for less, and a case not for less than the last of them: imports alone take some 10 s.
LEAST_S = 45.0
LAST_CASE_S = 60.0
LARGEST_RUN_BYTES = 16 << 20
FIRST_REASON = "measured by ci/gpu.sh in a folder of its own"


@dataclass
class Work:
    """The campaign on this machine, in this call.

    states  of every slice; its own grows
    say     for progress, a line a stage
    """

    asked: Campaign
    states: dict[Slice, State]
    clock: Clock
    say: Callable[[str], None]

    @property
    def done(self) -> dict[str, Done]:
        """Of all slices."""
        return {key: done for state in self.states.values() for key, done in state.done.items()}

    def all(self, chosen: Sequence[Stage], planned: Sequence[Stage]) -> None:
        """The chosen ones of what is planned, as far as what they need is done."""
        for stage in chosen:
            key = stage.key(self.asked.part)
            if not stage.in_slice(self.asked.part) or key in self.done:
                continue
            if not set(self.needed(stage, planned)) <= self.done.keys():
                continue
            if self.clock.left_s < LEAST_S:
                return
            self.one(stage, key)

    def needed(self, stage: Stage, planned: Sequence[Stage]) -> Iterator[str]:
        return (key for each in planned if each.name in stage.needs for key in each.keys(self.asked.part))

    def one(self, stage: Stage, key: str) -> None:
        self.say(f"{key}: begun, {self.clock.left_s:.0f} s are left")
        began_s = time.monotonic()
        found = self.measured(stage, key) if stage.measures else self.stored() if not stage.command else self.ran(stage)
        if found is None:
            self.say(f"{key}: not done yet; the same command goes on")
            return
        code, told = found
        own = self.asked.part
        self.states[own] = self.states[own].after(key, Done(code, round(time.monotonic() - began_s, 1), told))
        write_state(state_file(self.asked.out, own), self.states[own])
        self.say(f"{key}: {told}")

    # Stages.

    def ran(self, stage: Stage) -> tuple[int, str] | None:
        """A program that is begun anew where its time was not enough."""
        log = self.file(stage.name, ".log")
        log.unlink(missing_ok=True)
        seconds = self.clock.left_s - PATIENCE_S
        option = MINUTES.get(stage.name)
        more = (option, f"{(seconds - LAST_CASE_S) / 60:.2f}") if option else ()
        code = self.call((*stage.command, *more), log, seconds)
        return None if code is None else (code, sentence(log, stage.told))

    def measured(self, stage: Stage, key: str) -> tuple[int, str] | None:
        """Process after process, while each one gets on: one that is lost to a case leaves the others to the next."""
        journal, file, log = (self.file(key, ending) for ending in (".jsonl", ".json", ".log"))
        shard = ("--perf-shard", str(self.asked.part)) if stage.sliced else ()
        place = ("--perf-journal", str(journal), "--perf-run", str(file), *shard)
        written = -1
        while self.clock.left_s > LEAST_S and size(journal) > written:
            written = size(journal)
            file.unlink(missing_ok=True)
            seconds = self.clock.left_s - PATIENCE_S
            minutes = max(0.1, (seconds - LAST_CASE_S) / 60)
            code = self.call((*stage.command, *place, "--perf-minutes", f"{minutes:.2f}"), log, seconds)
            done = complete(file)
            if done is not None:
                return fitting(3 if code is None else code, file, by_status(done.records))
        if size(journal) > written:
            return None
        return 3, f"broke off: {sentence(log)}"

    def call(self, command: Sequence[str], log: Path, seconds: float) -> int | None:
        """PYTHON: scripts that the campaign calls use its own interpreter."""
        return run(command, log, seconds, {"PYTHON": self.asked.python})

    def stored(self) -> tuple[int, str]:
        """What is fit becomes a baseline; what is not is named, and stays without one."""
        runs = [self.process(number) for number in range(1, self.asked.processes + 1)]
        keep, left_out = fit(runs)
        self.file("store", ".log").write_text("".join(f"{case}: {why}\n" for case, why in left_out.items()))
        try:
            refresh(runs, self.asked.out / "baselines", FIRST_REASON, datetime.datetime.now(datetime.UTC), keep)
        except Refused as error:
            return 3, f"stored nothing: {error}"
        told = f"{counted(len(keep), 'case')} from {counted(len(runs), 'process')}"
        return 0, f"{told}; {len(left_out)} not fit, as store.log says" if left_out else told

    def process(self, number: int) -> Run:
        """All slices of a process as one run."""
        name = f"process-{number}"
        if self.asked.part.count == 1:
            return read_run(self.file(name, ".json"))
        parts = read_parts([self.file(name + each.suffix, ".json") for each in self.asked.part.all()])
        whole = merge(parts)
        write_run(self.file(name, ".json"), whole, benchmarks(part.file for part in parts))
        return whole

    def file(self, name: str, ending: str) -> Path:
        return self.asked.out / f"{name}{ending}"


def fitting(code: int, file: Path, told: str) -> tuple[int, str]:
    """A run file is carried away from here; one that is too large for that says so now."""
    if size(file) <= LARGEST_RUN_BYTES:
        return code, told
    mib = size(file) / 2**20
    return max(code, 3), f"{told}; {file.name} is {mib:.0f} MiB, expected at most 16: measure in more slices"


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def complete(file: Path) -> Run | None:
    """The run, if every case that was selected has its record in it."""
    if not file.exists():
        return None
    found = read_run(file)
    return found if {record.case for record in found.records} >= set(found.selection.selected) else None


def by_status(records: Sequence[Record]) -> str:
    counts = Counter(record.status for record in records)
    found = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    return f"{counted(len(records), 'case')}: {found or 'none'}"


def sentence(log: Path, part: str = "") -> str:
    """Of what a program said, the last line that holds this, or else the last: for whom its log is too long."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if part in line] or lines
    return printable(told[-1][:200]) if told else "said nothing"
