"""The tables of compiled kernels: of a run against its baseline, and of two runs, also of two compilers."""

import dataclasses

import pytest
from typer.testing import CliRunner

from tools.__main__ import app
from tools.compare import judge_run
from tools.kernels import kernels_view, side_by_side
from tools.tests.samples import baseline, fingerprint, record, run, run_file, stored

COPY, DOT = "kernels_sm90/copy/bf16", "kernels_sm100/dot/bf16"
NUMBERS = {
    "register_count": 40,
    "spill_store_bytes": 0,
    "spill_load_bytes": 0,
    "occupancy_fraction": 0.5,
    "instruction_count": 1200,
    "tensor_core_count": 64,
    "global_load_128bit_count": 4,
    "global_load_8bit_count": 1,
    "global_load_256bit_count": 0,
    "cubin_bytes": 12_288,
    "compile_s": 0.25,
}


def place(name):
    return fingerprint(f"static-{name}", {"protocol": "1"}, {"target": name}, {}, {})


def kernel(case=COPY, triton="3.9.0", status="ok", reason="", **changes):
    numbers = {**NUMBERS, **changes} if status == "ok" else {}
    made = record(case, status, reason, software={"triton": triton}, **numbers)
    return dataclasses.replace(made, place=place(case.partition("/")[0].removeprefix("kernels_")))


def cells(page, table=0, row=0):
    found = page.tables[table]
    return dict(zip(found.columns, found.rows[row], strict=True))


def of_baseline(*records, triton="3.9.0"):
    known = {name: NUMBERS[name] for name in NUMBERS if name != "compile_s"}
    before = baseline({COPY: stored(software={"triton": triton}, **known)}, "kernels_sm90", place("sm90"))
    made = run(*records)
    return kernels_view(made, judge_run(made, {"kernels_sm90": before}))


def test_a_table_an_architecture_in_the_order_of_the_architectures():
    page = kernels_view(run(kernel(DOT), kernel(COPY)), [])
    assert [table.title for table in page.tables] == ["kernels_sm90", "kernels_sm100"]


def test_what_did_not_change_stands_once():
    found = cells(of_baseline(kernel()))
    assert found["verdict"] == "unchanged"
    assert found["kernel"] == "copy/bf16"
    assert (found["registers"], found["occupancy"], found["instructions"]) == ("40", "50%", "1,200")
    assert (found["spilled"], found["cubin"], found["compile"]) == ("0 B", "12.00 KiB", "0.25 s")
    assert found["global loads"] == "128b 4, 8b 1"
    assert found["stack"] == "–"


def test_what_changed_stands_beside_what_was():
    found = cells(of_baseline(kernel(spill_store_bytes=24, register_count=32)))
    assert found["verdict"] == "regressed"
    assert found["registers"] == "40 → 32"
    assert found["spilled"] == "0 B → 24 B"


def test_another_compiler_is_incomparable_and_both_are_shown():
    found = cells(of_baseline(kernel(triton="3.10.0", tensor_core_count=0)))
    assert found["verdict"] == "incomparable"
    assert found["tensor core"] == "64 → 0"


def test_the_worst_comes_first_and_what_failed_says_why():
    page = of_baseline(kernel(), kernel("kernels_sm90/later/bf16", status="unsupported", reason="no such target"))
    assert [row[1] for row in page.tables[0].rows] == ["later/bf16", "copy/bf16"]
    assert page.sentences == ("kernels_sm90/later/bf16: unsupported: no such target",)


def test_a_reason_that_several_share_is_told_once():
    lost = [kernel(case, status="unsupported", reason="no Triton") for case in (COPY, DOT)]
    assert kernels_view(run(*lost), []).sentences == (f"{COPY} and 1 more: unsupported: no Triton",)


def test_two_runs_side_by_side_name_the_compilers_and_what_only_one_has():
    old = run(kernel(triton="3.6.0", register_count=64), kernel(DOT))
    new = run(kernel(compile_s=0.5), kernel("kernels_sm90/new/bf16"))
    page = side_by_side(old, new)
    assert cells(page)["registers"] == "64 → 40"
    assert cells(page)["compile"] == "0.25 s → 0.50 s"
    assert cells(page, 0, 1)["status"] == "– → ok"
    assert page.sentences == (
        "software.triton: 3.6.0 -> 3.9.0",
        f"only in the first run: {DOT}",
        "only in the second run: kernels_sm90/new/bf16",
    )


@pytest.mark.parametrize("page", [kernels_view(run(record()), []), side_by_side(run(record()), run(record()))])
def test_a_run_without_kernels_says_what_makes_them(page):
    assert page.tables == ()
    assert "test_kernel_static.py" in page.sentences[0]


def test_the_verb_prints_or_writes_and_never_judges(tmp_path):
    a, b = run_file(tmp_path, run(kernel()), "a.json"), run_file(tmp_path, run(kernel(spill_load_bytes=8)), "b.json")
    printed = CliRunner().invoke(app, ["kernels", str(a), str(b)])
    assert printed.exit_code == 0
    assert "0 B → 8 B" in printed.output
    written = CliRunner().invoke(app, ["kernels", str(a), str(b), "--markdown", str(tmp_path / "k.md")])
    assert (written.exit_code, written.output) == (0, "")
    assert "0 B → 8 B" in (tmp_path / "k.md").read_text(encoding="utf-8")
