#!/usr/bin/env bash
# Open a pull request with new baselines, as ci/refresh.sh --proposal DIR left them. Needs git and gh, and no environment:
# nothing of what was measured is run here, and what DIR holds is only data.
#   bash ci/propose.sh DIR BRANCH      BRANCH: which the baselines are for
# Exit code: 0 opened, or nothing changed; 2 the proposal is not usable.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

MOST_BYTES=$((64 * 1024 * 1024))
MOST_CHARACTERS=60000 # GitHub takes 65,536

stop() {
    echo "perf-ratchet: $1" >&2
    exit 2
}

[ $# -eq 2 ] || stop "found '$*', expected bash ci/propose.sh DIR BRANCH"
patch=$(realpath "$1/baselines.patch") changes=$1/changes.md target=$2
[ -f "$patch" ] && [ ! -L "$1/baselines.patch" ] || stop "$1/baselines.patch: no such file; make it with  bash ci/refresh.sh --proposal $1"
[ "$(stat -c %s "$patch")" -le $MOST_BYTES ] || stop "$patch: is larger than $MOST_BYTES bytes, which no baselines are"
[ -s "$patch" ] || { echo "the baselines are as they were, so there is nothing to propose"; exit 0; }

tree=$(mktemp -d) || stop "could not make a temporary folder"
trap 'git worktree remove --force "$tree" 2>/dev/null; rm -rf "$tree"' EXIT
as_gh() { git -c credential.helper= -c credential.helper='!gh auth git-credential' -c core.hooksPath=/dev/null "$@"; }

as_gh fetch --quiet origin "refs/heads/$target" && git worktree add --quiet --detach "$tree" FETCH_HEAD ||
    stop "found no branch '$target' at origin"
git -C "$tree" apply --cached "$patch" || stop "$patch does not fit $target any more; measure again"
strange=$(git -C "$tree" diff --cached --raw --no-renames -z | tr '\0' '\n' | awk '
    /^:/ { mode = $2; deleted = $5 == "D"; next }
    !/^baselines\/[A-Za-z0-9._\/-]+$/ || !(mode == "100644" || deleted) { print; exit }')
[ -z "$strange" ] || stop "$patch changes $(printf %q "$strange"), expected plain files of baselines/ only"

device=$(git -C "$tree" diff --cached --name-only | cut -d/ -f2 | grep -E '^[a-z0-9-]+$' | sort -u | grep -v '^static-' | head -n1)
device=${device:-static} date=$(date -u +%Y-%m-%d) commit=$(git -C "$tree" rev-parse --short HEAD)
branch=perf-baselines/$device-$(date -u +%Y-%m-%dT%H-%M-%SZ)
title="Baselines of $device, $date"
git -C "$tree" -c user.name="github-actions[bot]" -c user.email="41898282+github-actions[bot]@users.noreply.github.com" \
    -c commit.gpgsign=false -c core.hooksPath=/dev/null commit --quiet --message "$title" || stop "could not commit"
as_gh -C "$tree" push --quiet origin "HEAD:refs/heads/$branch" || stop "could not push $branch"

# Nobody is called by it: no name follows an @ at once. Whole lines, as many as GitHub takes.
{
    echo "Measured on \`$device\` by \`bash ci/refresh.sh\`, for $commit. What changes, and why:"
    echo
    [ ! -f "$changes" ] || [ -L "$changes" ] || sed $'s/@/@\u2060/g' "$changes" |
        awk -v most=$MOST_CHARACTERS '{ told += length + 1; if (told > most) exit; print }'
} >"$tree.md"
gh pr create --base "$target" --head "$branch" --title "$title" --body-file "$tree.md"
code=$?
rm -f "$tree.md"
[ $code -eq 0 ] || stop "pushed $branch, but gh could not open the pull request; open it by hand"
