"""A worker process as its driver sees it: start, ask, kill. A worker that dies or hangs is an error with a name."""

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

WORKER = Path(__file__).resolve().parents[2] / "fixtures" / "worker.py"

# The same for both arms, whatever their checkouts would set. glibc's thresholds are fixed (it moves them by what was
# freed before, so that the same code runs at one of two speeds), and freed pages stay mapped within a slot. One compile
# thread: the pool of torch's compiler would outlive its case and use a core. Huge pages and bound threads were tried;
# they made the spread between processes larger.
SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 28),
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "KINETO_LOG_LEVEL": "5",
    "CUDA_MODULE_LOADING": "LAZY",
}
COMPARED = ("fixtures", "perf_tests", "tools")  # packages of a checkout
DROPPED = ("PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONSTARTUP", "LD_PRELOAD", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerLost(Exception):
    """A worker that ended, hung or could not start; the message names the arm, what it did and what it said last."""


def environment(seed: int, cache: Path, inherited: Mapping[str, str], libraries: str = "") -> dict[str, str]:
    """What both arms of a pair get. The hash seed and a padding are drawn by pair: layout averages out over pairs.

    libraries  a PYTHONPATH of folders that hold none of what is compared, see `libraries_of`
    """
    kept = {name: value for name, value in inherited.items() if name not in DROPPED and not name.startswith("PYTEST_")}
    return {
        **kept,
        **SETTINGS,
        **({"PYTHONPATH": libraries} if libraries else {}),
        "PYTHONHASHSEED": str(seed % 2**32),
        "PERF_RATCHET_PADDING": "x" * (seed % 4096),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "TORCH_EXTENSIONS_DIR": str(cache / "extensions"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        "TMPDIR": str(cache),
        # fixtures/lock.py: where turns on a GPU are taken, which a TMPDIR of our own would hide; the arms share one.
        "PERF_LOCKS": inherited.get("PERF_LOCKS") or str(Path(tempfile.gettempdir()) / "perf-ratchet-locks"),
        "PERF_LOCK_JOB": f"ab-{os.getpid()}",
    }


def libraries_of(inherited: Mapping[str, str]) -> str:
    """The part of PYTHONPATH by which an interpreter finds packages that were installed beside it: whole paths only,
    for a worker runs elsewhere, and none that holds a checkout."""
    folders = [Path(entry) for entry in inherited.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return os.pathsep.join(
        str(folder)
        for folder in folders
        if folder.is_absolute() and not any((folder / package).exists() for package in COMPARED)
    )


class Worker:
    """One live process. `ask` waits for the answer; `send` and `receive` let two start and clean up at once."""

    def __init__(self, arm: str, python: str, checkout: Path, variables: Mapping[str, str]) -> None:
        self.arm, self.checkout, self.doing, self.rest = arm, checkout, "starting", b""
        self.facts: Mapping[str, Any] = {}
        Path(variables["TMPDIR"]).mkdir(exist_ok=True)
        self.stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self.process = subprocess.Popen(
                [python, str(WORKER), str(checkout)],
                cwd=checkout,
                env=dict(variables),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.stderr,
                start_new_session=True,
            )
        except OSError as error:
            self.stderr.close()
            raise WorkerLost(
                f"{arm}: cannot start {python} ({error.strerror}); give an interpreter that runs"
            ) from error

    def ask(self, timeout_s: float, do: str, **arguments: Any) -> dict[str, Any]:
        self.send(do, **arguments)
        return self.receive(timeout_s)

    def send(self, do: str, **arguments: Any) -> None:
        assert self.process.stdin is not None
        self.doing = f"{do} {arguments.get('case', '')}".strip()
        with contextlib.suppress(BrokenPipeError):  # receive() tells how it ended
            self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self.process.stdin.flush()

    def receive(self, timeout_s: float) -> dict[str, Any]:
        line = self.line(time.monotonic() + timeout_s, timeout_s)
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise WorkerLost(f"{self.arm}: answered {line[:60]!r} to `{self.doing}`, expected JSON") from error
        return found

    def line(self, deadline_s: float, timeout_s: float) -> bytes:
        assert self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        while b"\n" not in self.rest:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline_s - time.monotonic()))
            if not ready:
                raise WorkerLost(f"{self.arm}: no answer to `{self.doing}` within {timeout_s:.0f} s; it was killed")
            chunk = os.read(pipe, 1 << 20)
            if not chunk:
                raise WorkerLost(f"{self.arm}: the worker {self.ending()} during `{self.doing}`{self.last_words()}")
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def ending(self) -> str:
        code = self.process.wait()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def last_words(self) -> str:
        self.stderr.seek(0)
        lines = [line for line in self.stderr.read().decode("utf-8", "replace").splitlines() if line.strip()]
        return f": {lines[-1].strip()[:300]}" if lines else ""

    def kill(self) -> None:
        """The whole process group, compilers included; waits until it is gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
