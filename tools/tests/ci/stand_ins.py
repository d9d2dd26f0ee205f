"""Folders with the scripts of ci/, and stand-ins for the programs that they call; each writes its calls to a log."""

import subprocess
import sys

from tools.tests.ab.repository import git
from tools.tests.scripts import program, with_scripts

# What GitHub Actions tells a job.
ACTIONS = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://git.example",
    "GITHUB_REPOSITORY": "owner/name",
    "GITHUB_RUN_ID": "7",
}

# What `-m tools VERB` and `-m pytest` do: leave the files that they are asked for, and end in the code that <VERB>_CODE
# says. RUNLESS lists shards that die before they have a run file.
PYTHON = f"""#!{sys.executable} -S
import os, sys
with open("calls.log", "a") as log:
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES")
    log.write(" ".join(sys.argv[1:]) + (f" on {{gpu}}" if gpu else "") + "\\n")
verb = sys.argv[sys.argv.index("-m") + 1:][:2]
verb = verb[0] if verb[0] == "pytest" else verb[1]
told = dict(zip(sys.argv, sys.argv[1:]))
for option in ("--perf-run", "--json", "--output", "--html", "--pull-request"):
    shard = told.get("--perf-shard", "-").split("/")[0]
    if option in told and not (verb == "pytest" and shard in os.environ.get("RUNLESS", "")):
        os.makedirs(os.path.dirname(told[option]) or ".", exist_ok=True)
        with open(told[option], "w") as file:
            file.write(os.environ.get(f"{{verb.upper()}}_TEXT", "{{}}\\n"))
code = os.environ.get(f"{{verb.upper()}}_CODE", "0")
if code == "killed":
    os.kill(os.getpid(), 9)
sys.exit(int(code))
"""


def repository(place):
    with_scripts(place, PYTHON)
    (place / ".gitignore").write_text(".venv/\nruns/\nbin/\ncalls.log\n")
    (place / "runs").mkdir()
    git(place, "init", "--quiet", "--initial-branch=main")
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "first")
    return place


def run(place, script, *arguments, **variables):
    """What ended. Programs of place/bin come before those of the machine."""
    told = {"PATH": f"{place}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(place), **variables}
    return subprocess.run(["bash", f"ci/{script}", *arguments], cwd=place, env=told, capture_output=True, text=True)


def calls(place, verb=""):
    log = place / "calls.log"
    return [line for line in (log.read_text().splitlines() if log.exists() else []) if f"-m {verb}" in line]


def stand_in(place, name, text):
    program(place / "bin" / name, text)
