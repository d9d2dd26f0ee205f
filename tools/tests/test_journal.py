"""Records kept line by line: what a broken-off run goes on from, and what it refuses to go on from."""

import json
from pathlib import Path

import pytest

from tools.files import UnusableFile
from tools.journal import Journal, Origin, open_journal
from tools.records import Metric, Outcomes
from tools.tests.samples import CASE, NASTY, OTHER, fingerprint, record

HERE = Origin("c0ffee", "quick", "a1b2")
RICH = record(
    NASTY,
    params={"name": "π\n"},
    latency_s=Metric(0.25, (0.25, 0.5), 1.0),
    top1_fraction=Metric(0.5, outcomes=Outcomes("digits", 2, "2")),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "run.jsonl"


def begun(file: Path, *cases: str) -> Journal:
    found = open_journal(file, HERE, "m1")
    for case in cases:
        found.begin(case)
    return found


def test_what_was_measured_is_not_measured_again(file: Path):
    begun(file, NASTY).end(RICH)
    assert open_journal(file, HERE, "m1").kept(NASTY, "d1") == RICH
    assert open_journal(file, HERE, "m1").kept(OTHER, "d1") is None


def test_a_case_that_means_something_else_now_is_measured_again(file: Path):
    begun(file, CASE).end(record(CASE))
    assert open_journal(file, HERE, "m1").kept(CASE, "d2") is None


def test_a_case_that_ended_its_process_is_an_error_and_ends_no_second_one(file: Path):
    begun(file, CASE)
    found = open_journal(file, HERE, "m1").kept(CASE, "d1")
    assert (found.status, found.definition) == ("error", "d1")
    assert "its process ended" in found.reason
    assert open_journal(file, HERE, "m1").kept(CASE, "d1") == found


def test_a_case_that_was_broken_off_from_outside_is_measured_again(file: Path):
    begun(file, CASE).leave(CASE)
    assert open_journal(file, HERE, "m1").kept(CASE, "d1") is None


def test_another_machine_of_the_kind_goes_on_and_that_is_known_from_then_on(file: Path):
    begun(file, CASE).end(record(CASE))
    assert not open_journal(file, HERE, "m1").mixed
    begun(file, OTHER)
    moved = open_journal(file, HERE, "m2")
    assert moved.mixed
    assert set(moved.records) == {CASE}
    assert moved.open == OTHER
    assert open_journal(file, HERE, "m1").mixed
    assert file.read_text().count('"machine"') == 2


def test_of_a_killed_process_only_the_torn_line_is_lost(file: Path):
    begun(file, CASE).end(record(CASE))
    begun(file, OTHER).end(record(OTHER))
    whole = file.read_bytes()
    for length in range(whole.rindex(b'{"record"'), len(whole)):
        file.write_bytes(whole[:length])
        found = open_journal(file, HERE, "m1")
        assert (set(found.records), found.open) == ({CASE}, OTHER), length
        assert file.read_bytes().endswith(b"\n")
    found.end(record(OTHER))
    assert set(open_journal(file, HERE, "m1").records) == {CASE, OTHER}


def test_a_torn_first_line_is_a_new_journal(file: Path):
    file.parent.mkdir()
    file.write_text('{"origin":{"com')
    assert open_journal(file, HERE, "m1").records == {}
    assert json.loads(file.read_text().splitlines()[0])["origin"]["commit"] == "c0ffee"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Origin("beef", "quick", "a1b2"), "commit: c0ffee -> beef"),
        (Origin("c0ffee", "full", "a1b2"), "profile: quick -> full"),
        (Origin("c0ffee", "quick", fingerprint().hash), f"place: a1b2 -> {fingerprint().hash}"),
        (Origin("c0ffee", "quick", "a1b2", 2), "schema_version: 1 -> 2"),
    ],
)
def test_other_code_settings_or_machines_are_refused(file: Path, other: Origin, told: str):
    begun(file)
    before = file.read_bytes()
    with pytest.raises(UnusableFile, match="was begun elsewhere") as refused:
        open_journal(file, other, "m1")
    assert told in str(refused.value)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", "line 3: at the document"),
        ('{"unknown":1}', "line 3: at 'unknown'"),
        ('{"begun":1}', "line 3: at 'begun'"),
        ('{"record":{"case":"a/b"}}', "line 3: at 'record.definition'"),
        (
            '{"record":{"case":"a/b","definition":"d","status":"ok","metrics":{"x":{"value":1}}}}',
            "names no unit",
        ),
    ],
)
def test_a_damaged_line_is_named(file: Path, line: str, told: str):
    begun(file)
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(UnusableFile) as refused:
        open_journal(file, HERE, "m1")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_of_something_else_is_no_journal(file: Path):
    file.parent.mkdir()
    file.write_text('{"begun":"a/b"}\n')
    with pytest.raises(UnusableFile, match="found no origin"):
        open_journal(file, HERE, "m1")


def test_a_folder_is_no_journal(tmp_path: Path):
    with pytest.raises(UnusableFile, match="cannot be"):
        open_journal(tmp_path, HERE, "m1")
