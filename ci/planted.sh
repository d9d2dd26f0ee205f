#!/usr/bin/env bash
# Plant three failures in a copy of this tree, one after the other, and see that each is called by its name: one element
# of a result is wrong, a call holds twice the memory, a call does 5 % more work (which the A/B decides).
#   bash ci/planted.sh BASELINES cpu|cuda DIR      DIR: for the logs; PYTHON chooses the interpreter
# The case is the longest eager attention that the baselines have. Needs git, but no history of this tree.
# Exit code: 0 all three are red, 2 usage, 3 one is not.
set -u
cd "$(dirname "$0")/.." || exit 2
. ci/python.sh

[ $# -eq 3 ] && [[ $2 =~ ^(cpu|cuda)$ ]] || stop "found '$*', expected bash ci/planted.sh BASELINES cpu|cuda DIR"
mkdir -p "$3" || stop "could not make $3"
baselines=$(realpath "$1") device=$2 place=$(realpath "$3") failed=0
command -v git >/dev/null || stop "found no git, which keeps the planted commits; install it"

longest_attention() {
    "$python" - "$baselines" <<'END'
import json, pathlib, re, sys

files = pathlib.Path(sys.argv[1]).glob("*/attention.json")
names = [name for file in files for name in json.loads(file.read_text())["cases"]]
sized = {int(found[1]): name for name in names if (found := re.fullmatch(r"attention/eager/d64-s(\d+)/forward", name))}
print(sized[max(sized)] if sized else "")
END
}
victim=$(longest_attention) && [ -n "$victim" ] ||
    stop "found no attention/eager/d64-s…/forward in $baselines, expected what ci/gpu.sh has stored"

copy=$(mktemp -d) || stop "could not make a temporary folder"
trap 'rm -rf "$copy"' EXIT
left_out=(--exclude=./.git --exclude=./.venv --exclude=./.wheels --exclude=./runs --exclude=__pycache__)
tar -c "${left_out[@]}" . | tar -x -C "$copy" || stop "could not copy this tree"
cd "$copy" || exit 2
keep() { git -c user.name=planted -c user.email=planted@example.org -c commit.gpgsign=false commit --quiet --all -m "$1"; }
git init --quiet && git add --all && keep sound || stop "git could not keep the copy"

# $1: name of the patch, $2: what must be said of the case; then the command.
plant() {
    local patch=$1 expected=$2 log=$place/$1.log code told
    shift 2
    git apply "fixtures/gate/commits/$patch.patch" && keep "$patch" ||
        stop "fixtures/gate/commits/$patch.patch does not fit this tree any more; make it anew"
    "$@" >"$log" 2>&1
    code=$?
    told=$(grep -F "$victim: " "$log" | grep -m1 "$expected")
    if [ $code -eq 1 ] && [ -n "$told" ]; then
        echo "$patch is red: ${told:0:240}"
    else
        told=$(grep -F "$victim" "$log" | tail -n 1)
        echo "$patch is not red (exit code $code, its log is $log): ${told:-nothing was said of $victim}" >&2
        failed=3
    fi
    git reset --quiet --hard HEAD~1
}

one=(-k "eager and $(cut -d/ -f3 <<<"$victim") and forward")
measure=("$python" -m pytest perf_tests/test_attention.py --perf-profile=full --perf-device="$device")
# In one word each: of a value apart pytest would take the conftest.py above it, too, that of the tree which this is a copy of.
measure+=(--perf-baselines="$baselines" --perf-run="$place/run.json")
plant wrong-element "relative_error is" "${measure[@]}" "${one[@]}"
plant doubled-peak "peak_allocated_bytes" "${measure[@]}" "${one[@]}"
plant five-percent "latency_s regressed\|device_s regressed" \
    "$python" -m tools ab --base HEAD~1 --head HEAD --profile full --device "$device" "${one[@]}" --json "$place/five-percent.json" --max-minutes 6
exit $failed
