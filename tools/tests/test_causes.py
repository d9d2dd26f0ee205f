import dataclasses
import shlex
import subprocess

import pytest

from tools import causes
from tools.baselines import StoredCase
from tools.causes import grouped
from tools.compare import Finding, judge_run
from tools.records import Metric
from tools.tests.samples import CASE, NASTY, OTHER, anchored, baseline, fingerprint, record, run, stored
from tools.verdict import Verdict

STEADY = (0.01, 0.0101, 0.0099)
METHODS = ("eager", "compiled")
SIZES = (64, 128, 256)


def attention(method, size, factor=1.0, **values):
    """A case of the path, `factor` slower and bigger than its baseline."""
    params = {"method": method, "d_model": size}
    numbers = {"latency_s": 0.01 * factor, "peak_allocated_bytes": round(2**24 * factor)}
    return record(f"attention/{method}/d{size}", params=params, **{**numbers, **values})


def of(made, **kwargs):
    """The causes of a run against a baseline in which every case is steady."""
    cases = {each.case: stored(latency_s=STEADY, peak_allocated_bytes=2**24) for each in made.records}
    paths = {case.partition("/")[0] for case in cases}
    baselines = {p: baseline({c: s for c, s in cases.items() if c.startswith(p)}, p, **kwargs) for p in paths}
    return grouped(judge_run(made, baselines), made, baselines)


def memory(made):
    return [cause for cause in of(made) if "peak_allocated_bytes" in cause.title]


def table(worse, factor=1.15):
    """All methods and sizes; those that `worse` picks take more memory, not time."""
    grown = {"peak_allocated_bytes": round(2**24 * factor), "latency_s": 0.01}
    records = [attention(m, s, **(grown if worse(m, s) else {})) for m in METHODS for s in SIZES]
    return run(*records)


def test_one_cause_that_hits_forty_cases_is_one_entry():
    made = run(*(attention("eager", size, 1.12 + size / 1000, latency_s=0.01) for size in range(40)))
    [cause] = memory(made)
    assert cause.title == "peak_allocated_bytes of 40 cases of path attention grew by 12 to 16 %"
    assert (cause.verdict, len(cause.findings), len(cause.cases)) == (Verdict.REGRESSED, 40, 40)
    assert cause.hint == "all 40 cases of the path"


@pytest.mark.parametrize(
    ("worse", "hint"),
    [
        (lambda m, s: m == "compiled", "only cases with params.method=compiled"),
        (lambda m, s: s == 128, "only cases with params.d_model=128"),
        (lambda m, s: s in (64, 256), "only cases with params.d_model of 256 or 64"),
        (lambda m, s: (m, s) == ("compiled", 64), ""),  # of one case everything is its own
        (lambda m, s: s == 128 or (m, s) == ("eager", 64), ""),  # shared by none, or by an unchanged one, too
        (lambda m, s: True, "all 6 cases of the path"),
    ],
)
def test_a_parameter_that_no_unchanged_case_has_is_the_hint(worse, hint):
    [cause] = memory(table(worse))
    assert cause.hint == hint


def test_two_parameters_together_are_a_hint_where_neither_is_alone():
    grown = {"latency_s": 0.01, "peak_allocated_bytes": 2**25}
    records = [
        dataclasses.replace(each, case=f"{each.case}/{way}", params={**each.params, "direction": way})
        for way in ("forward", "backward")
        for m in METHODS
        for s in SIZES
        for each in [attention(m, s, **(grown if (m, way) == ("compiled", "backward") else {}))]
    ]
    [cause] = memory(run(*records))
    assert cause.hint == "only cases with params.direction=backward and params.method=compiled"


def test_times_and_memory_are_two_causes_and_red_comes_first():
    first, second = of(run(*(attention("eager", size, 1.5) for size in SIZES)))
    assert [first.verdict, second.verdict] == [Verdict.REGRESSED, Verdict.SUSPECT]
    assert second.title == "latency_s of 3 cases of path attention grew by 50 %"
    assert second.command == "python -m tools ab --base main --suspects RUN"


