import dataclasses
import datetime
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import files
from tools.baselines import baseline_file, read_baselines, write_baselines
from tools.compare import exit_code, judge_run
from tools.files import UnusableFile, exclusive
from tools.records import Metric
from tools.refresh import Refused, Worse, refresh, short, stored_metric
from tools.tests.samples import CASE, OTHER, SLUG, baseline, fingerprint, full_run, record, run, run_file, stored
from tools.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime.datetime(2026, 11, 21, 7, 0, tzinfo=datetime.UTC)
COMPILE = "compile/inductor/resnet18-b1"


def refreshed(root, *runs, reason="", keep=None):
    """The baselines after a refresh, by path."""
    refresh(runs, root, reason, NOW, keep)
    return read_baselines(root, SLUG)


def files_of(root):
    return {path.name: path.read_bytes() for path in (root / SLUG).glob("*.json")}


def three(*values, metric="latency_s", **options):
    return [run(record(**{metric: value}), **options) for value in values]


def placed(made, slug):
    """A record of a place that is not where its run was made."""
    return dataclasses.replace(made, place=fingerprint(f"static-{slug}", {}, {}, {}, {}))


# ---------------------------------------------------------------- what is stored


def test_noisy_numbers_are_kept_one_a_process_and_equal_integers_once(tmp_path):
    runs = [
        run(record(latency_s=seconds, peak_allocated_bytes=4096, graph_count=2, left_over_bytes=held))
        for seconds, held in ((0.01, 0), (0.0101, 0), (0.0099, 8))
    ]
    found = refreshed(tmp_path, *runs)["attention"]
    assert found.processes == 3
    assert {name: metric.values for name, metric in found.cases[CASE].metrics.items()} == {
        "latency_s": (0.01, 0.0101, 0.0099),
        "peak_allocated_bytes": (4096,),
        "graph_count": (2,),
        "left_over_bytes": (0, 0, 8),
    }


def test_equal_times_are_still_three_processes():
    assert stored_metric("latency_s", [Metric(0.01)] * 3).values == (0.01, 0.01, 0.01)


def test_equal_errors_are_one_number():
    assert stored_metric("relative_error", [Metric(0.01)] * 3).values == (0.01,)
    assert stored_metric("relative_error", [Metric(0.01), Metric(0.02)]).values == (0.01, 0.02)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0.0123456, 0.01235),
        (123456.7, 123500.0),
        (1.23449e-9, 1.234e-9),
        (-2.00004, -2.0),
        (0.0, 0.0),
        (float("inf"), float("inf")),
        (1_234_567, 1_234_567),
    ],
)
def test_measured_numbers_keep_four_digits_and_integers_all(value, kept):
    assert short(value) == kept
    assert type(short(value)) is type(value)


def test_only_judged_metrics_and_nothing_raw_are_stored(tmp_path):
    refresh([full_run() for _ in range(3)], tmp_path, "", NOW)
    for path, found in read_baselines(tmp_path, SLUG).items():
        assert set(found.cases) == {record.case for record in full_run().records if record.path == path}
    kept = read_baselines(tmp_path, SLUG)["attention"].cases[CASE].metrics
    assert set(kept) == set(full_run().records[0].metrics) - {"matmul_share", "flops_per_s"}
    assert '"samples"' not in (tmp_path / SLUG / "attention.json").read_text()


def test_a_baseline_says_where_it_comes_from(tmp_path):
    runs = [run(record(graph_count=1), commit="b"), run(record(graph_count=1), commit="a", dirty=True)]
    found = refreshed(tmp_path, *runs, reason="first")["attention"]
    assert (found.commit, found.reason, found.created_utc) == ("a+changes, b", "first", NOW.isoformat())
    assert found.fingerprint == fingerprint(soft={})


def test_status_and_its_reason_are_stored(tmp_path):
    made = run(record(), record(OTHER, "oom", "needs 40 GiB"))
    case = refreshed(tmp_path, made)["attention"].cases[OTHER]
    assert (case.status, case.reason, case.metrics) == ("oom", "needs 40 GiB", {})


