"""What `ab --json` writes can be read again, whole, or is refused in one line."""

import pytest

from tools.ab.job import Judgement
from tools.ab.outcome import Outcome, Side, read_outcome
from tools.ab.rule import Rule
from tools.compare import Verdict
from tools.files import UnusableFile
from tools.tests.ab.fakes import duel
from tools.tests.samples import CASE, SLUG, edited

HEAD = "c0ffee0" * 5 + "c0ffe"


def judgement(verdict=Verdict.REGRESSED, case=CASE, metric="latency_s", **changes):
    numbers = {"change": 0.067, "low": 0.06, "high": 0.075, "pairs": 12, "detectable": 0.013}
    told = {"reason": "confirmed by 6 fresh pairs: +6.0%", "base_s": 1e-3, "head_s": 1.067e-3}
    return Judgement(case, metric, verdict, **{**numbers, **told, **changes})


def outcome(*judgements, head=HEAD, slug=SLUG, created_utc="2026-11-22T08:00:00+00:00", problem="", invalid=False):
    sides = (Side("main", "b" * 40, "python3", {"torch": "2.14.1"}), Side(head, head, "python3", {"torch": "2.15.0"}))
    duels = (duel(CASE, "decide", 0, [0.06, 0.07], [None, "the GPU was throttled"]),)
    return Outcome(created_utc, slug, *sides, Rule(), 7, 60.0, problem, invalid, tuple(judgements), duels)


def outcome_file(folder, made, name="run.ab.json"):
    file = folder / name
    file.write_text(made.document())
    return file


def put(path, value):
    """An edit of a document: `value` at this path of keys."""

    def edit(document):
        *parents, last = path
        for key in parents:
            document = document[key]
        document[last] = value

    return edit


def test_what_was_written_is_read_again(tmp_path):
    made = outcome(judgement(), judgement(Verdict.INCONCLUSIVE, change=None, judged=False, reason="lost"))
    assert read_outcome(outcome_file(tmp_path, made)) == made


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (put(["schema_version"], 99), "written by a newer perf-ratchet"),
        (put(["schema_version"], None), "found schema version None, expected 1"),
        (put(["judgements", 0, "verdict"], "fine"), "at 'judgements.0.verdict'"),
        (put(["judgements", 0, "change"], float("nan")), "at 'judgements.0.change'"),
        (put(["judgements", 0, "pairs"], "12"), "at 'judgements.0.pairs'"),
        (put(["duels", 0, "alternations", 0, "base", "rounds", "latency_s"], "1"), "at 'duels.0.alternations.0.base"),
        (put(["head"], "c0ffee"), "at 'head'"),
        (put(["judgements"], []), "found exit code 1, its verdicts make 3"),
        (put(["duels", 0, "objections"], [None]), "found alternations without a word"),
        (put(["duels", 0, "alternations", 1, "head", "rounds", "latency_s"], [0.001, 0.0]), "not positive"),
        (put(["duels", 0, "alternations", 1, "head", "rounds", "latency_s"], []), "found a slot without a time"),
        (lambda document: [], "found schema version None"),
    ],
)
def test_an_outcome_that_was_changed_is_one_line(tmp_path, edit, told):
    file = edited(outcome_file(tmp_path, outcome(judgement())), edit)
    with pytest.raises(UnusableFile, match=r"^A/B file .*make it anew: python -m tools ab|newer") as error:
        read_outcome(file)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "null", "\x00"])
def test_an_outcome_that_is_no_json_is_one_line(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(UnusableFile, match=r"^A/B file [^\n]*$"):
        read_outcome(tmp_path / "x.json")


def test_an_outcome_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UnusableFile, match="cannot be read"):
        read_outcome(tmp_path / "none.json")
