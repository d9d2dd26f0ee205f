"""The table of all cases: worst first, and keys by which the page sorts what it shows."""

from tools.page.rows import COLUMNS, LONGEST_WHY, case_rows, sorting
from tools.tests.page.samples import subject
from tools.tests.samples import CASE, OTHER, baseline, record, run, stored


def test_rows_are_worst_first_and_their_keys_are_their_numbers():
    made = run(
        record(OTHER, latency_s=0.01, peak_allocated_bytes=1 << 20, sqnr_db=40.0, speedup_over_eager_ratio=2.0),
        record(CASE, status="error", reason="x" * 1000),
    )
    bad, good = case_rows(subject(made, baseline({OTHER: stored(latency_s=0.01), CASE: stored(latency_s=1.0)})))
    assert (bad.case, bad.verdict, bad.status, bad.path) == (CASE, "regressed", "error", "attention")
    assert len(bad.why) == LONGEST_WHY
    assert good.cells == ("10 ms", "+0.0%", "–", "2.00x eager", "1.00 MiB", "40.0 dB")
    assert sorting([bad, good]) == [
        [0, None, None, None, None, None, None],
        [4, 0.01, 0.0, None, 2.0, 1048600.0, 40.0],
    ]
    assert len(sorting([good])[0]) == len(COLUMNS) - 1


def test_a_case_that_left_no_record_is_a_row():
    [row] = case_rows(subject(run(), baseline({CASE: stored(latency_s=1.0)})))
    assert (row.verdict, row.status, set(row.cells)) == ("missing", "missing", {"–"})


def test_earlier_runs_are_a_sparkline_of_the_time():
    recent = {(CASE, "latency_s"): [("a", 1.0), ("b", 2.0)], (OTHER, "latency_s"): [("a", 1.0)]}
    made = run(record(latency_s=1.0), record(OTHER, latency_s=1.0))
    sparks = {row.case: row.spark for row in case_rows(subject(made, recent=recent))}
    assert "latency_s, 2 runs, a to b" in sparks[CASE]
    assert sparks[OTHER] == ""
