#!/usr/bin/env bash
# Mutants of the code that judges (pyproject.toml, [tool.mutmut]): small changes of it, and which of them no test notices.
#   bash ci/mutants.sh [MODULE...]      say tools.compare; default: all, three thousand, each about a second
# Prints the counts of each module and every mutant that was not killed; .venv/bin/mutmut show NAME tells what it changes.
# Not a gate: some mean the same as what they change, and those are for a reader. Exit code: 2 if it could not run, else 0.
set -eu
. "$(dirname "$0")/environment.sh"

install_mutmut() {
    .venv/bin/python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print("\n".join(project["optional-dependencies"]["mutants"]))' >.venv/mutants.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r .venv/mutants.txt -c ci/constraints.txt
}

[ -x .venv/bin/mutmut ] || install_mutmut || stop "pip could not install mutmut"
rm -rf mutants # it would keep what it found of a function before its tests changed
# One thread: each mutant is a fork of a process that has run torch, and none of its threads come along.
OMP_NUM_THREADS=1 .venv/bin/mutmut run "${@/%/.x*}" || stop "mutmut could not run; do the tests pass?"
.venv/bin/mutmut results --all 1 | grep -v 'not checked$' >mutants/results.txt
sed 's/^ *//; s/\.x[^.]*: / /' mutants/results.txt | sort | uniq -c
grep -v ': killed$' mutants/results.txt || true
