"""The comment in an artifact that nobody vouches for: python3 ci/comment.py ZIP HEAD prints {"body": ...} as JSON.

HEAD goes above it: the line that tells whose comment it is, and what else its reader must know.

Whoever opens a pull request writes the code that made the artifact. So only one file is read out of it, by name and
without unpacking, up to what GitHub takes, and only if it is one of our comments. Standard library only: it runs where
nothing is installed. Exit code 2, and one line, for anything else.
"""

import json
import lzma
import re
import sys
import zipfile
import zlib
from typing import BinaryIO

MEMBER = "run.comment.md"
MOST_CHARACTERS = 65_536  # of a comment on GitHub
MOST_BYTES = 4 * MOST_CHARACTERS
MARKED = re.compile(
    r"(.* )?<!-- perf-ratchet:[a-z0-9]+(-[a-z0-9]+)* -->"
)  # its first line: the verdict, then the device


class Refused(Exception):
    """What the artifact holds is no comment of ours."""


def read_comment(artifact: BinaryIO) -> str:
    try:
        with zipfile.ZipFile(artifact) as archive, archive.open(MEMBER) as stream:
            found = stream.read(MOST_BYTES + 1)
        return found.decode()
    except KeyError as error:
        raise Refused(f"has no file {MEMBER}") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError) as error:
        raise Refused(f"{MEMBER} cannot be read ({type(error).__name__})") from error


def checked(text: str) -> str:
    """The text, if it is a comment of ours, with nobody called by it: no name follows an @ at once."""
    first = text.partition("\n")[0].rstrip("\r")
    if not MARKED.fullmatch(first):
        raise Refused(f"{MEMBER} begins with {first[:60]!r}, expected a line that ends in <!-- perf-ratchet:DEVICE -->")
    if len(text) > MOST_CHARACTERS:
        raise Refused(f"{MEMBER} is longer than {MOST_CHARACTERS} characters")
    return text.replace("@", "@\N{WORD JOINER}")


def main(name: str, head: str) -> int:
    try:
        with open(name, "rb") as artifact:
            text = checked(read_comment(artifact))
    except (OSError, Refused) as error:
        print(f"perf-ratchet: the artifact {error}; nothing was posted", file=sys.stderr)
        return 2
    print(json.dumps({"body": f"{head}\n{text}"[:MOST_CHARACTERS]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
