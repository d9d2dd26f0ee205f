"""Valid objects to start a test from. A test changes the one thing that it is about."""

import json
from itertools import product
from pathlib import Path
from typing import Any

from tools import baselines, runs
from tools.baselines import Anchor, Baseline, Origin, Stored, StoredCase
from tools.records import Effort, Fingerprint, Metric, Record, Run, Selection, path_of

CASE = "attention/eager/d64-s256/forward"
OTHER = "attention/compiled/d64-s256/forward"
SLUG = "cpu-sample-2c"
GPU = {"uuid": "1a2b-3c4d", "driver": "580.95", "power_limit_mw": "700000", "clock_limit_mhz": "1980"}
NASTY = "attention/[bold red]x[/]<script>|@user"


def fingerprint(
    slug: str = SLUG,
    software: dict[str, str] | None = None,
    device: dict[str, str] | None = None,
    machine: dict[str, str] | None = None,
    soft: dict[str, str] | None = None,
) -> Fingerprint:
    return Fingerprint(
        slug,
        {"torch": "2.14.1", "python": "CPython 3.12.1"} if software is None else software,
        {"cores": "2", "processor": "sample"} if device is None else device,
        {"id": "this one"} if machine is None else machine,
        {"load": "0.1"} if soft is None else soft,
    )


def record(
    case: str = CASE,
    status: str = "ok",
    reason: str = "",
    definition: str = "d1",
    params: dict[str, Any] | None = None,
    software: dict[str, str] | None = None,
    **values: float | Metric,
) -> Record:
    """Metrics as keywords: a number, or a Metric where samples or a limit matter."""
    metrics = {name: value if isinstance(value, Metric) else Metric(value) for name, value in values.items()}
    return Record(case, definition, status, reason, params or {}, metrics, software or {})


# Every run has a moment of its own, as two processes do.
MOMENTS = (
    f"2026-11-21T{hour:02}:{minute:02}:{second:02}+00:00"
    for hour, minute, second in product(range(24), range(60), range(60))
)


def run(
    *records: Record,
    place: Fingerprint | None = None,
    known: dict[str, tuple[str, ...]] | None = None,
    selected: tuple[str, ...] | None = None,
    whole: bool = True,
    commit: str = "c0ffee",
    dirty: bool = False,
) -> Run:
    """By default the suite knew, selected and measured exactly these records."""
    ids = tuple(record.case for record in records)
    paths = {record.path for record in records}
    knew = {path: tuple(case for case in ids if path_of(case) == path) for path in paths}
    return Run(
        runs.SCHEMA_VERSION,
        next(MOMENTS),
        commit,
        dirty,
        "standard",
        place or fingerprint(),
        Selection(knew if known is None else known, ids if selected is None else selected, whole),
        Effort(10.0, {"time": 6.0, "build": 3.0, "warm": 1.0}),
        records,
    )


def stored(
    status: str = "ok",
    reason: str = "",
    definition: str = "d1",
    software: dict[str, str] | None = None,
    **values: float | tuple[float, ...] | Stored,
) -> StoredCase:
    """Metrics as keywords: one number, or one a process, or a Stored where more matters."""
    metrics = {name: value if isinstance(value, Stored) else stored_as(value) for name, value in values.items()}
    return StoredCase(definition, status, reason, metrics, software=software)


def stored_as(value: float | tuple[float, ...]) -> Stored:
    return Stored(value if isinstance(value, tuple) else (value,))


def anchored(
    metric: str, values: tuple[float, ...], anchor: tuple[float, ...], commit: str = "1a2b3c4d5e6f"
) -> StoredCase:
    """One metric whose values have left its anchor behind."""
    pinned = Anchor(anchor, Origin(commit, "2026-09-01T06:00:00+00:00"))
    return StoredCase("d1", "ok", "", {metric: Stored(values, pinned)})


def baseline(cases: dict[str, StoredCase], path: str = "attention", place: Fingerprint | None = None) -> Baseline:
    processes = max((len(m.values) for case in cases.values() for m in case.metrics.values()), default=1)
    return Baseline(
        baselines.SCHEMA_VERSION,
        path,
        place or fingerprint(soft={}),
        "c0ffee",
        "2026-11-20T06:00:00+00:00",
        "first",
        processes,
        cases,
    )


def run_file(folder: Path, made: Run, name: str = "run.json") -> Path:
    file = folder / name
    runs.write_run(file, made, {"benchmarks": [], "version": "5.3.1"})
    return file


def full_run() -> Run:
    """One record of every kind of metric and status."""
    return run(
        record(
            params={"method": "eager", "d_model": 64, "seq_len": 256, "direction": "forward"},
            latency_s=Metric(0.01, (0.01, 0.011, 0.009)),
            peak_allocated_bytes=1_048_576,
            relative_error=Metric(1e-6, (), 1e-5),
            sqnr_db=40.5,
            graph_count=1,
            saved_fraction=0.25,
            speedup_over_eager_ratio=2.0,
            matmul_share=0.5,
            flops_per_s=1e9,
        ),
        record(OTHER, "oom", "predicted not to fit"),
        record("mxint8/cpp/g32", "unsupported", "no compiler"),
        record("mxint8/model/w256", latency_s=0.02, before_call_bytes=4096),
    )


def full_baseline() -> Baseline:
    return baseline(
        {
            CASE: stored(
                latency_s=(0.01, 0.0102, 0.0099),
                peak_allocated_bytes=1_048_576,
                relative_error=(1e-6, 1e-6, 1.1e-6),
                sqnr_db=(40.5, 40.5, 40.5),
                graph_count=1,
                saved_fraction=(0.25, 0.25, 0.25),
                speedup_over_eager_ratio=(2.0, 2.02, 1.98),
            ),
            OTHER: stored("oom", "predicted not to fit"),
        }
    )


def edited(file: Path, edit: Any) -> Path:
    """The JSON file after `edit(document)` changed it in place, or the document that `edit` gave back."""
    document = json.loads(file.read_text())
    changed = edit(document)
    file.write_text(json.dumps(changed if isinstance(changed, dict | list) else document))
    return file
