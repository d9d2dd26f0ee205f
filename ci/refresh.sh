#!/usr/bin/env bash
# Measure in several fresh processes and make the baselines of this device from them.
#   bash ci/refresh.sh [--runs N] [--reason TEXT] [--append] [--anchor] [pytest arguments, such as -k attention]
# Worse numbers need a --reason; it is stored with them. Exit code: 0 stored, 1 worse and no reason, 2 not usable.
set -u
. "$(dirname "$0")/environment.sh"

runs=3 reason="" arguments=() manner=()
while [ $# -gt 0 ]; do
    case $1 in
        --runs) runs=${2:-} && [ "$runs" -gt 0 ] 2>/dev/null || stop "--runs: found '${2:-}', expected a number of processes"; shift 2 ;;
        --reason) reason=${2:-} && [ -n "$reason" ] || stop "--reason: found no text, expected why worse numbers are right"; shift 2 ;;
        --append | --anchor) manner+=("$1"); shift ;;
        *) arguments+=("$1"); shift ;;
    esac
done

started=$(date -u +%Y-%m-%dT%H-%M-%SZ) files=()
for number in $(seq "$runs"); do
    file=runs/$started-$number.json
    echo "process $number of $runs"
    .venv/bin/python -m pytest perf_tests --perf-baselines none --perf-run "$file" ${arguments[@]+"${arguments[@]}"} ||
        stop "process $number failed, so nothing was stored; mend what it says above first"
    files+=("$file")
done
.venv/bin/python -m tools refresh "${files[@]}" --reason "$reason" ${manner[@]+"${manner[@]}"}
