"""ci/comment.sh with a stand-in for gh: whatever a fork puts into its artifact, only its own one comment is written."""

import io
import json
import shutil
import stat
import sys
import warnings
import zipfile

import pytest

from tools.tests.ci.stand_ins import run, stand_in
from tools.tests.scripts import ROOT

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="the stand-in for gh needs jq")

COMMIT, OLDER, OTHER = "a1" * 20, "b2" * 20, "c3" * 20
BOT = "github-actions[bot]"
MARKER = "<!-- perf-ratchet, workflow gpu -->"
GOOD = "**Regressed: 1 case** on nvidia-h100 <!-- perf-ratchet:nvidia-h100 -->\n\n- `attention/eager`\n"

# What GitHub knows is known.json: paths of its API and their answers; what is written to it is kept in written.jsonl.
GH = f"""#!{sys.executable} -S
import json, pathlib, subprocess, sys
arguments, here = sys.argv[1:], pathlib.Path(__file__).parent
told = dict(zip(arguments, arguments[1:]))
[path] = [each for each in arguments if each.startswith(("repos/", "user"))]
path = path.replace("{{owner}}/{{repo}}", "owner/name")
if "--method" in told:
    body = json.loads(pathlib.Path(told["--input"]).read_text())
    with open(here / "written.jsonl", "a") as file:
        file.write(json.dumps([told["--method"], path, body]) + "\\n")
    sys.exit()
known = json.loads((here / "known.json").read_text())
if path.endswith("/zip"):
    sys.stdout.buffer.write((here / "artifact.zip").read_bytes())
    sys.exit()
if path not in known:
    sys.exit("gh: Not Found (HTTP 404): " + path)
pages = known[path] if "--paginate" in arguments else [known[path]]
for page in pages:
    subprocess.run(["jq", "-r", told["--jq"]], input=json.dumps(page), text=True, check=True)
"""


def known(event="pull_request", title="anything", commit=COMMIT, fork=True, name="gpu", size=1000, comments=()):
    """What GitHub says of run 7, and of pull requests 3, 4 and 5, of which 4 stands at COMMIT."""
    head = {"full_name": "fork/name" if fork else "owner/name"}
    told = {"event": event, "head_sha": commit, "name": name, "display_title": title, "head_repository": head}
    artifact = {"id": 11, "expired": False, "size_in_bytes": size}
    pulls = [{"number": number, "head": {"sha": sha}} for number, sha in ((3, OTHER), (4, COMMIT), (5, OLDER))]
    return {
        "user": {"login": "person"},
        "repos/owner/name/actions/runs/7": {**told, "repository": {"full_name": "owner/name"}},
        "repos/owner/name/actions/runs/7/artifacts?name=perf-comment": {"artifacts": [artifact]},
        "repos/owner/name/pulls?state=open&per_page=100": [pulls[:1], pulls[1:]],
        "repos/owner/name/issues/4/comments?per_page=100": [[], [*comments]],
    }


def comment(number, body, login=BOT):
    return {"id": number, "user": {"login": login}, "body": body}


