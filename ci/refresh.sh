#!/usr/bin/env bash
# Measure in several fresh processes and make the baselines of this device from them.
#   bash ci/refresh.sh [--runs N] [--reason TEXT] [--append] [--anchor] [--proposal DIR] [pytest arguments, such as -k attention]
# Worse numbers need a --reason; it is stored with them. --proposal writes what changed to DIR, for ci/propose.sh.
# Exit code: 0 stored, 1 worse and no reason, 2 not usable.
set -u
. "$(dirname "$0")/environment.sh"

runs=3 reason="" proposal="" arguments=() manner=()
while [ $# -gt 0 ]; do
    case $1 in
        --runs) runs=${2:-} && [ "$runs" -gt 0 ] 2>/dev/null || stop "--runs: found '${2:-}', expected a number of processes"; shift 2 ;;
        --reason) reason=${2:-} && [ -n "$reason" ] || stop "--reason: found no text, expected why worse numbers are right"; shift 2 ;;
        --proposal) proposal=${2:-} && [ -n "$proposal" ] || stop "--proposal: found no name, expected a folder"; shift 2 ;;
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
[ -z "$proposal" ] || { mkdir -p "$proposal" && manner+=(--markdown "$proposal/changes.md"); } || stop "could not make $proposal"
.venv/bin/python -m tools refresh "${files[@]}" --reason "$reason" ${manner[@]+"${manner[@]}"}
code=$?
if [ $code -eq 1 ]; then # the refusal names the first that is worse; here are all
    .venv/bin/python -m tools compare "${files[0]}"
fi
[ $code -eq 0 ] || exit $code
# By these times shards are cut to take equally long.
.venv/bin/python -m tools durations "${files[@]}" || exit 2
[ -n "$proposal" ] || exit 0
git add --intent-to-add baselines && git diff --binary -- baselines >"$proposal/baselines.patch" ||
    stop "found no git repository here, so $proposal has no patch of baselines/"
