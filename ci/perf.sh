#!/usr/bin/env bash
# Measure the suite on this machine, judge it against the stored baselines, print the report. Times that a stored number
# cannot decide (suspects) are then measured side by side with PERF_BASE, or else with where this branch left main; after
# PERF_AB_MINUTES (30) no new pair of processes is begun.
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

# What to hold these files against; empty where they are that commit themselves, or where git knows none.
base_revision() {
    local base
    [ -z "${PERF_BASE:-}" ] || { echo "$PERF_BASE"; return; }
    if ! base=$(git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null); then
        echo "perf-ratchet: git knows no commit that this one and main share, so no suspect is decided; PERF_BASE=REV names one" >&2
        return
    fi
    [ -z "$(git status --porcelain 2>/dev/null)" ] && [ "$base" = "$(git rev-parse HEAD)" ] || echo "$base"
}

.venv/bin/python -m pytest perf_tests "$@" --perf-run "$run"
code=$?
case $code in
    0 | 3) ;;
    4) exit 2 ;;
    5) echo "perf-ratchet: no case was selected, so nothing was judged; pytest perf_tests --collect-only -q lists them" >&2; exit 3 ;;
    *) exit $code ;;
esac

base=$(base_revision)
[ -n "$base" ] && [ "$baselines" != none ] && [ -f "$run" ] || exit $code
.venv/bin/python -m tools ab --base "$base" --suspects "$run" --baselines "$baselines" --json "${run%.json}.ab.json" \
    --max-minutes "${PERF_AB_MINUTES:-30}"
decided=$?
[ $decided -eq 0 ] && exit $code
exit $decided