def test_a_run_passes_against_the_baseline_made_of_it(tmp_path):
    refresh([full_run() for _ in range(3)], tmp_path, "", NOW)
    findings = judge_run(full_run(), read_baselines(tmp_path, SLUG))
    assert {finding.verdict for finding in findings} <= {Verdict.UNCHANGED, Verdict.INCONCLUSIVE}
    assert exit_code(full_run(), findings, require_baseline=True) == 0


def test_a_refresh_that_says_nothing_new_leaves_the_file_as_it_is(tmp_path):
    refresh([full_run() for _ in range(3)], tmp_path, "", NOW)
    first = files_of(tmp_path)
    assert json.loads(first["attention.json"])["created_utc"] == "2026-11-21T07:00:00+00:00"
    moment_later = NOW + datetime.timedelta(microseconds=5)
    result = refresh([full_run() for _ in range(3)], tmp_path, "", moment_later)
    assert files_of(tmp_path) == first
    assert result.changes == result.files == ()
    assert set(first) == {"attention.json", "mxint8.json"}


def test_of_two_paths_only_the_one_that_changed_is_written(tmp_path):
    other = record("mxint8/a", graph_count=1)
    refresh([run(record(graph_count=2), other)], tmp_path, "", NOW)
    [file] = refresh([run(record(graph_count=1), other)], tmp_path, "", NOW).files
    assert file.name == "attention.json"


def test_where_a_case_comes_from_is_nothing_new(tmp_path):
    def both(count):
        return run(record(graph_count=1), record(OTHER, graph_count=count))

    refresh([both(2)], tmp_path, "", NOW)
    refresh([both(1)], tmp_path, "", NOW, keep=[OTHER])
    assert read_baselines(tmp_path, SLUG)["attention"].cases[CASE].origin is not None
    assert refresh([both(1)], tmp_path, "", NOW).files == ()


def test_equal_numbers_of_fewer_processes_are_nothing_new(tmp_path):
    refresh(three(40.0, 40.0, 40.0, metric="sqnr_db"), tmp_path, "", NOW)
    assert refresh(three(40.0, metric="sqnr_db"), tmp_path, "", NOW).files == ()


# ---------------------------------------------------------------- worse needs a reason


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (record(peak_allocated_bytes=200_000, graph_count=1), "peak_allocated_bytes regressed"),
        (record(peak_allocated_bytes=100_000), "graph_count missing"),
        (record(status="oom"), "status regressed"),
        (record(definition="d2", peak_allocated_bytes=1, graph_count=1), "definition incomparable"),
    ],
)
def test_a_worse_baseline_needs_a_reason(tmp_path, now, found):
    other = record(OTHER, graph_count=1)
    refresh([run(record(peak_allocated_bytes=100_000, graph_count=1), other)], tmp_path, "", NOW)
    before = files_of(tmp_path)
    with pytest.raises(Worse, match=found) as refused:
        refresh([run(now, other)], tmp_path, "", NOW)
    assert '--reason "..."' in str(refused.value)
    assert files_of(tmp_path) == before

    result = refresh([run(now, other)], tmp_path, "it computes more", NOW)
    after = read_baselines(tmp_path, SLUG)["attention"]
    assert after.reason == "it computes more"
    assert after.cases[CASE].status == now.status
    assert found in result.changes[0].sentence()


def test_other_software_needs_a_reason(tmp_path):
    refresh([run(record(graph_count=1))], tmp_path, "", NOW)
    elsewhere = run(record(graph_count=1), place=fingerprint(software={"torch": "9"}))
    with pytest.raises(Worse, match=r"software\.torch: 2\.14\.1 -> 9"):
        refresh([elsewhere], tmp_path, "", NOW)
    assert refreshed(tmp_path, elsewhere, reason="torch 9")["attention"].fingerprint.software == {"torch": "9"}


def test_one_worse_process_of_several_is_enough_to_ask(tmp_path):
    refresh(three(40.0, 40.0, 40.0, metric="sqnr_db"), tmp_path, "", NOW)
    with pytest.raises(Worse, match="sqnr_db regressed"):
        refresh(three(40.0, 33.0, 40.0, metric="sqnr_db"), tmp_path, "", NOW)


