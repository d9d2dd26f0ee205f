import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tools.ab.checkouts import NOT_OF_THE_REPOSITORY, UnusableRevision, checked_out, commit_of, has_history
from tools.tests.ab import repository
from tools.tests.ab.repository import git, write


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return repository.repository(tmp_path / "repository", "CASES = []\n", "CASES = [1]\n")


def text(place):
    return (place / "perf_tests" / "test_fake.py").read_text()


def test_revisions_lie_side_by_side_at_paths_of_equal_length(folder):
    with checked_out(folder, ["base", "head", "base"]) as places:
        assert [text(places.place(arm)) for arm in range(3)] == ["CASES = []\n", "CASES = [1]\n", "CASES = []\n"]
        assert len({len(str(places.place(arm))) for arm in range(3)}) == 1
        assert len({len(str(places.cache(arm))) for arm in range(3)}) == 1


def test_arms_change_places_and_keep_their_files(folder):
    with checked_out(folder, ["base", "head", "base"]) as places:
        before = [places.place(arm) for arm in range(3)]
        places.rearrange([1, 2, 0])
        assert [places.place(arm) for arm in range(3)] == [before[2], before[0], before[1]]
        assert [text(places.place(arm)) for arm in range(3)] == ["CASES = []\n", "CASES = [1]\n", "CASES = []\n"]


def test_an_arm_has_a_cache_of_its_own_in_every_place(folder):
    with checked_out(folder, ["base", "head"]) as places:
        first = {places.cache(0), places.cache(1)}
        places.rearrange([1, 0])
        assert len(first | {places.cache(0), places.cache(1)}) == 4


def test_the_worktree_is_what_a_commit_of_everything_would_hold(folder):
    write(
        folder, {"new.py": "x = 1\n", ".gitignore": "ignored.py\n", "ignored.py": "", "fixtures/case.py": "changed\n"}
    )
    (folder / "psutil.py").unlink()
    with checked_out(folder, ["worktree"]) as places:
        place = places.place(0)
        assert (place / "new.py").exists()
        assert (place / "fixtures" / "case.py").read_text() == "changed\n"
        assert not (place / "ignored.py").exists()
        assert not (place / "psutil.py").exists()
        assert not (place / ".git").exists()


def test_nothing_is_left_whatever_happens(folder, tmp_path):
    with pytest.raises(KeyboardInterrupt), checked_out(folder, ["base"]):
        raise KeyboardInterrupt
    with (
        pytest.raises(UnusableRevision, match="git archive --format=tar nowhere failed"),
        checked_out(folder, ["base", "nowhere"]),
    ):
        pass
    assert list((tmp_path / "temporary").iterdir()) == []
    assert len(git(folder, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("revision", ["nowhere", "", "-x", "base:psutil.py"])
def test_what_is_no_commit_is_refused(folder, revision):
    with pytest.raises(UnusableRevision, match="no commit of this repository"):
        commit_of(folder, revision)


def test_a_commit_has_one_name(folder):
    assert commit_of(folder, "base") == git(folder, "rev-parse", "base")
    assert commit_of(folder, "worktree") == "worktree"


def test_outside_a_repository_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(UnusableRevision, match="no commit of this repository"):
        commit_of(tmp_path, "HEAD")


# ---------------------------------------------------------------- a plain copy without a history


@pytest.fixture
def copy(folder):
    shutil.rmtree(folder / ".git")
    names = (".venv/lib/x.py", "runs/t.json", "fixtures/__pycache__/case.pyc", ".mypy_cache/x", "a.egg-info/x")
    write(folder, {"new.py": "x = 1\n", ".github/flow.yml": "", **dict.fromkeys(names, "")})
    return folder


def test_a_copy_without_a_history_is_laid_out_as_it_is(copy):
    assert not has_history(copy)
    with checked_out(copy, ["worktree", "worktree"]) as places:
        for arm in range(2):
            files = {str(file.relative_to(places.place(arm))) for file in places.place(arm).rglob("*")}
            assert {"new.py", ".github/flow.yml", "fixtures/case.py"} <= files
            assert not {name for name in files if name.split("/")[0] in (".venv", "runs", ".mypy_cache", "a.egg-info")}
            assert "fixtures/__pycache__" not in files


def test_it_may_hold_the_folder_for_temporary_files(copy, monkeypatch):
    (copy / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copy / "temporary"))
    with checked_out(copy, ["worktree", "worktree"]) as places:
        assert list((places.place(1) / "temporary").iterdir()) == []


def test_what_cannot_be_copied_is_said(copy):
    os.mkfifo(copy / "pipe")
    with pytest.raises(UnusableRevision, match=r"cannot be copied to .*pipe"), checked_out(copy, ["worktree"]):
        pass


def test_a_failing_git_is_no_reason_to_copy_what_it_ignores(folder):
    (folder / ".git" / "HEAD").write_text("damaged")
    assert has_history(folder)
    with pytest.raises(UnusableRevision, match="git ls-files"), checked_out(folder, ["worktree"]):
        pass


def test_all_that_git_ignores_everywhere_is_left_out_of_a_copy():
    lines = (Path(__file__).resolve().parents[3] / ".gitignore").read_text().splitlines()
    ignored = {line.rstrip("/") for line in lines if line.endswith("/")}
    left_out = shutil.ignore_patterns(*NOT_OF_THE_REPOSITORY)("", sorted(ignored))
    assert left_out == ignored
    assert not shutil.ignore_patterns(*NOT_OF_THE_REPOSITORY)("", [".github", "fixtures", "conftest.py"])
