import dataclasses
import json
import urllib.parse
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tools import report
from tools.compare import Finding, judge_run
from tools.files import UnusableFile
from tools.plots import Line, Plot
from tools.records import Effort
from tools.tables import Table, printable
from tools.tests.samples import CASE, NASTY, OTHER, SLUG, baseline, full_baseline, full_run, record, run, stored
from tools.tests.test_tables import HOSTILE, rendered_cells
from tools.verdict import Verdict

RUN = Path("runs/now.json")


def findings(*verdicts):
    return [Finding(CASE, "latency_s", verdict, "because") for verdict in verdicts]


def steps(*verdicts, has_baseline=True):
    return " / ".join(report.next_steps(run(record()), findings(*verdicts), RUN, has_baseline))


def test_counts_of_statuses_and_verdicts():
    judged = judge_run(full_run(), {"attention": full_baseline()})
    assert report.counts(full_run(), judged) == (
        "4 cases (2 ok, 1 oom, 1 unsupported); 13 metrics judged: 4 new, 7 unchanged, 2 inconclusive"
    )


def test_an_empty_run_says_so():
    assert report.counts(run(), []) == "0 cases (none measured); 0 metrics judged: none"


def test_effort_says_where_the_time_went_longest_first():
    made = dataclasses.replace(run(), effort=Effort(20.0, {"build": 5.0, "time": 10.0, "warm": 1.0}))
    assert report.effort(made) == "20 s wall, 55% of it measured or warmed work (time 50%, build 25%, warm 5%)"
    assert report.effort(dataclasses.replace(run(), effort=Effort(0.0, {"time": 1.0}))).startswith("0 s wall, 0%")


@pytest.mark.parametrize("verdict", [Verdict.NEW, Verdict.IMPROVED])
def test_new_and_improved_name_the_command_that_stores_them(verdict):
    assert "python -m tools refresh runs/now.json" in steps(verdict)
    assert "refresh RUN" in report.next_steps(run(), findings(verdict), None, True)[0]


@pytest.mark.parametrize("verdict", [Verdict.MISSING, Verdict.INCOMPARABLE])
def test_missing_and_incomparable_name_the_command_that_accepts_them(verdict):
    assert 'refresh.sh --runs 3 --reason "..."' in steps(verdict)


def test_suspects_name_what_decides_them():
    assert "python -m tools ab --base REV --suspects" in steps(Verdict.SUSPECT)


def test_what_no_ab_measures_leads_to_no_ab():
    assert report.next_steps(run(record()), [Finding(CASE, "build_s", Verdict.SUSPECT, "because")], RUN, True) == []


def test_hints_lead_to_the_kernels_and_to_no_ab():
    hints = [Finding(CASE, "register_count", Verdict.SUSPECT, "because")]
    [told] = report.next_steps(run(record()), hints, RUN, True)
    assert told.endswith(f"python -m tools report {RUN} --view kernels")


def test_a_device_without_baseline_says_how_to_make_one():
    told = steps(Verdict.NEW, has_baseline=False)
    assert f"{SLUG} has no baseline: make one with" in told
    assert "python -m tools refresh" not in told


def test_its_baseline_is_of_the_profile_that_was_run():
    quick, standard = (dataclasses.replace(run(record()), profile=profile) for profile in ("quick", "standard"))
    [told] = report.next_steps(quick, [], RUN, False)
    assert told.endswith("bash ci/refresh.sh --runs 3 --perf-profile quick")
    [told] = report.next_steps(standard, [], RUN, False)
    assert told.endswith("bash ci/refresh.sh --runs 3")


@pytest.mark.parametrize("verdicts", [(), (Verdict.UNCHANGED,), (Verdict.INCONCLUSIVE,), (Verdict.REGRESSED,)])
def test_other_verdicts_ask_for_no_command(verdicts):
    assert steps(*verdicts) == ""


def test_what_cannot_be_compared_is_told_once_for_each_reason():
    elsewhere = [
        Finding(case, f"m{n}_count", Verdict.INCOMPARABLE, "elsewhere") for case in (CASE, OTHER) for n in (1, 2)
    ]
    alone = Finding(CASE, "x_count", Verdict.INCOMPARABLE, "the case was redefined")
    worse = [Finding(case, "x_count", Verdict.REGRESSED, "1 -> 2") for case in (CASE, OTHER)]
    assert report.explained([*worse, *elsewhere, alone]) == [
        f"{CASE}: x_count regressed: 1 -> 2",
        f"{OTHER}: x_count regressed: 1 -> 2",
        f"{CASE} and 1 more case: 4 metrics incomparable: elsewhere",
        f"{CASE}: x_count incomparable: the case was redefined",
    ]
    assert report.explained(elsewhere[:2]) == [f"{CASE}: 2 metrics incomparable: elsewhere"]


