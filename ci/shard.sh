#!/usr/bin/env bash
# Measure one of N parts of the suite, which take about the same time, on this machine or another one.
#   bash ci/shard.sh I N [pytest arguments]      writes runs/shard-I-of-N.json; ci/verdict.sh joins the parts
# Exit code of this part alone, as of ci/perf.sh. One that is regressed (1) or could not judge (3) has a run all the same.
set -u
. "$(dirname "$0")/environment.sh"

usage="expected bash ci/shard.sh I N [pytest arguments], with I from 1 to N"
[ $# -ge 2 ] && [ "$1" -ge 1 ] 2>/dev/null && [ "$1" -le "$2" ] 2>/dev/null || stop "found '$*'; $usage"
number=$1 count=$2
shift 2

# What an earlier attempt left must not pass for this one's.
run=runs/shard-$number-of-$count.json
rm -f "$run" || stop "could not remove the old $run"
.venv/bin/python -m pytest perf_tests --perf-shard "$number/$count" "$@" --perf-run "$run"
code=$?
case $code in
    4) code=2 ;;
    5) echo "perf-ratchet: no case was selected in any shard; pytest perf_tests --collect-only -q lists them" >&2; code=3 ;;
esac
[ -f "$run" ] || echo "perf-ratchet: shard $number/$count left no run file (exit code $code); its cases are not judged" >&2
# Killed, or a bug: neither says anything of the code that was measured.
[ $code -le 3 ] || code=3
exit $code
