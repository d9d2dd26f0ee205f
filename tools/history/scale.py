"""What the store costs:  python -m tools.history.scale --runs 100 300 1000

Makes a fleet of run files, as many as asked for, reads them into a store in an empty folder, then one more, then asks;
each step in a process of its own, so that its time holds the start of Python and its memory nothing of the others.
"""

import argparse
import dataclasses
import datetime
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

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
    for number in runs:
        made = document(number, of, cases, samples)
        (folder / f"run-{number:05}.json").write_text(json.dumps(made, indent=1, sort_keys=True), encoding="utf-8")


def document(number: int, of: int, cases: int, samples: int) -> dict[str, object]:
    """As pytest-benchmark writes it, with an entry a case of its own."""
    random = np.random.default_rng(number)
    slower = np.where((np.arange(cases) % SLOWED == 0) & (number >= of // 2), 1.05, 1.0)
    times = np.exp(random.normal(np.log(1e-3 * (1 + np.arange(cases) % 7) * slower)[:, None], 0.01, (cases, samples)))
    records = [record(case, times[case].tolist(), random) for case in range(cases)]
    ids = tuple(each.case for each in records)
    run = Run(
        SCHEMA_VERSION,
        (BEGIN + datetime.timedelta(hours=number)).isoformat(timespec="seconds"),
        f"{number:012x}",
        False,
        "standard",
        FLEET,
        Selection({"made": ids}, ids, True),
        Effort(600.0, {"time": 500.0}),
        tuple(records),
    )
    entries = [benchmark(case, each.metrics["latency_s"].samples) for case, each in zip(ids, records, strict=True)]
    return {"benchmarks": entries, "version": "5.3.1", KEY: dataclasses.asdict(run)}


def record(case: int, times: list[float], random: np.random.Generator) -> Record:
    metrics = {
        "latency_s": Metric(float(np.median(times)), tuple(times)),
        "peak_allocated_bytes": Metric(1 << 20),
        "relative_error": Metric(1e-6, (), 1e-5),
        "speedup_over_eager_ratio": Metric(float(random.normal(2.0, 0.02))),
        "foreign_load_share": Metric(0.004),
    }
    node = f"perf_tests/test_made.py::test_made[made/c{case:04}]"
    return Record(f"made/c{case:04}/forward", "d1", "ok", metrics=metrics, node=node, line=9, wall_s=0.3)


def benchmark(case: str, samples: Sequence[float]) -> dict[str, object]:
    stats = {"data": list(samples), "median": samples[0], "iqr": 1e-5, "rounds": len(samples), "outliers": "0;0"}
    return {"name": f"test_made[{case}]", "fullname": f"perf_tests/test_made.py::test_made[{case}]", "stats": stats}


# --- each of these runs in a process of its own ---


def step_ingest(runs: str, store: str) -> None:
    from tools.history.ingest import ingest

    ingest([runs], store)


def step_one(runs: str, store: str) -> None:
    """One case and one metric over all runs."""
    trends_of(store, "made/c0020/forward", [])


def step_all(runs: str, store: str) -> None:
    """The times of all cases over all runs, judged."""
    trends_of(store, "", [])


def trends_of(store: str, keyword: str, metrics: Sequence[str]) -> None:
    from tools.history.command import judged
    from tools.history.places import place_of
    from tools.history.store import read_catalog

    place = place_of(store)
    found = judged(place, read_catalog(place), re.compile(keyword), metrics, "", "")
    print(sum(bool(each.steps) for each in found), "of", len(found), "changed")


def step_recent(runs: str, store: str) -> None:
    """The last 40 runs of all cases and metrics, as a report asks for them."""
    from tools.history.trends import recent

    recent(Path(store), FLEET.slug)


STEPS = {"ingest": step_ingest, "one": step_one, "all": step_all, "recent": step_recent}


def measured(step: str, runs: Path, store: Path) -> tuple[float, float]:
    """Wall seconds of the step in a fresh process, imports included, and its largest memory in MiB with its workers'."""
    command = [sys.executable, "-m", "tools.history.scale", "--step", step, str(runs), str(store)]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, float(done.stdout.splitlines()[-1])


def run_step(step: str, runs: str, store: str) -> None:
    STEPS[step](runs, store)
    own, others = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print((own + others * (len(os.sched_getaffinity(0)) if others else 0)) / 1024)


def row(folder: Path, runs: int, cases: int, samples: int) -> tuple[str, ...]:
    files, store = folder / f"runs-{runs}", folder / f"store-{runs}"
    fleet(files, range(runs), runs, cases, samples)
    size = sum(each.stat().st_size for each in files.iterdir()) / runs / 1e6
    ingest, memory = measured("ingest", files, store)
    fleet(files, [runs], runs, cases, samples)
    more, _ = measured("ingest", files, store)
    again, _ = measured("ingest", files, store)
    one, _ = measured("one", files, store)
    recent, _ = measured("recent", files, store)
    every, all_memory = measured("all", files, store)
    held = sum(each.stat().st_size for each in store.iterdir()) / 1e6
    seconds = (f"{each:.1f} s" for each in (ingest, more, again, one, recent, every))
    memories = (f"{each:.0f} MiB" for each in (memory, all_memory))
    return f"{runs:,}", f"{runs * cases * 5:,}", f"{size:.1f} MB", *seconds, f"{held:.0f} MB", *memories


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
    title = f"{asked.cases:,} cases of 5 metrics a run, {asked.samples} samples a time, {workers()} cores"
    print(to_markdown(Table(title, COLUMNS, tuple(rows))))


def workers() -> int:
    from tools.history.ingest import workers

    return workers()


if __name__ == "__main__":
    main(sys.argv[1:])
