#!/usr/bin/env bash
# Everything that a GPU machine is asked, on the machine as it is (no .venv, no network), in calls of nine minutes:
# are the instruments to be believed, every case in five fresh processes, a baseline of them, another run against it,
# planted failures, the gate itself. A call goes on where the last one ended; DIR is all that must be kept.
#   bash ci/gpu.sh --out DIR [--slice N/M] [--device cpu] [--only STAGE] …      all options: bash ci/gpu.sh --help
# A copy without a history is told its commit by PERF_COMMIT. A short table comes last.
# Exit code: 0 all of it is done and right, 1 something is wrong, 2 usage, 3 something is not done yet or not judged.
set -u
cd "$(dirname "$0")/.." || exit 2
. ci/python.sh
exec "$python" -m tools campaign "$@"
