"""Stored numbers of earlier processes on one kind of device: baselines/<device>/<path>.json.

Format history:
    1  first form: per case the status and, per metric, one value a process (a single one where all agree)
    2  a metric may hold an anchor, a case its origin; neither is written where it says nothing new, so that a file
       of version 1 is one of version 2 whose values are their own anchors
    3  a case may name the software that only it needs; without any, a file of version 2 is one of version 3
    4  a metric and its anchor may hold outcomes; without any, a file of version 3 is one of version 4
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from tools.files import UnusableFile, read_json, validate, write_all_atomically
from tools.policy import Rule, policy_of
from tools.records import STATIC, Fingerprint, Outcomes, Status, check_size, unit_suffix
from tools.spread import Pool, pool

SCHEMA_VERSION = 4


Values = tuple[int | float, ...]


def check_values(values: Values) -> None:
    if not values:
        raise ValueError("a stored metric holds no value, expected at least one")
    for value in values:
        check_size(value)


@dataclasses.dataclass(frozen=True)
class Origin:
    """The commits that were measured, and when a refresh stored what they gave."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    commit: str
    created_utc: str

    @property
    def revision(self) -> str:
        """One commit that git knows: the first of several, without the note that files were changed."""
        return self.commit.partition(",")[0].removesuffix("+changes")


@dataclasses.dataclass(frozen=True)
class Anchor:
    """Values of an earlier refresh. They stay where they are, so that many small steps add up to one that shows."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    values: Values
    origin: Origin
    outcomes: Outcomes | None = None

    def __post_init__(self) -> None:
        check_values(self.values)


@dataclasses.dataclass(frozen=True)
class Stored:
    """One metric of a case: what each process of the baseline found. One value stands for all when they agree.

    anchor    None where the values are their own anchor
    outcomes  of the first process
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    values: Values
    anchor: Anchor | None = None
    outcomes: Outcomes | None = None

    def __post_init__(self) -> None:
        check_values(self.values)


@dataclasses.dataclass(frozen=True)
class StoredCase:
    """A case as its baseline knows it.

    origin    None where it is the baseline's; a refresh of other cases alone leaves it behind
    software  see tools.records.Record; None for none
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    definition: str
    status: Status
    reason: str
    metrics: dict[str, Stored]
    origin: Origin | None = None
    software: dict[str, str] | None = None

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

    @cached_property
    def pools(self) -> Mapping[Rule, Pool]:
        """What all noisy metrics of one rule say of the spread between processes; summed once, for all are asked."""
        found: dict[Rule, list[Values]] = {}
        for case in self.cases.values():
            for name, stored in case.metrics.items():
                if worth_pooling(name, stored.values):
                    found.setdefault(policy_of(name).rule, []).append(stored.values)
        return {rule: pool(metrics) for rule, metrics in found.items()}

    def origin(self, case: str) -> Origin:
        return self.cases[case].origin or Origin(self.commit, self.created_utc)


def worth_pooling(name: str, values: Values) -> bool:
    """Not what lies below its own floor, where nothing is ever judged: moments move by half and more."""
    return policy_of(name).noisy and min(values) > policy_of(name).floor


def baseline_file(root: Path, slug: str, path: str) -> Path:
    return root / slug / f"{path}.json"


def read_baseline(file: Path, slug: str) -> Baseline:
    """Raises UnusableFile for a file that is damaged, of another schema, or in the wrong place."""
    baseline = validate(read_json(file, "baseline"), Baseline, file, "baseline", SCHEMA_VERSION, oldest=1)
    if baseline.path != file.stem or baseline.fingerprint.slug != slug:
        raise UnusableFile(
            f"baseline {file}: holds path {baseline.path!r} of device {baseline.fingerprint.slug!r}, "
            f"expected {file.stem!r} of {slug!r}; put it back where it belongs or refresh"
        )
    return baseline


def read_baselines(root: Path, slug: str) -> dict[str, Baseline]:
    """Path -> baseline, for the device `slug` and the places that are the same for all devices. Raises UnusableFile.

    Empty where there is none. A path has one place, so no two folders hold a file of one name.
    """
    if not root.is_dir():
        raise UnusableFile(
            f"baselines {root}: no such folder, expected one folder a device; give the right --baselines"
        )
    files = sorted([*(root / slug).glob("*.json"), *root.glob(f"{STATIC}*/*.json")])
    refuse_twins(files)
    return {file.stem: read_baseline(file, file.parent.name) for file in files}


def refuse_twins(files: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for file in files:
        other = seen.setdefault(file.stem, file)
        if other != file:
            raise UnusableFile(f"baseline {file}: {other} holds the same path, expected one place a path; delete one")


def has_baseline(baselines: Mapping[str, Baseline], slug: str) -> bool:
    """Whether the device `slug` has any of its own."""
    return any(baseline.fingerprint.slug == slug for baseline in baselines.values())


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
        f"    {json.dumps(name)}: {json.dumps(told(stored['metrics'][name]))}" for name in sorted(stored["metrics"])
    )
    head = ", ".join(f'"{key}": {json.dumps(value)}' for key, value in told(stored).items() if key != "metrics")
    return f'  {json.dumps(case)}: {{{head},\n   "metrics": {{\n{metrics}\n   }}}}'


def told(document: dict[str, Any]) -> dict[str, Any]:
    """Without what is None, however deep."""
    return {
        key: told(value) if isinstance(value, dict) else value for key, value in document.items() if value is not None
    }
