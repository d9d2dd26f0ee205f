"""Working a campaign off: with a stand-in for Python that measures, crashes, hangs or says something wrong."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import pytest

from tools.campaign import work as working
from tools.campaign.clock import Clock, run
from tools.campaign.command import keep_out_of_git
from tools.campaign.plan import Campaign, Stage, slice_of
from tools.campaign.state import SCHEMA_VERSION, State, read_state, read_states
from tools.campaign.view import errors, exit_code, table
from tools.campaign.work import Work
from tools.files import UnusableFile
from tools.runs import read_run, write_run
from tools.tests.samples import CASE, OTHER, record
from tools.tests.samples import run as run_of
from tools.tests.scripts import program

# Does what the next line of the file `script` beside it says: `whole` copies a run file that is there, `part` another
# one, `crash` writes to the journal and dies, `hang` waits for its end, `stuck` does nothing and fails.
PYTHON = f"""#!{sys.executable} -S
import os, shutil, signal, sys
told = dict(zip(sys.argv, sys.argv[1:]))
place = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(place, "calls"), "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
with open(os.path.join(place, "script")) as script:
    lines = script.read().split()
with open(os.path.join(place, "script"), "w") as script:
    script.write(" ".join(lines[1:]))
do = lines[0]
print("doing", do, flush=True)
if do in ("whole", "part"):
    shutil.copy(os.path.join(place, do + ".json"), told["--perf-run"])
if do in ("crash", "part", "hang"):
    open(told["--perf-journal"], "a").write("line\\n") if "--perf-journal" in told else None
if do == "crash":
    os.kill(os.getpid(), 9)
if do == "hang":
    signal.pause()
sys.exit(0 if do == "whole" else int(do) if do.isdigit() else 3)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    program(tmp_path / "python", PYTHON)
    whole = run_of(record(CASE, latency_s=0.1), record(OTHER, "unsupported", "no"))
    write_run(tmp_path / "whole.json", whole, {})
    part = dataclasses.replace(whole, records=whole.records[:1])
    write_run(tmp_path / "part.json", part, {})
    return tmp_path


def work_on(place: Path, minutes=10.0, processes=1, part="1/1") -> Work:
    asked = Campaign(place, str(place / "python"), "cuda", "quick", processes, slice_of(part))
    return Work(asked, read_states(place, {"commit": "c0ffee"}, asked.part), Clock(minutes), lambda text: None)


def script(place: Path, *lines: str) -> None:
    (place / "script").write_text(" ".join(lines))


def calls(place: Path) -> list[str]:
    return (place / "calls").read_text().splitlines()


def measuring(place: Path, name="process-1", sliced=False) -> Stage:
    return Stage(name, (str(place / "python"), "-m", "pytest"), measures=True, sliced=sliced)


def told(work: Work, key="process-1"):
    found = work.done.get(key)
    return (found.code, found.told) if found else None


def test_a_stage_is_done_when_every_selected_case_has_its_record(place):
    work = work_on(place)
    script(place, "whole")
    work.all([measuring(place)], [])
    assert told(work) == (0, "2 cases: 1 ok, 1 unsupported")
    assert read_states(place, {"commit": "c0ffee"}, work.asked.part) == work.states


def test_after_a_crash_a_fresh_process_goes_on(place):
    work = work_on(place)
    script(place, "crash", "part", "whole")
    work.all([measuring(place)], [])
    assert told(work) == (0, "2 cases: 1 ok, 1 unsupported")
    assert len(calls(place)) == 3
    assert all("--perf-journal" in call and "--perf-minutes" in call for call in calls(place))


def test_a_process_that_gets_nowhere_is_not_begun_for_ever(place):
    work = work_on(place)
    script(place, "crash", "stuck", "whole")
    work.all([measuring(place)], [])
    assert told(work) == (3, "broke off: doing stuck")
    assert len(calls(place)) == 2


def test_what_is_done_is_not_done_again(place):
    script(place, "whole")
    work_on(place).all([measuring(place)], [])
    script(place, "stuck")
    again = work_on(place)
    again.all([measuring(place)], [])
    assert (len(calls(place)), told(again)) == (1, (0, "2 cases: 1 ok, 1 unsupported"))


def test_no_stage_is_begun_without_time_for_it(place):
    work = work_on(place, minutes=0.5)
    script(place, "whole")
    work.all([measuring(place)], [])
    assert (told(work), (place / "calls").exists()) == (None, False)


def test_a_stage_waits_for_what_it_needs_in_every_slice(place):
    needed = measuring(place, sliced=True)
    waiting = Stage("after", (str(place / "python"), "x"), needs=("process-1",))
    script(place, "whole", "whole", "0")
    first = work_on(place, part="1/2")
    first.all([needed, waiting], [needed, waiting])
    assert set(first.done) == {"process-1.1-of-2"}
    assert "waits for process-1.2-of-2" in {row[-1] for row in table(first.asked, first.done, [needed, waiting]).rows}
    second = work_on(place, part="2/2")
    second.all([needed, waiting], [needed, waiting])
    assert set(second.done) == {"process-1.1-of-2", "process-1.2-of-2", "after"}
    assert "--perf-shard 2/2" in calls(place)[1]


def test_a_campaign_is_no_change_of_the_tree_that_it_lies_in(place):
    keep_out_of_git(place)
    assert (place / ".gitignore").read_text() == "*\n"
    (place / ".gitignore").write_text("mine\n")
    keep_out_of_git(place)
    assert (place / ".gitignore").read_text() == "mine\n"


