"""How long cases took, by which shards are cut."""

import dataclasses
import json
from pathlib import Path

import pytest

from tools.durations import durations
from tools.records import Run
from tools.tests.samples import SLUG, fingerprint, record, run, run_file

NODE = "perf_tests/test_a.py::test_a[a/{}]"


def timed(**seconds: float) -> Run:
    records = [
        dataclasses.replace(record(f"a/{name}", latency_s=0.1), node=NODE.format(name), wall_s=wall_s)
        for name, wall_s in seconds.items()
    ]
    return run(*records)


def test_the_median_of_the_runs_counts_and_nothing_is_free():
    found = durations([timed(x=1.0, y=0.0), timed(x=3.0), timed(x=2.0)])
    assert found == {NODE.format("x"): 2.0, NODE.format("y"): 0.001}


def test_what_is_known_of_other_tests_is_kept(tmp_path: Path, tool):
    for number, made in enumerate((timed(x=1.0, y=2.0), timed(y=4.0, z=8.0))):
        file = run_file(tmp_path, made, f"{number}.json")
        answer = tool("durations", file, "--baselines", tmp_path / "baselines")
    stored = tmp_path / "baselines" / SLUG / "durations" / "cases.json"
    assert json.loads(stored.read_text()) == {NODE.format("x"): 1.0, NODE.format("y"): 4.0, NODE.format("z"): 8.0}
    assert (answer.code, str(stored) in answer.out) == (0, True)


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([run(record(latency_s=0.1))], "do not tell how long a case took"),
        (
            [timed(x=1.0), dataclasses.replace(timed(x=1.0), fingerprint=fingerprint("gpu"))],
            "expected runs of one device",
        ),
    ],
)
def test_what_cannot_be_stored_is_told(tmp_path: Path, tool, runs: list[Run], words: str):
    files = [str(run_file(tmp_path, made, f"{number}.json")) for number, made in enumerate(runs)]
    answer = tool("durations", *files, "--baselines", tmp_path / "baselines")
    assert (answer.code, words in answer.complaint) == (2, True)


def test_a_damaged_file_of_durations_is_told(tmp_path: Path, tool):
    stored = tmp_path / "baselines" / SLUG / "durations" / "cases.json"
    stored.parent.mkdir(parents=True)
    stored.write_text("[1, 2]")
    file = run_file(tmp_path, timed(x=1.0))
    answer = tool("durations", file, "--baselines", tmp_path / "baselines")
    assert (answer.code, "expected seconds for each test" in answer.complaint) == (2, True)
    assert stored.read_text() == "[1, 2]"
