"""Both revisions laid out side by side in a temporary folder, at paths of equal length that can be swapped.

`git archive` instead of `git worktree`: nothing is registered in the repository, so nothing can be left behind in it.
"""

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

WORKTREE = "worktree"
PREFIX = "perf-ratchet-ab-"
# What lies in a plain copy of the repository beside its files: environments, results, caches. As in .gitignore.
NOT_OF_THE_REPOSITORY = (
    ".venv*",
    ".wheels",
    "runs",
    "mutants",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    ".benchmarks",
    "*.egg-info",
    f"{PREFIX}*",
)
GIT_S = 120


class UnusableRevision(Exception):
    """A revision that git does not know or cannot hand out; the message says what was found and what to give."""


@dataclass
class Checkouts:
    """`places[i]` is where arm i lies now; every place is as long as the others."""

    folder: Path
    order: list[int]

    def place(self, arm: int) -> Path:
        return self.folder / str(self.order.index(arm))

    def cache(self, arm: int) -> Path:
        """Compiled code is kept for an arm and its place, so that no arm reads what another one wrote."""
        return self.folder / f"cache-{arm}{self.order.index(arm)}"

    def rearrange(self, order: Sequence[int]) -> None:
        """Put the arms into the places of `order`: layout that depends on a path then averages out over pairs."""
        for arm in range(len(order)):
            os.replace(self.place(arm), self.folder / f"moving-{arm}")
        self.order = list(order)
        for arm in range(len(order)):
            os.replace(self.folder / f"moving-{arm}", self.place(arm))


@contextlib.contextmanager
def checked_out(repository: Path, revisions: Sequence[str]) -> Iterator[Checkouts]:
    """Checkouts of the revisions, removed at the end whatever happens. Raises UnusableRevision."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        for number, revision in enumerate(revisions):
            lay_out(repository, revision, folder / str(number))
        yield Checkouts(folder, list(range(len(revisions))))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)  # once more: a compiler that was being killed may still have written


def lay_out(repository: Path, revision: str, place: Path) -> None:
    place.mkdir()
    if revision == WORKTREE:
        copy_worktree(repository, place)
        return
    try:
        with tarfile.open(fileobj=io.BytesIO(output(repository, "archive", "--format=tar", revision))) as archive:
            archive.extractall(place, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise UnusableRevision(f"revision {revision!r}: cannot be laid out in {place} ({error})") from error


def copy_worktree(repository: Path, place: Path) -> None:
    """What a commit of everything would hold: tracked files as they are now, and new ones that git does not ignore.

    A plain copy without a history, as a machine gets that only measures, is taken whole: see `copy_files`.
    """
    if not has_history(repository):
        copy_files(repository, place)
        return
    names = git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in sorted(set(filter(None, names))):
        source, target = repository / name, place / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # deleted just now
                shutil.copy2(source, target)


def copy_files(repository: Path, place: Path) -> None:
    """All but NOT_OF_THE_REPOSITORY. Raises UnusableRevision."""
    beside = shutil.ignore_patterns(*NOT_OF_THE_REPOSITORY)
    try:
        shutil.copytree(repository, place, symlinks=True, ignore=beside, dirs_exist_ok=True)
    except OSError as error:
        raise UnusableRevision(f"the files of {repository.resolve()} cannot be copied to {place}: {error}") from error


def known_commit(repository: Path) -> str:
    """What is checked out; a copy without a history is told that by PERF_COMMIT. Raises UnusableRevision."""
    if not has_history(repository):
        return os.environ.get("PERF_COMMIT") or "unknown"
    return commit_of(repository, "HEAD")[:12]


def has_history(repository: Path) -> bool:
    """Whether a git repository holds it; asked of the files, for git also fails for other reasons."""
    folder = repository.resolve()
    return any((each / ".git").exists() for each in (folder, *folder.parents))


def commit_of(repository: Path, revision: str) -> str:
    """The full commit id; `worktree` stays itself. Raises UnusableRevision."""
    if revision == WORKTREE:
        return revision
    try:
        return git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    except UnusableRevision as error:
        raise UnusableRevision(
            f"revision {revision!r}: no commit of this repository, expected a branch, tag or commit (or {WORKTREE} "
            "as head); git log shows what there is, git fetch brings what is missing"
        ) from error


def git(repository: Path, *arguments: str) -> str:
    return output(repository, *arguments).decode("utf-8", "surrogateescape")


def output(repository: Path, *arguments: str) -> bytes:
    try:
        answer = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, timeout=GIT_S)
    except FileNotFoundError as error:
        raise UnusableRevision("found no git, which hands out the two revisions; install git") from error
    except subprocess.TimeoutExpired as error:
        raise UnusableRevision(f"git {arguments[0]} took more than {GIT_S} s in {repository}") from error
    if answer.returncode:
        raise UnusableRevision(f"git {' '.join(arguments)} failed in {repository}: {last_line(answer.stderr)}")
    return answer.stdout


def last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"