def test_a_program_is_ended_when_its_time_is_over_with_all_that_it_started(tmp_path):
    log = tmp_path / "log"
    code = run(["sh", "-c", "trap 'echo asked; exit 0' INT; sleep 60 & wait"], log, 0.2, {})
    assert (code, log.read_text()) == (None, "asked\n")


def test_a_run_file_that_cannot_be_carried_away_is_no_pass(place, monkeypatch):
    monkeypatch.setattr(working, "LARGEST_RUN_BYTES", 100)
    work = work_on(place)
    script(place, "whole")
    work.all([measuring(place)], [])
    code, said = told(work)
    assert code == 3
    assert "process-1.json is 0 MiB, expected at most 16" in said


def test_what_came_of_a_stage_is_the_line_that_it_names(tmp_path):
    log = tmp_path / "log"
    log.write_text("cases: 3 of 4\nnothing known disturbs it now\n\n")
    assert working.sentence(log, "cases: ") == "cases: 3 of 4"
    assert working.sentence(log, "none") == working.sentence(log) == "nothing known disturbs it now"


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_exit_code_of_a_program_is_its_stages(place, code):
    work = work_on(place)
    script(place, str(code))
    stage = Stage("doctor", (str(place / "python"), "x"))
    work.all([stage], [stage])
    assert told(work, "doctor") == (code, f"doing {code}")
    assert exit_code(work.asked, work.done, [stage]) == code


def test_what_is_not_done_is_no_pass(place):
    work = work_on(place)
    assert exit_code(work.asked, work.done, [measuring(place)]) == 3


def test_wrong_cases_are_named(place):
    work = work_on(place)
    whole = run_of(record(CASE, "error", "one element is off"))
    write_run(place / "whole.json", whole, {})
    script(place, "whole")
    work.all([measuring(place)], [])
    assert errors(work.asked, work.done, [measuring(place)]) == [f"{CASE}: one element is off"]


def test_a_state_of_other_code_is_refused(place):
    script(place, "whole")
    work_on(place).all([measuring(place)], [])
    with pytest.raises(UnusableFile, match="commit: c0ffee -> beef"):
        read_state(place / "campaign.json", {"commit": "beef"})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 99}', '{"schema_version": 1, "origin": 3}'])
def test_a_damaged_state_is_named(tmp_path, text):
    (tmp_path / "campaign.json").write_text(text)
    with pytest.raises(UnusableFile, match=r"campaign .*campaign\.json"):
        read_state(tmp_path / "campaign.json", {})


def processes(place: Path, *statuses: str) -> list[Stage]:
    """Run files of processes in which the second case ends as told."""
    for number, status in enumerate(statuses, 1):
        other = record(OTHER, latency_s=0.1) if status == "ok" else record(OTHER, status, "planted")
        write_run(place / f"process-{number}.json", run_of(record(CASE, peak_allocated_bytes=4096), other), {})
    return [Stage("store")]


def test_what_is_fit_becomes_a_baseline(place):
    work = work_on(place, processes=2)
    stages = processes(place, "ok", "ok")
    work.all(stages, stages)
    assert told(work, "store") == (0, "2 cases from 2 processes")
    assert list((place / "baselines").glob("*/attention.json"))


def test_a_wrong_case_keeps_no_other_one_from_its_baseline(place):
    work = work_on(place, processes=2)
    stages = processes(place, "ok", "error")
    work.all(stages, stages)
    assert told(work, "store") == (0, "1 case from 2 processes; 1 not fit, as store.log says")
    [file] = (place / "baselines").glob("*/attention.json")
    assert list(json.loads(file.read_text())["cases"]) == [CASE]
    assert OTHER in (place / "store.log").read_text()


def test_nothing_is_stored_of_nothing(place):
    work = work_on(place, processes=1)
    write_run(place / "process-1.json", run_of(record(CASE, "error", "planted")), {})
    stages = [Stage("store")]
    work.all(stages, stages)
    code, said = told(work, "store")
    assert (code, (place / "baselines").exists() and bool(list((place / "baselines").glob("*/*.json")))) == (3, False)
    assert "stored nothing" in said


def test_slices_of_two_machines_add_up(place):
    """Each writes a file of its own, so that folders can be laid together."""
    needed = measuring(place, sliced=True)
    script(place, "whole", "whole")
    for part in ("1/2", "2/2"):
        work_on(place, part=part).all([needed], [needed])
    assert sorted(file.name for file in place.glob("campaign*")) == ["campaign.1-of-2.json", "campaign.2-of-2.json"]
    assert set(work_on(place, part="1/2").done) == {"process-1.1-of-2", "process-1.2-of-2"}


def test_a_process_that_had_to_be_ended_is_no_pass(place, monkeypatch):
    work = work_on(place)
    script(place, "whole")
    monkeypatch.setattr(
        working, "run", lambda command, *others: shutil.copy(place / "whole.json", place / "process-1.json") and None
    )
    work.all([measuring(place)], [])
    assert told(work) == (3, "2 cases: 1 ok, 1 unsupported")


def test_the_state_survives_a_round_trip(place):
    assert read_state(place / "none.json", {"commit": "x"}) == State(SCHEMA_VERSION, {"commit": "x"})
    assert read_run(place / "whole.json").records
