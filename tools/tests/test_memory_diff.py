from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.memory_diff import NOTHING, difference, memory_stats_view
from tools.memory_stats import Snapshot, metric_of
from tools.quantities import binary_size
from tools.tables import to_markdown
from tools.tests.samples import record, run
from tools.tests.test_memory_stats import SAMPLE, lived

ACTIVE, RESERVED, SPLIT = (f"{family}_bytes.all.peak" for family in ("active", "reserved", "inactive_split"))
REQUESTS = "allocation.all.allocated"
LESS = lived(700, 3 * 2**20).stats


def rows(table):
    """First column -> the other cells."""
    return {name: tuple(cells) for name, *cells in table.rows}


def compared(a, b, **of_b):
    return difference(Snapshot("QAT", a), Snapshot("ViT", b, **of_b))


# ---------------------------------------------------------------- quantities


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (-1023, "-1023 B"),
        (1024, "1.00 KiB"),
        (-9_843_712, "-9.39 MiB"),
        (2**30, "1.00 GiB"),
        (405 * 10**12, "368.35 TiB"),
        (2**53, "8192.00 TiB"),
    ],
)
def test_bytes_a_person_reads(value, shown):
    assert binary_size(value) == shown


@given(st.integers(1, 2**64))
def test_a_negative_size_is_a_sign_and_the_size_of_its_magnitude(value):
    assert binary_size(-value) == f"-{binary_size(value)}"


# ---------------------------------------------------------------- two snapshots


def test_every_key_of_either_side_has_a_row_in_units_a_person_reads():
    a = {"active.all.peak": 2635, SPLIT: 0, "num_ooms": 0, "only.a": 1}
    b = {"active.all.peak": 1_300_000, SPLIT: 9_843_712, "max_split_size": -1}
    [table] = compared(a, b).tables
    assert (table.title, table.columns) == ("memory_stats: QAT - ViT", ("key", "QAT", "ViT", "QAT - ViT"))
    assert table.rows == (
        ("active.all.peak", "2,635", "1,300,000", "-1,297,365"),
        (SPLIT, "0 B", "9.39 MiB", "-9.39 MiB"),
        ("max_split_size", "–", "-1", "–"),
        ("num_ooms", "0", "–", "–"),
        ("only.a", "1", "–", "–"),
    )


def test_keys_of_one_side_only_are_counted_and_some_are_named():
    older = {key: value for key, value in SAMPLE.items() if not key.startswith("requested_bytes.all")}
    told = compared({**older, "brand_new": 0}, SAMPLE).sentences
    assert "1 key only in QAT: brand_new" in told
    names = ", ".join(f"requested_bytes.all.{kind}" for kind in ("allocated", "current", "freed"))
    assert f"4 keys only in ViT: {names}, …" in told
    assert not any("only in" in sentence for sentence in compared(SAMPLE, SAMPLE).sentences)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("torch 2.11.0", "torch 2.15.0", True),
        ("torch 2.15.0", "torch 2.15.0", False),
        ("", "torch 2.15.0", False),
        ("torch 2.15.0", "", False),
        ("", "", False),
    ],
)
def test_different_versions_are_told_where_both_are_known(before, after, told):
    found = difference(Snapshot("QAT", SAMPLE, before), Snapshot("ViT", SAMPLE, after)).sentences
    sentence = f"{before} against {after}: allocators differ between versions"
    assert (sentence in found) is told
    assert any("versions" in each for each in found) is told


@pytest.mark.parametrize("side", ["QAT", "ViT"])
def test_a_side_that_contradicts_itself_is_told_with_its_numbers(side):
    wrong = {**SAMPLE, "oversize_segments.current": 3}
    stats = {"QAT": SAMPLE, "ViT": SAMPLE, side: wrong}
    told = [sentence for sentence in compared(stats["QAT"], stats["ViT"]).sentences if "contradicts" in sentence]
    counts = "oversize_segments.allocated - oversize_segments.freed is 0 - 0, oversize_segments.current 3"
    assert told == [
        f"{side} contradicts itself: {counts}",
        f"{side} contradicts itself: oversize_segments.current is 3, more than oversize_segments.peak 0",
    ]