def test_the_worst_is_named_the_others_are_counted_and_all_are_told_worst_first(tmp_path):
    before = record(peak_allocated_bytes=100_000, graph_count=1, sqnr_db=40.0)
    after = record(peak_allocated_bytes=200_000, graph_count=2, sqnr_db=50.0)
    others = [record("attention/a", graph_count=1), record("attention/b", graph_count=1)]
    refresh([run(before, *others)], tmp_path, "", NOW)
    with pytest.raises(Worse, match=rf"^{CASE}: graph_count regressed: 1 -> 2 \(and 1 more\); if it is meant, say why"):
        refresh([run(after, *others)], tmp_path, "", NOW)
    one = dataclasses.replace(before, metrics={**before.metrics, "graph_count": Metric(2)})
    with pytest.raises(Worse, match=r"regressed: 1 -> 2; if it is meant"):
        refresh([run(one, *others)], tmp_path, "", NOW)
    changes = refresh([run(after, record("attention/a", graph_count=2), others[1])], tmp_path, "meant", NOW).changes
    assert [(found.case, found.metric, found.verdict) for found in changes] == [
        ("attention/a", "graph_count", Verdict.REGRESSED),
        (CASE, "graph_count", Verdict.REGRESSED),
        (CASE, "peak_allocated_bytes", Verdict.REGRESSED),
        (CASE, "sqnr_db", Verdict.IMPROVED),
    ]


@pytest.mark.parametrize("values", [(33.97, 39.9, 39.9), (39.9, 39.9, 33.97)])
def test_of_several_processes_the_worst_word_is_told(tmp_path, values):
    refresh(three(40.0, 40.0, 40.0, metric="sqnr_db"), tmp_path, "", NOW)
    result = refresh(three(*values, metric="sqnr_db"), tmp_path, "meant", NOW)
    assert [found.verdict for found in result.changes] == [Verdict.REGRESSED]


def test_what_was_not_chosen_is_not_told(full):
    made = run(record(graph_count=0), record(OTHER, graph_count=9), record(COMPILE, graph_count=9))
    assert [found.case for found in refresh([made], full, "", NOW, keep=[CASE]).changes] == [CASE]


def test_improved_and_new_need_no_reason_and_are_told(tmp_path):
    refresh([run(record(graph_count=2))], tmp_path, "", NOW)
    result = refresh([run(record(graph_count=1), record(OTHER, graph_count=1))], tmp_path, "", NOW)
    assert [(finding.case, finding.metric, finding.verdict) for finding in result.changes] == [
        (OTHER, "graph_count", Verdict.NEW),
        (OTHER, "status", Verdict.NEW),
        (CASE, "graph_count", Verdict.IMPROVED),
    ]


# ---------------------------------------------------------------- unfit runs


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        ([], "^no run given, expected at least one; make some with ci/perf.sh$"),
        ([run()], "^no chosen case was measured in these runs; check -k and the runs$"),
        ([run(record(status="unsupported"))], "no chosen case was measured"),
        (
            [run(record(), record(OTHER, "error", "off by one"))],
            r"status error \(off by one\); a wrong result is never",
        ),
        ([run(record()), run(record(status="error"))], "status error"),
        ([run(record(), record(OTHER)), run(record(), record(OTHER, "oom"))], "ok in one run and oom in another"),
        ([run(record(definition="d1")), run(record(definition="d2"))], "find out why first"),
        ([run(record(), record(OTHER)), run(record())], "found in 1 of 2 runs"),
        ([run(record()), run(record(), record(OTHER))], f"^{OTHER}: found in 1 of 2 runs"),
        (
            [run(placed(record(), "a"), placed(record(OTHER), "b"))],
            "^attention: its records come from several places, expected one a path; rename the cases$",
        ),
        ([run(placed(record(), "a"), record(OTHER))], "several places"),
        ([run(record()), run(record(), place=fingerprint(device={"cores": "4"}))], r"device\.cores: 2 -> 4"),
        ([run(record()), run(record(), place=fingerprint(software={"torch": "9"}))], r"software\.torch: 2\.14\.1 -> 9"),
        ([run(record()), run(record(), place=fingerprint("cpu-other"))], r"different places \(cpu-other\)"),
    ],
)
@pytest.mark.parametrize("reason", ["", "meant"])
def test_unfit_runs_are_refused_whatever_the_reason(tmp_path, runs, found, reason):
    with pytest.raises(Refused, match=found) as refused:
        refresh(runs, tmp_path, reason, NOW)
    assert type(refused.value) is Refused
    assert not list(tmp_path.rglob("*.json"))


