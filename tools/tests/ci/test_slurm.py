"""ci/slurm.sh with a stand-in for sbatch: what it submits, and that what it submits runs."""

import subprocess

import pytest

from tools.tests.ci.stand_ins import calls, repository, run, stand_in

SBATCH = """#!/bin/sh
printf '%s\\0' "$@" >>runs/submitted
echo >>runs/submitted
[ -z "$REFUSES" ] || { echo "sbatch: error: no such partition" >&2; exit 1; }
echo "${JOB:-4711;cluster}"
"""


@pytest.fixture
def place(tmp_path):
    made = repository(tmp_path / "repository")
    stand_in(made, "sbatch", SBATCH)
    return made


def submitted(place):
    return [line.split("\0")[:-1] for line in (place / "runs/submitted").read_text().splitlines()]


def test_an_array_of_shards_and_a_verdict_when_all_have_ended(place):
    done = run(place, "slurm.sh", "3", "--perf-baselines", "there", "-k", "a; b")
    assert (done.returncode, done.stdout, done.stderr) == (0, "4711\n", "")
    array, verdict = submitted(place)
    assert "--array=1-3" in array
    assert "--dependency=afterany:4711" in verdict
    for job in (array, verdict):
        assert job[job.index("--chdir") + 1] == str(place)
    wrapped = "bash ci/shard.sh $SLURM_ARRAY_TASK_ID 3 --perf-baselines there -k a\\;\\ b"
    assert array[array.index("--wrap") + 1] == wrapped
    shards = " ".join(f"runs/shard-{number}-of-3.json" for number in (1, 2, 3))
    assert verdict[verdict.index("--wrap") + 1] == f"bash ci/verdict.sh {shards} --baselines there"


def test_what_it_wraps_runs(place):
    run(place, "slurm.sh", "2", "-k", "a; b")
    array, verdict = submitted(place)
    for job, told in ((array, {"SLURM_ARRAY_TASK_ID": "2"}), (verdict, {})):
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(place), **told}
        subprocess.run(["sh", "-c", job[job.index("--wrap") + 1]], cwd=place, env=environment, capture_output=True)
    assert calls(place, "pytest") == ["-m pytest perf_tests --perf-shard 2/2 -k a; b --perf-run runs/shard-2-of-2.json"]
    assert calls(place, "tools merge")[0].split()[3:4] == ["runs/shard-2-of-2.json"]


def test_runs_of_an_earlier_array_are_not_joined(place):
    (place / "runs/shard-1-of-2.json").write_text("old")
    run(place, "slurm.sh", "2")
    assert not (place / "runs/shard-1-of-2.json").exists()


@pytest.mark.parametrize(("arguments", "told"), [((), {}), (("none",), {}), (("0",), {}), (("2",), {"REFUSES": "1"})])
def test_what_cannot_be_submitted(place, arguments, told):
    done = run(place, "slurm.sh", *arguments, **told)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("perf-ratchet: ")
    assert not (place / "runs/submitted").exists() or len(submitted(place)) == 1


def test_without_slurm(place):
    (place / "bin/sbatch").unlink()
    done = run(place, "slurm.sh", "2")
    assert done.returncode == 2
    assert done.stderr.startswith("perf-ratchet: found no sbatch")
