"""Something that reads files, called as a user calls it, and what it answered."""

import contextlib
import io
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.__main__ import main

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 20.0
HUNG = "hung"
CRASHED = "crashed"


class Hung(BaseException):
    """No Exception: nobody is to mistake it for an error of his own."""


@dataclass(frozen=True)
class Answer:
    """code: HUNG or CRASHED where there was none."""

    code: int | str
    out: str
    err: str


@contextlib.contextmanager
def limited(limit_s: float) -> Iterator[None]:
    """Raises Hung in the block when it takes longer."""

    def ring(_number: int, _frame: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def called(call: Callable[[], object], limit_s: float = LIMIT_S) -> Answer:
    """What a call prints, and the code it exits with; warnings are printed."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: int | str = 0
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        warnings.simplefilter("always")
        try:
            with limited(limit_s):
                call()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except Hung:
            code = HUNG
        except BaseException as error:
            code = CRASHED
            print(f"{type(error).__name__}: {error}", file=err)
    return Answer(code, *(stream.buffer.getvalue().decode(errors="replace") for stream in (out, err)))


def in_process(arguments: Sequence[str]) -> Answer:
    """python -m tools, here."""
    before, sys.argv = sys.argv, ["tools", *arguments]
    try:
        return called(main)
    finally:
        sys.argv = before


def on_its_own(arguments: Sequence[str]) -> Answer:
    """python -m tools, as a process."""
    command = [sys.executable, "-m", "tools", *arguments]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=3 * LIMIT_S)
    except subprocess.TimeoutExpired:
        return Answer(HUNG, "", "")
    return Answer(found.returncode, found.stdout.decode(errors="replace"), found.stderr.decode(errors="replace"))
