"""ci/gpu.sh and ci/planted.sh: what they ask of the Python at hand, and what they say where it lacks that."""

import shutil
import subprocess
import sys

import pytest

from tools.tests.scripts import ROOT, program

LACKING = "#!/bin/sh\ncase \"$1\" in -) cat >/dev/null; echo 'pydantic typer' ;; *) echo called >called.log ;; esac\n"
BROKEN = "#!/bin/sh\nexit 127\n"


@pytest.fixture
def place(tmp_path):
    shutil.copytree(ROOT / "ci", tmp_path / "ci")
    return tmp_path


def run(place, script, *arguments, python=sys.executable):
    told = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(place), "PYTHON": str(python)}
    return subprocess.run(["bash", f"ci/{script}", *arguments], cwd=place, env=told, capture_output=True, text=True)


def refused(done):
    [line] = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith("perf-ratchet: ")
    return line


def test_a_python_without_the_core_is_refused_before_anything_is_measured(place):
    program(place / "python", LACKING)
    line = refused(run(place, "gpu.sh", "--out", "x", python=place / "python"))
    assert "lacks pydantic typer" in line
    assert "bash ci/wheels.sh have.txt" in line
    assert not (place / "called.log").exists()


@pytest.mark.parametrize("text", [None, BROKEN])
def test_no_python_at_all(place, text):
    if text:
        program(place / "python", text)
    refused(run(place, "gpu.sh", "--out", "x", python=place / "python"))


def test_what_was_brought_is_unpacked_once_and_used(place):
    python = '#!/bin/sh\ncase "$*" in -) sed -n "s/.*version_info.*/3.9/p" ;; '
    python += "*pip*) mkdir -p .wheels/packages-3.9; echo pip >>calls.log ;; "
    python += '*) echo "$PYTHONPATH $*" >>calls.log ;; esac\n'
    program(place / "python", python)
    (place / ".wheels").mkdir()
    (place / ".wheels" / "pydantic-2-py3-none-any.whl").touch()
    for _ in range(2):
        assert run(place, "gpu.sh", "--out", "x", python=place / "python").returncode == 0
    packages = place / ".wheels" / "packages-3.9"  # another Python has a folder of its own
    call = f"{packages} -m tools campaign --out x"
    assert (place / "calls.log").read_text().splitlines() == ["pip", call, call]


@pytest.mark.parametrize("arguments", [(), ("x",), ("x", "tpu", "y"), ("x", "cpu", "y", "z")])
def test_planting_says_what_it_needs(place, arguments):
    assert "expected bash ci/planted.sh BASELINES cpu|cuda DIR" in refused(run(place, "planted.sh", *arguments))


def test_planting_without_a_baseline(place):
    (place / "none").mkdir()
    assert "expected what ci/gpu.sh has stored" in refused(run(place, "planted.sh", "none", "cpu", "out"))