def test_less_of_what_should_be_more_fell():
    made = run(record(sqnr_db=20.0), record(OTHER, sqnr_db=30.0))
    kept = {"attention": baseline({CASE: stored(sqnr_db=40.0), OTHER: stored(sqnr_db=40.0)})}
    [cause] = grouped(judge_run(made, kept), made, kept)
    assert cause.title == "sqnr_db of 2 cases of path attention fell by 25 to 50 %"


@pytest.mark.parametrize("before", [(3.0, 3.0, 3.0), (3.1, 3.1, 3.1), None])
def test_a_goal_that_is_missed_is_told_as_one(before):
    made = run(record(speedup_over_eager_ratio=Metric(3.0, (3.0,) * 9, 10.0, why="planted")))
    kept = {"attention": baseline({CASE: stored(speedup_over_eager_ratio=before)})} if before else {}
    [cause] = grouped(judge_run(made, kept), made, kept)
    told = "missed a goal: 3 (3 to 3), the goal is at least 10: planted"
    assert cause.title == f"speedup_over_eager_ratio of {CASE} {told}"


def test_slower_and_less_speed_up_is_one_cause():
    made = run(record(latency_s=0.02, speedup_over_eager_ratio=1.0), record(OTHER, latency_s=0.02))
    stored_at = baseline(
        {CASE: stored(latency_s=STEADY, speedup_over_eager_ratio=(2.0, 2.01, 1.99)), OTHER: stored(latency_s=STEADY)}
    )
    [cause] = grouped(judge_run(made, {"attention": stored_at}), made, {"attention": stored_at})
    assert cause.title == "latency_s and speedup_over_eager_ratio of 2 cases of path attention got worse by 50 to 100 %"


def test_other_software_is_one_cause_however_many_metrics_it_hides():
    ours = fingerprint(software={"torch": "2.15.0"})
    other = dataclasses.replace(attention("eager", 64), case="mxint8/x")
    made = run(attention("eager", 64), attention("compiled", 64), other, place=ours)
    [cause] = of(made, place=fingerprint(software={"torch": "2.14.1"}))
    told = "latency_s and peak_allocated_bytes of 3 cases of paths attention, mxint8 cannot be compared"
    assert (cause.verdict, cause.title) == (Verdict.INCOMPARABLE, f"{told}: the baseline was made elsewhere")
    assert cause.hint == "software.torch: 2.14.1 -> 2.15.0 differs from the baseline's"
    assert cause.command == 'bash ci/refresh.sh --runs 3 --reason "..."'


def test_what_differs_beyond_the_scope_of_a_metric_is_a_hint():
    made = run(record(speedup_over_eager_ratio=1.0), place=fingerprint(software={"torch": "2.15.0"}))
    kept = baseline({CASE: stored("ok", speedup_over_eager_ratio=(2.0, 2.01, 1.99))})
    [cause] = [c for c in grouped(judge_run(made, {"attention": kept}), made, {"attention": kept}) if c.hint]
    assert cause.hint.startswith("software.")


def test_what_ended_alike_is_one_cause_whatever_its_numbers():
    made = run(*(record(f"{path}/{n}", "error", f"error {n}.5e-3 at index {n}") for path in "ab" for n in range(3)))
    [cause] = grouped(judge_run(made, {}), made, {})
    assert cause.title == "6 cases of paths a, b regressed: error 0.5e-3 at index 0"


def test_different_errors_are_different_causes():
    made = run(record("a/1", "error", "no module x"), record("a/2", "error", "no module y"))
    assert len(grouped(judge_run(made, {}), made, {})) == 2


def test_vanished_cases_and_crashed_ones_are_told_apart():
    kept = baseline({f"attention/{n}": stored(latency_s=STEADY) for n in range(5)})
    made = run(record(latency_s=0.01), selected=(CASE, OTHER), known={"attention": (CASE, OTHER, "attention/0")})
    gone, crashed = grouped(judge_run(made, {"attention": kept}), made, {"attention": kept})
    assert (len(gone.cases), len(crashed.cases)) == (4, 1)
    assert gone.command == 'bash ci/refresh.sh --runs 3 -k attention --reason "..."'
    assert crashed.command == f"pytest perf_tests -k {OTHER}"


