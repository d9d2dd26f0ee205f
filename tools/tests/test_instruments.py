"""The table of instruments, from samples: what is read, the farthest pair, the ceilings, and why agreement is open."""

import pytest

from tools.compare import judge_run
from tools.policy import PARTED
from tools.records import Metric
from tools.tests.samples import CASE, record, run
from tools.verdict import Verdict
from tools.views import VIEWS

GPU = {
    "reading.cold_events_s": 251.2e-6,
    "reading.do_bench_s": 252e-6,
    "reading.hot_events_s": 249e-6,
    "reading.graph_s": 248e-6,
    "reading.do_bench_cudagraph_s": 248.1e-6,
    "reading.host_s": 259e-6,
    "launch_overhead_s": 9.87e-6,
    "unsynchronized_share": 0.031,
    "single_of_doubled_share": 0.502,
    "cold_disagreement_fraction": 0.003,
    "cold_disagreement_high_fraction": Metric(0.011, (), 0.02),
    "hot_disagreement_fraction": 0.004,
    "hot_disagreement_high_fraction": Metric(0.005, (), 0.02),
    "ceiling_bytes_per_s": 4.3e12,
}
COLUMNS = (
    "case",
    "events, cold",
    "do_bench",
    "events, hot",
    "graph",
    "do_bench_cudagraph",
    "host",
    "Timer",
    "launch overhead",
    "unsynchronized",
    "of twice the work",
    "largest disagreement",
    "ceiling",
)


def shown(*records):
    made = run(*records)
    return VIEWS["instruments"](made, judge_run(made, {}))


def row(**values):
    [table] = shown(record("instruments/gpu/copy-1gi", **values)).tables
    assert table.columns == COLUMNS
    [found] = table.rows
    return dict(zip(COLUMNS, found, strict=True))


def test_a_case_has_its_readings_side_by_side():
    assert tuple(row(**GPU).values()) == (
        "gpu/copy-1gi",
        "251.2 µs",
        "252 µs",
        "249 µs",
        "248 µs",
        "248.1 µs",
        "259 µs",
        "–",
        "9.87 µs",
        "3.1%",
        "50.2%",
        "cold 0.3%, at most 1.1%",
        "4,300.0 GB/s",
    )


def test_what_needs_a_gpu_is_blank_on_a_processor():
    found = row(**{"reading.host_s": 1.5, "reading.timer_s": 1.5e-3})
    assert (found["host"], found["Timer"]) == ("1.5 s", "1.5 ms")
    assert {found[name] for name in COLUMNS if name not in ("case", "host", "Timer")} == {"–"}


def test_a_product_has_its_ceiling_in_operations():
    assert row(ceiling_flops_per_s=7.12e14)["ceiling"] == "712.000 TFLOP/s"


@pytest.mark.parametrize("pair", PARTED)
def test_a_pair_beyond_its_bound_says_what_can_part_the_two(pair):
    name = f"{pair}_disagreement_high_fraction"
    made = run(record("instruments/gpu/add-4ki", **{name: Metric(0.03, (), 0.02)}))
    [finding] = [each for each in judge_run(made, {}) if each.metric == name]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.reason == f"not shown to agree ({PARTED[pair]}): up to 0.03 is possible, 0.02 is allowed"
    assert VIEWS["instruments"](made, [finding]).sentences == (finding.sentence(),)


def test_a_pair_within_its_bound_is_unchanged_and_says_nothing():
    page = shown(record("instruments/gpu/copy-1gi", **GPU))
    assert page.sentences == ()


def test_a_case_that_could_not_be_read_says_why_and_has_no_row():
    lacking = [record(f"instruments/gpu/{name}", "unsupported", "found device cpu") for name in ("add", "copy")]
    page = shown(*lacking, record(CASE, latency_s=0.1))
    assert page.tables == ()
    assert page.sentences == ("instruments/gpu/add and 1 more: unsupported: found device cpu",)


def test_without_the_path_the_view_names_the_command():
    assert "perf_tests/test_instruments.py" in shown(record(CASE, latency_s=0.1)).sentences[0]


def test_another_paths_open_bounds_are_not_told_here():
    beyond = Metric(0.03, (), 0.02)
    here = record("instruments/gpu/copy-1gi", **GPU, top1_drop_high_fraction=beyond)
    assert shown(here, record("other/x", cold_disagreement_high_fraction=beyond)).sentences == ()
