import dataclasses

import pytest

from tools.history.ingest import ingest
from tools.history.places import place_of
from tools.history.series import PRIMARY, all_series, primary_series
from tools.records import BadRecord, Metric
from tools.tests.history.folders import timed, write
from tools.tests.samples import CASE, OTHER, fingerprint, record
from tools.views import primary_time

TORCH = [{"torch": "2.14.1"}, {"torch": "2.15.0"}]


def series_of(folder, metric="latency_s", device=""):
    place = place_of(str(folder / "store"))
    catalog = ingest([str(folder)], place.name).catalog
    return list(all_series(place, catalog, (metric,), None, device))


def written(folder, *places, make=timed):
    for number, place in enumerate(places):
        write(folder, f"{number:04}.json", make(1.0 + number), place=place)
    return folder


def values(found):
    return [each.values.tolist() for each in found]


def test_runs_of_two_machines_are_two_series_of_a_time_and_one_of_bytes(tmp_path):
    machines = [fingerprint(machine={"uuid": uuid}) for uuid in "abab"]
    written(tmp_path, *machines, make=lambda value: timed(value, peak_allocated_bytes=1 << 20))
    times, sizes = series_of(tmp_path), series_of(tmp_path, "peak_allocated_bytes")
    assert values(times) == [[1.0, 3.0], [2.0, 4.0]]
    assert [each.place for each in times] == ["cpu-sample-2c #1", "cpu-sample-2c #2"]
    assert values(sizes) == [[float(1 << 20)] * 4]
    assert [each.place for each in sizes] == ["cpu-sample-2c"]


def test_other_software_is_a_mark_in_one_series(tmp_path):
    software = [fingerprint(software=TORCH[number]) for number in (0, 0, 1)]
    [found] = series_of(written(tmp_path, *software))
    assert found.values.tolist() == [1, 2, 3]
    assert [(mark.first, mark.text, mark.redefined) for mark in found.marks] == [(2, "torch: 2.14.1 -> 2.15.0", False)]


def test_software_of_one_case_is_a_mark_too(tmp_path):
    for number, version in enumerate(["1.18", "1.19"]):
        write(tmp_path, f"{number}.json", timed(1.0 + number, software={"onnx": version}))
    [found] = series_of(tmp_path)
    assert [mark.text for mark in found.marks] == ["onnx: 1.18 -> 1.19"]


def test_two_jobs_that_take_turns_are_two_series(tmp_path):
    found = series_of(written(tmp_path, *(fingerprint(software=TORCH[number % 2]) for number in range(6))))
    assert values(found) == [[1, 3, 5], [2, 4, 6]]
    assert [each.marks for each in found] == [(), ()]
    assert len({each.place for each in found}) == 2


def test_software_that_was_taken_back_is_one_series(tmp_path):
    [found] = series_of(written(tmp_path, *(fingerprint(software=TORCH[number]) for number in (0, 1, 0))))
    assert [mark.first for mark in found.marks] == [1, 2]


def test_a_case_that_was_redefined_is_marked(tmp_path):
    for number, definition in enumerate(["d1", "d2"]):
        write(tmp_path, f"{number}.json", timed(1.0 + number, definition=definition))
    [found] = series_of(tmp_path)
    assert [(mark.text, mark.redefined) for mark in found.marks] == [("redefined: d1 -> d2", True)]


def test_the_order_is_that_of_time_not_of_names(tmp_path):
    for name in ("b.json", "a.json", "c.json"):  # every run has a later moment than the one before
        write(tmp_path, name, timed({"b.json": 1.0, "a.json": 2.0, "c.json": 3.0}[name]))
    assert values(series_of(tmp_path)) == [[1, 2, 3]]


def test_a_run_merged_from_others_adds_nothing(tmp_path):
    shards = [dataclasses.replace(timed(1.0, case=case), wall_s=2.0) for case in (CASE, OTHER)]
    file = write(tmp_path, "1.json", shards[0])
    other = write(tmp_path, "2.json", shards[1])
    merged = write(tmp_path, "3.json", *shards)
    commit = file.read_text().partition('"commit": "')[2][:12]
    for each in (other, merged):
        text = each.read_text()
        each.write_text(text.replace(text.partition('"commit": "')[2][:12], commit))
    assert values(series_of(tmp_path)) == [[1.0], [1.0]]


def test_equal_numbers_of_two_runs_are_two_points(tmp_path):
    for number in range(3):
        write(tmp_path, f"{number}.json", record(graph_count=7))
    assert values(series_of(tmp_path, "graph_count")) == [[7, 7, 7]]


@pytest.mark.parametrize(("metric", "counts"), [("latency_s", [True, False]), ("peak_allocated_bytes", [True, True])])
def test_a_disturbed_case_is_not_steady_where_it_is_a_time(tmp_path, metric, counts):
    for number, why in enumerate(["", "throttled: thermal"]):
        made = timed(1.0 + number, peak_allocated_bytes=4096 * (number + 1))
        write(tmp_path, f"{number}.json", dataclasses.replace(made, disturbed=why))
    [found] = series_of(tmp_path, metric)
    assert found.steady.tolist() == counts


def test_a_place_that_is_no_machine_has_one_series_for_all_machines(tmp_path):
    static = fingerprint("static-sm90", machine={}, device={"target": "sm90"})
    for number, slug in enumerate(["cpu-a", "cpu-b"]):
        made = dataclasses.replace(record(register_count=40 + number), place=static)
        write(tmp_path, f"{number}.json", made, place=fingerprint(slug))
    [found] = series_of(tmp_path, "register_count")
    assert (found.slug, found.values.tolist()) == ("static-sm90", [40, 41])
    assert series_of(tmp_path, "register_count", device="cpu-a") == []


def test_the_time_of_a_case_is_that_of_a_run_s_table(tmp_path):
    write(
        tmp_path,
        "1.json",
        timed(1.0),
        timed(2.0, case=OTHER, device_s=0.5),
        timed(3.0, case="startup/x", actual_total_time_s=9.0),
    )
    place = place_of(str(tmp_path / "store"))
    found = list(primary_series(place, ingest([str(tmp_path)], place.name).catalog, None))
    assert sorted((each.case, each.metric, each.values.tolist()) for each in found) == [
        (OTHER, "device_s", [0.5]),
        (CASE, "latency_s", [1.0]),
        ("startup/x", "actual_total_time_s", [9.0]),
    ]
    for place in range(len(PRIMARY)):
        assert primary_time(dict.fromkeys(PRIMARY[place:], Metric(1.0))) == PRIMARY[place]


def test_a_metric_nobody_has_has_no_series(tmp_path):
    assert series_of(written(tmp_path, fingerprint()), "device_s") == []
    with pytest.raises(BadRecord):
        series_of(tmp_path, CASE)
