#!/usr/bin/env bash
# Rehearse the GPU lane on any machine: three shards of a few cases on the processor, joined, and judged four times:
# against themselves, with a planted regression, with a shard that left no run, and with one of another selection.
#   bash ci/dry_run.sh [DIR]      default runs/dry-run: runs, reports, comments, the log of each step, and cost.md
# Exit code: 0 every verdict is the one that was planted, 3 one is not.
set -u
. "$(dirname "$0")/environment.sh"

place=${1:-runs/dry-run} failed=0
cases=(--perf-device cpu --perf-profile quick -k "d64-s256 or n1m-t1 or forward-d128")
export GITHUB_ACTIONS=true GITHUB_SERVER_URL=https://github.example GITHUB_REPOSITORY=owner/name GITHUB_RUN_ID=1
export GITHUB_STEP_SUMMARY=/dev/null PERF_BASE=""

# $1: the exit code that is right, $2: name of the step; then the command.
step() {
    local expected=$1 name=$2 began=$EPOCHREALTIME code
    shift 2
    "$@" >"$place/$name.log" 2>&1
    code=$?
    printf '| %s | %.1f | %d |\n' "$name" "$(awk "BEGIN { print $EPOCHREALTIME - $began }")" $code | tee -a "$place/cost.md"
    [ $code -eq "$expected" ] && return
    echo "perf-ratchet: $name ended in $code, expected $expected; its log is $place/$name.log" >&2
    failed=3
}

# Half of what one case needs is stored as what it needed.
plant_regression() {
    .venv/bin/python - "$1" <<'END'
import json, pathlib, sys

for file in sorted(pathlib.Path(sys.argv[1]).glob("*/*.json")):
    document = json.loads(file.read_text())
    for name, case in sorted(document["cases"].items()):
        stored = case["metrics"].get("peak_allocated_bytes")
        if stored and min(stored["values"]) > 2**20:
            stored["values"] = [value // 2 for value in stored["values"]]
            file.write_text(json.dumps(document))
            sys.exit(print(f"planted: {name} needed half of its peak_allocated_bytes"))
sys.exit("found no case whose memory is stored")
END
}

[ ! -e "$place" ] || [ -f "$place/cost.md" ] || stop "$place: found a folder of somebody else's, expected none, or an earlier rehearsal's"
rm -rf "$place" && mkdir -p "$place" || stop "could not make $place"
printf '| step | wall, s | exit code |\n| :--- | ---: | ---: |\n' | tee "$place/cost.md"
for number in 1 2 3; do
    step 0 "shard-$number" bash ci/shard.sh $number 3 "${cases[@]}" --perf-baselines none
    mv "runs/shard-$number-of-3.json" "$place" || exit 3
done
shards=("$place"/shard-{1,2,3}-of-3.json)
step 0 merge .venv/bin/python -m tools merge "${shards[@]}" --output "$place/merged.json"
step 0 store .venv/bin/python -m tools refresh "$place/merged.json" --baselines "$place/baselines"
step 0 same bash ci/verdict.sh "${shards[@]}" --baselines "$place/baselines" --out "$place/same-reports"
cp -r "$place/baselines" "$place/planted-baselines"
step 0 plant plant_regression "$place/planted-baselines"
step 1 regressed bash ci/verdict.sh "${shards[@]}" --baselines "$place/planted-baselines" --out "$place/regressed-reports"
mkdir "$place/hole" && cp "${shards[0]}" "${shards[2]}" "$place/hole"
step 3 hole bash ci/verdict.sh "$place"/hole/shard-*.json --baselines "$place/baselines" --out "$place/hole-reports"
sed 's/"profile": "quick"/"profile": "full"/' "${shards[1]}" >"$place/hole/shard-2-of-3.json"
step 2 mismatched bash ci/verdict.sh "$place"/hole/shard-*.json --baselines "$place/baselines" --out "$place/mismatched-reports"
exit $failed
