"""Software that only some cases need: an upgrade of one runtime leaves the baselines of all others standing."""

import json

import pytest

from tools.baselines import SCHEMA_VERSION, baseline_file, read_baselines
from tools.compare import Finding, judge_record, judge_run
from tools.records import Metric
from tools.refresh import Refused, refresh
from tools.runs import read_run
from tools.tests.samples import CASE, OTHER, SLUG, baseline, edited, fingerprint, record, run, run_file, stored
from tools.tests.test_refresh import NOW
from tools.verdict import Verdict

OLD, NEW = {"onnxruntime-gpu": "1.30"}, {"onnxruntime-gpu": "1.31"}


def found(now, before):
    return {each.metric: each for each in judge_record(now, baseline({CASE: before}), fingerprint())}


def test_the_same_software_is_judged():
    judged = found(
        record(software=OLD, peak_allocated_bytes=10**6), stored(software=OLD, peak_allocated_bytes=2 * 10**6)
    )
    assert judged["peak_allocated_bytes"].verdict is Verdict.IMPROVED


@pytest.mark.parametrize("before", [OLD, None, {}])
def test_other_software_is_named_and_not_judged(before):
    judged = found(
        record(software=NEW, peak_allocated_bytes=2 * 10**6), stored(software=before, peak_allocated_bytes=10**6)
    )
    finding = judged["peak_allocated_bytes"]
    assert finding.verdict is Verdict.INCOMPARABLE
    assert f"software.onnxruntime-gpu: {'1.30' if before else 'none'} -> 1.31" in finding.reason


def test_a_speed_up_is_judged_whatever_the_software():
    """Its scope is the device: that is how a slower release of a runtime is seen."""
    steady = {"speedup_over_eager_ratio": (2.0, 2.02, 1.98)}
    judged = found(record(software=NEW, speedup_over_eager_ratio=1.0), stored(software=OLD, **steady))
    assert judged["speedup_over_eager_ratio"].verdict is Verdict.SUSPECT


def test_a_runtime_that_is_gone_is_not_a_regression_of_the_code():
    gone = record(status="unsupported", reason="not installed", software={"onnxruntime-gpu": ""})
    judged = found(gone, stored(software=OLD, peak_allocated_bytes=10**6))
    assert judged["status"].verdict is Verdict.INCOMPARABLE
    assert "software.onnxruntime-gpu: 1.30 -> none" in judged["status"].reason


def test_a_runtime_that_stops_working_is():
    judged = found(record(status="unsupported", software=OLD), stored(software=OLD, peak_allocated_bytes=10**6))
    assert judged["status"].verdict is Verdict.REGRESSED


def test_cases_without_it_do_not_care():
    records = [record(peak_allocated_bytes=1), record(OTHER, software=NEW, peak_allocated_bytes=1)]
    cases = {CASE: stored(peak_allocated_bytes=1), OTHER: stored(software=OLD, peak_allocated_bytes=1)}
    verdicts = {
        (f.case, f.verdict) for f in judge_run(run(*records), {"attention": baseline(cases)}) if f.metric != "status"
    }
    assert verdicts == {(CASE, Verdict.UNCHANGED), (OTHER, Verdict.INCOMPARABLE)}


def test_it_is_stored_with_its_case_and_with_no_other(tmp_path):
    made = run(record(peak_allocated_bytes=1), record(OTHER, software=NEW, peak_allocated_bytes=1))
    refresh([made], tmp_path, "", NOW)
    cases = read_baselines(tmp_path, SLUG)["attention"].cases
    assert (cases[CASE].software, cases[OTHER].software) == (None, NEW)


def test_runs_of_different_software_make_no_baseline(tmp_path):
    runs = [run(record(software=software, peak_allocated_bytes=1)) for software in (OLD, NEW)]
    with pytest.raises(Refused, match=r"different software \(software.onnxruntime-gpu: 1.30 -> 1.31\)"):
        refresh(runs, tmp_path, "", NOW)


def test_files_of_before_can_be_read(tmp_path):
    file = run_file(tmp_path, run(record(peak_allocated_bytes=1)))

    def older(document):
        document["perf_ratchet"]["schema_version"] = 1
        for each in document["perf_ratchet"]["records"]:
            del each["software"]

    assert read_run(edited(file, older)).records[0].software == {}
    refresh([run(record(peak_allocated_bytes=1))], tmp_path, "", NOW)
    stored_file = edited(baseline_file(tmp_path, SLUG, "attention"), lambda document: document.update(schema_version=2))
    assert json.loads(stored_file.read_text())["schema_version"] == 2
    assert read_baselines(tmp_path, SLUG)["attention"].schema_version == SCHEMA_VERSION


# What the data can exclude.


@pytest.mark.parametrize(
    ("high", "limit", "verdict", "told"),
    [
        (0.006, 0.01, Verdict.UNCHANGED, "within 0.01"),
        (0.013, 0.01, Verdict.INCONCLUSIVE, "too few data to tell: up to 0.013 is possible, 0.01 is allowed"),
        (0.01, 0.01, Verdict.UNCHANGED, "within 0.01"),
        (0.013, None, Verdict.INCONCLUSIVE, "too few data to tell: up to 0.013 is possible, no bound is told"),
    ],
)
@pytest.mark.parametrize("base", [None, 0.001, 0.5])
def test_a_loss_that_may_be_is_inconclusive_with_and_without_baseline(high, limit, verdict, told, base):
    now = record(top1_drop_high_fraction=Metric(high, (), limit), top1_drop_low_fraction=-0.001)
    stored_at = baseline({CASE: stored(top1_drop_high_fraction=base)}) if base is not None else None
    judged = {each.metric: each for each in judge_record(now, stored_at, fingerprint())}
    name = "top1_drop_high_fraction"
    assert judged[name] == Finding(CASE, name, verdict, told, None, high)
    assert "top1_drop_low_fraction" not in judged


# Paths that only an option brings.


def test_the_path_of_a_brought_model_is_not_missed_without_its_option(tmp_path):
    made = run(record(peak_allocated_bytes=1))
    brought = baseline({"inference_mine/eager/model-b1": stored(peak_allocated_bytes=1)}, "inference_mine")
    lost = baseline({"inference/eager/cnn-b1": stored(peak_allocated_bytes=1)}, "inference")
    missing = {
        each.case
        for each in judge_run(made, {"inference_mine": brought, "inference": lost})
        if each.verdict is Verdict.MISSING
    }
    assert missing == {"inference/eager/cnn-b1"}


def test_a_refresh_of_the_suite_keeps_the_baseline_of_a_brought_model(tmp_path):
    refresh([run(record("inference_mine/eager/model-b1", peak_allocated_bytes=1))], tmp_path, "", NOW)
    refresh([run(record(peak_allocated_bytes=1))], tmp_path, "", NOW)
    assert set(read_baselines(tmp_path, SLUG)) == {"attention", "inference_mine"}
