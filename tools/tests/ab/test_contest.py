"""The whole A/B with real worker processes, on the repository without torch: verdicts, and what goes wrong."""

import dataclasses
import json
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tools.ab.contest import NothingToCompare, Request, contest
from tools.ab.outcome import sentences, table
from tools.ab.rule import Look, Rule
from tools.ab.workers import WORKER, WorkerLost
from tools.tests.ab import repository
from tools.tests.ab.repository import case
from tools.verdict import Verdict

ROOT = Path(__file__).resolve().parents[3]
QUICK = Rule(alternations=4, slot_s=0.01)
STEADY = case("a/steady", "steady(0.001)")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Checkouts are laid out in the test's own folder, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert list(folder.glob("perf-ratchet-ab-*")) == []
    assert workers(folder) == []


def workers(folder):
    """Live worker processes whose checkout lies in `folder`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        told = process.info["cmdline"] or []
        if str(WORKER) in told and any(str(folder) in part for part in told):
            found.append(process.pid)
    return found


def compared(tmp_path, base, head, rule=QUICK, **asked):
    folder = repository.repository(tmp_path / "repository", repository.table(*base), repository.table(*head))
    request = Request(folder, "base", "head", sys.executable, sys.executable, hang_s=60.0, seed=7)
    return contest(dataclasses.replace(request, **asked), rule, lambda text: None)


def verdicts(outcome):
    return {(found.case, found.metric): found.verdict for found in outcome.judgements}


def test_a_slower_head_is_red_and_the_others_are_not(tmp_path):
    slow = case("a/slow", "steady(0.001)"), case("a/slow", "steady(0.00115)")
    outcome = compared(tmp_path, [STEADY, slow[0]], [STEADY, slow[1]])
    assert verdicts(outcome) == {
        ("a/slow", "latency_s"): Verdict.REGRESSED,
        ("a/steady", "latency_s"): Verdict.UNCHANGED,
    }
    assert outcome.exit_code() == 1
    [red] = [found for found in outcome.judgements if found.case == "a/slow"]
    assert red.change == pytest.approx(0.15, abs=0.01)
    assert red.low < red.change < red.high  # the truth lies outside of an interval of 95 % one time in twenty
    assert red.detectable < 0.05
    assert "a/slow: latency_s regressed: +1" in "\n".join(sentences(outcome))


def test_every_slot_is_kept(tmp_path):
    outcome = compared(tmp_path, [STEADY], [STEADY])
    document = json.loads(outcome.document())
    assert document["exit_code"] == 0
    assert document["rule"]["looks"][0] == {"pairs": 6, "alpha": 0.0005}
    decided = [duel for duel in document["duels"] if duel["purpose"] == "decide"]
    assert len(decided) == 6
    assert all(len(duel["alternations"]) == 4 for duel in decided)
    slot = decided[0]["alternations"][0]["base"]
    assert slot["rounds"]["latency_s"]
    assert {"wall_s", "cpu_s", "busy_s", "stolen_s", "involuntary_switches", "pressure_s", "gpu"} <= slot.keys()


def test_cases_that_only_one_arm_has_are_named(tmp_path):
    base = [STEADY, case("a/gone", "steady(1)"), case("a/other", "steady(1)", definition="d1")]
    head = [STEADY, case("a/fresh", "steady(1)"), case("a/other", "steady(1)", definition="d2")]
    outcome = compared(tmp_path, base, head)
    found = {each.case: each.verdict for each in outcome.judgements}
    assert found == {
        "a/gone": Verdict.MISSING,
        "a/fresh": Verdict.NEW,
        "a/other": Verdict.INCOMPARABLE,
        "a/steady": Verdict.UNCHANGED,
    }
    assert outcome.exit_code() == 3
    assert "redefined (d1 -> d2)" in "\n".join(sentences(outcome))


def test_a_result_that_became_wrong_is_red_and_never_timed(tmp_path):
    outcome = compared(tmp_path, [case("a/x", "steady(0.001)")], [case("a/x", "wrong")])
    assert verdicts(outcome) == {("a/x", "status"): Verdict.REGRESSED}
    assert "WrongResult" not in outcome.judgements[0].reason
    assert "max_abs_error is 1" in outcome.judgements[0].reason
    assert outcome.duels == ()
    assert outcome.exit_code() == 1


def test_a_worker_killed_in_mid_pair_is_named(tmp_path):
    outcome = compared(tmp_path, [case("a/x", "steady(0.001)")], [case("a/x", "deadly")])
    told = "\n".join(sentences(outcome))
    assert "head (" in told
    assert "killed by SIGKILL during `" in told
    assert outcome.exit_code() == 3


def test_a_worker_that_hangs_is_killed_and_named(tmp_path):
    outcome = compared(tmp_path, [case("a/x", "steady(0.001)")], [case("a/x", "hanging")], hang_s=3.0)
    told = "\n".join(sentences(outcome))
    assert "no answer to `" in told
    assert "within 3 s; it was killed" in told
    assert outcome.exit_code() == 3


def test_a_case_that_ends_its_worker_does_not_end_the_others(tmp_path):
    outcome = compared(tmp_path, [STEADY, case("a/x", "steady(0.001)")], [STEADY, case("a/x", "deadly")])
    assert verdicts(outcome) == {
        ("a/x", "status"): Verdict.INCONCLUSIVE,
        ("a/steady", "latency_s"): Verdict.UNCHANGED,
    }
    assert outcome.exit_code() == 3


def test_a_case_that_poisons_its_process_does_not_condemn_the_others(tmp_path):
    """As an illegal access does on a GPU: whatever is called in that process from then on fails, too."""
    outcome = compared(tmp_path, [STEADY, case("a/x", "steady(0.001)")], [STEADY, case("a/x", "poisonous")])
    assert verdicts(outcome) == {
        ("a/x", "status"): Verdict.INCONCLUSIVE,
        ("a/steady", "latency_s"): Verdict.UNCHANGED,
    }
    assert "cannot go on after a/x: RuntimeError: an illegal memory access" in outcome.judgements[1].reason
    assert outcome.exit_code() == 3


def test_arms_that_do_not_fit_side_by_side_are_no_regression(tmp_path, monkeypatch):
    monkeypatch.setenv("MARKER", str(tmp_path / "marker"))
    outcome = compared(tmp_path, [case("a/x", "crowded")], [case("a/x", "crowded")])
    assert verdicts(outcome) == {("a/x", "status"): Verdict.INCONCLUSIVE}
    assert "ok -> oom in one pair of processes, oom -> ok in another" in outcome.judgements[0].reason
    assert outcome.exit_code() == 3


def test_a_status_that_fresh_processes_do_not_show_again_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("MARKER", str(tmp_path / "marker"))
    outcome = compared(tmp_path, [case("a/x", "steady(0.001)")], [case("a/x", "full_once")])
    assert (tmp_path / "marker").exists()
    assert verdicts(outcome) == {("a/x", "latency_s"): Verdict.UNCHANGED}


def test_a_case_that_no_longer_fits_is_red(tmp_path):
    outcome = compared(tmp_path, [case("a/x", "steady(0.001)")], [case("a/x", "full")])
    assert verdicts(outcome) == {("a/x", "status"): Verdict.REGRESSED}
    assert "ok -> oom" in outcome.judgements[0].reason


def test_a_suspect_without_a_time_is_not_decided(tmp_path):
    """Both arms equal in that neither fits beside the other says nothing of the time that looked slower."""
    both = [case("a/x", "full")]
    alone = compared(tmp_path, both, both)
    assert (verdicts(alone), alone.exit_code()) == ({("a/x", "status"): Verdict.UNCHANGED}, 3)  # none was measured
    request = Request(tmp_path / "repository", "base", "head", sys.executable, sys.executable, seed=7)
    suspected = contest(dataclasses.replace(request, suspects=frozenset({"a/x"})), QUICK, lambda text: None)
    assert (verdicts(suspected), suspected.exit_code()) == ({("a/x", "status"): Verdict.INCONCLUSIVE}, 3)


def test_a_suspect_that_only_head_has_is_not_decided(tmp_path):
    outcome = compared(tmp_path, [STEADY], [STEADY, case("a/x", "steady(0.001)")], suspects=frozenset({"a/x"}))
    assert (verdicts(outcome), outcome.exit_code()) == ({("a/x", "definition"): Verdict.INCONCLUSIVE}, 3)
    assert "only head has it; it was ok in the run" in outcome.judgements[0].reason


def test_a_suspect_that_neither_arm_has_is_named(tmp_path):
    outcome = compared(tmp_path, [STEADY], [STEADY], suspects=frozenset({"a/steady", "a/nowhere"}))
    found = {each.case: each.verdict for each in outcome.judgements}
    assert found == {"a/nowhere": Verdict.MISSING, "a/steady": Verdict.UNCHANGED}
    assert outcome.exit_code() == 3


def test_a_base_that_does_not_import_is_named(tmp_path):
    folder = repository.repository(tmp_path / "repository", "import nowhere\n", repository.table(STEADY))
    request = Request(folder, "base", "head", sys.executable, sys.executable)
    with pytest.raises(WorkerLost, match=r"base \(\w+\): cannot be imported: ModuleNotFoundError: No module named"):
        contest(request, QUICK, lambda text: None)


def test_an_interpreter_that_does_not_start_is_named(tmp_path):
    with pytest.raises(WorkerLost, match=r"head \(\w+\): cannot start .*nowhere"):
        compared(tmp_path, [STEADY], [STEADY], head_python=str(tmp_path / "nowhere"))


def test_an_interpreter_that_ends_at_once_is_named(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho no such library >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(WorkerLost, match=r"head \(\w+\): the worker ended with exit code 3 .*no such library"):
        compared(tmp_path, [STEADY], [STEADY], head_python=str(program))


def test_nothing_selected_says_what_there_is(tmp_path):
    with pytest.raises(NothingToCompare, match="no case fits -k 'b': found 1 case"):
        compared(tmp_path, [STEADY], [STEADY], keyword="b")


def test_a_budget_that_is_too_small_leaves_no_silence(tmp_path):
    outcome = compared(tmp_path, [STEADY], [STEADY], minutes=0.0)
    assert verdicts(outcome) == {("a/steady", "latency_s"): Verdict.INCONCLUSIVE}
    assert "--max-minutes" in outcome.judgements[0].reason
    assert outcome.exit_code() == 3


def test_noise_is_inconclusive_and_fails_only_when_strict(tmp_path):
    noisy = case("a/noisy", "steady(0.001, spread=0.3)")
    rule = dataclasses.replace(QUICK, looks=(Look(6, 0.001),))
    outcome = compared(tmp_path, [noisy], [noisy], rule)
    assert verdicts(outcome) == {("a/noisy", "latency_s"): Verdict.INCONCLUSIVE}
    assert (outcome.exit_code(), outcome.exit_code(strict=True)) == (0, 3)
    assert outcome.judgements[0].detectable > 0.1
    assert table(outcome).rows[0][8].startswith("+")


def test_files_that_are_not_committed_are_an_arm(tmp_path):
    folder = repository.repository(tmp_path / "repository", repository.table(STEADY), repository.table(STEADY))
    slower = repository.table(case("a/steady", "steady(0.002)"))
    (folder / "perf_tests" / "test_fake.py").write_text(slower)
    request = Request(folder, "base", "worktree", sys.executable, sys.executable, seed=7)
    outcome = contest(request, QUICK, lambda text: None)
    assert verdicts(outcome) == {("a/steady", "latency_s"): Verdict.REGRESSED}
    assert outcome.head.name == "worktree"


# The command line.


def command(folder, *arguments):
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    return [sys.executable, "-m", "tools", "ab", *arguments], {"cwd": folder, "env": variables, "text": True}


def run(folder, *arguments):
    told, options = command(folder, *arguments)
    return subprocess.run(told, capture_output=True, check=False, timeout=120, **options)


def test_the_command_prints_the_table_and_keeps_the_slots(tmp_path):
    slower = repository.table(STEADY, case("a/slow", "steady(0.002)"))
    base = repository.table(STEADY, case("a/slow", "steady(0.001)"))
    folder = repository.repository(tmp_path / "repository", base, slower)
    done = run(folder, "--base", "base", "-k", "a and not steady", "--json", str(tmp_path / "ab.json"))
    assert done.returncode == 1, done.stderr
    assert "regressed" in done.stdout
    assert "steady" not in done.stdout
    assert "pair 1: 1 case" in done.stderr
    assert json.loads((tmp_path / "ab.json").read_text())["exit_code"] == 1


def test_an_interpreter_may_be_named_from_here(tmp_path):
    folder = repository.repository(tmp_path / "repository", repository.table(STEADY), repository.table(STEADY))
    (folder / "python").symlink_to(sys.executable)
    done = run(folder, "--base", "base", "--head", "head", "--head-python", "./python")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--base", "base", "--device", "tpu"], 2, "unknown device 'tpu'"),
        (["--base", "nowhere"], 2, "revision 'nowhere': no commit of this repository"),
        (["--base", "--output=x"], 2, "revision '--output=x': no commit of this repository"),
        (["--base", "base", "-k", "and and"], 2, "-k 'and and': expected parts of case ids"),
        (["--base", "base", "-k", "nothing"], 3, "no case fits -k 'nothing'"),
        (["--base", "base", "--head-python", "/nowhere/python"], 2, "no such interpreter"),
        (["--base", "base", "--suspects", "nowhere.json"], 2, "run file nowhere.json: cannot be read"),
        (["--base", "base", "--json", "/proc/nowhere/ab.json"], 2, "cannot be written"),
    ],
)
def test_bad_requests_end_in_one_line(tmp_path, arguments, code, told):
    folder = repository.repository(tmp_path / "repository", repository.table(STEADY), repository.table(STEADY))
    (folder / "baselines").mkdir()
    done = run(folder, *arguments)
    assert done.returncode == code, done.stderr
    assert told in done.stderr.replace("\n", " ").replace("│", "").replace("  ", " ")
    assert "Traceback" not in done.stderr


def hear_interrupts():
    """A shell lets what it starts in the background ignore them, and so would all that is started here."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(tmp_path, place, kind):
    """The place fixture looks for checkouts and workers afterwards; git knows of no worktree but its own."""
    noisy = repository.table(case("a/noisy", "steady(0.001, spread=0.3)"))
    folder = repository.repository(tmp_path / "repository", noisy, noisy)
    told, options = command(folder, "--base", "base")
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": hear_interrupts}
    with subprocess.Popen(told, **options) as process:
        for line in process.stderr:
            if line.startswith("pair 1"):
                break
        assert list(place.glob("perf-ratchet-ab-*"))
        process.send_signal(kind)
        output = process.stdout.read()
    assert process.returncode == 3
    assert "interrupted" in output
    assert len(repository.git(folder, "worktree", "list").splitlines()) == 1


def test_a_driver_that_is_killed_takes_its_workers_with_it(tmp_path, place, monkeypatch):
    """One of them is deep in a call that never ends, and so does not see that nobody asks any more."""
    marker = tmp_path / "marker"
    os.mkfifo(marker)
    monkeypatch.setenv("MARKER", str(marker))
    reader = os.open(marker, os.O_RDONLY | os.O_NONBLOCK)
    table = repository.table(case("a/x", "hanging"))
    folder = repository.repository(tmp_path / "repository", table, table)
    told, options = command(folder, "--base", "base")
    with subprocess.Popen(told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options) as process:
        assert select.select([reader], [], [], 60)[0], "no worker ever hung"
        live = [psutil.Process(worker) for worker in workers(place)]
        process.kill()
    os.close(reader)
    assert len(live) >= 2
    assert psutil.wait_procs(live, timeout=10)[1] == []
    for left in place.glob("perf-ratchet-ab-*"):  # a folder in the system's temporary place, and nothing else
        subprocess.run(["rm", "-r", str(left)], check=True)


def test_an_endless_budget_is_the_default():
    assert Request(Path(), "base", "head", "python", "python").minutes == math.inf
