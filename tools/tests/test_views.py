import re
import statistics

import pytest

from tools.compare import judge_run
from tools.records import Metric
from tools.tables import STYLES, to_markdown
from tools.tests.samples import CASE, NASTY, OTHER, baseline, full_baseline, full_run, record, run, stored
from tools.verdict import Verdict
from tools.views import CASE_COLUMNS, VIEWS, WHY_WIDTH

ATTENTION_COLUMNS = (
    "method",
    "d_model",
    "seq_len",
    "status",
    "fwd_mean_ms",
    "fwd_std_ms",
    "bwd_mean_ms",
    "bwd_std_ms",
    "mem_before_bwd",
)


def cases(made, base=None):
    """Case -> its row of the view, by column."""
    [table] = VIEWS["cases"](made, judge_run(made, {base.path: base} if base else {})).tables
    assert table.columns == CASE_COLUMNS
    return {row[1]: dict(zip(CASE_COLUMNS, row, strict=True)) for row in table.rows}


def half(method, direction, size=64, length=256, status="ok", **values):
    params = {"method": method, "d_model": size, "seq_len": length, "direction": direction}
    return record(f"attention/{method}/d{size}-s{length}/{direction}", status, params=params, **values)


def published(*records):
    [table] = VIEWS["attention"](run(*records), []).tables
    assert table.columns == ATTENTION_COLUMNS
    return [dict(zip(ATTENTION_COLUMNS, row, strict=True)) for row in table.rows]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_cells_for_its_columns(view):
    for made in (full_run(), run()):
        page = VIEWS[view](made, judge_run(made, {"attention": full_baseline()}))
        assert page.tables or page.sentences
        for table in page.tables:
            assert all(len(row) == len(table.columns) for row in table.rows)
            assert table.left <= set(table.columns)
            assert to_markdown(table)


def test_cases_come_worst_first():
    base = baseline(
        {f"attention/{name}": stored(graph_count=1) for name in ("worse", "same", "gone", "better")}
        | {"attention/slow": stored(latency_s=(0.01, 0.0101, 0.0099)), "attention/redefined": stored(definition="d0")}
    )
    made = run(
        record("attention/same", graph_count=1),
        record("attention/better", graph_count=0),
        record("attention/new", graph_count=0),
        record("attention/slow", latency_s=0.1),
        record("attention/redefined"),
        record("attention/worse", graph_count=2),
    )
    assert [(row["case"], row["verdict"]) for row in cases(made, base).values()] == [
        ("attention/worse", "regressed"),
        ("attention/gone", "missing"),
        ("attention/redefined", "incomparable"),
        ("attention/slow", "suspect"),
        ("attention/new", "new"),
        ("attention/better", "improved"),
        ("attention/same", "unchanged"),
    ]


def test_a_row_shows_what_was_measured():
    row = cases(full_run(), full_baseline())[CASE]
    assert row["latency"] == "10 ms"
    assert re.fullmatch(r"-0\.3% ±\d+%", row["change"])
    assert row["speed-up"] == "2.00x eager"
    assert row["peak memory"] == "1.00 MiB"
    assert row["accuracy"] == "40.5 dB"
    assert row["why"] == ""


def test_device_time_stands_before_wall_time():
    row = cases(run(record(device_s=0.002, latency_s=9.0)))[CASE]
    assert row["latency"] == "2 ms"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"mismatch_count": 0}, "bit-exact"),
        ({"mismatch_count": 3}, "3 differ"),
        ({"relative_error": 1.26e-6}, "1.3e-06"),
        ({"graph_count": 1}, "–"),
    ],
)
def test_accuracy_in_the_words_of_its_metric(values, shown):
    assert cases(run(record(**values)))[CASE]["accuracy"] == shown


def test_the_reason_of_the_worst_verdict_is_told():
    base = baseline({CASE: stored(graph_count=1, peak_allocated_bytes=10, break_count=0)})
    row = cases(run(record(graph_count=5, peak_allocated_bytes=10, break_count=2)), base)[CASE]
    assert row["why"] == "break_count: 0 -> 2 (+1 more)"


