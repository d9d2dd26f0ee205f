"""Fetch what a machine without a network lacks into .wheels/, where ci/gpu.sh finds it: see ci/wheels.sh."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
WHEELS = ROOT / ".wheels"
EXTRAS = ("torchao",)
USAGE = "expected bash ci/wheels.sh HAVE [VERSION], with a file HAVE and a VERSION such as 3.12"
# pip takes these by the letter: a wheel for glibc 2.28 is none for 2.31.
PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 40)))


class Unfetched(Exception):
    """What pip said."""


def installed(file: Path) -> dict[str, str]:
    """Canonical name -> version, of `pip list --format=freeze`; "" for a line that has only a name."""
    found = re.findall(r"^([\w.-]+)(?:==([\w.!]+)\S*)?$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [each for name in EXTRAS for each in project["optional-dependencies"][name]]
    return [Requirement(each) for each in (*project["dependencies"], *extras)]


def fetch(requirement: Requirement, version: str, folder: Path) -> Path:
    """The newest wheel that fits. Raises Unfetched."""
    there = ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
    there += [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    what = f"{requirement.name}{requirement.specifier}"
    before = set(folder.glob("*.whl"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *there, what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise Unfetched(f"pip could not fetch {what}: {(lines or ['it says nothing'])[0]}")
    return next(iter(set(folder.glob("*.whl")) - before))


def needs(wheel: Path, version: str) -> Iterator[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", each))
        headers = HeaderParser().parsestr(archive.read(name).decode("utf-8"))
    there = {"python_version": version, "python_full_version": f"{version}.0", "extra": ""}
    for text in headers.get_all("Requires-Dist") or ():
        try:
            found = Requirement(text)
        except InvalidRequirement:
            continue
        if found.marker is None or found.marker.evaluate(there):
            yield found


def gather(have: dict[str, str], version: str, folder: Path) -> tuple[list[Path], list[str]]:
    """The wheels that were fetched, and what does not fit to what is there."""
    wheels: list[Path] = []
    misfits: list[str] = []
    queue, known = list(wanted()), dict(have)
    while queue:
        each = queue.pop(0)
        name = canonicalize_name(each.name)
        if name in known:
            if known[name] and not each.specifier.contains(known[name], prereleases=True):
                misfits.append(f"{each.name}: found {known[name]}, expected {each.specifier}")
            continue
        wheels.append(fetch(each, version, folder))
        known[name] = wheels[-1].name.split("-")[1]
        queue += needs(wheels[-1], version)
    return wheels, misfits


def main(arguments: list[str]) -> str | None:
    if not 1 <= len(arguments) <= 2 or not Path(arguments[0]).is_file():
        return f"found '{' '.join(arguments)}', {USAGE}"
    version = arguments[1] if len(arguments) > 1 else "3.12"
    if not re.fullmatch(r"3\.\d+", version, re.ASCII):
        return f"found '{version}', {USAGE}"
    shutil.rmtree(WHEELS, ignore_errors=True)
    WHEELS.mkdir()
    try:
        wheels, misfits = gather(installed(Path(arguments[0])), version, WHEELS)
    except Unfetched as error:
        return str(error)
    size = sum(wheel.stat().st_size for wheel in wheels) / 2**20
    names = ", ".join(wheel.name.partition("-")[0] for wheel in wheels)
    print(f"wrote .wheels/, {size:.1f} MiB: {names}" if wheels else "that machine lacks nothing")
    for misfit in misfits:
        print(f"does not fit: {misfit}")
    return None


if __name__ == "__main__":
    told = main(sys.argv[1:])
    if told:
        print(f"perf-ratchet: {told}", file=sys.stderr)
        sys.exit(2)
