#!/usr/bin/env bash
# Measure the suite on this machine, judge it against the stored baselines, print the report; then ci/verdict.sh decides
# suspects side by side and writes the report as HTML, Markdown and JUnit beside the run.
# Arguments go to pytest:  bash ci/perf.sh -k mxint8 --perf-profile quick
# Exit code: 0 nothing regressed, 1 regressed or wrong, 2 usage or unreadable input, 3 could not judge.
set -u
. "$(dirname "$0")/environment.sh"

# The second step reads the run that the first one writes, and the same baselines.
run=runs/$(date -u +%Y-%m-%dT%H-%M-%SZ).json baselines=baselines previous=""
for argument in "$@"; do
    case $argument in --perf-run=*) run=${argument#*=} ;; --perf-baselines=*) baselines=${argument#*=} ;; esac
    case $previous in --perf-run) run=$argument ;; --perf-baselines) baselines=$argument ;; esac
    previous=$argument
done

.venv/bin/python -m pytest perf_tests "$@" --perf-run "$run"
code=$?
case $code in
    0 | 1 | 3) [ -f "$run" ] || exit $code ;;
    4) exit 2 ;;
    5) echo "perf-ratchet: no case was selected, so nothing was judged; pytest perf_tests --collect-only -q lists them" >&2; exit 3 ;;
    *) exit $code ;;
esac
bash ci/verdict.sh "$run" --baselines "$baselines" --judged $code
