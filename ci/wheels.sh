#!/usr/bin/env bash
# Fetch what a machine without a network lacks into .wheels/, where ci/gpu.sh finds it.
#   bash ci/wheels.sh HAVE [VERSION]      HAVE: made there by  python3 -m pip list --format=freeze;  VERSION of its Python (3.12)
# What is there stays as it is. For Linux on x86-64. Exit code: 0 fetched, 2 not.
set -u
. "$(dirname "$0")/environment.sh"
exec .venv/bin/python ci/wheels.py "$@"
