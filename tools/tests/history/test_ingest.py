import json
import os
import shutil

import fsspec
import pytest

from tools.files import UnusableFile, exclusive
from tools.history import ingest as ingesting
from tools.history.ingest import ingest
from tools.history.places import place_of
from tools.history.store import columns_at
from tools.tests.history.folders import folder_of, timed, write
from tools.tests.samples import record


@pytest.fixture
def reads(monkeypatch):
    """Names of the files that are read, in turn."""
    names, read = [], ingesting.read_one

    def spy(place):
        names.append(place.name.rpartition("/")[2])
        return read(place)

    monkeypatch.setattr(ingesting, "read_one", spy)
    return names


def values(store, found):
    return sorted(columns_at(place_of(str(store)), found.catalog.parts, ("value",))["value"].tolist())


def test_only_what_was_not_seen_before_is_read(tmp_path, reads):
    runs, store = folder_of(tmp_path / "runs", [1, 2]), str(tmp_path / "store")
    assert ingest([str(runs)], store).read == 2
    folder_of(runs, [3], first=2)
    reads.clear()
    found = ingest([str(runs)], store)
    assert (reads, found.read, found.known) == (["0002.json"], 1, 2)
    assert values(store, found) == [1, 2, 3]


def test_a_file_that_changed_is_a_run_more(tmp_path):
    """A place that always holds the latest run must not lose those before."""
    runs, store = folder_of(tmp_path / "runs", [1]), str(tmp_path / "store")
    ingest([str(runs)], store)
    write(runs, "0000.json", timed(2.0))
    assert values(store, ingest([str(runs)], store)) == [1, 2]


def test_a_broken_run_is_named_left_out_and_tried_again_when_it_changes(tmp_path, reads):
    runs, store = folder_of(tmp_path / "runs", [1, 2]), str(tmp_path / "store")
    whole = (runs / "0001.json").read_text()
    (runs / "0001.json").write_text(whole[: len(whole) // 2])
    for _ in range(2):
        found = ingest([str(runs)], store)
        [problem] = found.broken
        assert "0001.json: not JSON, cut off or damaged" in problem
        assert values(store, found) == [1]
    assert reads.count("0001.json") == 1
    (runs / "0001.json").write_text(whole)
    found = ingest([str(runs)], store)
    assert (found.broken, values(store, found)) == ((), [1, 2])


def test_a_run_of_two_names_is_in_the_store_once(tmp_path):
    runs, store = folder_of(tmp_path / "runs", [1]), str(tmp_path / "store")
    shutil.copy(runs / "0000.json", runs / "copy.json")
    found = ingest([str(runs)], store)
    (runs / "later.json").write_text(json.dumps(json.loads((runs / "0000.json").read_text())))
    again = ingest([str(runs)], store)
    assert [(each.read, each.repeated) for each in (found, again)] == [(1, 1), (0, 1)]
    assert values(store, again) == [1]


def test_a_run_stays_when_its_file_is_gone(tmp_path):
    runs, store = folder_of(tmp_path / "runs", [1, 2]), str(tmp_path / "store")
    ingest([str(runs)], store)
    os.unlink(runs / "0000.json")
    found = ingest([str(runs)], store)
    assert (found.gone, values(store, found)) == (1, [1, 2])


def test_other_json_is_counted_and_what_is_hidden_is_not_seen(tmp_path):
    runs = folder_of(tmp_path / "runs", [1])
    (runs / "job.ab.json").write_text('{"duels": []}')
    (runs / "notes.txt").write_text("no JSON")
    folder_of(runs / ".history", [5])
    found = ingest([str(runs)], str(runs / ".history"))
    assert (found.read, found.no_runs, found.broken) == (1, 1, ())


def test_runs_and_store_behind_a_url(tmp_path):
    """As in an object store: read in place, written in place."""
    memory = fsspec.filesystem("memory")
    for file in folder_of(tmp_path / "runs", [1, 2]).iterdir():
        memory.pipe_file(f"/fleet-{tmp_path.name}/eu/{file.name}", file.read_bytes())
    folder, store = f"memory://fleet-{tmp_path.name}", f"memory://store-{tmp_path.name}"
    first, again = ingest([folder], store), ingest([folder], store)
    assert ((first.read, first.known), (again.read, again.known)) == ((2, 0), (0, 2))
    assert values(store, again) == [1, 2]
    assert again.catalog.runs[0].file.startswith("memory://")


def test_many_files_are_read_by_several_processes(tmp_path, monkeypatch):
    runs = folder_of(tmp_path / "runs", range(1, 6))
    (runs / "0002.json").write_text("{")
    alone = ingest([str(runs)], str(tmp_path / "alone"))
    monkeypatch.setattr(ingesting, "WORTH_WORKERS", 2)
    monkeypatch.setattr(ingesting, "workers", lambda: 2)
    together = ingest([str(runs)], str(tmp_path / "together"))
    assert (together.catalog.runs, together.broken) == (alone.catalog.runs, alone.broken)
    assert values(tmp_path / "together", together) == [1, 2, 4, 5]


def test_a_batch_ends_where_a_part_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(ingesting, "FULL_ROWS", 2)
    found = ingest([str(folder_of(tmp_path / "runs", [1, 2, 3, 4, 5]))], str(tmp_path / "store"))
    assert [(part.first_run, part.last_run) for part in found.catalog.parts] == [(0, 1), (2, 3), (4, 4)]


def test_two_do_not_write_to_one_store(tmp_path):
    runs = folder_of(tmp_path / "runs", [1])
    with exclusive(tmp_path / "store", "history"), pytest.raises(UnusableFile, match="another process is writing"):
        ingest([str(runs)], str(tmp_path / "store"))


@pytest.mark.parametrize("folder", ["nowhere", "nobody://speaks/this"])
def test_a_place_that_is_none_is_named(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnusableFile, match=folder.partition(":")[0]):
        ingest([folder], str(tmp_path / "store"))


def test_a_name_that_fsspec_would_read_more_into(tmp_path):
    runs = tmp_path / "a::b [x] *"
    write(runs, "run ::1.json", record(latency_s=1.0))
    assert ingest([str(runs)], str(tmp_path / "store::x")).read == 1
