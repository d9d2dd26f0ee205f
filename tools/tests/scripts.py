"""A folder with the scripts of ci/ and an environment that is finished, whose Python is a stand-in."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMP = 'cat pyproject.toml ci/constraints.txt | cksum; echo "${PYTHON:-python3}"'


def with_scripts(place: Path, python: str) -> Path:
    shutil.copytree(ROOT / "ci", place / "ci")
    shutil.copy(ROOT / "pyproject.toml", place)
    program(place / ".venv" / "bin" / "python", python)
    stamp = subprocess.run(STAMP, shell=True, cwd=place, capture_output=True, check=True)
    (place / ".venv" / ".stamp").write_bytes(stamp.stdout)
    return place


def program(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
