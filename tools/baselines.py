"""Stored numbers of earlier processes on one kind of device: baselines/<device>/<path>.json.

Format history:
    1  first form: per case the status and, per metric, one value a process (a single one where all agree)
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tools.files import UnusableFile, read_json, validate, write_all_atomically
from tools.records import Fingerprint, Status, check_size, unit_suffix

SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Stored:
    """One metric of a case: what each process of the baseline found. One value stands for all when they agree."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    values: tuple[int | float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a stored metric holds no value, expected at least one")
        for value in self.values:
            check_size(value)


@dataclasses.dataclass(frozen=True)
class StoredCase:
    """A case as its baseline knows it."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    definition: str
    status: Status
    reason: str
    metrics: dict[str, Stored]

    def __post_init__(self) -> None:
        for name in self.metrics:
            unit_suffix(name)


@dataclasses.dataclass(frozen=True)
class Baseline:
    """All cases of one path on one kind of device, how they were made and why."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    schema_version: int
    path: str
    fingerprint: Fingerprint
    commit: str
    created_utc: str
    reason: str
    processes: int
    cases: dict[str, StoredCase]


def baseline_file(root: Path, slug: str, path: str) -> Path:
    return root / slug / f"{path}.json"


def read_baseline(file: Path, slug: str) -> Baseline:
    """Raises UnusableFile for a file that is damaged, of another schema, or in the wrong place."""
    baseline = validate(read_json(file, "baseline"), Baseline, file, "baseline", SCHEMA_VERSION)
    if baseline.path != file.stem or baseline.fingerprint.slug != slug:
        raise UnusableFile(
            f"baseline {file}: holds path {baseline.path!r} of device {baseline.fingerprint.slug!r}, "
            f"expected {file.stem!r} of {slug!r}; put it back where it belongs or refresh"
        )
    return baseline


def read_baselines(root: Path, slug: str) -> dict[str, Baseline]:
    """Path -> baseline, for the device `slug`; empty when the device has none. Raises UnusableFile."""
    if not root.is_dir():
        raise UnusableFile(
            f"baselines {root}: no such folder, expected one folder a device; give the right --baselines"
        )
    return {file.stem: read_baseline(file, slug) for file in sorted((root / slug).glob("*.json"))}


def write_baselines(root: Path, baselines: Sequence[Baseline]) -> list[Path]:
    """Write one file a path, all of them or none, keys sorted and numbers short, so that diffs stay small."""
    texts = {baseline_file(root, each.fingerprint.slug, each.path): to_text(each) for each in baselines}
    write_all_atomically(texts, "baseline")
    return list(texts)


def to_text(baseline: Baseline) -> str:
    """One metric a line, whatever the number of processes behind it."""
    document: dict[str, Any] = dataclasses.asdict(baseline)
    document["fingerprint"]["soft"] = {}
    cases = document.pop("cases")
    lines = [json.dumps(document, indent=1, sort_keys=True)[:-2] + ',\n "cases": {']
    lines.append(",\n".join(case_text(case, cases[case]) for case in sorted(cases)))
    return "\n".join(lines) + "\n }\n}\n"


def case_text(case: str, stored: dict[str, Any]) -> str:
    metrics = ",\n".join(
        f"    {json.dumps(name)}: {json.dumps(stored['metrics'][name])}" for name in sorted(stored["metrics"])
    )
    head = ", ".join(f'"{key}": {json.dumps(stored[key])}' for key in ("definition", "status", "reason"))
    return f'  {json.dumps(case)}: {{{head},\n   "metrics": {{\n{metrics}\n   }}}}'
