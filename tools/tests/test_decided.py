from dataclasses import replace

import pytest

from tools.ab.job import Judgement
from tools.compare import Finding
from tools.decided import decided, final_code, foreign, read_outcomes
from tools.files import UnusableFile
from tools.tests.ab.test_outcome import HEAD, judgement, outcome, outcome_file
from tools.tests.samples import CASE, OTHER, record, run
from tools.verdict import Verdict

RUN = replace(run(record(latency_s=0.01), commit=HEAD[:12]), created_utc="2026-11-22T07:00:00+00:00")
SUSPECT = Finding(CASE, "latency_s", Verdict.SUSPECT, "0.01 -> 0.012; an A/B decides", 0.01, 0.012, 0.2, 0.1, 0.3)
LOST = judgement(Verdict.INCONCLUSIVE, change=None, judged=False, reason="the time is over")


def one(finding, *outcomes):
    [found] = decided(RUN, [finding], outcomes)
    return found


@pytest.mark.parametrize("verdict", [Verdict.REGRESSED, Verdict.UNCHANGED, Verdict.IMPROVED, Verdict.INCONCLUSIVE])
def test_a_suspect_takes_verdict_numbers_and_words_of_the_ab(verdict):
    found = one(SUSPECT, outcome(judgement(verdict)))
    assert found.verdict is verdict
    assert found.reason == (
        f"A/B against main ({'b' * 12}): +6.7% (+6.0% to +7.5%, 12 pairs); confirmed by 6 fresh pairs: +6.0%"
    )
    assert (found.change, found.low, found.high) == (0.067, 0.06, 0.075)
    assert (found.baseline, found.value) == (1e-3, 1.067e-3)


@pytest.mark.parametrize(
    "unsettled",
    [
        LOST,
        judgement(Verdict.NEW, metric="definition", change=None, reason="the time is over"),
        judgement(Verdict.INCONCLUSIVE, metric="status", change=None, judged=False, reason="the time is over"),
    ],
)
def test_a_suspect_that_was_not_decided_stays_one_and_says_why(unsettled):
    found = one(SUSPECT, outcome(unsettled))
    assert found.verdict is Verdict.SUSPECT
    assert found.reason.endswith("; A/B: not decided: the time is over")
    assert found.change == SUSPECT.change


def test_a_suspect_of_another_case_or_metric_is_left_alone():
    others = (judgement(case=OTHER, verdict=Verdict.UNCHANGED), judgement(Verdict.UNCHANGED, metric="device_s"))
    assert one(SUSPECT, outcome(*others)) == SUSPECT


def test_a_speed_up_is_decided_by_the_worst_time_of_its_case():
    lost = replace(SUSPECT, metric="speedup_over_eager_ratio", change=-0.2)
    quiet = judgement(Verdict.UNCHANGED, metric="device_s", change=0.001)
    [found] = [f for f in decided(RUN, [lost], [outcome(judgement(), quiet)]) if f.metric == lost.metric]
    assert found.verdict is Verdict.REGRESSED
    assert found.reason.startswith("latency_s, A/B against main")
    assert found.change == -0.2
    assert one(lost, outcome(quiet)).verdict is Verdict.UNCHANGED


def test_a_speed_up_is_decided_by_a_time_that_was_judged():
    lost = replace(SUSPECT, metric="speedup_over_eager_ratio")
    unjudged = judgement(Verdict.NEW, judged=False, change=None, reason="the time is over")
    assert one(lost, outcome(unjudged, judgement(Verdict.UNCHANGED, metric="device_s"))).verdict is Verdict.UNCHANGED


def test_a_speed_up_of_a_case_that_could_not_be_timed_says_why():
    lost = replace(SUSPECT, metric="speedup_over_eager_ratio")
    gone = judgement(Verdict.NEW, metric="definition", change=None, reason="only head has it")
    found = one(lost, outcome(gone))
    assert found == replace(lost, reason=f"{lost.reason}; A/B: not decided: only head has it")