def test_runs_of_two_machines_of_one_kind_are_accepted(tmp_path):
    runs = [run(record(graph_count=1), place=fingerprint(machine={"id": name})) for name in ("a", "b")]
    assert refreshed(tmp_path, *runs)["attention"].processes == 2


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("peak_allocated_bytes", (1_000_000, 2_000_000, 1_000_000)),
        ("peak_allocated_bytes", (1_000_000, 1_000_000, 2_000_000)),
        ("graph_count", (1, 2)),
        ("relative_error", (1e-6, 1e-6, 1e-3)),
        ("sqnr_db", (40.0, 20.0, 40.0)),
        ("saved_fraction", (0.5, 0.1, 0.5)),
    ],
)
@pytest.mark.parametrize("reason", ["", "meant"])
def test_processes_that_disagree_absurdly_make_no_baseline(tmp_path, metric, values, reason):
    with pytest.raises(
        Refused, match=rf"run \d does not pass against the new baseline: .*{metric} regressed"
    ) as refused:
        refresh(three(*values, metric=metric), tmp_path, reason, NOW)
    assert type(refused.value) is Refused
    assert not list(tmp_path.rglob("*.json"))


def test_the_process_that_does_not_fit_is_named(tmp_path):
    values = (1_000_000, 1_000_000, 2_000_000)
    with pytest.raises(Refused, match=r"^run 3 does not pass .*; measure again, with more processes$"):
        refresh(three(*values, metric="peak_allocated_bytes"), tmp_path, "", NOW)


@pytest.mark.parametrize("reason", ["", "meant"])
def test_a_goal_that_one_process_missed_makes_no_baseline(tmp_path, reason):
    ratios = [Metric(value, limit=10.0, why="planted") for value in (12.0, 12.1, 3.0)]
    with pytest.raises(Refused, match=r"speedup_over_eager_ratio regressed: .*the goal is at least 10: planted"):
        refresh(three(*ratios, metric="speedup_over_eager_ratio"), tmp_path, reason, NOW)
    assert not list(tmp_path.rglob("*.json"))


def test_a_time_that_is_not_positive_makes_no_baseline(tmp_path):
    with pytest.raises(Refused, match="does not pass against the new baseline"):
        refresh(three(0.01, 0.0, 0.01), tmp_path, "", NOW)


# ---------------------------------------------------------------- part of a path


KNOWN = {"attention": (CASE, OTHER), "compile": (COMPILE,)}


@pytest.fixture
def full(tmp_path):
    """A folder with two cases of one path and one of another."""
    refresh(
        [run(record(graph_count=1), record(OTHER, graph_count=1), record(COMPILE, graph_count=1))], tmp_path, "", NOW
    )
    return tmp_path


def test_cases_that_were_not_chosen_stay_as_they_are(full):
    made = run(record(graph_count=0), record(OTHER, graph_count=0), record(COMPILE, graph_count=9))
    before = files_of(full)
    cases = refreshed(full, made, keep=[CASE])["attention"].cases
    assert cases[CASE].metrics["graph_count"].values == (0,)
    assert cases[OTHER].metrics["graph_count"].values == (1,)
    assert files_of(full)["compile.json"] == before["compile.json"]


def test_cases_that_were_deselected_in_the_run_stay_as_they_are(full):
    made = run(record(graph_count=0), known=KNOWN, selected=(CASE,))
    assert set(refreshed(full, made)["attention"].cases) == {CASE, OTHER}


