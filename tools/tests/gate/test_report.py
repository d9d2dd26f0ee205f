import dataclasses

import numpy
import pytest

from tools.gate.rates import all_rates
from tools.gate.report import exit_code, markdown, tables
from tools.gate.rules import AB, RULES
from tools.gate.trials import TrialFile
from tools.tests.gate.samples import campaigns, told
from tools.tests.samples import NASTY


def file_of(trials):
    return TrialFile(1, "c0ffee" * 6, "2026-01-01T00:00:00Z", "cpu-x", {}, tuple(trials))


@pytest.fixture(scope="module")
def measured():
    return file_of(campaigns(numpy.random.default_rng(21), process_sd=0.003))


@pytest.fixture(scope="module")
def rates(measured):
    return all_rates(measured.trials)


def cells(table, first):
    [row] = [row for row in table.rows if row[0] == first]
    return dict(zip(table.columns, row, strict=True))


def test_every_row_has_every_column(measured, rates):
    for table in tables(measured, rates):
        assert table.rows
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_a_rule_is_told_by_counts_bounds_sizes_and_cost(measured, rates):
    found = cells(tables(measured, rates)[0], AB)
    assert (found["false alarms"], found["at most"], found["campaigns with one"]) == ("0/8", "36.9%", "0/4")
    assert (found["+10%"], found["+2%"]) == ("8/8", "–")
    assert found["MDE90"].endswith("%")
    assert found["MDE90 (false alarms), matched"].endswith("% (0/8)")
    assert found["seconds per case"] == "60"


def test_what_is_never_found_is_beyond_the_largest_dose(rates):
    found = {one.rule.name: one for one in rates}
    [table, *_] = tables(file_of([]), [found["asv"]])
    assert cells(table, "asv")["MDE90"] == "> 10%"


def test_the_ab_is_told_dose_by_dose(measured, rates):
    table = tables(measured, rates)[1]
    assert [row[0] for row in table.rows] == ["+0%", "+1%", "+3%", "+5%", "+10%", "bimodal"]
    found = cells(table, "+10%")
    assert (found["regressed"], found["unchanged"]) == ("8/8", "0/8")
    assert found["bias"].endswith("%")


def test_the_text_says_what_the_counts_support(measured, rates):
    text = markdown(measured, rates)
    assert "8 trials compare a workload with itself" in text
    assert "0 of 8 such trials at most raise an alarm, which supports a rate of false alarms under 36.9% and no" in text
    assert all(rule.name.replace("|", "") in text.replace("\\", "").replace("&lt;", "<") for rule in RULES)
    assert markdown(measured) == text


def test_the_commits_are_told_whole_with_the_mark_of_changed_files(measured):
    commits = f"{'a' * 12}, {'b' * 12}+changes"
    assert f"rule frozen at {commits}." in markdown(dataclasses.replace(measured, commit=commits)).replace("\\", "")


@pytest.mark.parametrize(
    ("trials", "code"),
    [
        ([told("unchanged"), told("inconclusive")], 0),
        ([told("unchanged"), told("regressed")], 1),
        ([told("inconclusive")], 3),
        ([told("regressed", "3")], 0),
        ([], 3),
    ],
)
def test_red_on_equal_code_is_1_and_silence_on_it_3(trials, code):
    assert exit_code(trials) == code


def test_names_from_a_file_stay_text():
    trials = [
        dataclasses.replace(one, workload=NASTY) for one in campaigns(numpy.random.default_rng(1), 1, ("0",), ("x",))
    ]
    text = markdown(dataclasses.replace(file_of(trials), machine=NASTY))
    assert NASTY not in text
    assert "<" not in text


@pytest.mark.parametrize("trials", [[], [told("inconclusive", half_width=None)]])
def test_nothing_measured_is_a_report_too(trials):
    assert "–" in markdown(file_of(trials))