def artifact(files):
    """A zip of these; None as a text makes a link to /etc/passwd."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name may be there twice
        for name, text in files:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            if text is None:
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, "/etc/passwd" if text is None else text)
    return made.getvalue()


def damaged(content):
    """A zip whose first file cannot be decompressed; its text begins behind a header and its name."""
    begin = 30 + len("run.comment.md")
    return content[:begin] + b"\xff" * 20 + content[begin + 20 :]


@pytest.fixture
def place(tmp_path):
    shutil.copytree(ROOT / "ci", tmp_path / "ci")
    stand_in(tmp_path, "gh", GH)
    return tmp_path


def posted(place, files, number="7", says=None, **variables):
    """What ended, and what was written to GitHub: method, path and body each."""
    (place / "bin/known.json").write_text(json.dumps(says or known()))
    content = files if isinstance(files, bytes) else artifact(files)
    (place / "bin/artifact.zip").write_bytes(content)
    done = run(place, "comment.sh", number, **{"GITHUB_ACTIONS": "true", **variables})
    log = place / "bin/written.jsonl"
    written = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    assert sorted(file.name for file in place.iterdir()) == ["bin", "ci"]  # nothing was unpacked
    return done, written


def test_the_pull_request_that_stands_at_the_commit_gets_the_comment(place):
    done, written = posted(place, [("run.comment.md", GOOD)], says=known(fork=False))
    assert (done.returncode, done.stderr) == (0, "")
    assert written == [["POST", "repos/owner/name/issues/4/comments", {"body": f"{MARKER}\n{GOOD}"}]]


def test_it_replaces_the_one_that_is_there(place):
    there = [comment(20, "a word"), comment(21, f"{MARKER}\r\nolder"), comment(22, f"{MARKER}\nand again")]
    _, [[method, path, _]] = posted(place, [("run.comment.md", GOOD)], says=known(comments=there))
    assert (method, path) == ("PATCH", "repos/owner/name/issues/comments/21")


@pytest.mark.parametrize(
    "there",
    [
        comment(20, f"{MARKER}\nnot by the bot", "somebody"),
        comment(20, f"a quotation of\n{MARKER}"),
        comment(20, "<!-- perf-ratchet, workflow cpu -->\nof the other workflow"),
    ],
)
def test_comments_of_others_stay(place, there):
    _, [[method, _, _]] = posted(place, [("run.comment.md", GOOD)], says=known(comments=[there]))
    assert method == "POST"


def test_by_hand_it_is_the_comment_of_who_is_signed_in(place):
    there = [comment(20, f"{MARKER}\nby the bot"), comment(21, f"{MARKER}\nby hand", "person")]
    says = known(comments=there)
    _, [[_, path, _]] = posted(place, [("run.comment.md", GOOD)], says=says, GITHUB_ACTIONS="")
    assert path == "repos/owner/name/issues/comments/21"


def test_a_comment_of_a_fork_says_so_and_calls_nobody(place):
    _, [[_, _, body]] = posted(place, [("run.comment.md", GOOD + "@everyone")])
    assert body["body"].splitlines()[0] == MARKER
    assert "by the code of a fork" in body["body"]
    assert "@everyone" not in body["body"]
    assert "everyone" in body["body"]


@pytest.mark.parametrize(
    "files",
    [
        [("comment.md", GOOD)],
        [("folder/run.comment.md", GOOD)],
        [("../run.comment.md", GOOD), ("/tmp/run.comment.md", GOOD)],
        [("run.comment.md", None)],
        [("run.comment.md", "no marker\n")],
        [("run.comment.md", "")],
        [("run.comment.md", "\n" + GOOD)],
        [("run.comment.md", "<!-- perf-ratchet:x --><script>\n")],
        [("run.comment.md", "<!-- perf-ratchet:Ünicode -->\n")],
        [("run.comment.md", "<!-- perf-ratchet, workflow cpu -->\nof another workflow")],
        [("run.comment.md", GOOD + "x" * 10_000_000)],
        [("run.comment.md", GOOD + "x" * 65_536)],
        [("run.comment.md", GOOD.encode("utf-16"))],
        [("run.comment.md", b"<!-- perf-ratchet:x -->\n\xff")],
        [("run.comment.md", GOOD), ("run.comment.md", "the last one of a name counts")],
        b"no zip at all",
        artifact([("run.comment.md", GOOD)])[:60],
        damaged(artifact([("run.comment.md", GOOD)])),
    ],
)
def test_what_is_no_comment_of_ours_is_not_posted(place, files):
    done, written = posted(place, files)
    assert (done.returncode, written) == (2, [])
    [line] = done.stderr.splitlines()
    assert line.startswith("perf-ratchet: the artifact run.comment.md ") or "has no file" in line
    assert len(line) < 200


def test_what_else_lies_in_the_artifact_is_not_looked_at(place):
    more = [("pull-request", "3"), ("NR", "5"), ("../../ci/comment.sh", "exit 9"), ("link", None), ("known.json", "{}")]
    _, [[_, path, body]] = posted(place, [*more, ("run.comment.md", GOOD)])
    assert path == "repos/owner/name/issues/4/comments"
    assert GOOD in body["body"]


def test_an_artifact_that_is_too_large_is_not_fetched(place):
    done, written = posted(place, [("run.comment.md", GOOD)], says=known(size=10_000_000))
    assert (done.returncode, written) == (2, [])
    assert "has 10000000 bytes" in done.stderr


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (known(event="push"), "of no pull request"),
        (known(commit="d4" * 20), "no open pull request stands at"),
        (known(event="workflow_dispatch", title="refresh"), "of no pull request"),
        (known(event="workflow_dispatch", title=f"commit {COMMIT} and more"), "of no pull request"),
        (known() | {"repos/owner/name/actions/runs/7/artifacts?name=perf-comment": {"artifacts": []}}, "no comment"),
    ],
)
def test_nothing_to_post(place, says, why):
    done, written = posted(place, [("run.comment.md", GOOD)], says=says)
    assert (done.returncode, written) == (0, [])
    assert why in done.stdout


def test_a_title_counts_only_where_a_person_started_the_run(place):
    """The title of a pull request is its author's."""
    says = known(event="pull_request", title=f"commit {OTHER}")
    assert posted(place, [("run.comment.md", GOOD)], says=says)[1][0][1] == "repos/owner/name/issues/4/comments"


def test_a_run_that_a_person_started_for_a_commit(place):
    says = known(event="workflow_dispatch", commit=OTHER, title=f"commit {COMMIT}", fork=False)
    _, [[_, path, body]] = posted(place, [("run.comment.md", GOOD)], says=says)
    assert path == "repos/owner/name/issues/4/comments"
    assert "by the code of a fork" in body["body"]


@pytest.mark.parametrize("name", ["gpu --> <b>", "gpu\nx", "$(id)", "ä"])
def test_a_workflow_by_a_strange_name(place, name):
    done, written = posted(place, [("run.comment.md", GOOD)], says=known(name=name))
    assert (done.returncode, written) == (2, [])


@pytest.mark.parametrize("number", ["", "7; id", "../7", "-1", "8"])
def test_a_run_that_there_is_not(place, number):
    done, written = posted(place, [("run.comment.md", GOOD)], number=number)
    assert (done.returncode, written) == (2, [])
    assert done.stderr.splitlines()[-1].startswith("perf-ratchet: ")


def test_no_comment_is_longer_than_github_takes(place):
    """What keeps names from being called makes it longer."""
    _, [[_, _, body]] = posted(place, [("run.comment.md", GOOD + "@" * 65_000)])
    assert len(body["body"]) == 65_536
