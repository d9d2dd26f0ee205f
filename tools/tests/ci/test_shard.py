"""ci/shard.sh: which part it measures, and what it tells of one that left no run."""

import pytest

from tools.tests.ci.stand_ins import calls, repository, run


@pytest.fixture
def place(tmp_path):
    return repository(tmp_path / "repository")


def test_it_measures_its_part(place):
    done = run(place, "shard.sh", "2", "3", "-k", "a b")
    assert (done.returncode, done.stderr) == (0, "")
    assert calls(place) == [
        "-m pytest perf_tests --perf-shard 2/3 -k a b --perf-run runs/shard-2-of-3.json",
    ]
    assert (place / "runs/shard-2-of-3.json").exists()


@pytest.mark.parametrize(
    ("ended", "code"), [("0", 0), ("1", 1), ("2", 2), ("3", 3), ("4", 2), ("5", 3), ("killed", 3), ("70", 3)]
)
def test_its_exit_code_is_one_of_ours(place, ended, code):
    assert run(place, "shard.sh", "1", "2", PYTEST_CODE=ended).returncode == code


def test_what_an_earlier_attempt_left_is_not_this_ones(place):
    (place / "runs/shard-1-of-2.json").write_text("old")
    done = run(place, "shard.sh", "1", "2", PYTEST_CODE="killed", RUNLESS="1")
    assert done.returncode == 3
    assert not (place / "runs/shard-1-of-2.json").exists()
    assert "shard 1/2 left no run file" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("1",), ("0", "2"), ("3", "2"), ("one", "2"), ("1", "two"), ("-k", "x")])
def test_a_part_that_cannot_be(place, arguments):
    done = run(place, "shard.sh", *arguments)
    [line] = done.stderr.splitlines()
    assert (done.returncode, calls(place)) == (2, [])
    assert "expected bash ci/shard.sh I N" in line