def test_summary_is_counts_effort_and_next_steps():
    made = run(record())
    found = findings(Verdict.NEW)
    assert report.summary(made, found, RUN, True) == [
        report.counts(made, found),
        report.effort(made),
        *report.next_steps(made, found, RUN, True),
    ]


def test_what_asks_for_attention_is_explained_in_full():
    told = report.explained(findings(*Verdict))
    assert told == [
        f"{CASE}: latency_s {word}: because" for word in ("regressed", "missing", "incomparable", "suspect")
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_keeps_every_sentence_one_plain_line(text):
    page = report.markdown([Table("t", ("c",), (("x",),))], [f"s {text}", "second"])
    assert rendered_cells(page)[3:] == [printable(f"s {text}"), "second"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_markdown_has_every_table_under_its_title_and_then_the_sentences(count):
    tables = [Table(f"title {number}", ("c",), ((f"x{number}",),)) for number in range(count)]
    cells = [cell for number in range(count) for cell in (f"title {number}", "c", f"x{number}")]
    assert rendered_cells(report.markdown(tables, ["last"])) == [*cells, "last"]


def a_page(*names, sentences=()):
    """A table and a plot for each name, and one table without a plot."""
    tables = [Table(f"table {name}", ("c",), ((name,),)) for name in names]
    plots = [Plot(name, f"plot {name}", "x", "y", (Line(name, ((1, 2.0),)),)) for name in names]
    return report.Page((*tables, Table("alone", ("c",), ())), sentences, dict(zip(tables, plots, strict=True)))


def test_a_picture_stands_above_its_table_and_nowhere_else(tmp_path):
    found = report.documents(a_page("a", "b"), ["last"], tmp_path / "page.md")
    text = found.pop(tmp_path / "page.md")
    blocks = [block for block in text.split("\n\n") if block.startswith(("!", "**"))]
    assert blocks == [
        "![plot a](page-a.svg)",
        "**table a**",
        "![plot b](page-b.svg)",
        "**table b**",
        "**alone**",
    ]
    assert list(found) == [tmp_path / "page-a.svg", tmp_path / "page-b.svg"]
    assert all(drawing.startswith("<?xml") for drawing in found.values())


def test_a_page_without_plots_is_its_markdown(tmp_path):
    page = a_page()
    assert report.documents(page, ["s"], tmp_path / "p.md") == {tmp_path / "p.md": report.markdown(page.tables, ["s"])}


def test_a_folder_in_the_way_is_told_before_anything_is_written(tmp_path):
    (tmp_path / "page-b.svg").mkdir()
    with pytest.raises(UnusableFile, match=r"report .*page-b\.svg: cannot be written"):
        report.documents(a_page("a", "b"), [], tmp_path / "page.md")


@pytest.mark.parametrize("name", ["a b(1)", "100%", "[x](y)", "é", "<a>"])
def test_a_link_survives_any_name_of_the_page(tmp_path, name):
    text, *_ = report.documents(a_page("a"), [], tmp_path / f"{name}.md").values()
    [image] = [child for token in MarkdownIt().parse(text) for child in token.children or () if child.type == "image"]
    assert urllib.parse.unquote(image.attrs["src"]) == f"{name}-a.svg"


def test_json_holds_every_finding_and_the_exit_code():
    base = baseline({NASTY: stored(graph_count=1), OTHER: stored()})
    made = run(record(NASTY, graph_count=2), known={"attention": (NASTY, OTHER)})
    document = json.loads(report.to_json(judge_run(made, {"attention": base}), 1))
    assert document.keys() == {"verdicts", "exit_code"}
    assert document["exit_code"] == 1
    assert document["verdicts"] == [
        {
            "case": NASTY,
            "metric": "graph_count",
            "verdict": "regressed",
            "reason": "1 -> 2",
            "baseline": 1,
            "value": 2,
            "change": 1.0,
            "low": None,
            "high": None,
            "anchor": None,
            "goal": "",
        },
        {
            "case": NASTY,
            "metric": "status",
            "verdict": "unchanged",
            "reason": "same status",
            "baseline": "ok",
            "value": "ok",
            "change": None,
            "low": None,
            "high": None,
            "anchor": None,
            "goal": "",
        },
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_json_is_plain_ascii_lines_whatever_a_case_is_called(text):
    out = report.to_json([Finding(text, "status", Verdict.NEW, text)], 0)
    assert out.isascii()
    assert all(line.isprintable() for line in out.splitlines())
    assert json.loads(out)["verdicts"][0]["case"] == text


@pytest.mark.parametrize("value", [5e-324, 1e-300, 2.0**64])
def test_json_has_no_number_that_json_lacks(value):
    base = baseline({CASE: stored(latency_s=(1e-300, 1.0, 1e19), graph_count=5e-324)})
    judged = judge_run(run(record(latency_s=value, graph_count=value)), {"attention": base})

    def refuse(constant):
        pytest.fail(f"{constant} is no JSON")

    json.loads(report.to_json(judged, 0), parse_constant=refuse)
