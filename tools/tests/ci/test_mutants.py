"""ci/mutants.sh: which modules it asks for, and what it prints of what mutmut found."""

import subprocess

import pytest

from tools.tests.scripts import program, with_scripts

MUTMUT = """#!/usr/bin/env bash
[ "$1" = run ] && echo "$OMP_NUM_THREADS $*" >>calls.log && mkdir mutants && exit "${MUTMUT_CODE:-0}"
cat <<'END'
    tools.a.x_one__mutmut_1: killed
    tools.a.x_one__mutmut_2: killed
    tools.a.xǁBǁtwo__mutmut_1: survived
    tools.b.x_three__mutmut_1: not checked
END
"""


@pytest.fixture
def place(tmp_path):
    made = with_scripts(tmp_path / "repository", "#!/bin/sh\n")
    program(made / ".venv/bin/mutmut", MUTMUT)
    return made


def mutants(place, *arguments, **variables):
    told = {"PATH": "/usr/local/bin:/usr/bin:/bin", **variables}
    return subprocess.run(["bash", "ci/mutants.sh", *arguments], cwd=place, env=told, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("asked", "call"), [((), "1 run"), (("tools.a", "tools.ab.rule"), "1 run tools.a.x* tools.ab.rule.x*")]
)
def test_a_module_is_asked_for_as_a_whole(place, asked, call):
    mutants(place, *asked)
    assert (place / "calls.log").read_text().splitlines() == [call]


def test_it_counts_what_was_checked_and_names_what_was_not_killed(place):
    done = mutants(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert [" ".join(line.split()) for line in done.stdout.splitlines()] == [
        "2 tools.a killed",
        "1 tools.a survived",
        "tools.a.xǁBǁtwo__mutmut_1: survived",
    ]


def test_what_an_earlier_run_left_is_forgotten(place):
    (place / "mutants").mkdir()
    (place / "mutants/old").touch()
    assert mutants(place).returncode == 0
    assert not (place / "mutants/old").exists()


def test_a_mutmut_that_could_not_run_is_one_line(place):
    done = mutants(place, MUTMUT_CODE="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "perf-ratchet: mutmut could not run; do the tests pass?\n"
