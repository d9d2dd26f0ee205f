"""Damage to JSON files, reproducible by its random number generator."""

import json
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

CUTS = "cuts"
STRUCTURES = "structures"

STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    0.0,
    1.5,
    -1e308,
    1e308,
    5e-324,
    2**63,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "ok",
    "oom",
    "error",
    "x\n\x1b[31m\x00",
    "../..",
    "\ud800",
    "attention/new",
    [],
    {},
    [[]],
    {"": {}},
)


def mutated(text: bytes, kind: str, random: Random) -> bytes:
    return cut(text, random) if kind == CUTS else restructured(text, random)


def cut(text: bytes, random: Random) -> bytes:
    """A byte changed, or a stretch cut out, doubled, overwritten with noise, or everything behind a place lost."""
    start = random.randrange(len(text))
    end = min(len(text), start + random.randrange(1, 60))
    return random.choice(
        (
            text[:start] + bytes([random.randrange(32, 127)]) + text[start + 1 :],
            text[:start] + str(random.randrange(10)).encode() + text[start + 1 :],
            text[:start] + text[end:],
            text[:end] + text[start:],
            text[:start] + random.randbytes(end - start) + text[end:],
            text[:start],
        )
    )


def restructured(text: bytes, random: Random) -> bytes:
    """One to three places of the document changed; JSON all the same."""
    document = json.loads(text)
    for _ in range(random.randrange(1, 4)):
        places = list(containers(document))
        if places:
            container = random.choice(places)
            key = random.choice(list(container) if isinstance(container, dict) else range(len(container)))
            random.choice(CHANGES)(container, key, random)
    return json.dumps(document).encode()


def containers(node: Any) -> Iterator[Any]:
    """Every object and array that is not empty."""
    if isinstance(node, dict | list) and node:
        yield node
        for child in node.values() if isinstance(node, Mapping) else node:
            yield from containers(child)


def replace(container: Any, key: Any, random: Random) -> None:
    container[key] = random.choice(STRANGE)


def drop(container: Any, key: Any, random: Random) -> None:
    del container[key]


def rename(container: Any, key: Any, random: Random) -> None:
    if isinstance(container, dict):
        container[random.choice([name for name in STRANGE if isinstance(name, str)])] = container.pop(key)


def double(container: Any, key: Any, random: Random) -> None:
    if isinstance(container, dict):
        container[f"{key}_s"] = container[key]
    else:
        container.append(container[key])


CHANGES: tuple[Callable[[Any, Any, Random], None], ...] = (replace, replace, drop, rename, double)