def test_what_holds_since_the_start_of_a_process_is_asked_of_such_a_snapshot_only():
    stats = {ACTIVE: 7, RESERVED: 6}
    sentence = f"ViT contradicts itself: {ACTIVE} is 7, more than {RESERVED} 6"
    assert sentence in compared(stats, stats, relative=False).sentences
    assert not any("contradicts" in told for told in compared(stats, stats).sentences)


def test_soft_figures_of_each_side_and_between_them():
    told = compared(
        {ACTIVE: 200, RESERVED: 300, SPLIT: 75, REQUESTS: 629}, {ACTIVE: 100, RESERVED: 125, SPLIT: 50, REQUESTS: 100}
    ).sentences
    assert told == (
        f"slack ({RESERVED} / {ACTIVE}): QAT 1.500, ViT 1.250",
        f"fragmentation ({SPLIT} / {RESERVED}): QAT 0.250, ViT 0.400",
        f"QAT / ViT: {ACTIVE} 2.000, {RESERVED} 2.400, {REQUESTS} 6.290",
    )


def test_figures_without_their_keys_or_over_nothing_are_left_out():
    assert compared({"num_ooms": 0}, {"num_ooms": 0}).sentences == ()
    told = compared({ACTIVE: 1, RESERVED: 3}, {ACTIVE: 0, RESERVED: 3}).sentences
    assert told == (f"slack ({RESERVED} / {ACTIVE}): QAT 3.000", f"QAT / ViT: {RESERVED} 1.000")


def test_two_snapshots_of_one_name_are_told_apart():
    one = Snapshot("vit", SAMPLE)
    [table] = difference(one, replace(one, stats=LESS)).tables
    assert table.columns == ("key", "vit (A)", "vit (B)", "vit (A) - vit (B)")


# ---------------------------------------------------------------- the view


def side(method="qat", mode="train", model="vit-digits", batch=64, status="ok", reason="", stats=SAMPLE, **values):
    params = {"mode": mode, "model": model, "method": method, "batch": batch}
    metrics = {metric_of(key): value for key, value in stats.items()} | values if status == "ok" else {}
    return record(f"training_memory/{method}/{model}-b{batch}/{mode}", status, reason, params=params, **metrics)


def view(*records):
    return memory_stats_view(run(*records), [])


TITLE = "train, vit-digits, batch 64: torch allocator statistics"


def test_a_step_has_a_table_of_its_statistics_qat_beside_plain():
    page = view(side(), side("plain", stats=LESS))
    [_, table] = page.tables
    assert (table.title, table.columns) == (TITLE, ("key", "QAT", "plain", "QAT - plain"))
    assert rows(table) == rows(difference(Snapshot("", SAMPLE), Snapshot("x", LESS)).tables[0])
    told = difference(Snapshot("QAT", SAMPLE), Snapshot("plain", LESS)).sentences
    assert page.sentences == tuple(f"train, vit-digits, batch 64: {sentence}" for sentence in told)


def test_headings_leave_out_the_path_that_both_share():
    page = difference(Snapshot("train/vit/qat-b8", SAMPLE), Snapshot("train/vit/plain-b8", LESS))
    assert page.tables[0].columns == ("key", "qat-b8", "plain-b8", "qat-b8 - plain-b8")
    assert page.tables[0].title == "memory_stats: train/vit/qat-b8 - train/vit/plain-b8"


@pytest.mark.parametrize(("a", "b"), [("QAT", "plain"), ("one/x", "other/x"), ("qat", "qat-b8")])
def test_headings_without_a_common_path_stay(a, b):
    assert difference(Snapshot(a, SAMPLE), Snapshot(b, LESS)).tables[0].columns[1:3] == (a, b)


def test_the_summary_is_in_order_of_mode_model_and_batch():
    page = view(side(mode="train"), side(batch=8, mode="train"), side(mode="eval"), side(model="bert"))
    steps = list(dict.fromkeys(row[0] for row in page.tables[0].rows))
    assert steps == [
        "eval, vit-digits, batch 64",
        "train, bert, batch 64",
        "train, vit-digits, batch 8",
        "train, vit-digits, batch 64",
    ]
    assert [table.title.partition(":")[0] for table in page.tables[1:]] == steps


