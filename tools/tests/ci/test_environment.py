"""Setting up .venv with a stand-in for Python whose pip fails: one line says why, and nothing passes for finished."""

import subprocess

import pytest

from tools.tests.scripts import program, with_scripts

# `-m venv` copies it to be the environment's own; pip does what PIP says: shell, after which it fails.
PYTHON = """#!/usr/bin/env bash
case "$*" in
    *"-m venv"*) rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    *"-m pip"*) eval "$PIP"; exit 1 ;;
esac
"""


@pytest.fixture
def folder(tmp_path):
    place = with_scripts(tmp_path / "repository", PYTHON)
    (place / ".venv" / ".stamp").unlink()
    program(place / "bin" / "python3", PYTHON)
    return place


def setting_up(folder, pip):
    path = f"{folder}/bin:/usr/local/bin:/usr/bin:/bin"
    told = {"PATH": path, "PIP": pip, "CXX": "true"}
    return subprocess.run(["bash", "ci/test.sh"], cwd=folder, env=told, capture_output=True, text=True)


def test_an_environment_whose_python_is_gone_is_made_anew(tmp_path):
    place = with_scripts(tmp_path / "repository", PYTHON)
    program(place / "bin" / "python3", PYTHON)
    (place / ".venv" / "bin" / "python").unlink()
    (place / ".venv" / "bin" / "python").symlink_to(tmp_path / "removed")
    assert setting_up(place, "echo ERROR: reached").stderr.endswith(": ERROR: reached; the log is .venv/install.log\n")


@pytest.mark.parametrize(
    ("pip", "cause"),
    [
        ("echo ERROR: no space left.", "ERROR: no space left; the log is .venv/install.log"),
        ("echo killed", "killed; the log is .venv/install.log"),
        (
            "echo WARNING: Retrying after connection broken by x; echo ERROR: conflicting dependencies.",
            "no connection to a package index; the log is .venv/install.log",
        ),
        ("rm -rf .venv", ".venv was deleted meanwhile; run this again"),
    ],
)
def test_a_broken_install_is_one_line(folder, pip, cause):
    done = setting_up(folder, pip)
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == [f"perf-ratchet: pip could not install the requirements: {cause}"]
    assert not (folder / ".venv" / ".stamp").exists()
