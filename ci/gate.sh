#!/usr/bin/env bash
# How good is the gate on this machine? Equal code and known slow-downs under every rule, then two real commits of this
# repository: one edits a comment of a kernel, one lets it do 3 % more of its work.
#   bash ci/gate.sh [MINUTES] [TRIALS]      defaults: 60 runs/gate-trials.json.gz; for a nightly lane on an idle machine
# Every night adds to the trials that the file has.
# Exit code: 0 no false red, 1 equal code was called slower, 2 usage, 3 could not judge.
set -u
. "$(dirname "$0")/environment.sh"

minutes=${1:-60} trials=${2:-runs/gate-trials.json.gz} root=$PWD commit=$(git rev-parse HEAD) || stop "found no git repository here"
mkdir -p runs
.venv/bin/python -m tools validate-gate "$trials" --minutes "$minutes" --append --markdown runs/gate.md --plot runs/gate.svg || exit $?

clone=$(mktemp -d) || stop "could not make a temporary folder"
trap 'rm -rf "$clone"' EXIT
git clone --quiet . "$clone/repository" || stop "could not clone this repository"
cd "$clone/repository" || exit 2

# Commits the patch $1 on top of what is checked out and holds it against that.
judge_commit() {
    git checkout --quiet --detach "$commit" && git apply "fixtures/gate/commits/$1.patch" &&
        git -c user.name=gate -c user.email=gate@example.org -c commit.gpgsign=false commit --quiet --all -m "$1" ||
        stop "fixtures/gate/commits/$1.patch does not fit this commit any more; make it anew"
    "$root/.venv/bin/python" -m tools ab --base HEAD~1 --head HEAD -k "cpp and t1" --json "$root/runs/gate-$1.json"
}

judge_commit comment
comment=$?
judge_commit three-percent
slower=$?
[ $slower -eq 1 ] || echo "3 % more work in the kernel was not called slower: exit code $slower"
[ $comment -ne 0 ] && exit $comment
[ $slower -le 1 ] || exit $slower
