"""Damage to files, reproducible by its random number generator."""

import copy
import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

CUTS = "cuts"
BITS = "bits"
INSERTIONS = "insertions"
NUMBERS = "numbers"
LINES = "lines"
STRUCTURES = "structures"
TRADES = "trades"
TWICE = "twice"
VERSIONS = "versions"
ZIPPED = "zipped"
PLACES = "places"

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


STRANGE_BYTES = (
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u0000",
    b"\x1b[2J",
    b"\r",
    "\u202e\u2028\U0001f600".encode(),
    b"NaN",
    b"-Infinity",
    b"9" * 5_000,
    b"[" * 2_000,
    b'{"a":' * 2_000,
    b"[[[[" * 30_000,
    b" " * 10_000,
    b"A" * 100_000,
    b'"',
    b"}",
)
STRANGE_NUMBERS = (
    b"-1",
    b"0",
    b"-0.0",
    b"1e400",
    b"-1e400",
    b"1e308",
    b"5e-324",
    b"1e-300",
    b"NaN",
    b"Infinity",
    b"18446744073709551616",
    b"9223372036854775808",
    b"9" * 400,
    b"9" * 5_000,
    b"1.0",
    b"1.5",
    b"1e3",
    b"007",
    b"1_000",
    b"null",
    b"true",
    b'"1"',
)
NUMBER = re.compile(rb"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def mutated(text: bytes, kind: str, random: Random) -> bytes:
    return KINDS[kind](text, random)


def flipped(text: bytes, random: Random) -> bytes:
    """One to eight bits."""
    found = bytearray(text)
    for _ in range(random.randrange(1, 9)):
        found[random.randrange(len(found))] ^= 1 << random.randrange(8)
    return bytes(found)


def inserted(text: bytes, random: Random) -> bytes:
    """Bytes that readers stumble over, anywhere, most of all at the beginning, at the end, and within a text."""
    marks = [each.end() for each in re.finditer(rb'[":,\[{ ]', text)]
    start = random.choice((0, len(text), random.randrange(len(text)), random.choice(marks or [0])))
    return text[:start] + random.choice(STRANGE_BYTES) + text[start:]


def renumbered(text: bytes, random: Random) -> bytes:
    """One to three numbers others, wherever they stand."""
    for _ in range(random.randrange(1, 4)):
        found = list(NUMBER.finditer(text))
        if found:
            start, end = random.choice(found).span()
            text = text[:start] + random.choice(STRANGE_NUMBERS) + text[end:]
    return text


def relined(text: bytes, random: Random) -> bytes:
    """A line lost, doubled, moved, joined to its neighbour, or without an end."""
    lines = text.splitlines(keepends=True)
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    line = lines[first]
    change = random.randrange(5)
    if change == 0:
        del lines[first]
    elif change == 1:
        lines.insert(second, line)
    elif change == 2:
        lines[first], lines[second] = lines[second], line
    elif change == 3:
        lines[first] = line.rstrip(b"\r\n")
    else:
        lines[first] = line.rstrip(b"\r\n") * random.choice((2, 50, 2_000)) + b"\n"
    return b"".join(lines)


def traded(text: bytes, random: Random) -> bytes:
    """Two values of the document in each other's place; in half of the cases two of one name."""
    document = json.loads(text)
    places = [(each, key) for each in containers(document) for key in keys(each)]
    one, key = random.choice(places)
    alike = [place for place in places if place[1] == key and place[0] is not one]
    other, its = random.choice(alike if alike and random.random() < 0.5 else places)
    one[key], other[its] = other[its], one[key]
    try:
        return json.dumps(document).encode()
    except ValueError:  # one within the other
        return text


def twice(text: bytes, random: Random) -> bytes:
    """A name given two times in one object, the second time with a value from elsewhere."""
    document = json.loads(text)
    objects = [each for each in containers(document) if isinstance(each, dict)]
    chosen = random.choice(objects)
    key, value = random.choice(list(chosen)), random.choice(list(random.choice(objects).values()))
    chosen["\0twice"] = copy.deepcopy(value if random.random() < 0.5 else chosen[key])
    return json.dumps(document).encode().replace(b'"\\u0000twice"', json.dumps(key).encode())


def aged(text: bytes, random: Random) -> bytes:
    """Another version of the format, or none that could be one."""
    strange = (None, True, False, 1.0, "1", -1, 0, 1, 2, 3, 4, 5, 6, 99, 10**30, [], {})
    said = json.dumps(random.choice(strange)).encode()
    return re.sub(rb'("schema_version": ?)\d+', lambda found: found[1] + said, text)


def rezipped(text: bytes, random: Random) -> bytes:
    """Damage within a gzip file, or to the file itself."""
    within = [CUTS, BITS, INSERTIONS, NUMBERS, STRUCTURES, TRADES, TWICE, VERSIONS]
    change = random.randrange(4)
    if change == 0:
        return mutated(text, random.choice((CUTS, BITS, INSERTIONS)), random)
    if change == 1:
        return text + random.choice((text, random.randbytes(20), gzip.compress(b"")))
    if change == 2:
        return gzip.decompress(text)
    return gzip.compress(mutated(gzip.decompress(text), random.choice(within), random), 1)


def displace(file: Path, random: Random) -> None:
    """Something else where the file was: nothing, a folder, a link that leads nowhere or to itself, no byte."""
    shutil.rmtree(file) if file.is_dir() else file.unlink()
    change = random.randrange(5)
    if change == 1:
        file.mkdir()
    elif change == 2:
        file.symlink_to("nowhere")
    elif change == 3:
        file.symlink_to(file.name)
    elif change == 4:
        file.write_bytes(b"")


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
            key = random.choice(keys(container))
            random.choice(CHANGES)(container, key, random)
    return json.dumps(document).encode()


def keys(container: Any) -> list[Any]:
    return list(container if isinstance(container, dict) else range(len(container)))


def containers(node: Any) -> Iterator[Any]:
    """Every object and array that is not empty."""
    if isinstance(node, dict | list) and node:
        yield node
        for child in node.values() if isinstance(node, Mapping) else node:
            yield from containers(child)


def replace(container: Any, key: Any, random: Random) -> None:
    container[key] = copy.deepcopy(random.choice(STRANGE))  # a second change may reach into it


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

KINDS: Mapping[str, Callable[[bytes, Random], bytes]] = {
    CUTS: cut,
    BITS: flipped,
    INSERTIONS: inserted,
    NUMBERS: renumbered,
    LINES: relined,
    STRUCTURES: restructured,
    TRADES: traded,
    TWICE: twice,
    VERSIONS: aged,
    ZIPPED: rezipped,
}
OF_BYTES = (CUTS, BITS, INSERTIONS, PLACES)
OF_TEXT = (*OF_BYTES, NUMBERS, LINES)
OF_JSON = (*OF_BYTES, NUMBERS, STRUCTURES, STRUCTURES, TRADES, TWICE)
OF_VERSIONED = (*OF_JSON, VERSIONS)
