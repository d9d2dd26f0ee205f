#!/usr/bin/env bash
# Format, lint, types and the suite's own tests. Arguments go to pytest:  bash ci/test.sh -k refresh
set -eu
. "$(dirname "$0")/environment.sh"

.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
.venv/bin/python -m pytest -n 2 --dist loadfile "$@"
