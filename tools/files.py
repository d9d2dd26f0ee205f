"""Reading and writing the JSON files of the house: validated on the way in, atomic on the way out."""

import contextlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import filelock
from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

MOST_OF_A_PLACE = 200  # characters: a file can hold names of any length

REMEDIES = {
    "baseline": "delete it, then bash ci/refresh.sh",
    "A/B file": "python -m tools ab --base REV --json FILE",
    "memory statistics": "json.dump(torch.cuda.memory_stats(), file)",
}

# What a killed writer leaves beside the file that it was to become. No writer takes as long as the second number says.
PART = re.compile(r"\..*\.[a-z0-9_]{8}\.part")
STALE_S = 3600.0


class UnusableFile(Exception):
    """A file that cannot be read, understood or written. The message is one line: what, found, expected, what to do."""


def read_text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableFile(
            f"{what} {path}: cannot be read ({reason(error)}); give an existing, readable file"
        ) from error


def read_json(path: Path, what: str) -> Any:
    text = read_text(path, what)
    if not text.strip():
        raise UnusableFile(f"{what} {path}: found an empty file, expected JSON; {remedy(what)}")
    try:
        return json.loads(text, object_pairs_hook=without_twins)
    except (ValueError, RecursionError) as error:
        raise UnusableFile(f"{what} {path}: not JSON, cut off or damaged ({error}); {remedy(what)}") from error


def without_twins(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The object; ValueError where a name stands in it twice, as after a merge: one of the two would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:60]!r} twice in one object")
    return found


def validate(document: Any, model: type[T], path: Path, what: str, version: int, oldest: int | None = None) -> T:
    """`document` as `model`, or UnusableFile naming the first field that is wrong.

    oldest  the first version whose documents are also ones of `version`
    """
    found = document.get("schema_version") if isinstance(document, dict) else None
    if type(found) is int and found in range(version if oldest is None else oldest, version):  # True is 1, too
        document, found = {**document, "schema_version": version}, version
    if found != version:
        raise UnusableFile(
            f"{what} {path}: found schema version {found!r}, expected {version}; {version_advice(found, version, what)}"
        )
    try:
        return TypeAdapter(model).validate_json(json.dumps(document), strict=True)
    except (ValidationError, ValueError, RecursionError) as error:
        raise UnusableFile(f"{what} {path}: {first_problem(error)}; {remedy(what)}") from error


def version_advice(found: Any, version: int, what: str) -> str:
    newer = isinstance(found, int) and found > version
    return "it was written by a newer perf-ratchet: update this checkout" if newer else remedy(what)


def remedy(what: str) -> str:
    """How a file that cannot be used is replaced; editing it is never the answer."""
    return f"make it anew: {REMEDIES.get(what, 'bash ci/perf.sh')}"


def first_problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"not usable ({error})"
    first = error.errors(include_url=False)[0]
    place = repr(".".join(str(part) for part in first["loc"])[:MOST_OF_A_PLACE]) if first["loc"] else "the document"
    return f"at {place}: {first['msg']} (found {str(first['input'])[:60]!r})"


def write_atomically(path: Path, content: str | bytes, what: str) -> None:
    """Write all of `content` or nothing. Raises UnusableFile."""
    write_all_atomically({path: content}, what)


def write_all_atomically(contents: Mapping[Path, str | bytes], what: str) -> None:
    """Write every one to a temporary file beside its place, flushed to disk; only then rename them all into place.

    Killed, it leaves every file whole, some of them new perhaps; the parts that it leaves, too, a later write removes.
    """
    staged: dict[Path, str] = {}
    try:
        for path, content in contents.items():
            try:
                staged[path] = stage(path, content)
            except OSError as error:
                raise UnusableFile(unwritable(path, what, error)) from error
        for path, name in staged.items():
            try:
                os.replace(name, path)
            except OSError as error:
                raise UnusableFile(unwritable(path, what, error)) from error
    finally:
        for name in staged.values():
            with contextlib.suppress(OSError):
                os.unlink(name)
        for folder in {path.parent for path in contents}:
            remove_stale(folder)


def remove_stale(folder: Path) -> None:
    """What killed writers have left there."""
    oldest_s = time.time() - STALE_S
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if PART.fullmatch(entry.name) and entry.stat().st_mtime < oldest_s:
                os.unlink(entry.path)


def stage(path: Path, content: str | bytes) -> str:
    """Name of a complete file beside `path`; none is left when it cannot be completed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
    except OSError:
        os.unlink(name)
        raise
    return name


def check_writable(path: Path, what: str = "run file") -> None:
    """Raise UnusableFile now rather than after the work whose result is to be written to `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.write(b"0" * 4096)
    except OSError as error:
        raise UnusableFile(unwritable(path, what, error)) from error


def unwritable(path: Path, what: str, error: OSError) -> str:
    advice = "what was there is untouched; free space or choose another place"
    return f"{what} {path}: cannot be written ({reason(error)}); {advice}"


def reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@contextlib.contextmanager
def exclusive(folder: Path, what: str) -> Iterator[None]:
    """Hold the folder's lock, or raise UnusableFile at once when somebody else holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / ".lock", timeout=0):
            yield
    except filelock.Timeout as error:
        raise UnusableFile(
            f"{what} {folder}: another process is writing there; wait for it, then run this again"
        ) from error
    except OSError as error:
        raise UnusableFile(unwritable(folder, what, error)) from error
