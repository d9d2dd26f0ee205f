"""The run file: pytest-benchmark's own JSON, still readable by it, with one more key that holds our Run."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from tools.files import UnusableFile, read_json, validate, write_atomically
from tools.records import SCHEMA_VERSION, Run

KEY = "perf_ratchet"


def read_run(path: Path) -> Run:
    """Raises UnusableFile for a file that is missing, cut off, of another schema or not a run at all."""
    document = read_json(path, "run file")
    if not isinstance(document, dict) or KEY not in document:
        raise UnusableFile(f"run file {path}: has no key {KEY!r}, so it is no run of perf-ratchet; give one from runs/")
    run = validate(document[KEY], Run, path, "run file", SCHEMA_VERSION, oldest=1)
    return reject_duplicates(run, path)


def reject_duplicates(run: Run, path: Path) -> Run:
    ids = [record.case for record in run.records]
    twice = sorted({case for case in ids if ids.count(case) > 1})
    if twice:
        raise UnusableFile(f"run file {path}: case {twice[0]!r} is in it more than once; make it anew")
    return run


def write_run(path: Path, run: Run, benchmark_json: dict[str, Any]) -> None:
    """Write `run` into pytest-benchmark's document. Raises UnusableFile when the place cannot be written."""
    document = {**benchmark_json, KEY: dataclasses.asdict(run)}
    write_atomically(path, json.dumps(document, indent=1, sort_keys=True) + "\n", "run file")
