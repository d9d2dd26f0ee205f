"""ci/perf.sh with a stand-in for Python: what it runs, against what, and which exit code it ends in."""

import random
import subprocess
import sys

import pytest

from tools.tests.ab.repository import git
from tools.tests.mutations import BITS, CUTS, INSERTIONS, mutated
from tools.tests.scripts import program, with_scripts

OF_TOML = (CUTS, BITS, INSERTIONS)

# Writes its arguments to calls.log; pytest leaves a run file; exit codes come from the environment.
PYTHON = """#!/usr/bin/env bash
echo "$*" >>calls.log
case "$*" in
    *"-m pytest"*) while [ $# -gt 1 ]; do shift; done; mkdir -p runs; echo '{}' >"$1"; exit "${PYTEST_CODE:-0}" ;;
    *"-m tools ab"*) exit "${AB_CODE:-0}" ;;
esac
exit 0
"""


@pytest.fixture
def folder(tmp_path):
    place = with_scripts(tmp_path / "repository", PYTHON)
    (place / ".gitignore").write_text(".venv/\nruns/\ncalls.log\n")
    git(place, "init", "--quiet", "--initial-branch=main")
    commit(place, "first")
    return place


def commit(place, text):
    (place / "file.txt").write_text(text)
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", text)
    return git(place, "rev-parse", "HEAD")


def perf(place, *arguments, **variables):
    """Exit code and what was run as an A/B ("" for none)."""
    told = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(place), **variables}
    done = subprocess.run(["bash", "ci/perf.sh", *arguments], cwd=place, env=told, capture_output=True, text=True)
    calls = (place / "calls.log").read_text().splitlines()
    return done.returncode, next((call for call in calls if "-m tools ab" in call), "")


def test_on_the_base_itself_there_is_nothing_to_hold_it_against(folder):
    assert perf(folder) == (0, "")


def test_a_branch_is_held_against_where_it_left_main(folder):
    main = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", "-b", "branch")
    commit(folder, "second")
    code, call = perf(folder)
    assert code == 0
    assert f"--base {main} --suspects runs/" in call
    assert "--baselines baselines --json runs/" in call


def test_changed_files_are_held_against_their_commit(folder):
    (folder / "file.txt").write_text("changed")
    assert f"--base {git(folder, 'rev-parse', 'HEAD')} " in perf(folder)[1]


def test_perf_base_names_the_base(folder):
    assert "--base v1 --suspects" in perf(folder, PERF_BASE="v1")[1]


def test_run_and_baselines_are_those_that_pytest_was_given(folder):
    code, call = perf(folder, "--perf-run", "here.json", "--perf-baselines=there", PERF_BASE="v1")
    assert code == 0
    assert "--suspects here.json --baselines there --json here.ab.json" in call


@pytest.mark.parametrize(
    ("pytest_code", "ab_code", "code"),
    [(0, 0, 0), (0, 1, 1), (0, 3, 3), (0, 2, 2), (3, 0, 3), (3, 1, 1), (3, 3, 3)],
)
def test_one_command_ends_in_one_verdict(folder, pytest_code, ab_code, code):
    found, call = perf(folder, PERF_BASE="v1", PYTEST_CODE=str(pytest_code), AB_CODE=str(ab_code))
    assert call
    assert found == code


@pytest.mark.parametrize(("pytest_code", "code"), [(1, 1), (2, 2), (4, 2), (5, 3)])
def test_what_is_decided_or_broken_needs_no_second_look(folder, pytest_code, code):
    assert perf(folder, PERF_BASE="v1", PYTEST_CODE=str(pytest_code)) == (code, "")


@pytest.mark.parametrize("pytest_code", [0, 1, 3])
def test_every_run_that_was_judged_has_a_report(folder, pytest_code):
    assert perf(folder, "--perf-run", "here.json", PYTEST_CODE=str(pytest_code))[0] == pytest_code
    calls = (folder / "calls.log").read_text()
    assert "-m tools report here.json --baselines baselines --html here.html --pull-request here.comment.md" in calls
    assert "-m tools export here.json --baselines baselines --to junit --output here.junit.xml" in calls
    assert "-m tools compare" not in calls  # pytest has said it already


def test_without_baselines_there_is_no_suspect(folder):
    assert perf(folder, "--perf-baselines", "none", PERF_BASE="v1") == (0, "")


# Makes no environment and installs nothing; only what reads pyproject.toml is Python's own work.
INTERPRETER = f"""#!/usr/bin/env bash
case "$*" in
    *"-m venv"*) rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    *tomllib*) exec {sys.executable} "$@" ;;
esac
exit 0
"""


@pytest.mark.parametrize("kind", OF_TOML)
def test_a_damaged_project_file_makes_no_environment(folder, kind):
    program(folder / "interpreter", INTERPRETER)
    whole, codes = (folder / "pyproject.toml").read_bytes(), set()
    for seed in range(6):
        (folder / "pyproject.toml").write_bytes(mutated(whole, kind, random.Random(seed)))
        told = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "PYTHON": str(folder / "interpreter")}
        done = subprocess.run(["bash", "ci/perf.sh"], cwd=folder, env=told, capture_output=True, text=True)
        codes.add(done.returncode)
        if done.returncode == 2:
            assert "perf-ratchet: cannot read pyproject.toml (" in done.stderr
            assert done.stderr.endswith("restore it: git checkout pyproject.toml\n")
            assert "Traceback" not in done.stderr
            assert not (folder / ".venv" / ".stamp").exists()
        else:
            assert "torch>=" in (folder / ".venv" / "requirements.txt").read_text()
        (folder / ".venv" / ".stamp").unlink(missing_ok=True)
    assert 2 in codes
