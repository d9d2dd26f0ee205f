"""The minutes that a campaign has, and programs that must end within them."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_S = 15.0  # between asking a program to end and ending it


@dataclass(frozen=True)
class Clock:
    """minutes from when it was made."""

    minutes: float
    began_s: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        return 60 * self.minutes - (time.monotonic() - self.began_s)


def run(command: Sequence[str], log: Path, seconds: float, variables: Mapping[str, str]) -> int | None:
    """Exit code of a program, whose output is added to `log`; None where it was ended when its time was over.

    It is first interrupted, so that it can write what it has. Nothing that it started outlives it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        program = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
            start_new_session=True,
        )
    try:
        return program.wait(seconds)
    except subprocess.TimeoutExpired:
        program.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(PATIENCE_S)
        return None
    finally:
        end_group(program)


def end_group(program: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()