def test_a_choice_that_matches_nothing_is_refused(full):
    with pytest.raises(Refused, match="no chosen case was measured"):
        refresh([run(record(graph_count=1))], full, "", NOW, keep=["attention/typo"])


def test_an_error_outside_the_choice_does_not_matter(full):
    made = run(record(graph_count=1), record(OTHER, "error"), known=KNOWN)
    assert set(refreshed(full, made, keep=[CASE])["attention"].cases) == {CASE, OTHER}


def test_part_of_a_path_from_another_environment_is_refused(full):
    made = run(record(graph_count=1), known=KNOWN, place=fingerprint(software={"torch": "9"}))
    with pytest.raises(Refused, match="1 stored cases come from another environment"):
        refresh([made], full, "torch 9", NOW)


def test_a_vanished_case_is_dropped_only_with_a_reason(full):
    made = run(record(graph_count=1), record(COMPILE, graph_count=1))
    before = files_of(full)
    with pytest.raises(Worse, match=f"{OTHER}: status missing"):
        refresh([made], full, "", NOW)
    assert files_of(full) == before
    assert set(refreshed(full, made, reason="slower twin removed")["attention"].cases) == {CASE}


def test_a_selected_case_without_record_needs_a_reason_and_is_kept(full):
    made = run(record(graph_count=1), known=KNOWN, selected=(CASE, OTHER))
    with pytest.raises(Worse, match=f"{OTHER}: status missing: selected"):
        refresh([made], full, "", NOW)
    assert set(refreshed(full, made, reason="crashed, known")["attention"].cases) == {CASE, OTHER}


def test_the_file_of_a_vanished_path_goes_only_with_a_reason(full):
    made = run(record(graph_count=1), record(OTHER, graph_count=1))
    with pytest.raises(Worse, match=f"{COMPILE}: status missing"):
        refresh([made], full, "", NOW)
    assert set(files_of(full)) == {"attention.json", "compile.json"}
    assert set(refreshed(full, made, reason="path retired")) == {"attention"}
    assert set(files_of(full)) == {"attention.json"}


def test_a_case_that_one_of_the_runs_knows_has_not_vanished(full):
    """Its file was collected by one process only; a path that no run looked at is known, too."""
    both = run(record(graph_count=1), known=KNOWN, selected=(CASE,))
    fewer = run(record(graph_count=1), known={"attention": (CASE,)}, selected=(CASE,), whole=False)
    assert set(refreshed(full, both, fewer, reason="meant")["attention"].cases) == {CASE, OTHER}
    assert set(files_of(full)) == {"attention.json", "compile.json"}


def test_a_path_that_one_of_the_runs_did_not_look_for_has_not_vanished(full):
    made = [run(record(graph_count=1), record(OTHER, graph_count=1), whole=whole) for whole in (True, False)]
    refresh(made, full, "meant", NOW)
    assert set(files_of(full)) == {"attention.json", "compile.json"}


def test_a_path_that_was_not_collected_is_left_alone(full):
    before = files_of(full)
    made = run(record(graph_count=1), record(OTHER, graph_count=1), whole=False)
    refresh([made], full, "", NOW)
    assert files_of(full)["compile.json"] == before["compile.json"]


# ---------------------------------------------------------------- safe writing


def test_a_damaged_baseline_is_not_overwritten_in_silence(full):
    file = baseline_file(full, SLUG, "attention")
    file.write_text("{")
    with pytest.raises(UnusableFile, match=r"attention\.json: not JSON"):
        refresh([run(record(graph_count=1))], full, "meant", NOW)
    assert file.read_text() == "{"


