"""ci/verdict.sh with stand-ins: what it joins, judges, decides and writes, and which exit code it ends in."""

import pytest

from tools.tests.ab.repository import git
from tools.tests.ci.stand_ins import ACTIONS, calls, repository, run

SHARDS = [f"runs/shard-{number}-of-3.json" for number in (1, 2, 3)]


@pytest.fixture
def place(tmp_path):
    made = repository(tmp_path / "repository")
    (made / "runs/run.json").write_text('{"shard": null}')
    return made


def with_shards(place, *numbers):
    for number in numbers:
        (place / f"runs/shard-{number}-of-3.json").write_text('{"shard": {}}')
    return place


def verbs(place):
    return [call.split()[2] for call in calls(place, "tools")]


def test_one_run_is_judged_and_written_beside_itself(place):
    done = run(place, "verdict.sh", "runs/run.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert calls(place) == [
        "-m tools compare runs/run.json --baselines baselines",
        "-m tools report runs/run.json --baselines baselines --html runs/run.html --pull-request runs/run.comment.md",
        "-m tools export runs/run.json --baselines baselines --to junit --output runs/run.junit.xml",
    ]


def test_shards_are_joined_first(place):
    with_shards(place, 1, 2, 3)
    assert run(place, "verdict.sh", *SHARDS, "--out", "there").returncode == 0
    assert calls(place, "tools merge") == [f"-m tools merge {' '.join(SHARDS)} --with-holes --output there/run.json"]
    assert calls(place, "tools compare") == ["-m tools compare there/run.json --baselines baselines"]
    assert sorted(file.name for file in (place / "there").iterdir()) == [
        "run.comment.md",
        "run.html",
        "run.json",
        "run.junit.xml",
    ]


@pytest.mark.parametrize("named", [SHARDS, SHARDS[:2], ["runs/shard-2-of-3.json"], SHARDS[1:]])
def test_a_shard_without_a_run_is_named_whoever_names_it(place, named):
    """A glob of the shell shows only those that are there; here shard 3 is not, or 1 and 3 are not."""
    present = {1, 2} if len(named) > 1 else {2}
    with_shards(place, *present)
    done = run(place, "verdict.sh", *named, COMPARE_CODE="3")
    holes = [f"runs/shard-{number}-of-3.json" for number in (1, 2, 3) if number not in present]
    assert [line.split()[1].rstrip(":") for line in done.stderr.splitlines()] == holes
    assert done.returncode == 3
    [merge] = calls(place, "tools merge")
    assert not any(hole in merge for hole in holes)


def test_no_shard_at_all(place):
    done = run(place, "verdict.sh", "runs/shard-*.json")
    assert (done.returncode, calls(place)) == (3, [])
    assert "no shard left a run" in done.stderr or "no such run file" in done.stderr


def test_shards_that_do_not_fit_are_not_judged(place):
    with_shards(place, 1, 2, 3)
    assert run(place, "verdict.sh", *SHARDS, MERGE_CODE="2").returncode == 2
    assert verbs(place) == ["merge"]


@pytest.mark.parametrize(
    ("compare", "ab", "code", "decides"),
    [
        ("0", "0", 0, True),
        ("0", "1", 1, True),
        ("0", "3", 3, True),
        ("0", "2", 2, True),
        ("3", "0", 3, True),
        ("3", "1", 1, True),
        ("1", "0", 1, False),
    ],
)
def test_the_exit_code(place, compare, ab, code, decides):
    done = run(place, "verdict.sh", "runs/run.json", PERF_BASE="v1", COMPARE_CODE=compare, AB_CODE=ab)
    assert done.returncode == code
    assert ("ab" in verbs(place)) == decides
    assert verbs(place)[-2:] == ["report", "export"]  # whatever the verdict


def test_a_run_that_cannot_be_read_has_no_report(place):
    assert run(place, "verdict.sh", "runs/run.json", COMPARE_CODE="2").returncode == 2
    assert verbs(place) == ["compare"]


def test_reports_know_what_the_ab_decided(place):
    run(place, "verdict.sh", "runs/run.json", PERF_BASE="v1")
    for verb in ("report", "export"):
        assert "--ab runs/run.ab.json" in calls(place, f"tools {verb}")[0]


def test_an_older_ab_decides_nothing(place):
    (place / "runs/run.ab.json").write_text("old")
    run(place, "verdict.sh", "runs/run.json")
    assert not any("--ab" in call for call in calls(place))


@pytest.mark.parametrize("verb", ["REPORT", "EXPORT"])
@pytest.mark.parametrize(("compare", "code"), [("0", 2), ("1", 1), ("3", 3)])
def test_a_report_that_is_not_written_shows_and_hides_no_verdict(place, verb, compare, code):
    done = run(place, "verdict.sh", "runs/run.json", COMPARE_CODE=compare, **{f"{verb}_CODE": "2"})
    assert done.returncode == code


def test_what_was_judged_is_not_judged_again(place):
    (place / "runs/run.json").write_text('{"shard": {}}')  # nor joined: one shard at a desk stays what it is
    assert run(place, "verdict.sh", "runs/run.json", "--judged", "3").returncode == 3
    assert verbs(place) == ["report", "export"]


def test_without_actions_there_are_no_commands_for_it(place):
    run(place, "verdict.sh", "runs/run.json")
    assert not any("--annotations" in call or "--link" in call for call in calls(place))


def test_in_actions_there_are_annotations_a_link_and_a_summary(place):
    summary = place / "runs/summary"
    summary.write_text("before\n")
    done = run(place, "verdict.sh", "runs/run.json", **ACTIONS, GITHUB_STEP_SUMMARY=str(summary), REPORT_TEXT="after\n")
    assert done.returncode == 0
    assert "--annotations --link https://git.example/owner/name/actions/runs/7 " in calls(place, "tools report")[0]
    assert summary.read_text() == "before\nafter\n"


@pytest.mark.parametrize("zeros", ["", "0" * 40])
def test_a_push_that_made_the_branch_has_no_base_of_its_own(place, zeros):
    main = git(place, "rev-parse", "HEAD")
    git(place, "checkout", "--quiet", "-b", "branch")
    (place / "file.txt").write_text("changed")
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "second")
    run(place, "verdict.sh", "runs/run.json", PERF_BASE=zeros)
    assert f"--base {main} " in calls(place, "tools ab")[0]


@pytest.mark.parametrize(
    "arguments", [(), ("--out",), ("r.json", "--out", ""), ("r.json", "--judged", "2"), ("r.json", "--strict")]
)
def test_usage(place, arguments):
    done = run(place, "verdict.sh", *arguments)
    [line] = done.stderr.splitlines()
    assert (done.returncode, calls(place)) == (2, [])
    assert line.startswith("perf-ratchet: ")
    assert "expected" in line


def test_a_checkout_that_git_does_not_read_is_told_in_gits_own_words(place):
    (place / ".git/HEAD").write_text("broken")
    done = run(place, "verdict.sh", "runs/run.json")
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith("perf-ratchet: git does not read this checkout (fatal: ")
    assert line.endswith("), so no suspect is decided")
    assert not calls(place, "tools ab")
