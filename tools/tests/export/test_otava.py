import csv
import dataclasses
import datetime
import io
import json
from pathlib import Path

import pytest

from tools.export import otava
from tools.files import UnusableFile
from tools.tests.export.runs import ERROR, NAMES, hostile_run, mixed_run
from tools.tests.samples import CASE, OTHER, fingerprint, record, run
from tools.tests.test_tables import HOSTILE


def read(runs):
    """As the importer of Otava reads it: every test's columns, each row a time, its attributes and numbers."""
    header, *rows = csv.reader(io.StringIO(otava.export(runs), newline=""), delimiter=",", quotechar='"')
    assert len(set(header)) == len(header)
    found = {}
    assert (
        max(len(line.strip()) for line in otava.tests(runs, Path("x.csv")).splitlines() if line.endswith("{")) <= 1024
    )
    for case, test in json.loads(otava.tests(runs, Path("x.csv")))["tests"].items():
        assert (test["type"], test["file"], test["time_column"], test["attributes"]) == (
            "csv",
            "x.csv",
            "time",
            ["commit"],
        )
        for name, metric in test["metrics"].items():
            column = header.index(metric["column"])
            found[case, name] = ([float(row[column]) for row in rows], metric["direction"])
    assert all(len(row) == len(header) and datetime.datetime.fromisoformat(row[header.index("time")]) for row in rows)
    return found


def course(*values, case=CASE):
    return [run(record(case, latency_s=value)) for value in values]


def test_a_row_a_run_in_the_order_of_time():
    first, second, third = course(1.0, 2.0, 3.0)
    assert read([third, first, second]) == {(CASE, "latency_s"): ([1.0, 2.0, 3.0], -1)}


def test_what_one_run_lacks_is_no_series():
    runs = [run(record(latency_s=1.0), record(OTHER, latency_s=1.0)), run(record(latency_s=2.0, graph_count=1))]
    assert set(read(runs)) == {(CASE, "latency_s")}
    assert set(read(runs[::-1])) == {(CASE, "latency_s")}


def test_more_of_a_speed_up_is_better():
    found = read([mixed_run()])
    assert found[CASE, "speedup_over_eager_ratio"][1] == 1
    assert found[CASE, "peak_allocated_bytes"] == ([1_048_576], -1)


def test_a_wrong_result_exports_no_numbers():
    assert ERROR not in {case for case, _ in read([mixed_run()])}


def test_any_name_is_one_column():
    assert len(read([hostile_run()])) == len(NAMES)


def test_names_that_yaml_cannot_take_as_a_key_are_cut_and_stay_apart():
    long = [f"attention/{HOSTILE[1] * 300}{n}" for n in range(2)]
    found = {case for case, _ in read([run(*(record(case, latency_s=1.0) for case in long))])}
    assert len(found) == 2
    assert all(case.startswith("attention/a|b") and len(case) <= 480 for case in found)


def test_runs_of_two_devices_are_no_series():
    other = dataclasses.replace(course(1.0)[0], fingerprint=fingerprint(slug="cpu-other"))
    with pytest.raises(UnusableFile, match="runs of 2 devices, cpu-other, cpu-sample-2c: expected one"):
        otava.export([*course(1.0), other])
