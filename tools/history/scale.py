"""What the store costs:  python -m tools.history.scale --runs 100 300 1000

Makes a fleet of run files, as many as asked for, reads them into a store in an empty folder, then one more, then asks;
each step in a process of its own, so that its time holds the start of Python and its memory nothing of the others.
"""

import argparse
import dataclasses
import datetime
import functools
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.history.rows import Array
from tools.records import SCHEMA_VERSION, Effort, Fingerprint, Metric, Record, Run, Selection
from tools.runs import KEY
from tools.tables import Table, to_markdown

FLEET = Fingerprint(
    "cuda-made-gpu",
    {"torch": "2.15.0", "python": "CPython 3.11.7"},
    {"name": "made"},
    {"uuid": "0", "driver": "580.95", "clock_limit_mhz": "1980"},
)
BEGIN = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
SLOWED = 20  # every so many cases there is one that gets 5 % slower, half way through


def fleet(folder: Path, runs: Sequence[int], of: int, cases: int, samples: int) -> None:
    """Run files number `runs`, as `of` of them tell one story."""
    folder.mkdir(parents=True, exist_ok=True)
    form = template(cases, samples)
    for number in runs:
        numbers = list(map(repr, measured_by(number, of, cases, samples).ravel().tolist()))
        text = form.replace("@time", (BEGIN + datetime.timedelta(hours=number)).isoformat(timespec="seconds"))
        text = text.replace("@commit", f"{number:012x}")
        (folder / f"run-{number:05}.json").write_text(filled(text, numbers), encoding="utf-8")


def filled(text: str, numbers: Sequence[str]) -> str:
    return re.sub(r'"@(\d+)"', lambda found: numbers[int(found[1])], text)


