#!/usr/bin/env bash
# Submit N shards to Slurm as an array, and a job that joins and judges them when all have ended, however they ended.
#   SBATCH_PARTITION=gpu SBATCH_GPUS=1 bash ci/slurm.sh N [pytest arguments]      sbatch reads the SBATCH_ variables itself
# Prints the number of the last job, whose exit code is the verdict's. The checkout must be on a disk that all nodes see.
set -u
. "$(dirname "$0")/environment.sh"

count=${1:-}
[ "$count" -ge 1 ] 2>/dev/null || stop "found '$count', expected bash ci/slurm.sh N [pytest arguments], N shards"
shift
command -v sbatch >/dev/null || stop "found no sbatch; on a machine of its own:  bash ci/gpus.sh"
mkdir -p runs || stop "could not make runs"

# $1: name of the log; then a command of this repository; the rest of the options come before --.
submit() {
    local log=$1 options=()
    shift
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    sbatch --parsable --chdir "$PWD" --output "runs/$log" "${options[@]}" --wrap "$*" | cut -d';' -f1
}

arguments="" baselines=baselines previous=""
for argument in "$@"; do
    arguments+=" $(printf %q "$argument")"
    case $argument in --perf-baselines=*) baselines=${argument#*=} ;; esac
    case $previous in --perf-baselines) baselines=$argument ;; esac
    previous=$argument
done
runs=()
for number in $(seq "$count"); do runs+=("runs/shard-$number-of-$count.json"); done

# What an earlier array left must not pass for this one's.
rm -f "${runs[@]}"
array=$(submit "shard-%a-of-$count.log" "--array=1-$count" -- "bash ci/shard.sh \$SLURM_ARRAY_TASK_ID $count$arguments") &&
    [ -n "$array" ] || stop "sbatch took no array of shards"
submit "verdict-of-$count.log" "--dependency=afterany:$array" -- "bash ci/verdict.sh ${runs[*]} --baselines $(printf %q "$baselines")"
