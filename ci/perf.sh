#!/usr/bin/env bash
# Measure the suite on this machine, judge it against the stored baselines, print the report.
# Arguments go to pytest:  bash ci/perf.sh -k mxint8 --perf-profile quick
# Exit code: 0 nothing regressed, 1 regressed or wrong, 2 usage or unreadable input, 3 could not judge.
set -u
. "$(dirname "$0")/environment.sh"

.venv/bin/python -m pytest perf_tests "$@"
code=$?
case $code in
    4) exit 2 ;;
    5) echo "perf-ratchet: no case was selected, so nothing was judged; pytest perf_tests --collect-only -q lists them" >&2; exit 3 ;;
    *) exit $code ;;
esac
