import errno
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from tools import files
from tools.files import UnusableFile, check_writable, exclusive, read_json, validate, write_atomically

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from tools.files import UnusableFile, exclusive
try:
    with exclusive(Path(sys.argv[1]), "baselines"):
        print("held", flush=True)
        sys.stdin.read()
except UnusableFile as error:
    print(f"refused: {error}", flush=True)
"""


@dataclass(frozen=True)
class Sheet:
    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    schema_version: int
    name: str
    numbers: tuple[float, ...] = ()
    done: bool = False


def sentence(refused):
    """The message of an UnusableFile, which is always one line."""
    text = str(refused.value)
    assert text.isprintable(), text
    return text


def bad_file(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "found an empty file, expected JSON"),
        (b" \n\t", "found an empty file, expected JSON"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "cannot be read"),
        (b"case,metric\nattention,1\n", "not JSON, cut off or damaged"),
        (b'{"a": [1, 2', "not JSON, cut off or damaged"),
        (b"[" * 100_000, "not JSON, cut off or damaged"),
        (b"9" * 10_000, "not JSON, cut off or damaged"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON, cut off or damaged"),
        (b'[{"a": {"b": 1, "c": 2, "b": 1}}]', "not JSON, cut off or damaged ('b' twice in one object)"),
    ],
    ids=["missing", "empty", "blank", "binary", "csv", "truncated", "deep", "long-number", "byte-order-mark", "twins"],
)
def test_what_is_no_json_is_refused_in_one_line(tmp_path, content, found):
    file = bad_file(tmp_path / "sheet.json", content)
    with pytest.raises(UnusableFile) as refused:
        read_json(file, "sheet")
    assert sentence(refused).startswith(f"sheet {file}: {found}")
    assert "; " in sentence(refused), "no advice"


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(UnusableFile, match="cannot be read") as refused:
        read_json(tmp_path, "sheet")
    assert sentence(refused)


def test_json_is_read_as_it_stands(tmp_path):
    (tmp_path / "sheet.json").write_text('{"a": [1, "µ"]}', encoding="utf-8")
    assert read_json(tmp_path / "sheet.json", "sheet") == {"a": [1, "µ"]}


def test_a_valid_document_becomes_its_model():
    document = {"schema_version": 3, "name": "x", "numbers": [1, 2.5]}
    assert validate(document, Sheet, Path("s.json"), "sheet", 3) == Sheet(3, "x", (1.0, 2.5))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"name": 5}, "at 'name': "),
        ({"name": None}, "at 'name': "),
        ({"numbers": ["many"]}, "at 'numbers.0': "),
        ({"numbers": [1.0, "2.0"]}, "at 'numbers.1': "),
        ({"numbers": [float("nan")]}, "at 'numbers.0': "),
        ({"numbers": [float("-inf")]}, "at 'numbers.0': "),
        ({"numbers": 1.0}, "at 'numbers': "),
        ({"done": "no"}, "at 'done': "),
        ({"done": 1}, "at 'done': "),
        ({"more": 1}, "at 'more': "),
        ({"mo\nre\x1b[2J": 1}, "at 'mo\\nre\\x1b[2J': "),
        ({"name": "\ud800"}, ""),
    ],
    ids=str,
)
def test_a_document_broken_by_hand_names_the_first_wrong_field(change, found):
    document = {"schema_version": 3, "name": "x", **change}
    with pytest.raises(UnusableFile) as refused:
        validate(document, Sheet, Path("s.json"), "sheet", 3)
    assert sentence(refused).startswith(f"sheet s.json: {found}")
    assert sentence(refused).endswith("make it anew: bash ci/perf.sh")


def test_a_missing_field_is_named():
    with pytest.raises(UnusableFile, match="at 'name': ") as refused:
        validate({"schema_version": 3}, Sheet, Path("s.json"), "sheet", 3)
    assert sentence(refused)


def test_a_document_too_deep_for_its_model_is_refused():
    deep = "bottom"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(UnusableFile) as refused:
        validate({"schema_version": 3, "name": deep}, Sheet, Path("s.json"), "sheet", 3)
    assert sentence(refused)


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        (4, "written by a newer perf-ratchet: update this checkout"),
        (2, "make it anew: bash ci/perf.sh"),
        (None, "make it anew: bash ci/perf.sh"),
        ("3", "make it anew: bash ci/perf.sh"),
        ([3], "make it anew: bash ci/perf.sh"),
    ],
)
def test_another_schema_says_which_and_what_to_do(version, advice):
    with pytest.raises(UnusableFile) as refused:
        validate({"schema_version": version, "name": "x"}, Sheet, Path("s.json"), "sheet", 3)
    assert f"found schema version {version!r}, expected 3" in sentence(refused)
    assert advice in sentence(refused)


@pytest.mark.parametrize("document", [[], "text", 5, None, {}])
def test_what_has_no_schema_is_refused(document):
    with pytest.raises(UnusableFile, match="found schema version None, expected 3"):
        validate(document, Sheet, Path("s.json"), "sheet", 3)


def test_writing_makes_the_folder_and_a_readable_file(tmp_path):
    file = tmp_path / "new" / "folder" / "sheet.json"
    write_atomically(file, "µ\n", "sheet")
    assert file.read_bytes() == "µ\n".encode()
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path, monkeypatch, step):
    file = tmp_path / "sheet.json"
    file.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, step, full)
    with pytest.raises(UnusableFile) as refused:
        write_atomically(file, "new", "sheet")
    assert sentence(refused).startswith(f"sheet {file}: cannot be written (No space left on device)")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_new_content_is_on_disk_before_it_replaces_the_old(tmp_path, monkeypatch):
    file, steps = tmp_path / "sheet.json", []
    file.write_text("old")
    fsync = os.fsync

    def watched(handle):
        steps.append((os.pread(handle, 100, 0), file.read_text()))
        fsync(handle)

    monkeypatch.setattr(files.os, "fsync", watched)
    write_atomically(file, "new", "sheet")
    assert steps == [(b"new", "old")]
    assert file.read_text() == "new"


def test_a_file_in_place_of_the_folder_cannot_be_written_into(tmp_path):
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(UnusableFile, match="cannot be written") as refused:
        write_atomically(tmp_path / "runs" / "run.json", "new", "run file")
    assert sentence(refused)
    with pytest.raises(UnusableFile, match="cannot be written"):
        check_writable(tmp_path / "runs" / "run.json")
    assert (tmp_path / "runs").read_text() == "in the way"


def test_a_folder_in_place_of_the_file_is_left_alone(tmp_path):
    (tmp_path / "sheet.json").mkdir()
    with pytest.raises(UnusableFile, match="cannot be written"):
        write_atomically(tmp_path / "sheet.json", "new", "sheet")
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.json"]


def test_what_a_killed_writer_left_is_removed_once_nobody_can_be_at_it(tmp_path):
    for name in (".sheet.json.abcd_123.part", ".other.json.abcd_124.part", ".mine.part", "sheet.part", ".lock"):
        (tmp_path / name).write_text("left")
        os.utime(tmp_path / name, (time.time() - 2 * files.STALE_S,) * 2)
    (tmp_path / ".sheet.json.abcd_125.part").write_text("being written")
    write_atomically(tmp_path / "sheet.json", "new", "sheet")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"sheet.json", ".mine.part", "sheet.part", ".lock", ".sheet.json.abcd_125.part"}


def test_what_a_writer_is_at_is_known_as_such(tmp_path, monkeypatch):
    """Killed at its last step, it leaves what the next one removes."""
    monkeypatch.setattr(files.os, "replace", lambda part, _: seen.append(Path(part).name))
    seen = []
    write_atomically(tmp_path / "sheet.json", "new", "sheet")
    assert [bool(files.PART.fullmatch(name)) for name in seen] == [True]


@pytest.mark.parametrize("version", [True, 1.0, 2.0, "1", None, [], -1])
def test_a_version_is_a_whole_number(tmp_path, version):
    document = {"schema_version": version, "name": "x", "numbers": [], "done": True}
    with pytest.raises(UnusableFile):
        validate(document, Sheet, tmp_path / "s.json", "sheet", 2, oldest=1)


def test_checking_a_place_leaves_no_file_there(tmp_path):
    check_writable(tmp_path / "runs" / "run.json")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_place_that_takes_no_bytes_is_noticed_before_the_work(tmp_path):
    """A file can be opened on a full disk; a limit on the size of files stands for one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(UnusableFile, match="cannot be written"):
            check_writable(tmp_path / "run.json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def holder(folder):
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_second_process_is_refused_at_once_and_served_after_the_first(tmp_path, monkeypatch):
    def waited(_):
        pytest.fail("waited for the lock instead of refusing")

    monkeypatch.setattr("time.sleep", waited)
    with holder(tmp_path) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(UnusableFile, match="another process is writing there") as refused, exclusive(tmp_path, "b"):
            pytest.fail("two processes hold the lock")
        assert sentence(refused)
        first.communicate("")
    with exclusive(tmp_path, "b"), holder(tmp_path) as second:
        assert second.communicate("")[0].startswith(f"refused: baselines {tmp_path}: another process")


def test_the_lock_is_free_again_after_a_failure(tmp_path):
    with pytest.raises(KeyError), exclusive(tmp_path, "b"):
        raise KeyError
    with exclusive(tmp_path, "b"):
        pass


@pytest.mark.parametrize("name", ["taken", "taken/below", "n" * 300])
def test_a_folder_that_cannot_be_made_cannot_be_locked(tmp_path, name):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UnusableFile, match="cannot be written") as refused, exclusive(tmp_path / name, "baselines"):
        pytest.fail("held a lock in no folder")
    assert sentence(refused)


def test_sheet_is_what_json_makes_of_it():
    """The sample model round-trips, so that the refusals above are about the change alone."""
    document = json.loads('{"schema_version": 3, "name": "x", "numbers": [], "done": true}')
    assert validate(document, Sheet, Path("s.json"), "sheet", 3).done is True
