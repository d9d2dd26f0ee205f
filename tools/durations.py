"""Seconds that each test took: shards are cut so that they end at about the same time."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from tools.files import UnusableFile, read_json, write_atomically
from tools.records import Run

LEAST_S = 0.001  # of a case that was over at once; 0 would make any number of them free


def durations(runs: Sequence[Run]) -> dict[str, float]:
    """Test as pytest names it -> median over the runs, in seconds. Cases of runs that did not tell are not in it."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for record in run.records:
            if record.node:
                found.setdefault(record.node, []).append(record.wall_s)
    return {node: round(max(LEAST_S, statistics.median(times)), 3) for node, times in sorted(found.items())}


def store_durations(runs: Sequence[Run], baselines: Path) -> Path:
    """The file of the runs' device; what it knows of other tests is kept. Raises UnusableFile."""
    slugs = sorted({run.fingerprint.slug for run in runs})
    found = durations(runs)
    if len(slugs) != 1:
        raise UnusableFile(f"durations: runs of {', '.join(slugs) or 'no device'}, expected runs of one device")
    if not found:
        raise UnusableFile("durations: these runs do not tell how long a case took; make newer ones with ci/perf.sh")
    file = baselines / slugs[0] / "durations" / "cases.json"
    known = read_json(file, "durations") if file.exists() else {}
    if not isinstance(known, dict):
        raise UnusableFile(f"durations {file}: expected seconds for each test; delete it, then run this again")
    write_atomically(file, json.dumps({**known, **found}, indent=0, sort_keys=True) + "\n", "durations")
    return file