def test_redefined_cases_are_one_cause():
    made = run(record("a/1", definition="0123456789ab"), record("a/2", definition="ffff56789012"))
    kept = {"a": baseline({f"a/{n}": StoredCase("00000000000" + n, "ok", "", {}) for n in "12"}, "a")}
    [cause] = grouped(judge_run(made, kept), made, kept)
    assert cause.title == "2 cases of path a were redefined"


def kernel(name, where, **values):
    return record(name, **{metric: Metric(value, where=where) for metric, value in values.items()})


def test_the_same_lines_of_a_source_are_one_cause_over_paths_and_metrics():
    made = run(
        kernel("kernels_sm80/dequantize", "dequantize.py:40-43", register_count=60),
        kernel("kernels_sm90/dequantize", "dequantize.py:42, 51", spill_store_bytes=128),
        kernel("kernels_sm90/softmax", "softmax.py:40-43", spill_store_bytes=128),
    )
    kept = {
        "kernels_sm80": baseline({"kernels_sm80/dequantize": stored(register_count=32)}, "kernels_sm80"),
        "kernels_sm90": baseline(
            {f"kernels_sm90/{name}": stored(spill_store_bytes=0) for name in ("dequantize", "softmax")}, "kernels_sm90"
        ),
    }
    both, other = grouped(judge_run(made, kept), made, kept)
    assert both.hint == "kernel dequantize.py:42, 51"
    assert (both.verdict, both.cases) == (Verdict.REGRESSED, ("kernels_sm90/dequantize", "kernels_sm80/dequantize"))
    assert other.cases == ("kernels_sm90/softmax",)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("a.py:1-3", "a.py:3-4", True),
        ("a.py:1-3", "a.py:4", False),
        ("a.py:1-3", "b.py:1-3", False),
        ("a.py:1, 9", "a.py:8-10", True),
        ("no lines", "no lines at all", False),
        ("a.py:1-99999999999999", "a.py:7", True),
    ],
)
def test_lines_are_shared_where_they_overlap(first, second, together):
    found = causes.shared_lines({first, second})
    assert (found[first] == found[second]) is together


def test_lines_are_shared_over_a_third_place():
    assert len(set(causes.shared_lines({"a.py:1-5", "a.py:9-12", "a.py:4-10", ""}).values())) == 1


def test_a_creep_goes_to_its_own_anchor():
    kept = {"attention": baseline({CASE: anchored("latency_s", (0.02, 0.0201, 0.0199), STEADY)})}
    made = run(record(latency_s=0.0201))
    [cause] = grouped(judge_run(made, kept), made, kept)
    assert cause.command == "python -m tools ab --base 1a2b3c4d5e6f --suspects RUN"


@pytest.mark.parametrize("node", ["", "perf_tests/test_a.py::test[x]", "--pwn::x", "-p evil.py::x", "$(id).py::x"])
def test_a_command_holds_one_harmless_argument(node):
    made = run(dataclasses.replace(record(NASTY, "error", "wrong"), node=node))
    [cause] = grouped(judge_run(made, {}), made, {})
    words = shlex.split(cause.command)
    assert words == (["pytest", node] if node.startswith("perf_tests") else ["bash", "ci/perf.sh"])


def test_a_shell_runs_nothing_out_of_a_command(tmp_path):
    node = "perf_tests/test_a.py::test[$(touch planted)`touch planted`;touch planted\n'\"]"
    made = run(dataclasses.replace(record(CASE, "error", "wrong"), node=node))
    [cause] = grouped(judge_run(made, {}), made, {})
    subprocess.run(["sh", "-c", f'pytest() {{ printf %s "$1"; }}; {cause.command}'], cwd=tmp_path, check=True)
    assert list(tmp_path.iterdir()) == []


def test_what_is_quiet_has_no_cause():
    made = run(record(latency_s=0.01))
    quiet = [Finding(CASE, "latency_s", v, "") for v in Verdict if v not in causes.ATTENTION]
    assert grouped(quiet, made, {}) == ()


def test_findings_without_records_and_baselines_still_have_a_cause():
    """What an A/B adds may be of a case that the run does not have."""
    [cause] = grouped([Finding(CASE, "latency_s", Verdict.REGRESSED, "A/B", change=0.05)], run(), {})
    assert (cause.title, cause.hint) == (f"latency_s of {CASE} grew by 5.0 %", "")
