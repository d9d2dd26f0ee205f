#!/usr/bin/env bash
# Join shards, judge, decide suspects side by side (A/B), and write what people and machines read: report (HTML), comment
# (Markdown), JUnit and the A/B's raw slots, beside the run or in DIR.
#   bash ci/verdict.sh RUN... [--out DIR] [--baselines DIR] [--judged CODE]      CODE: compare has been here already
# Suspects are held against PERF_BASE, or else against where this branch left main; after PERF_AB_MINUTES (30) no new pair
# of processes is begun. PERF_HISTORY=STORE adds sparklines.
# Exit code: 0 nothing regressed, 1 regressed or wrong, 2 usage or unreadable input, 3 could not judge (a shard is missing).
set -u
. "$(dirname "$0")/environment.sh"

runs=() out="" baselines=baselines judged=""
while [ $# -gt 0 ]; do
    case $1 in
        --out) out=${2:-} && [ -n "$out" ] || stop "--out: found no name, expected a folder"; shift 2 ;;
        --baselines) baselines=${2:-} && [ -n "$baselines" ] || stop "--baselines: found no name, expected a folder"; shift 2 ;;
        --judged) judged=${2:-} && [[ $judged =~ ^[013]$ ]] || stop "--judged: found '${2:-}', expected 0, 1 or 3"; shift 2 ;;
        -*) stop "found $1, expected RUN... [--out DIR] [--baselines DIR] [--judged CODE]" ;;
        *) runs+=("$1"); shift ;;
    esac
done
[ ${#runs[@]} -gt 0 ] || stop "no run was given, expected run files: bash ci/verdict.sh runs/FILE.json"

# All parts of what the first is one of, by its name: runs/shard-*.json does not tell that one is not there.
name_all_shards() {
    [[ ${runs[0]} =~ ^(.*shard-)[1-9][0-9]*-of-([1-9][0-9]{0,3})\.json$ ]] || return
    local begin=${BASH_REMATCH[1]} count=${BASH_REMATCH[2]} number name
    for number in $(seq "$count"); do
        name=$begin$number-of-$count.json
        [[ " ${runs[*]} " = *" $name "* ]] || runs+=("$name")
    done
}

# Shards become $out/run.json. What one without a run was to measure is `missing` in it.
join_shards() {
    local each present=()
    name_all_shards
    for each in "${runs[@]}"; do
        if [ -f "$each" ]; then
            present+=("$each")
        else
            echo "perf-ratchet: $each: no such run file, so its shard failed or never ran; see its log" >&2
        fi
    done
    [ ${#present[@]} -gt 0 ] || { echo "perf-ratchet: no shard left a run, so nothing was judged" >&2; exit 3; }
    out=${out:-$(dirname "${present[0]}")}
    mkdir -p "$out" || stop "could not make $out"
    .venv/bin/python -m tools merge "${present[@]}" --with-holes --output "$out/run.json" || exit $?
    run=$out/run.json
}

# A single shard is a part, too, and so is one that a glob of the shell found no file for. Quotes inside of strings are
# escaped in JSON, so that no text can look like this.
is_shard() {
    if [ -f "$1" ]; then grep -q '"shard": {' "$1"; else [[ $1 = *shard-*.json ]]; fi
}

# What to hold these files against; empty where they are that commit themselves, or where git knows none. A push that
# makes a branch names a base of zeros.
base_revision() {
    local base told
    case ${PERF_BASE:-} in *[!0]*) echo "$PERF_BASE"; return ;; esac
    if ! told=$(git rev-parse HEAD 2>&1); then
        echo "perf-ratchet: git does not read this checkout (${told%%$'\n'*}), so no suspect is decided" >&2
        return
    fi
    if ! base=$(git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null); then
        echo "perf-ratchet: git knows no commit that this one and main share, so no suspect is decided; PERF_BASE=REV names one" >&2
        return
    fi
    [ -z "$(git status --porcelain 2>/dev/null)" ] && [ "$base" = "$(git rev-parse HEAD)" ] || echo "$base"
}

# What has regressed already needs no second look.
decide_suspects() {
    local decided
    [ "$code" -ne 1 ] && [ -n "$base" ] && [ "$baselines" != none ] || return
    .venv/bin/python -m tools ab --base "$base" --suspects "$run" --baselines "$baselines" --json "$stem.ab.json" \
        --max-minutes "${PERF_AB_MINUTES:-30}"
    decided=$?
    [ $decided -eq 0 ] || code=$decided
}

# Beside the verdict: what cannot be written turns a green one into 2, and leaves a red one as it is.
write_reports() {
    local told=(--baselines "$baselines") more=() written=0
    [ ! -f "$stem.ab.json" ] || told+=(--ab "$stem.ab.json")
    [ -z "${PERF_HISTORY:-}" ] || more+=(--history "$PERF_HISTORY")
    [ -z "${GITHUB_ACTIONS:-}" ] ||
        more+=(--annotations --link "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID")
    .venv/bin/python -m tools report "$run" "${told[@]}" ${more[@]+"${more[@]}"} --html "$stem.html" \
        --pull-request "$stem.comment.md" || written=$?
    .venv/bin/python -m tools export "$run" "${told[@]}" --to junit --output "$stem.junit.xml" || written=$?
    [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$stem.comment.md" >>"$GITHUB_STEP_SUMMARY" || written=2
    [ "$code" -ne 0 ] || [ $written -eq 0 ] || code=2
}

base=$(base_revision) # before anything is written here
run=${runs[0]}
if [ ${#runs[@]} -gt 1 ] || { [ -z "$judged" ] && is_shard "$run"; }; then join_shards; fi
stem=${run%.json}
[ -z "$out" ] || { mkdir -p "$out" || stop "could not make $out"; stem=$out/$(basename "$stem"); }
rm -f "$stem.ab.json" "$stem.html" "$stem.comment.md" "$stem.junit.xml"

code=$judged
if [ -z "$code" ]; then
    .venv/bin/python -m tools compare "$run" --baselines "$baselines"
    code=$?
fi
[ "$code" -ne 2 ] || exit 2
decide_suspects
write_reports
exit "$code"
