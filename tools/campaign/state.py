"""Which stages are done, in a file a slice: what a later call goes on from, and slices of other machines add up to."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tools.campaign.plan import Slice
from tools.files import UnusableFile, read_json, validate, write_atomically

# Format history of a State:
#   1  first form
SCHEMA_VERSION = 1

WHAT = "campaign"


@dataclass(frozen=True)
class Done:
    """How a stage ended: its exit code, the seconds that it took, and one line of what came of it."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    code: int
    wall_s: float
    told: str


@dataclass(frozen=True)
class State:
    """origin: what all stages have in common, as far as mixing it would be wrong; done: key of a stage -> its end."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    schema_version: int
    origin: dict[str, str]
    done: dict[str, Done] = field(default_factory=dict)

    def after(self, key: str, done: Done) -> "State":
        return dataclasses.replace(self, done={**self.done, key: done})


def state_file(out: Path, part: Slice) -> Path:
    return out / f"campaign{part.suffix}.json"


def read_states(out: Path, origin: dict[str, str], part: Slice) -> dict[Slice, State]:
    """Of all slices; of one that has not begun a new one. Raises UnusableFile."""
    return {each: read_state(state_file(out, each), origin) for each in part.all()}


def read_state(file: Path, origin: dict[str, str]) -> State:
    """What is in the file, or a new state. Raises UnusableFile for one that is damaged or of another origin."""
    if not file.exists():
        return State(SCHEMA_VERSION, origin)
    found = validate(read_json(file, WHAT), State, file, WHAT, SCHEMA_VERSION)
    other = [
        f"{name}: {found.origin.get(name)} -> {value}"
        for name, value in origin.items()
        if found.origin.get(name) != value
    ]
    if other:
        raise UnusableFile(
            f"{WHAT} {file}: was begun otherwise ({'; '.join(other)}); give another --out, or the same settings"
        )
    return found


def write_state(file: Path, state: State) -> None:
    write_atomically(file, json.dumps(dataclasses.asdict(state), indent=1, sort_keys=True) + "\n", WHAT)
