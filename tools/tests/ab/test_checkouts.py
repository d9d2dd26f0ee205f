import tempfile

import pytest

from tools.ab.checkouts import UnusableRevision, checked_out, commit_of
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
