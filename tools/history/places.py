"""A folder on a disk or behind an fsspec URL (s3://..., gs://..., memory://...): listed, read and written alike."""

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tools.files import UnusableFile, reason, write_atomically

T = TypeVar("T")
INSTALL = 'python -m pip install ".[history]"'
STAMPS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")


def needed(load: Callable[[], T]) -> T:
    """What an optional library is needed for. Raises UnusableFile that names the command where it is missing."""
    try:
        return load()
    except ImportError as error:
        raise UnusableFile(f"history: {error}; {INSTALL}, and for s3://, gs:// their fsspec driver") from error


@dataclass(frozen=True)
class Place:
    """fs: an fsspec file system; root: a path in it, without a slash at its end. All raise UnusableFile."""

    fs: Any
    root: str

    @property
    def local(self) -> bool:
        return self.speaks("file")

    def speaks(self, protocol: str) -> bool:
        return protocol in ([self.fs.protocol] if isinstance(self.fs.protocol, str) else self.fs.protocol)

    @property
    def name(self) -> str:
        return self.root if self.local else str(self.fs.unstrip_protocol(self.root))

    def __truediv__(self, name: str) -> "Place":
        return Place(self.fs, f"{self.root}/{name}")

    def exists(self) -> bool:
        return bool(self.tried(self.fs.exists, self.root))

    def is_folder(self) -> bool:
        return bool(self.tried(self.fs.isdir, self.root))

    def read(self) -> bytes:
        """Raises FileNotFoundError where it is gone: somebody else may have removed it."""
        return bytes(self.tried(self.fs.cat_file, self.root, missing=FileNotFoundError))

    def write(self, content: bytes) -> None:
        """All of it or nothing. An object store shows an object when it is whole."""
        if self.local:
            write_atomically(Path(self.root), content, "history")
        else:
            self.tried(self.fs.pipe_file, self.root, content)

    def remove(self) -> None:
        """Nothing happens where nothing is."""
        try:
            self.fs.rm_file(self.root)
        except OSError:
            return

    def names(self) -> list[str]:
        """Of the files right in this folder; none where there is no folder."""
        if not self.exists():
            return []
        return [path.rpartition("/")[2] for path in self.tried(self.fs.ls, self.root, detail=False)]

    def documents(self) -> Iterator["Found"]:
        """Every JSON file below, or this one file; nothing hidden (the store is)."""
        if not self.is_folder():
            yield self.found(self.tried(self.fs.info, self.root))
            return
        for path, about in sorted(self.tried(self.fs.find, self.root, detail=True).items()):
            below = path.removeprefix(self.root).split("/")
            if path.endswith(".json") and not any(part.startswith(".") for part in below):
                yield self.found(about)

    def found(self, about: dict[str, Any]) -> "Found":
        changing = next((about[name] for name in STAMPS if about.get(name)), "")
        return Found(Place(self.fs, about["name"]), f"{about.get('size')} {changing}")

    def tried(self, call: Callable[..., Any], *arguments: Any, missing: Any = (), **named: Any) -> Any:
        try:
            return call(*arguments, **named)
        except missing:
            raise
        except Exception as error:  # a driver raises what it likes: of its network, of its credentials
            told = reason(error) or type(error).__name__
            raise UnusableFile(f"{self.name}: cannot be read or written ({told}); give a place that can") from error


@dataclass(frozen=True)
class Found:
    """A file, and what changes when it does."""

    place: Place
    stamp: str

    @property
    def name(self) -> str:
        return self.place.name


def place_of(text: str) -> Place:
    """Raises UnusableFile for a URL whose protocol nobody here speaks."""
    fsspec = needed(library)
    if "://" not in text:  # also where fsspec would read more into a name
        return Place(fsspec.filesystem("file"), os.path.abspath(text))
    try:
        fs, root = needed(functools.partial(fsspec.core.url_to_fs, text))
    except ValueError as error:
        raise UnusableFile(f"{text}: {error}; give a folder or a URL that fsspec knows") from error
    return Place(fs, root.rstrip("/"))


def library() -> Any:
    import fsspec

    return fsspec