def test_a_time_that_moved_unjudged_says_why():
    base = baseline({CASE: stored(latency_s=(0.01, 0.0101, 0.0099), graph_count=1)})
    disturbed = cases(run(record(CASE, latency_s=0.02, graph_count=1, foreign_load_share=0.4)), base)[CASE]
    assert (disturbed["verdict"], disturbed["change"]) == ("unchanged", "+100.0%")
    assert disturbed["why"] == "latency_s: other processes used 40% of the machine while this was …"
    calm = cases(run(record(CASE, latency_s=0.01, graph_count=1)), base)[CASE]
    assert calm["why"] == ""


def test_a_status_says_why_even_when_it_is_no_news():
    made = run(record(status="unsupported", reason="no CUDA here"))
    base = baseline({CASE: stored("unsupported")})
    assert cases(made)[CASE]["why"] == "unsupported: no CUDA here"
    assert cases(made, base)[CASE]["why"] == "unsupported: no CUDA here"
    assert cases(made, base)[CASE]["latency"] == "–"


def test_a_vanished_case_has_a_row_of_its_own():
    row = cases(run(record(OTHER)), baseline({CASE: stored(graph_count=1)}))[CASE]
    assert (row["verdict"], row["latency"]) == ("missing", "–")
    assert "renamed or deleted" in row["why"]


def test_a_long_reason_is_cut_in_the_table():
    row = cases(run(record(status="error", reason="word " * 100)))[CASE]
    assert len(row["why"]) <= WHY_WIDTH
    assert row["why"].endswith(" …")


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("peak_allocated_bytes", 0, "0 B"),
        ("peak_allocated_bytes", 1023, "1023 B"),
        ("peak_allocated_bytes", 1024, "1.00 KiB"),
        ("peak_allocated_bytes", 3 * 2**29, "1.50 GiB"),
        ("peak_allocated_bytes", 2**42, "4.00 TiB"),
        ("peak_allocated_bytes", 2**53, "8192.00 TiB"),
        ("latency_s", 2.5, "2.5 s"),
        ("latency_s", 0.0025, "2.5 ms"),
        ("latency_s", 2.5e-6, "2.5 µs"),
        ("latency_s", 2.5e-9, "2.5 ns"),
    ],
)
def test_units_a_person_reads(metric, value, shown):
    column = "latency" if metric == "latency_s" else "peak memory"
    assert cases(run(record(**{metric: value})))[CASE][column] == shown


def test_a_case_id_with_markup_reaches_the_table_untouched():
    assert NASTY in cases(run(record(NASTY, graph_count=1)))


# ---------------------------------------------------------------- the published attention table


def test_attention_has_forward_beside_backward_with_mean_and_deviation_in_milliseconds():
    forward, backward = (0.010, 0.012, 0.011, 0.013), (0.020, 0.026, 0.021)
    [row] = published(
        half("eager", "backward", latency_s=Metric(0.021, backward), before_call_bytes=3 * 2**20),
        half("eager", "forward", latency_s=Metric(0.0115, forward), before_call_bytes=1),
    )
    assert row == {
        "method": "eager",
        "d_model": "64",
        "seq_len": "256",
        "status": "OK",
        "fwd_mean_ms": "11.500",
        "fwd_std_ms": f"{statistics.stdev(forward) * 1e3:.3f}",
        "bwd_mean_ms": "22.333",
        "bwd_std_ms": f"{statistics.stdev(backward) * 1e3:.3f}",
        "mem_before_bwd": "3.00 MiB",
    }
    assert row["fwd_std_ms"] == "1.291"


def test_attention_rows_are_ordered_by_size_length_method_as_numbers():
    rows = published(
        *(half(m, "forward", d, s) for m in ("sdpa", "eager") for d in (128, 16) for s in (1024, 256)),
    )
    assert [(row["d_model"], row["seq_len"], row["method"]) for row in rows] == [
        (d, s, m) for d in ("16", "128") for s in ("256", "1024") for m in ("eager", "sdpa")
    ]


