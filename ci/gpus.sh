#!/usr/bin/env bash
# Measure the suite on all GPUs of this machine at once, a shard each, then join and judge as ci/verdict.sh does.
#   bash ci/gpus.sh [pytest arguments]      CUDA_VISIBLE_DEVICES=0,2 or a list of UUIDs leaves GPUs out
# The processes share cores. Where others keep more than half of these busy, a GPU may wait for its launches, and its
# times decide nothing. Exit code: as of ci/verdict.sh; a shard that left no run makes it 3 at least.
set -u
. "$(dirname "$0")/environment.sh"

# UUIDs, one a line. A GPU that is partitioned (MIG) is measured by its instances, as it cannot be used as a whole.
list_gpus() {
    nvidia-smi -L 2>/dev/null | awk -F'UUID: ' '
        function whole() { if (gpu != "") print gpu }
        { sub(/\).*/, "", $2) }
        /^GPU / { whole(); gpu = $2 }
        /^ +MIG / { print $2; gpu = "" }
        END { whole() }'
}

if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then
    IFS=, read -ra gpus <<<"$CUDA_VISIBLE_DEVICES"
else
    mapfile -t gpus < <(list_gpus)
fi
count=${#gpus[@]}
[ "$count" -gt 0 ] || stop "found no GPU (nvidia-smi -L lists none); for the processor:  bash ci/perf.sh"

baselines=baselines previous=""
for argument in "$@"; do
    case $argument in --perf-baselines=*) baselines=${argument#*=} ;; esac
    case $previous in --perf-baselines) baselines=$argument ;; esac
    previous=$argument
done

# A process group each, so that what stops this script stops them with all that they started.
set -m
processes=() runs=()
stop_shards() {
    local each
    for each in "${processes[@]}"; do kill -TERM -- "-$each" 2>/dev/null; done
    exit 3
}
trap stop_shards INT TERM HUP
mkdir -p runs || stop "could not make runs"
for number in $(seq "$count"); do
    name=shard-$number-of-$count
    CUDA_VISIBLE_DEVICES=${gpus[number - 1]} bash ci/shard.sh "$number" "$count" "$@" >"runs/$name.log" 2>&1 &
    processes+=($!) runs+=("runs/$name.json")
done
for number in $(seq "$count"); do
    wait "${processes[number - 1]}"
    echo "shard $number/$count on ${gpus[number - 1]}: exit code $?; its log is runs/shard-$number-of-$count.log"
    [ -f "${runs[number - 1]}" ] || tail -n 5 "runs/shard-$number-of-$count.log"
done
bash ci/verdict.sh "${runs[@]}" --baselines "$baselines"
