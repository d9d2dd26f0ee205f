#!/usr/bin/env bash
# Put the comment that a run of a workflow left as its artifact `perf-comment` under its pull request, in place of the one
# that is there from the same workflow.
#   GH_REPO=owner/name bash ci/comment.sh RUN_ID      needs gh, signed in, and python3; GH_REPO defaults to this checkout's
# Only the run's number is taken from outside. Which commit it measured, and so which pull request is meant, GitHub says;
# the artifact, which code of a fork can have written, is never asked (ci/comment.py).
# Exit code: 0 posted, or nothing to post; 2 the artifact was refused, or gh failed.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 2

MOST_BYTES=$((1024 * 1024))

stop() {
    echo "perf-ratchet: $1" >&2
    exit 2
}

leave() {
    echo "$1; nothing was posted"
    exit 0
}

[[ ${1:-} =~ ^[0-9]+$ ]] || stop "found '${1:-}', expected the number of a workflow run: bash ci/comment.sh RUN_ID"
repository='repos/{owner}/{repo}' # gh fills in GH_REPO
author="github-actions[bot]"
[ -n "${GITHUB_ACTIONS:-}" ] || author=$(gh api user --jq .login) || stop "gh is not signed in: gh auth login"
folder=$(mktemp -d) || stop "could not make a temporary folder"
trap 'rm -rf "$folder"' EXIT

# A run that a person started names the commit in its title (.github/workflows/gpu.yml); titles of others are anybody's.
run=$(gh api "$repository/actions/runs/$1" --jq \
    '[.event, .head_sha, .name, .head_repository.full_name == .repository.full_name, .display_title] | @tsv') || stop "gh found no run $1"
IFS=$'\t' read -r event commit workflow ours title <<<"$run"
case $event in
    pull_request) ;;
    workflow_dispatch) commit=${title#commit } ours=false ;;
    *) leave "run $1 is of no pull request" ;;
esac
[[ $commit =~ ^[0-9a-f]{40}$ ]] || leave "run $1 is of no pull request"
[[ $workflow =~ ^[A-Za-z0-9\ ._-]+$ ]] || stop "the workflow of run $1 has a name that is none of ours; nothing was posted"
marker="<!-- perf-ratchet, workflow $workflow -->" note=""
[ "$ours" = true ] || note=$'\n> Measured, judged and written by the code of a fork, which can have changed any of it.\n'

artifact=$(gh api "$repository/actions/runs/$1/artifacts?name=perf-comment" \
    --jq '.artifacts[] | select(.expired | not) | [.id, .size_in_bytes] | @tsv' | head -n1) || stop "gh found no artifacts"
[ -n "$artifact" ] || leave "run $1 left no comment"
IFS=$'\t' read -r number size <<<"$artifact"
[ "$size" -le $MOST_BYTES ] || stop "the artifact has $size bytes, expected $MOST_BYTES at most; nothing was posted"
gh api "$repository/actions/artifacts/$number/zip" >"$folder/artifact.zip" || stop "gh could not download artifact $number"
python3 "$here/comment.py" "$folder/artifact.zip" "$marker$note" >"$folder/body.json" || exit 2

pulls=$(gh api --paginate "$repository/pulls?state=open&per_page=100" --jq '.[] | [.number, .head.sha] | @tsv') ||
    stop "gh could not list the pull requests"
pulls=$(awk -F'\t' -v commit="$commit" '$2 == commit { print $1 }' <<<"$pulls")
[ -n "$pulls" ] || leave "no open pull request stands at $commit any more"

# Ours by author, too: anybody can write the marker.
post() {
    local comments comment
    comments=$(gh api --paginate "$repository/issues/$1/comments?per_page=100" \
        --jq '.[] | [.id, .user.login, (.body | split("\n")[0] | rtrimstr("\r"))] | @tsv') || stop "gh could not list the comments of $1"
    comment=$(awk -F'\t' -v author="$author" -v marker="$marker" '$2 == author && $3 == marker { print $1; exit }' <<<"$comments")
    if [ -n "$comment" ]; then
        gh api --method PATCH "$repository/issues/comments/$comment" --input "$folder/body.json" --silent
    else
        gh api --method POST "$repository/issues/$1/comments" --input "$folder/body.json" --silent
    fi || stop "gh could not write the comment of pull request $1"
    echo "pull request $1: ${comment:+updated }comment ${comment:-written}"
}

for pull in $pulls; do post "$pull"; done