@pytest.mark.parametrize(
    ("said", "final"),
    [
        (Verdict.UNCHANGED, Verdict.INCONCLUSIVE),
        (Verdict.IMPROVED, Verdict.INCONCLUSIVE),
        (Verdict.REGRESSED, Verdict.REGRESSED),
    ],
)
def test_a_goal_stays_missed_whatever_an_ab_says(said, final):
    missed = replace(SUSPECT, metric="speedup_over_eager_ratio", goal="9 (9 to 9), the goal is at least 10")
    found = next(f for f in decided(RUN, [missed], [outcome(judgement(said))]) if f.metric == missed.metric)
    assert found.verdict is final
    assert found.reason.endswith("; 9 (9 to 9), the goal is at least 10")
    assert found.reason.startswith("latency_s, A/B against main")


def test_an_ab_without_words_ends_in_its_numbers():
    found = one(SUSPECT, outcome(judgement(Verdict.UNCHANGED, reason="")))
    assert found.reason == f"A/B against main ({'b' * 12}): +6.7% (+6.0% to +7.5%, 12 pairs)"


@pytest.mark.parametrize("metric", ["cold_compile_s", "register_count", "status"])
def test_what_an_ab_does_not_measure_stays_suspect(metric):
    suspect = replace(SUSPECT, metric=metric)
    assert one(suspect, outcome(judgement(Verdict.UNCHANGED))) == suspect


def test_a_model_that_came_by_an_option_is_in_no_checkout():
    suspect = replace(SUSPECT, case="inference_my_nets/x")
    assert one(suspect, outcome(judgement(Verdict.UNCHANGED, case=suspect.case))) == suspect


def test_only_an_ab_against_its_anchor_decides_a_creep():
    creep = replace(SUSPECT, anchor="b" * 12)
    assert one(creep, outcome(judgement(Verdict.UNCHANGED))).verdict is Verdict.UNCHANGED
    other = replace(SUSPECT, anchor="a" * 12)
    assert one(other, outcome(judgement(Verdict.UNCHANGED))) == other


@pytest.mark.parametrize("before", [v for v in Verdict if v is not Verdict.REGRESSED])
def test_a_regression_of_the_ab_is_never_lost(before):
    assert one(replace(SUSPECT, verdict=before), outcome(judgement())).verdict is Verdict.REGRESSED


@pytest.mark.parametrize("case", [CASE, OTHER])
def test_a_regression_that_the_run_knows_nothing_of_is_added(case):
    slower, kept = decided(RUN, [replace(SUSPECT, metric="cold_compile_s")], [outcome(judgement(case=case))])
    assert (slower.case, slower.metric, slower.verdict) == (case, "latency_s", Verdict.REGRESSED)
    assert kept.verdict is Verdict.SUSPECT


def test_a_case_that_only_head_cannot_do_any_more_has_regressed():
    crash = Judgement(CASE, "status", Verdict.REGRESSED, "ok -> error: planted")
    status = Finding(CASE, "status", Verdict.UNCHANGED, "same status", "ok", "ok")
    found = decided(RUN, [SUSPECT, status], [outcome(crash)])
    told = f"A/B against main ({'b' * 12}): ok -> error: planted"
    assert found[1] == replace(status, verdict=Verdict.REGRESSED, reason=told)
    assert found[0] == replace(SUSPECT, verdict=Verdict.REGRESSED, reason=f"status, {told}")


@pytest.mark.parametrize("verdict", [Verdict.UNCHANGED, Verdict.IMPROVED, Verdict.INCONCLUSIVE])
def test_an_ab_clears_no_regression_of_the_run(verdict):
    red = replace(SUSPECT, verdict=Verdict.REGRESSED)
    assert one(red, outcome(judgement(verdict))) == red


def test_of_two_abs_the_worse_one_decides_and_one_without_a_verdict_does_not():
    quiet, red = outcome(judgement(Verdict.UNCHANGED)), outcome(judgement())
    for pair in ((quiet, red), (red, quiet)):
        assert one(SUSPECT, *pair).verdict is Verdict.REGRESSED
    assert one(SUSPECT, quiet, outcome(LOST)).verdict is Verdict.UNCHANGED


def test_the_worst_comes_first():
    findings = [replace(SUSPECT, verdict=Verdict.MISSING, case=OTHER), SUSPECT]
    assert [f.verdict for f in decided(RUN, findings, [outcome(judgement())])] == [Verdict.REGRESSED, Verdict.MISSING]


FOREIGN = [
    ({"head": "d" * 40}, "found head dddddddddddd, expected the files of the run, c0ffee0c0ffe; python -m tools ab"),
    ({"slug": "cpu-other"}, "found device cpu-other"),
    ({"head": "worktree", "created_utc": "2026-11-22T06:59:59+00:00"}, "found one that ended 2026-11-22T06:59:59"),
]


