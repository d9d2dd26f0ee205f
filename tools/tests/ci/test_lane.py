"""The whole lane behind the measuring, with nothing stood in for but GitHub: shards, verdict, reports, comment."""

import dataclasses
import io
import json
import sys
import zipfile

import pytest

from tools.baselines import write_baselines
from tools.records import Selection, Shard
from tools.tests import samples
from tools.tests.ci.stand_ins import ACTIONS, repository, run
from tools.tests.scripts import ROOT, program

CASES = [f"attention/eager/d64-s{size}/forward" for size in (256, 512, 1024)]


@pytest.fixture
def place(tmp_path):
    made = repository(tmp_path / "repository")
    program(made / ".venv/bin/python", f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
    cases = {case: samples.stored(peak_allocated_bytes=1_048_576) for case in CASES}
    write_baselines(made / "runs/baselines", [samples.baseline(cases)])
    return made


def measure(place, number, peak=1_048_576):
    """Leave the run of one shard of three, which measures one case each."""
    case = CASES[number - 1]
    node = f"perf_tests/test_attention.py::test_attention[{case}]"
    record = dataclasses.replace(samples.record(case, peak_allocated_bytes=peak), node=node, line=31)
    made = samples.run(record)
    shard = Shard(number, 3, tuple(CASES))
    chosen = Selection({"attention": tuple(CASES)}, (case,), True, shard)
    samples.run_file(place / "runs", dataclasses.replace(made, selection=chosen), f"shard-{number}-of-3.json")


def verdict(place, **variables):
    files = sorted(f"runs/{file.name}" for file in (place / "runs").glob("shard-*.json"))
    return run(place, "verdict.sh", *files, "--baselines", "runs/baselines", "--out", "runs", **variables)


def comment(place):
    """As ci/comment.py would post it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.write(place / "runs/run.comment.md", "run.comment.md")
    (place / "runs/artifact.zip").write_bytes(content.getvalue())
    program(place / "ci/check.sh", f'exec {sys.executable} ci/comment.py runs/artifact.zip "whose it is"\n')
    return json.loads(run(place, "check.sh").stdout)["body"].splitlines()


def test_shards_that_are_all_well(place):
    for number in (1, 2, 3):
        measure(place, number)
    done = verdict(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"run.comment.md", "run.html", "run.json", "run.junit.xml"} <= {f.name for f in (place / "runs").iterdir()}
    assert comment(place)[0] == "whose it is"


def test_what_is_red_in_one_shard_is_red_though_another_is_lost(place):
    measure(place, 1)
    measure(place, 2, peak=2**21)
    done = verdict(place, **ACTIONS)
    assert done.returncode == 1
    [error] = [line for line in done.stdout.splitlines() if line.startswith("::error ")]
    assert "file=perf_tests/test_attention.py,line=31" in error
    assert any(CASES[1] in line for line in comment(place))


def test_what_a_lost_shard_was_to_measure_is_missing(place):
    measure(place, 1)
    measure(place, 3)
    done = verdict(place)
    assert done.returncode == 3
    assert done.stderr.startswith("perf-ratchet: runs/shard-2-of-3.json: no such run file")
    assert [case for case in CASES if f"{case}: status missing" in done.stdout] == CASES[1:2]
    assert any(CASES[1] in line for line in comment(place))
