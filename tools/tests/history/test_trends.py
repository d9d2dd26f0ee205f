from pathlib import Path

import numpy as np
import pytest

from tools.files import UnusableFile
from tools.history import trends
from tools.history.ingest import ingest
from tools.history.places import place_of
from tools.history.series import all_series
from tools.history.trends import asked, recent, trend
from tools.history.validity import made, normal, ramp, step_at
from tools.tests.history.folders import folder_of, timed, write
from tools.tests.samples import CASE, SLUG, fingerprint, record


def course(change, seed=0, sd=0.01):
    return made(np.random.default_rng(seed), normal, change, sd)


def trend_of(folder, metric="latency_s", anchor=""):
    place = place_of(str(folder / "store"))
    catalog = ingest([str(folder)], place.name).catalog
    [found] = [trend(each, catalog, anchor) for each in all_series(place, catalog, (metric,), None)]
    return found


def test_the_last_runs_of_a_device_in_the_order_of_time(tmp_path):
    folder_of(tmp_path, [1, 2, 3])
    folder_of(tmp_path / "other", [9], place=fingerprint("cpu-other"))
    write(tmp_path, "zero.json", timed(4.0, graph_count=2), dirty=True)
    ingest([str(tmp_path)], str(tmp_path / "store"))
    found = recent(tmp_path / "store", SLUG, runs=3)
    assert [value for _, value in found[CASE, "latency_s"]] == [2, 3, 4]
    assert [commit.endswith("+") for commit, _ in found[CASE, "latency_s"]] == [False, False, True]
    assert [value for _, value in found[CASE, "graph_count"]] == [2]
    assert recent(tmp_path / "store", "cpu-nobody") == {}


def test_there_is_nothing_recent_without_a_store(tmp_path):
    assert recent(tmp_path / "nowhere", SLUG) == {}


def test_a_reader_asks_again_when_a_part_was_merged_under_its_eyes(tmp_path, monkeypatch):
    ingest([str(folder_of(tmp_path, [1]))], str(tmp_path / "store"))
    place, asked_of = place_of(str(tmp_path / "store")), []

    def question(catalog):
        asked_of.append(catalog)
        if len(asked_of) < 3:
            raise FileNotFoundError
        return "answer"

    assert asked(place, question) == "answer"

    def never(catalog):
        raise FileNotFoundError("points-1.parquet")

    with pytest.raises(UnusableFile, match="delete the folder"):
        asked(place, never)


def test_a_step_is_told_by_its_run_though_others_were_disturbed(tmp_path):
    values = course(step_at(40, 20, 0.10))
    disturbed = {3, 19, 21, 30}
    values[list(disturbed)] *= 5
    [step] = trend_of(folder_of(tmp_path, values, disturbed=disturbed)).steps
    assert step.first in (20, 22)
    assert step.change == pytest.approx(0.10, abs=0.02)


def test_runs_that_were_disturbed_are_no_step(tmp_path):
    values = course(np.zeros(40))
    disturbed = range(34, 40)
    values[34:] *= 2
    assert trend_of(folder_of(tmp_path / "told", values, disturbed=disturbed)).steps == ()
    assert len(trend_of(folder_of(tmp_path / "untold", values)).steps) == 1


@pytest.mark.parametrize("marked", [True, False])
def test_other_software_explains_a_step_and_no_commit_does(tmp_path, marked):
    values = course(step_at(40, 20, 0.20))
    folder_of(tmp_path, values[:20])
    torch = {"torch": "2.99"} if marked else None
    folder_of(tmp_path, values[20:], place=fingerprint(software=torch), first=20)
    found = trend_of(tmp_path)
    assert (len(found.steps), len(found.series.marks)) == ((0, 1) if marked else (1, 0))
    assert found.creep is None


def test_an_old_case_of_the_same_name_is_no_anchor(tmp_path):
    for number in range(60):
        kind = {"definition": "d1"} if number < 20 else {"definition": "d2"}
        write(tmp_path, f"{number:04}.json", timed(1.0 if number < 20 else 3.0, **kind))
    found = trend_of(tmp_path)
    assert (found.anchor, found.creep, found.steps) == (20, None, ())


def test_a_creep_since_the_first_runs_and_since_a_commit(tmp_path):
    folder = folder_of(tmp_path, course(ramp(80, 60, 0.002)))
    found = trend_of(folder)
    assert found.creep
    assert (found.steps, found.anchor) == ((), 0)
    place = place_of(str(folder / "store"))
    late = ingest([str(folder)], place.name).catalog.runs[60].header.commit
    assert trend_of(folder, anchor=late).creep is None
    assert trend_of(folder, anchor=late).anchor == 60


def test_what_was_won_back_is_no_loss(tmp_path):
    lost = trend_of(folder_of(tmp_path / "lost", course(step_at(60, 20, 0.10))))
    back = trend_of(folder_of(tmp_path / "back", course(step_at(60, 20, 0.10) - step_at(60, 40, 0.10))))
    assert [len(lost.steps), len(back.steps)] == [1, 2]
    assert lost.loss == pytest.approx(np.log(1.10), abs=0.02)
    assert back.loss == 0


def test_a_count_from_nothing_is_the_worst_loss(tmp_path):
    for number, count in enumerate([0, 0, 5]):
        write(tmp_path, f"{number}.json", record(spill_store_bytes=count))
    found = trend_of(tmp_path, "spill_store_bytes")
    assert ([step.first for step in found.steps], found.loss) == ([2], np.inf)


def test_only_parts_that_can_hold_these_runs_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.history.ingest.FULL_ROWS", 1)
    catalog = ingest([str(folder_of(tmp_path, [1, 2, 3]))], str(tmp_path / "store")).catalog
    assert [part.first_run for part in trends.holding(catalog.parts, [2])] == [2]
    assert Path(catalog.runs[2].file).name == "0002.json"
