"""ci/propose.sh with a stand-in for gh and a remote of its own: what of a proposal becomes a pull request."""

import os

import pytest

from tools.tests.ab.repository import git
from tools.tests.ci.stand_ins import repository, run, stand_in

GH = """#!/bin/sh
printf '%s\\0' "$@" >"$HOME/runs/asked"
while [ $# -gt 1 ]; do [ "$1" = --body-file ] && cp "$2" "$HOME/runs/body"; shift; done
exit "${GH_CODE:-0}"
"""
FILE = "baselines/cpu-sample-2c/attention.json"


@pytest.fixture
def place(tmp_path):
    made = repository(tmp_path / "repository")
    write(made, FILE, "old\n")
    git(made, "add", "--all")
    git(made, "commit", "--quiet", "--message", "baselines")
    git(made, "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "remote"))
    git(made, "remote", "add", "origin", str(tmp_path / "remote"))
    git(made, "push", "--quiet", "origin", "main")
    stand_in(made, "gh", GH)
    return made


def write(place, name, text):
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)


def proposal(place, changes="| case | change |\n"):
    """A folder as ci/refresh.sh leaves it, of what now differs; the files are as before again."""
    (place / "runs/proposal").mkdir(parents=True)
    git(place, "add", "--all", "--intent-to-add")
    patch = git(place, "diff", "--binary")
    (place / "runs/proposal/baselines.patch").write_text(patch + "\n" if patch else "")
    (place / "runs/proposal/changes.md").write_text(changes)
    git(place, "reset", "--quiet", "--hard")


def proposed(place, branch="main", **variables):
    """What ended, and branches of the remote beside main."""
    done = run(place, "propose.sh", "runs/proposal", branch, **variables)
    found = git(place, "ls-remote", "--heads", "origin").splitlines()
    return done, [line.split("refs/heads/")[1] for line in found if not line.endswith("/main")]


def test_a_branch_with_the_baselines_and_a_pull_request_that_tells_them(place):
    write(place, FILE, "new\n")
    write(place, "baselines/static-sm90/new.json", "{}\n")
    proposal(place)
    done, [branch] = proposed(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert branch.startswith("perf-baselines/cpu-sample-2c-20")
    git(place, "fetch", "--quiet", "origin", branch)
    assert git(place, "diff", "--name-only", "main", "FETCH_HEAD").splitlines() == [
        FILE,
        "baselines/static-sm90/new.json",
    ]
    asked = (place / "runs/asked").read_text().split("\0")
    assert asked[:6] == ["pr", "create", "--base", "main", "--head", branch]
    assert "| case | change |" in (place / "runs/body").read_text()
    assert git(place, "status", "--porcelain") == ""
    assert git(place, "worktree", "list").count("\n") == 0


def test_what_stays_the_same_is_not_proposed(place):
    proposal(place)
    done, branches = proposed(place)
    assert (done.returncode, branches) == (0, [])
    assert "nothing to propose" in done.stdout


@pytest.mark.parametrize(
    "name", ["README.md", ".github/workflows/gpu.yml", "ci/propose.sh", "baselines.md", "baselines/a b.json"]
)
def test_nothing_but_baselines_is_changed(place, name):
    write(place, FILE, "new\n")
    write(place, name, "owned\n")
    proposal(place)
    done, branches = proposed(place)
    assert (done.returncode, branches) == (2, [])
    assert "expected plain files of baselines/ only" in done.stderr


@pytest.mark.parametrize("kind", ["link", "program"])
def test_only_plain_files(place, kind):
    if kind == "link":
        os.symlink("/etc/passwd", place / "baselines/link")
    else:
        write(place, "baselines/program", "exit\n")
        (place / "baselines/program").chmod(0o755)
    proposal(place)
    done, branches = proposed(place)
    assert (done.returncode, branches) == (2, [])
    assert "expected plain files" in done.stderr


def test_a_patch_that_climbs_out(place):
    write(place, FILE, "new\n")
    proposal(place)
    patch = place / "runs/proposal/baselines.patch"
    patch.write_text(patch.read_text().replace(FILE, "baselines/../../escaped"))
    done, branches = proposed(place)
    assert (done.returncode, branches) == (2, [])
    assert not (place.parent / "escaped").exists()


def test_hooks_and_scripts_of_the_branch_are_not_run(place):
    """The script is that of this checkout, whatever branch the baselines are for."""
    git(place, "checkout", "--quiet", "-b", "measured")
    write(place, "ci/propose.sh", "touch $HOME/runs/owned\n")
    git(place, "commit", "--quiet", "--all", "--message", "evil")
    git(place, "push", "--quiet", "origin", "measured")
    git(place, "checkout", "--quiet", "main")
    (place / ".git/hooks/pre-push").write_text("#!/bin/sh\ntouch $HOME/runs/owned\n")
    (place / ".git/hooks/pre-push").chmod(0o755)
    write(place, FILE, "new\n")
    proposal(place)
    done, branches = proposed(place, "measured")
    assert (done.returncode, len(branches)) == (0, 2)
    assert not (place / "runs/owned").exists()


def test_the_text_calls_nobody_and_fits(place):
    write(place, FILE, "new\n")
    proposal(place, "@everyone\n" * 10_000)
    proposed(place)
    body = (place / "runs/body").read_text()
    assert "@everyone" not in body
    assert "everyone" in body
    assert len(body) < 65_536


@pytest.mark.parametrize("arguments", [(), ("runs/proposal",), ("nowhere", "main"), ("runs/proposal", "nowhere")])
def test_usage(place, arguments):
    write(place, FILE, "new\n")
    proposal(place)
    done = run(place, "propose.sh", *arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("perf-ratchet: ")


def test_a_pull_request_that_cannot_be_opened(place):
    write(place, FILE, "new\n")
    proposal(place)
    done, [branch] = proposed(place, GH_CODE="1")
    assert done.returncode == 2
    assert branch in done.stderr.splitlines()[-1]


def test_a_link_in_place_of_the_patch(place):
    write(place, FILE, "new\n")
    proposal(place)
    patch = place / "runs/proposal/baselines.patch"
    moved = patch.rename(place / "runs/real.patch")
    patch.symlink_to(moved)
    assert proposed(place)[0].returncode == 2


def test_refresh_leaves_what_propose_takes(place):
    """With the stand-in for Python, whose refresh changes a baseline and writes what changed."""
    python = place / ".venv/bin/python"
    python.write_text(f"#!/bin/sh\ncase \"$*\" in *refresh*) echo new >{FILE}; eval 'echo told >$'$#; esac\n")
    done = run(place, "refresh.sh", "--runs", "1", "--reason", "it is", "--proposal", "runs/proposal")
    assert done.returncode == 0
    assert (place / "runs/proposal/changes.md").read_text() == "told\n"
    git(place, "checkout", "--quiet", "--", "baselines")
    assert len(proposed(place)[1]) == 1


def test_worse_numbers_without_a_reason_leave_no_proposal(place):
    log = place / "runs/log"
    (place / ".venv/bin/python").write_text(f'#!/bin/sh\necho "$*" >>{log}\ncase "$*" in *refresh*) exit 1; esac\n')
    done = run(place, "refresh.sh", "--runs", "1", "--proposal", "runs/proposal")
    assert done.returncode == 1
    assert log.read_text().splitlines()[-1].startswith("-m tools compare runs/")  # which lists all that is worse
    assert not (place / "runs/proposal/baselines.patch").exists()