def measured_by(number: int, of: int, cases: int, samples: int) -> Array:
    """Shape (cases, samples + 2): the rounds, their median, the speed-up."""
    random = np.random.default_rng(number)
    slower = np.where((np.arange(cases) % SLOWED == 0) & (number >= of // 2), 1.05, 1.0)
    level = 1e-3 * (1 + np.arange(cases) % 7) * slower * np.exp(random.normal(0.0, 0.01, cases))
    times = level[:, None] * np.exp(random.normal(0.0, 0.005, (cases, samples)))
    return np.column_stack([times, np.median(times, axis=1), random.normal(2.0, 0.02, cases)])


@functools.cache
def template(cases: int, samples: int) -> str:
    """A run file as pytest-benchmark writes it; "@7" stands where the number 7 of a run belongs."""
    run = dataclasses.asdict(empty_run([f"made/c{case:04}/forward" for case in range(cases)]))
    for case, made in enumerate(run["records"]):
        *rounds, median, speedup = (f"@{case * (samples + 2) + place}" for place in range(samples + 2))
        made["metrics"]["latency_s"] |= {"value": median, "samples": rounds}
        made["metrics"]["speedup_over_eager_ratio"]["value"] = speedup
    benchmarks = [benchmark(made["node"], made["metrics"]["latency_s"]["samples"]) for made in run["records"]]
    return json.dumps({"benchmarks": benchmarks, "version": "5.3.1", KEY: run}, indent=1, sort_keys=True)


def empty_run(ids: Sequence[str]) -> Run:
    selection = Selection({"made": tuple(ids)}, tuple(ids), True)
    records = tuple(record(case) for case in ids)
    effort = Effort(600.0, {"time": 500.0})
    return Run(SCHEMA_VERSION, "@time", "@commit", False, "standard", FLEET, selection, effort, records)


def record(case: str) -> Record:
    metrics = {
        "latency_s": Metric(0.0),
        "peak_allocated_bytes": Metric(1 << 20),
        "relative_error": Metric(1e-6, (), 1e-5),
        "speedup_over_eager_ratio": Metric(0.0),
        "foreign_load_share": Metric(0.004),
    }
    node = f"perf_tests/test_made.py::test_made[{case}]"
    return Record(case, "d1", "ok", metrics=metrics, node=node, line=9, wall_s=0.3)


def benchmark(node: str, samples: Sequence[str]) -> dict[str, object]:
    stats = {"data": list(samples), "median": samples[0], "iqr": 1e-5, "rounds": len(samples), "outliers": "0;0"}
    return {"name": node.rpartition("::")[2], "fullname": node, "stats": stats}


# --- each of these runs in a process of its own ---


def step_ingest(runs: str, store: str) -> None:
    from tools.history.ingest import ingest

    ingest([runs], store)


def step_one(runs: str, store: str) -> None:
    """One case and one metric over all runs."""
    trends_of(store, "made/c0000/forward", [])


def step_all(runs: str, store: str) -> None:
    """The times of all cases over all runs, judged."""
    trends_of(store, "", [])


def trends_of(store: str, keyword: str, metrics: Sequence[str]) -> None:
    from tools.history.command import judged
    from tools.history.places import place_of
    from tools.history.store import read_catalog

    place = place_of(store)
    found = judged(place, read_catalog(place), re.compile(keyword), metrics, "", "")
    if not found:
        raise LookupError(f"no trend of {keyword!r} in {store}")


def step_recent(runs: str, store: str) -> None:
    """The last 40 runs of all cases and metrics, as a report asks for them."""
    from tools.history.trends import recent

    recent(Path(store), FLEET.slug)


STEPS = {"ingest": step_ingest, "one": step_one, "all": step_all, "recent": step_recent}


@dataclass(frozen=True)
class Cost:
    """Of a step in a fresh process, once all is imported: wall seconds, those of its cores, and its largest memory.

    What others do on the machine lengthens the first and not the second.
    """

    wall_s: float
    busy_s: float
    memory_mib: float

    @property
    def told(self) -> str:
        return f"{self.wall_s:.1f} s ({self.busy_s:.1f})"


def measured(step: str, runs: Path, store: Path) -> Cost:
    command = [sys.executable, "-m", "tools.history.scale", "--step", step, str(runs), str(store)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Cost(*map(float, done.stdout.split()))


def run_step(step: str, runs: str, store: str) -> None:
    import ruptures  # noqa: F401  the other libraries come with the modules

    from tools.history import command, trends  # noqa: F401
    from tools.history.store import arrow

    arrow()
    started, before = time.perf_counter(), busy_s()
    STEPS[step](runs, store)
    own, others = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    memory = own + others * (workers() if others else 0)
    print(time.perf_counter() - started, busy_s() - before, memory / 1024)


def busy_s() -> float:
    """Seconds of the processor that this process and its ended children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def row(folder: Path, runs: int, cases: int, samples: int) -> tuple[str, ...]:
    files, store = folder / f"runs-{runs}", folder / f"store-{runs}"
    fleet(files, range(runs), runs, cases, samples)
    size = sum(each.stat().st_size for each in files.iterdir()) / runs / 1e6
    ingest = measured("ingest", files, store)
    fleet(files, [runs], runs, cases, samples)
    costs = [ingest, *(measured(step, files, store) for step in ("ingest", "ingest", "one", "recent", "all"))]
    held = sum(each.stat().st_size for each in store.iterdir()) / 1e6
    memories = (f"{each.memory_mib:.0f} MiB" for each in (ingest, costs[-1]))
    return f"{runs:,}", f"{runs * cases * 5:,}", f"{size:.1f} MB", *(c.told for c in costs), f"{held:.0f} MB", *memories


COLUMNS = (
    "runs",
    "rows",
    "a run file",
    "ingest",
    "one more run",
    "nothing new",
    "one trend",
    "recent",
    "all trends",
    "store",
    "memory, ingest",
    "memory, all trends",
)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="What the store of a made fleet costs.")
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--samples", type=int, default=5, help="rounds that each time holds; a real run has 5 to 30")
    parser.add_argument("--step", nargs=3, metavar=("STEP", "RUNS", "STORE"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.step:
        run_step(*asked.step)
        return
    rows = []
    for runs in asked.runs:
        with tempfile.TemporaryDirectory(prefix="perf-ratchet-fleet-") as folder:
            rows.append(row(Path(folder), runs, asked.cases, asked.samples))
        print(rows[-1], file=sys.stderr, flush=True)
    cost = "wall seconds (and those of the cores)"
    title = f"{asked.cases:,} cases of 5 metrics a run, {asked.samples} samples a time, {workers()} cores; {cost}"
    print(to_markdown(Table(title, COLUMNS, tuple(rows))))


def workers() -> int:
    from tools.history.ingest import workers

    return workers()


if __name__ == "__main__":
    main(sys.argv[1:])