def test_attention_says_out_of_memory_where_it_was():
    [row] = published(
        half("eager", "forward", latency_s=Metric(0.1, (0.1, 0.1))), half("eager", "backward", status="oom")
    )
    assert (row["status"], row["mem_before_bwd"]) == ("OK/OOM", "OOM")
    assert (row["fwd_mean_ms"], row["bwd_mean_ms"], row["bwd_std_ms"]) == ("100.000", "", "")


def test_attention_leaves_blank_what_was_not_measured():
    [row] = published(half("eager", "forward", status="unsupported"))
    assert (row["status"], row["fwd_mean_ms"], row["mem_before_bwd"]) == ("UNSUPPORTED", "", "–")


@pytest.mark.parametrize(
    "params",
    [{}, {"direction": "forward"}, {"method": "eager", "d_model": "64", "seq_len": 256, "direction": "forward"}],
)
def test_attention_passes_over_records_that_are_no_row_of_it(params):
    assert published(record(params=params), half("eager", "forward")) == published(half("eager", "forward"))


# ---------------------------------------------------------------- one path each


def test_a_path_view_lists_only_its_path_in_its_units():
    made = run(
        record("mxint8/cpp/g32", moved_bytes_per_s=2.5e9, saved_fraction=0.744, latency_s=0.002),
        record("mxint8/linear/f1024", "unsupported"),
        record("compile/inductor/x", payback_calls=12345.6, latency_s=0.1),
        record(CASE, latency_s=0.1),
    )
    [table] = VIEWS["mxint8"](made, []).tables
    rows = {row[0]: row for row in table.rows}
    assert rows.keys() == {"mxint8/cpp/g32", "mxint8/linear/f1024"}
    assert {"ok", "2 ms", "2.5 GB/s", "74.4%"} <= set(rows["mxint8/cpp/g32"])
    assert set(rows["mxint8/linear/f1024"][2:]) == {"–"}
    [compiled] = VIEWS["compile"](made, []).tables[0].rows
    assert {"compile/inductor/x", "100 ms", "12,346 calls"} <= set(compiled)


def test_operators_view_lists_the_operator_cases_only():
    made = run(record("attention/naive/b32/operators", matmul_share=0.25), record(CASE, latency_s=0.1))
    [row] = VIEWS["attention-operators"](made, []).tables[0].rows
    assert row[0] == "attention/naive/b32/operators"
    assert "25.0%" in row


def test_quantizers_are_shown_with_their_rates_and_their_noise():
    made = run(
        record(
            "quantizers/integer8/n1m",
            latency_s=0.004,
            moved_bytes_per_s=2e9,
            speedup_over_copy_ratio=0.25,
            speedup_over_eager_ratio=1.5,
            gaussian_sqnr_db=31.87,
        ),
        record("quantizers/log8/n1m", "unsupported"),
        record("compression/ptq/mlp-integer", latency_s=1.0),
    )
    [table] = VIEWS["quantizers"](made, []).tables
    assert table.columns == ("case", "status", "latency", "rate", "of copy", "over eager", "SQNR of N(0,1)")
    assert table.rows == (
        ("quantizers/integer8/n1m", "ok", "4 ms", "2.0 GB/s", "25%", "1.50x", "31.9 dB"),
        ("quantizers/log8/n1m", "unsupported", "–", "–", "–", "–", "–"),
    )


@pytest.mark.parametrize("view", sorted(VIEWS.keys() - {"compression"}))
def test_only_compression_is_drawn(view):
    assert not VIEWS[view](full_run(), judge_run(full_run(), {})).plots


def test_every_verdict_has_a_colour():
    assert STYLES.keys() == {str(verdict) for verdict in Verdict}


def test_the_share_of_the_roofline_stands_with_the_time():
    found = cases(run(record(latency_s=0.01, floor_s=0.0083, floor_share=0.83), record(OTHER, latency_s=0.01)))
    assert {case: row["of roofline"] for case, row in found.items()} == {CASE: "83%", OTHER: "–"}