def test_a_full_disk_leaves_the_old_baseline_and_no_rubbish(full, monkeypatch):
    before = sorted(full.rglob("*")), files_of(full)

    def no_space(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", no_space)
    with pytest.raises(UnusableFile, match="No space left on device"):
        refresh([run(record(graph_count=0), record(OTHER, graph_count=0), known=KNOWN)], full, "", NOW)
    assert (sorted(full.rglob("*")), files_of(full)) == before


def test_a_file_in_place_of_the_baselines_is_refused(tmp_path):
    (tmp_path / "baselines").write_text("in the way")
    with pytest.raises(UnusableFile, match="cannot be written"):
        refresh([run(record(graph_count=1))], tmp_path / "baselines", "", NOW)


def test_two_refreshes_at_once_are_refused(tmp_path):
    """This process holds the lock; the second one is a real command in a process of its own."""
    file = run_file(tmp_path, run(record(graph_count=1)))
    command = [sys.executable, "-m", "tools", "refresh", str(file), "--baselines", str(tmp_path / "b")]
    with exclusive(tmp_path / "b" / SLUG, "baselines"):
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "another process is writing there" in second.stderr
    assert not list(tmp_path.rglob("attention.json"))


def test_a_device_can_be_refreshed_while_another_is_being_written(tmp_path):
    with exclusive(tmp_path / "cpu-other", "baselines"):
        assert set(refreshed(tmp_path, run(record(graph_count=1)))) == {"attention"}


def test_stored_text_is_plain_json_whatever_the_case_is_called(tmp_path):
    odd = 'attention/"quoted"\\\n{}µ'
    found = refreshed(tmp_path, run(record(odd, graph_count=1)))
    assert set(found["attention"].cases) == {odd}
    assert set(json.loads((tmp_path / SLUG / "attention.json").read_text())["cases"]) == {odd}


def test_a_limit_and_samples_do_not_matter_to_what_is_stored():
    one = Metric(0.012345, (0.01, 0.02), 1.0)
    assert stored_metric("latency_s", [one] * 2) == stored_metric("latency_s", [Metric(0.012345)] * 2)


def test_a_baseline_of_an_earlier_device_state_is_still_the_yardstick_of_worse(tmp_path):
    """Judged with the stored numbers as they are, also those that no run could produce any more."""
    old = baseline({CASE: stored(peak_allocated_bytes=(100, 100, 100))})
    write_baselines(tmp_path, [dataclasses.replace(old, reason="by hand")])
    with pytest.raises(Worse, match="100 -> 99,999"):
        refresh([run(record(peak_allocated_bytes=99_999))], tmp_path, "", NOW)


def test_one_run_given_twice_is_not_two_processes(tmp_path):
    first, second = three(0.01, 0.011)
    with pytest.raises(Refused, match=r"^the same run is given twice; a spread needs processes of their own$"):
        refreshed(tmp_path, first, second, first)


@pytest.mark.parametrize("blank", [" ", "\t\n"])
def test_a_blank_reason_is_none(tmp_path, blank):
    refreshed(tmp_path, run(record(peak_allocated_bytes=1 << 20)))
    with pytest.raises(Worse, match="say why"):
        refreshed(tmp_path, run(record(peak_allocated_bytes=1 << 22)), reason=blank)


def test_a_metric_in_some_runs_only_is_refused(tmp_path):
    runs = [run(record(latency_s=0.01, graph_count=1)), run(record(latency_s=0.01))]
    with pytest.raises(Refused, match="metric graph_count is in some runs only"):
        refreshed(tmp_path, *runs)


def test_records_of_a_place_of_their_own_are_stored_there_and_lock_it(tmp_path):
    made = run(placed(record(graph_count=1), "sm90"))
    with (
        exclusive(tmp_path / "static-sm90", "baselines"),
        pytest.raises(UnusableFile, match=r"^baselines .*static-sm90"),
    ):
        refresh([made], tmp_path, "", NOW)
    [file] = refresh([made], tmp_path, "", NOW).files
    assert file == tmp_path / "static-sm90" / "attention.json"


def test_a_disk_that_fills_up_between_two_paths_leaves_both_old(full, monkeypatch):
    before, stage, staged = files_of(full), files.stage, []

    def full_after_the_first(path, text):
        staged.append(path)
        if len(staged) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return stage(path, text)

    monkeypatch.setattr(files, "stage", full_after_the_first)
    with pytest.raises(UnusableFile, match="No space left"):
        refreshed(full, full_run(), reason="planted")
    assert len(staged) == 2
    assert files_of(full) == before
    assert [path.name for path in (full / SLUG).iterdir() if path.name.startswith(".a")] == []