@pytest.mark.parametrize(("changes", "told"), FOREIGN)
def test_an_ab_of_something_else_is_refused_by_name(tmp_path, changes, told):
    made = outcome(judgement(), **changes)
    with pytest.raises(UnusableFile, match=rf"^A/B of .* against main.*: {told}"):
        decided(RUN, [SUSPECT], [made])
    with pytest.raises(UnusableFile, match=rf"^A/B file .*run.ab.json: {told}.* --json FILE makes one that does$"):
        read_outcomes([outcome_file(tmp_path, made)], RUN)


@pytest.mark.parametrize("commit", ["", "unknown"])
def test_a_run_of_no_known_commit_fits_only_the_files_as_they_are(commit):
    nowhere = replace(RUN, commit=commit)
    assert foreign(outcome(), nowhere) != ""
    assert foreign(outcome(head="worktree"), nowhere) == ""


def test_a_run_of_changed_files_is_not_of_its_commit():
    assert "c0ffee0c0ffe and changed files" in foreign(outcome(), replace(RUN, dirty=True))


def test_an_ab_of_the_second_in_which_the_run_began_is_of_its_files():
    assert foreign(outcome(head="worktree", created_utc=RUN.created_utc), RUN) == ""


def test_files_are_read_in_the_order_in_which_they_are_named(tmp_path):
    made = [outcome(judgement()), outcome(judgement(Verdict.UNCHANGED))]
    files = [outcome_file(tmp_path, each, f"{n}.json") for n, each in enumerate(made)]
    assert read_outcomes(files, RUN) == tuple(made)


MISSING = Finding(OTHER, "status", Verdict.MISSING, "selected, but it left no record")
UNCHANGED = judgement(Verdict.UNCHANGED)
NOISY = judgement(Verdict.INCONCLUSIVE, reason="too noisy to tell after the last look")
NOISY_OTHER = replace(NOISY, case=OTHER)


@pytest.mark.parametrize(
    ("others", "judgements", "strict", "code"),
    [
        ([], [[]], False, 3),  # an A/B without a verdict
        ([], [], False, 0),  # no A/B: a suspect alone passes
        ([], [[UNCHANGED]], False, 0),
        ([], [[judgement()]], False, 1),
        ([MISSING], [[UNCHANGED]], False, 3),
        ([MISSING], [[judgement()]], False, 1),
        ([replace(MISSING, verdict=Verdict.REGRESSED)], [[LOST]], False, 1),  # undecided does not hide red
        ([], [[LOST]], False, 3),
        ([], [[LOST], [UNCHANGED]], False, 0),  # the second decided it
        ([], [[LOST], [judgement(Verdict.UNCHANGED, OTHER)]], False, 3),
        ([], [[UNCHANGED, judgement(Verdict.MISSING, OTHER, "definition")]], False, 3),
        ([], [[NOISY]], False, 0),
        ([], [[NOISY]], True, 3),
        ([], [[NOISY], [UNCHANGED]], True, 0),
        ([], [[LOST], [NOISY]], False, 0),
        ([], [[UNCHANGED, NOISY_OTHER]], False, 0),
        ([], [[UNCHANGED, NOISY_OTHER]], True, 3),  # a case that the run has no open finding of
        ([], [[UNCHANGED, NOISY_OTHER]] * 2, True, 3),
    ],
)
def test_exit_code_of_a_run_and_its_abs(others, judgements, strict, code):
    outcomes = [outcome(*each) for each in judgements]
    final = decided(RUN, [SUSPECT, *others], outcomes)
    assert final_code(RUN, final, outcomes, strict=strict) == code


@pytest.mark.parametrize(
    ("verdict", "options", "code"),
    [
        (Verdict.NEW, {}, 0),
        (Verdict.NEW, {"require_baseline": True}, 3),
        (Verdict.INCONCLUSIVE, {}, 0),
        (Verdict.INCONCLUSIVE, {"strict": True}, 3),
    ],
)
def test_what_a_run_may_not_leave_open_is_asked_of_it_with_its_abs_too(verdict, options, code):
    assert final_code(RUN, [replace(SUSPECT, metric="graph_count", verdict=verdict)], [], **options) == code
