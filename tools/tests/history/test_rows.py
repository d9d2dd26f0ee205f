import dataclasses
import json

import numpy as np
import pytest

from tools.files import UnusableFile
from tools.history.rows import NoRun, read_rows
from tools.records import SCHEMA_VERSION, Metric
from tools.runs import read_run
from tools.tests.samples import CASE, NASTY, fingerprint, full_run, record, run, run_file


def rows_of(tmp_path, *records, **more):
    return read_rows(run_file(tmp_path, run(*records, **more)).read_bytes(), "r.json")


def column(rows, name):
    return [rows.words[place] for place in rows.columns[name]]


def test_every_metric_of_every_case_is_a_row(tmp_path):
    made = full_run()
    rows = read_rows(run_file(tmp_path, made).read_bytes(), "r.json")
    found = dict(
        zip(zip(column(rows, "case"), column(rows, "metric"), strict=True), rows.columns["value"], strict=True)
    )
    told = {(each.case, name): metric.value for each in made.records for name, metric in each.metrics.items()}
    assert {key: value for key, value in found.items() if key[1]} == told
    assert {case for case, metric in found if not metric} == {each.case for each in made.records if not each.metrics}


def test_a_row_says_what_is_known_of_its_case(tmp_path):
    place = fingerprint("static-sm90", machine={})
    made = dataclasses.replace(record(NASTY, latency_s=Metric(2.0, (1.0, 2.0, 4.0))), wall_s=1.5, disturbed="throttled")
    elsewhere = dataclasses.replace(record(CASE, graph_count=1, software={"onnx": "1.18"}), place=place)
    rows = rows_of(tmp_path, made, elsewhere)
    assert column(rows, "case") == [NASTY, CASE]
    assert column(rows, "disturbed") == ["throttled", ""]
    assert rows.columns["sample_count"].tolist() == [3, 0]
    assert (rows.columns["quartile1"][0], rows.columns["quartile3"][0]) == (1.5, 3.0)
    assert np.isnan(rows.columns["quartile1"][1])
    assert rows.columns["wall_s"].tolist() == [1.5, 0.0]
    own, other = (json.loads(text) for text in column(rows, "environment"))
    assert (own["slug"], other["slug"], other["machine"]) == ("cpu-sample-2c", "static-sm90", {})
    assert "onnx" not in own["software"]
    assert other["software"]["onnx"] == "1.18"


def test_what_others_used_of_the_machine_disturbs_a_case(tmp_path):
    rows = rows_of(tmp_path, record(latency_s=1.0, foreign_load_share=0.2))
    assert set(column(rows, "disturbed")) == {"other processes used 20% of the machine while this was timed"}


def test_a_run_is_told_by_what_it_says_not_by_how_its_file_is_laid_out(tmp_path):
    made = run(record(latency_s=1.0))
    content = run_file(tmp_path, made).read_bytes()
    again = json.dumps(json.loads(content)).encode()
    other = run_file(tmp_path, dataclasses.replace(made, records=(record(latency_s=1.5),))).read_bytes()
    first, same, another = (read_rows(each, "r.json").header.identity for each in (content, again, other))
    assert first == same != another


def broken(content, edit):
    document = json.loads(content)
    edit(document["perf_ratchet"])
    return json.dumps(document).encode()


def set_in(*path, to):
    def edit(document):
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = to

    return edit


METRIC = ("records", 0, "metrics", "latency_s")
DAMAGES = {
    "a text for a number": set_in(*METRIC, "value", to="1.0"),
    "a text for the commit": set_in("commit", to=7),
    "a true for a number": set_in(*METRIC, "value", to=True),
    "no finite number": set_in(*METRIC, "value", to=float("inf")),
    "a number too large": set_in(*METRIC, "value", to=1e300),
    "a status nobody knows": set_in("records", 0, "status", to="fine"),
    "an unknown field": set_in("records", 0, "speed", to=1),
    "a metric without a unit": set_in("records", 0, "metrics", to={"speed": {"value": 1}}),
    "numbers of a wrong result": set_in("records", 0, "status", to="error"),
    "a slug that is a path": set_in("fingerprint", "slug", to="../x"),
    "no records": lambda run: run.pop("records"),
    "a case twice": lambda run: run["records"].append(run["records"][0]),
    "a newer version": set_in("schema_version", to=SCHEMA_VERSION + 1),
    "a version that is none": set_in("schema_version", to="5"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_read_run_refuses_is_refused(tmp_path, damage):
    file = run_file(tmp_path, run(record(latency_s=1.0)))
    file.write_bytes(broken(file.read_bytes(), damage))
    for read in (read_run, lambda path: read_rows(path.read_bytes(), str(path))):
        with pytest.raises(UnusableFile) as refused:
            read(file)
        assert "\n" not in str(refused.value)
        assert "run.json" in str(refused.value)


@pytest.mark.parametrize("length", [0, 1, 100, -2])
def test_a_cut_off_file_is_refused(tmp_path, length):
    content = run_file(tmp_path, run(record(latency_s=1.0))).read_bytes()
    with pytest.raises(UnusableFile, match="not JSON, cut off or damaged"):
        read_rows(content[:length], "r.json")


def test_a_run_of_no_time_is_refused(tmp_path):
    content = run_file(tmp_path, run(record(latency_s=1.0))).read_bytes()
    with pytest.raises(UnusableFile, match="found created_utc 'yesterday', expected a time"):
        read_rows(broken(content, set_in("created_utc", to="yesterday")), "r.json")


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_older_runs_are_read(tmp_path, version):
    content = run_file(tmp_path, run(record(latency_s=1.0))).read_bytes()
    assert read_rows(broken(content, set_in("schema_version", to=version)), "r.json").columns["value"].tolist() == [1.0]


@pytest.mark.parametrize("document", [[], {}, {"benchmarks": []}, 7, None])
def test_a_file_that_never_was_a_run_is_told_from_a_broken_one(document):
    with pytest.raises(NoRun):
        read_rows(json.dumps(document).encode(), "r.json")
