import sys

import fsspec
import numpy as np
import pytest

from tools.files import UnusableFile
from tools.history.changes import noisy_steps
from tools.history.places import Place, place_of
from tools.history.store import Catalog, write_catalog


class Refusing(fsspec.AbstractFileSystem):
    """An object store that lets nobody in."""

    protocol = "refusing"

    def _refuse(self, *arguments, **named):
        raise RuntimeError("no credentials")

    exists = isdir = ls = find = cat_file = pipe_file = _refuse


@pytest.mark.parametrize(
    "call",
    [Place.exists, Place.read, lambda place: list(place.documents()), lambda place: place.write(b"")],
    ids=["exists", "read", "list", "write"],
)
def test_what_a_driver_refuses_is_one_line(call):
    with pytest.raises(
        UnusableFile, match=r"refusing://bucket/x: cannot be read or written \(no credentials\); give a"
    ):
        call(Place(Refusing(), "bucket/x"))


@pytest.mark.parametrize(
    ("library", "call"),
    [
        ("fsspec", lambda folder: place_of(str(folder))),
        ("pyarrow", lambda folder: write_catalog(Place(fsspec.filesystem("file"), str(folder)), Catalog())),
        ("ruptures", lambda folder: noisy_steps(np.arange(1.0, 20.0))),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_command(tmp_path, monkeypatch, library, call):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UnusableFile, match=rf'{library}.*python -m pip install "\.\[history\]"'):
        call(tmp_path)


def test_a_file_that_is_gone_is_told_from_one_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        place_of(str(tmp_path / "nowhere")).read()


def test_to_remove_what_is_not_there_does_nothing(tmp_path):
    place_of(str(tmp_path / "nowhere")).remove()
    assert place_of(str(tmp_path / "nowhere")).names() == []
