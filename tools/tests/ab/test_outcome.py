"""What `ab --json` writes can be read again, whole, or is refused in one line."""

from dataclasses import replace

import pytest

from tools.ab.job import Judgement
from tools.ab.outcome import COLUMNS, Outcome, Side, cost, read_outcome, sentences, table, versions
from tools.ab.rule import Rule
from tools.files import UnusableFile
from tools.tests.ab.fakes import duel
from tools.tests.samples import CASE, OTHER, SLUG, edited
from tools.verdict import Verdict

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
        (
            put(["duels", 0, "objections"], [None]),
            ": found alternations without a word on whether they count, expected one each; make it anew",
        ),
        (
            put(["duels", 0, "alternations", 1, "head", "rounds", "latency_s"], [0.001, 0.0]),
            ": found a slot without a time or with one that is not positive; make it anew",
        ),
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


# ---------------------------------------------------------------- what a reader sees


def test_a_row_tells_the_times_the_interval_and_what_could_have_been_seen():
    [row] = table(outcome(judgement())).rows
    assert dict(zip(COLUMNS, row, strict=True)) == {
        "verdict": "regressed",
        "case": CASE,
        "metric": "latency_s",
        "base": "1 ms",
        "head": "1.07 ms",
        "change": "+6.7%",
        "95 % interval": "+6.0% … +7.5%",
        "pairs": "12",
        "could have seen": "+1.3%",
        "why": "confirmed by 6 fresh pairs: +6.0%",
    }


def test_a_row_without_numbers_has_blanks_and_no_more_words_than_fit():
    bare = Judgement(CASE, "status", Verdict.REGRESSED, " ".join(["planted"] * 20))
    [row] = table(outcome(bare)).rows
    assert row[3:9] == ("–",) * 6
    assert row[9] == " ".join(["planted"] * 8) + " …"


def test_the_table_comes_worst_first_then_by_case_and_metric_under_a_title():
    calm, other = judgement(Verdict.UNCHANGED, "a/first"), judgement(case=OTHER, metric="a_s")
    made = table(outcome(calm, judgement(metric="b_s"), judgement(metric="a_s"), other))
    assert made.title == f"{HEAD[:12]} against main ({'b' * 12}) on {SLUG}"
    assert [(row[0], row[1], row[2]) for row in made.rows] == [
        ("regressed", OTHER, "a_s"),
        ("regressed", CASE, "a_s"),
        ("regressed", CASE, "b_s"),
        ("unchanged", "a/first", "latency_s"),
    ]
    assert (made.columns, made.left) == (COLUMNS, {"verdict", "case", "metric", "why"})


def test_what_needs_attention_is_told_in_full_and_the_rest_is_not():
    lost = judgement(Verdict.INCONCLUSIVE, OTHER, change=None, judged=False, reason="the time is over")
    gone = [Judgement(name, "status", Verdict(name), "why") for name in ("missing", "incomparable")]
    calm = [judgement(verdict, verdict) for verdict in (Verdict.UNCHANGED, Verdict.IMPROVED, Verdict.INCONCLUSIVE)]
    made = outcome(judgement(), lost, *gone, *calm, problem="head was killed")
    assert sentences(made) == [
        f"{CASE}: latency_s regressed: +6.7% (+6.0% to +7.5%, 12 pairs); confirmed by 6 fresh pairs: +6.0%",
        "missing: status missing: why",
        "incomparable: status incomparable: why",
        f"{OTHER}: latency_s inconclusive: the time is over",
        cost(made),
        "the environments differ: torch 2.14.1 -> 2.15.0",
        "head was killed",
    ]
    assert sentences(outcome(problem=""))[-1].startswith("the environments differ")


def test_what_the_job_cost():
    made = outcome(judgement(), judgement(metric="device_s"))
    assert (
        cost(made) == "1 case in 1 pair of fresh processes, 60 s wall, 60 s a case; 50.0% of the alternations rejected"
    )
    twice = replace(outcome(judgement(), judgement(case=OTHER)), duels=())
    assert (
        cost(twice)
        == "2 cases in 0 pairs of fresh processes, 60 s wall, 30 s a case; 0.0% of the alternations rejected"
    )
    assert cost(replace(twice, judgements=())).startswith("0 cases in 0 pairs of fresh processes, 60 s wall; 0.0%")


def test_packages_that_one_arm_lacks_are_told_and_those_that_agree_are_not():
    sides = {"base": {"b": "1", "a": "1", "same": "3"}, "head": {"c": "2", "a": "2", "same": "3"}}
    made = outcome()
    changed = {name: replace(getattr(made, name), versions=found) for name, found in sides.items()}
    assert versions(replace(made, **changed)) == ["the environments differ: a 1 -> 2; b 1 -> None; c None -> 2"]
    assert versions(replace(made, base=made.head)) == []


# ---------------------------------------------------------------- exit codes

UNDECIDED = judgement(Verdict.INCONCLUSIVE, reason="too noisy")


@pytest.mark.parametrize(
    ("judgements", "problem", "code", "strict"),
    [
        ([], "", 3, 3),
        ([judgement(Verdict.UNCHANGED)], "", 0, 0),
        ([judgement(Verdict.UNCHANGED)], "head was killed", 3, 3),
        ([judgement(Verdict.UNCHANGED, pairs=0)], "", 3, 3),
        ([judgement(Verdict.UNCHANGED, pairs=0), judgement(Verdict.IMPROVED, "status", pairs=0)], "", 0, 0),
        ([judgement(Verdict.IMPROVED)], "", 0, 0),
        ([UNDECIDED], "", 0, 3),
        ([judgement(), UNDECIDED], "head was killed", 1, 1),
        ([judgement(Verdict.UNCHANGED), replace(UNDECIDED, judged=False)], "", 3, 3),
        ([judgement(Verdict.UNCHANGED), judgement(Verdict.MISSING, OTHER)], "", 3, 3),
        ([judgement(Verdict.UNCHANGED), judgement(Verdict.INCOMPARABLE, OTHER)], "", 3, 3),
    ],
)
def test_exit_codes_of_an_ab(judgements, problem, code, strict):
    made = outcome(*judgements, problem=problem)
    assert (made.exit_code(), made.exit_code(strict=True)) == (code, strict)


def test_the_file_tells_its_exit_code_with_sorted_keys_and_no_blanks(tmp_path):
    text = outcome(judgement()).document()
    assert text.startswith('{"base":{"asked":"main","commit":')
    assert '"exit_code":1,' in text
    assert text.endswith("}\n")
