"""ci/gpus.sh with a stand-in for nvidia-smi: a shard on each GPU, and one verdict however the shards ended."""

import pytest

from tools.tests.ci.stand_ins import calls, repository, run, stand_in

TWO = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa-0)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb-1)
"""
PARTITIONED = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa-0)
  MIG 3g.20gb     Device  0: (UUID: MIG-cccc-0)
  MIG 3g.20gb     Device  1: (UUID: MIG-dddd-1)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb-1)
"""


@pytest.fixture
def place(tmp_path):
    return repository(tmp_path / "repository")


def with_gpus(place, listed, code=0):
    stand_in(place, "nvidia-smi", f"#!/bin/sh\ncat <<'END'\n{listed}END\nexit {code}\n")
    return place


def measured(place):
    """Part -> the GPU that it was measured on."""
    found = [call.split(" --perf-shard ")[1] for call in calls(place, "pytest")]
    return {call.split()[0]: call.rpartition(" on ")[2] for call in found}


@pytest.mark.parametrize(
    ("listed", "gpus"),
    [
        (TWO, {"1/2": "GPU-aaaa-0", "2/2": "GPU-bbbb-1"}),
        (TWO.splitlines(keepends=True)[0], {"1/1": "GPU-aaaa-0"}),
        (PARTITIONED, {"1/3": "MIG-cccc-0", "2/3": "MIG-dddd-1", "3/3": "GPU-bbbb-1"}),
    ],
)
def test_each_gpu_measures_its_part(place, listed, gpus):
    done = run(with_gpus(place, listed), "gpus.sh", "-k", "a b")
    assert done.returncode == 0
    assert measured(place) == gpus
    assert all(" -k a b " in call for call in calls(place, "pytest"))
    names = " ".join(f"runs/shard-{number}-of-{len(gpus)}.json" for number in range(1, len(gpus) + 1))
    assert len(gpus) == 1 or calls(place, "tools merge") == [
        f"-m tools merge {names} --with-holes --output runs/run.json"
    ]


def test_gpus_can_be_left_out(place):
    run(with_gpus(place, TWO), "gpus.sh", CUDA_VISIBLE_DEVICES="3,GPU-cccc")
    assert measured(place) == {"1/2": "3", "2/2": "GPU-cccc"}


@pytest.mark.parametrize("listed", ["", "No devices were found\n"])
def test_without_a_gpu(place, listed):
    done = run(with_gpus(place, listed, code=9), "gpus.sh")
    assert (done.returncode, calls(place)) == (2, [])
    assert done.stderr.startswith("perf-ratchet: found no GPU")


def test_a_shard_that_regressed_stops_nothing(place):
    done = run(with_gpus(place, TWO), "gpus.sh", PYTEST_CODE="1", COMPARE_CODE="1")
    assert done.returncode == 1
    assert len(measured(place)) == 2
    assert "shard 1/2 on GPU-aaaa-0: exit code 1; its log is runs/shard-1-of-2.log" in done.stdout


def test_a_shard_that_crashed_is_named_and_not_hidden(place):
    done = run(with_gpus(place, TWO), "gpus.sh", RUNLESS="2", PYTEST_CODE="1", COMPARE_CODE="3")
    assert done.returncode == 3
    assert "perf-ratchet: shard 2/2 left no run file (exit code 1)" in done.stdout
    assert "perf-ratchet: runs/shard-2-of-2.json: no such run file" in done.stderr
    assert calls(place, "tools merge") == ["-m tools merge runs/shard-1-of-2.json --with-holes --output runs/run.json"]


@pytest.mark.parametrize("arguments", [("--perf-baselines", "there"), ("--perf-baselines=there",)])
def test_the_verdict_is_by_the_same_baselines(place, arguments):
    run(with_gpus(place, TWO), "gpus.sh", *arguments)
    assert calls(place, "tools compare") == ["-m tools compare runs/run.json --baselines there"]