def test_the_summary_holds_peak_allocations_and_what_is_left():
    steps = {"step_allocation_count": 629, "step_allocated_bytes": 3 * 2**20, "step_end_bytes": 2048}
    plain = {"step_allocation_count": 100, "step_allocated_bytes": 2**20, "step_end_bytes": 1024}
    page = view(side(stats={ACTIVE: 2**21}, **steps), side("plain", stats={ACTIVE: 2**20}, **plain))
    assert page.tables[0].columns == ("step", "figure", "QAT", "plain", "QAT / plain")
    assert [row[1:] for row in page.tables[0].rows] == [
        ("peak", "2.00 MiB", "1.00 MiB", "2.000"),
        ("allocations a step", "629", "100", "6.290"),
        ("allocated a step", "3.00 MiB", "1.00 MiB", "3.000"),
        ("left after a step", "2.00 KiB", "1.00 KiB", "2.000"),
    ]


def test_the_peak_is_that_of_any_call_where_the_allocator_told_none():
    page = view(side(stats={}, peak_allocated_bytes=4096), side("plain", stats={}, peak_allocated_bytes=1024))
    assert page.tables[0].rows[0][2:] == ("4.00 KiB", "1.00 KiB", "4.000")
    assert len(page.tables) == 1


@pytest.mark.parametrize(
    ("partner", "sentence"),
    [
        ([], "plain was not measured"),
        ([side("plain", status="oom", reason="needs 90 GiB")], "plain is oom: needs 90 GiB"),
        ([side("plain", status="unsupported")], "plain is unsupported"),
    ],
)
def test_a_partner_without_numbers_is_blank_and_its_status_is_told(partner, sentence):
    page = view(side(step_end_bytes=5), *partner)
    assert page.sentences == (f"train, vit-digits, batch 64: {sentence}",)
    assert page.tables[0].rows[0][2:] == (binary_size(SAMPLE[ACTIVE]), "–", "–")
    assert page.tables[0].rows[-1][2:] == ("5 B", "–", "–")
    assert len(page.tables[1].rows) == len(SAMPLE)
    assert {cells[1:] for cells in rows(page.tables[1]).values()} == {("–", "–")}


def test_two_sides_without_numbers_have_no_table_of_blanks():
    page = view(side(status="oom", reason="no room"), side("plain", status="error"))
    assert [table.title for table in page.tables] == ["training memory: QAT against plain"]
    assert set(page.tables[0].rows[0][3:]) == {"–"}
    assert page.sentences == (
        "train, vit-digits, batch 64: QAT is oom: no room",
        "train, vit-digits, batch 64: plain is error",
    )


def test_a_side_that_contradicts_itself_is_told_without_its_partner_too():
    page = view(side(stats={**SAMPLE, "num_ooms": -1}))
    assert "train, vit-digits, batch 64: QAT contradicts itself: num_ooms is -1, expected 0 or more" in page.sentences


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"mode": "train"},
        {"mode": "train", "model": "m", "method": "qat", "batch": "64"},
        {"mode": "train", "model": "m", "method": "qat", "batch": True},
        {"mode": "train", "model": "m", "method": "qat", "batch": 0},
        {"mode": "train", "model": "m", "method": "frob", "batch": 64},
        {"mode": "train", "model": "m", "method": ["qat"], "batch": 64},
        {"mode": 1, "model": "m", "method": "qat", "batch": 64},
    ],
    ids=str,
)
def test_records_that_are_no_side_of_a_step_are_passed_over(params):
    assert view(record("training_memory/x", params=params)).tables == ()
    elsewhere = record("attention/x", params={"mode": "train", "model": "m", "method": "qat", "batch": 64})
    assert view(elsewhere).sentences == (NOTHING,)


def test_a_run_without_training_says_which_command_measures_it():
    page = view()
    assert (page.tables, page.sentences) == ((), (NOTHING,))
    assert "pytest perf_tests/test_training_memory.py" in NOTHING


def test_names_with_markup_stay_plain():
    page = view(side(model="<script>|x"))
    assert all("<script>" not in to_markdown(table) for table in page.tables)
