"""A repository of two commits that needs no torch: workers run it on a clock that only its cases move.

So a case takes exactly the seconds that it says, times a small spread drawn per process; no test waits for time.
"""

import subprocess

STUBS = {
    "torch.py": """
        __version__ = "0"
        cuda = None
        class device:
            def __init__(self, type): self.type = type
        class compiler:
            @staticmethod
            def reset(): pass
        def set_num_threads(count): pass
        def get_num_threads(): return 1
        def manual_seed(seed): pass
    """,
    "psutil.py": """
        from collections import namedtuple
        Times = namedtuple("Times", "user system idle iowait steal guest guest_nice")
        def cpu_times(): return Times(0, 0, 0, 0, 0, 0, 0)
        class Process:
            def threads(self): return []
    """,
    "fixtures/__init__.py": "",
    "fixtures/case.py": """
        from dataclasses import dataclass, field
        @dataclass
        class Case:
            id: str
            build: object
            definition: str = "d1"
            profile: str = "quick"
            params: dict = field(default_factory=dict)
            tolerance: object = None
    """,
    "fixtures/workload.py": """
        class Action:
            prepare = None
            def __init__(self, call): self.call = call
            def __call__(self): return self.call()
            def arguments(self): return ()
        class Workload:
            predicted_peak_bytes = 0
            def __init__(self, call): self.run = Action(call)
            def reference(self): return None
    """,
    "fixtures/device.py": """
        import torch
        def choose_device(asked): return torch.device(asked or "cpu")
        def predicted_not_to_fit(needed_bytes, device): return None
        poisoned = False
        def clean(device):
            if poisoned: raise RuntimeError("an illegal memory access was encountered")
    """,
    "fixtures/fingerprint.py": """
        class fingerprint:
            slug = "cpu-fake-1c"
            def __init__(self, device): pass
    """,
    "fixtures/accuracy.py": """
        class WrongResult(Exception): pass
        def check_accuracy(output, reference, tolerance):
            if output is not reference: raise WrongResult("max_abs_error is 1, expected at most 0")
    """,
}

CASES = """
import math, os, random, signal, time
from fixtures.case import Case
from fixtures.workload import Workload

now, rng = [0.0], random.Random(os.getpid())
time.perf_counter = lambda: now[0]

def steady(seconds, spread=0.001):
    factor = math.exp(rng.gauss(0, spread))  # never below zero: the clock would go backwards, and no wait would end
    def call(): now[0] += seconds * factor
    return lambda device: Workload(call)

def wrong(device): return Workload(lambda: 1)

def full(device): raise MemoryError("DefaultCPUAllocator: can't allocate memory")

def full_once(device):
    marker = os.environ["MARKER"]
    if not os.path.exists(marker):
        open(marker, "w").close()
        full(device)
    return steady(0.001)(device)

def deadly(device):
    calls = []
    def call():
        now[0] += 0.001
        calls.append(1)
        if len(calls) > 100: os.kill(os.getpid(), signal.SIGKILL)
    return Workload(call)

def hanging(device):
    calls = []
    def call():
        now[0] += 0.001
        calls.append(1)
        if len(calls) > 100: open(os.environ.get("MARKER", os.devnull), "w").close()
        while len(calls) > 100: pass
    return Workload(call)

def crowded(device):
    "Fits beside no other live process."
    place = os.environ["MARKER"]
    other = open(place).read() if os.path.exists(place) else ""
    if other not in ("", str(os.getpid())) and os.path.exists("/proc/" + other): full(device)
    with open(place, "w") as file: file.write(str(os.getpid()))
    return steady(0.001)(device)

def poisonous(device):
    import fixtures.device
    fixtures.device.poisoned = True
    fixtures.device.clean(device)

"""


def lines(text):
    """Without the indentation that it has in this file."""
    kept = [line[8:] if line.startswith("        ") else line for line in text.strip("\n").splitlines()]
    return "\n".join(kept) + "\n"


def git(folder, *arguments):
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false")
    answer = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def table(*cases):
    """The text of a file of cases; each is a Python expression."""
    return CASES + f"CASES = [{', '.join(cases)}]\n"


def case(name, build, **fields):
    told = "".join(f", {key}={value!r}" for key, value in fields.items())
    return f"Case({name!r}, {build}{told})"


def repository(folder, base, head):
    """Tags `base` and `head`: commits whose perf_tests/test_fake.py has these texts."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    write(folder, {name: lines(text) for name, text in STUBS.items()})
    for tag, text in (("base", base), ("head", head)):
        write(folder, {"perf_tests/test_fake.py": text})
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--allow-empty", "--message", tag)
        git(folder, "tag", tag)
    return folder
