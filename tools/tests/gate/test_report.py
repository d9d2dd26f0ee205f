import dataclasses

import numpy
import pytest

from tools.gate.rates import rates_by_metric
from tools.gate.report import exit_code, markdown, sentences, tables
from tools.gate.rules import AB, RULES
from tools.gate.trials import TrialFile
from tools.tests.gate.samples import campaigns, told
from tools.tests.samples import NASTY


def file_of(trials):
    return TrialFile(2, "c0ffee" * 6, "2026-01-01T00:00:00Z", "cpu-x", {}, tuple(trials))


@pytest.fixture(scope="module")
def measured():
    return file_of(campaigns(numpy.random.default_rng(21), process_sd=0.003))


@pytest.fixture(scope="module")
def rates(measured):
    return rates_by_metric(measured)


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
    found = {one.rule.name: one for one in rates["latency_s"]}
    [table, *_] = tables(file_of([]), {"latency_s": [found["asv"]]})
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


# ---------------------------------------------------------------- a GPU: several metrics, clocks, an end in time

METRICS = ("latency_s", "device_s", "graph_s")
SPREADS = {"latency_s": 0.02, "device_s": 0.003, "graph_s": 0.0005}


@pytest.fixture(scope="module")
def on_gpu():
    """Every comparison judged by three metrics, of which the latency spreads too much to see half a per cent."""
    trials = [
        dataclasses.replace(one, metric=metric)
        for metric, spread in SPREADS.items()
        for one in campaigns(numpy.random.default_rng(5), 2, ("0", "0.5", "3"), process_sd=spread, round_sd=1e-4)
    ]
    found = dataclasses.replace(file_of([]), workloads="gpu", metrics=METRICS, machine="nvidia-h200")
    return dataclasses.replace(found, trials=tuple(trials))


def test_each_metric_has_its_own_tables_below_one_of_all(on_gpu):
    [every, *others] = tables(on_gpu, rates_by_metric(on_gpu))
    assert [row[0] for row in every.rows] == list(METRICS)
    assert every.columns[3:7] == ("+0.5%", "+1%", "+2%", "+3%")
    for number, metric in enumerate(METRICS):
        assert [table.title.startswith(f"{metric}: ") for table in others[3 * number : 3 * number + 3]] == [True] * 3
    assert len(others) == 10  # and where the rules come from, once


def test_each_metric_is_told_by_its_own_trials(on_gpu):
    [every, *_] = tables(on_gpu, rates_by_metric(on_gpu))
    latency, graph = cells(every, "latency_s"), cells(every, "graph_s")
    assert (latency["false alarms"], latency["at most"], latency["slow-downs tried"]) == ("0/4", "60.2%", "8")
    assert latency["+0.5%"] == "0/4"
    assert (graph["+1%"], graph["+3%"]) == ("–", "4/4")
    assert latency["MDE90"] != graph["MDE90"]


def test_the_text_of_several_metrics_tells_them_apart(on_gpu):
    text = sentences(on_gpu)
    assert "each comparison by latency_s, device_s, graph_s" in text[0]
    for metric in METRICS:
        assert sum(f"A/B by {metric}: 0 of 4 (at most 60.2%) slow-downs of 3 % or more" in one for one in text) == 1
        assert sum(f"Matched by {metric}: " in one for one in text) == 1


def test_a_processor_file_says_nothing_of_metrics_clocks_or_an_end(measured):
    text = " ".join(sentences(measured))
    assert [word for word in ("Clocks", "by latency_s", "time was over") if word in text] == []
    assert len(sentences(measured)) == 4


def clocked(on_gpu, *clocks):
    """The file with these clocks, one for each pair of its first trial, by every metric."""
    [one, *_] = on_gpu.trials
    pairs = tuple(
        dataclasses.replace(pair, start_s=float(number), clocks_mhz=told)
        for number, (pair, told) in enumerate(zip(one.pairs, clocks, strict=False))
    )
    trials = tuple(dataclasses.replace(one, pairs=pairs, metric=metric) for metric in METRICS)
    return dataclasses.replace(on_gpu, trials=trials)


def test_the_clocks_are_told_once_a_pair(on_gpu):
    found = sentences(clocked(on_gpu, (1980.0, 1975.0), (1980.0, 1950.0), None, (1500.0, 1980.0)))[-1]
    assert found == (
        "Clocks of the GPU: 1500 to 1980 MHz; base and head more than 1% apart in 2 of 3 (at most 99.2%) pairs; "
        "not told in 1."
    )


def test_clocks_that_nobody_told_are_not_passed_over(on_gpu):
    assert sentences(clocked(on_gpu, None, None))[-1] == "Clocks of the GPU: not told in any of 2 pairs."


def test_a_processor_that_ran_the_workloads_of_a_gpu_says_so(on_gpu):
    assert "nothing of a GPU" in sentences(dataclasses.replace(on_gpu, machine="cpu-x"))[-1]
    assert "nothing of a GPU" not in " ".join(sentences(on_gpu))


def test_what_the_time_cut_off_is_told_and_is_no_proof(measured):
    spared = [dataclasses.replace(told("inconclusive", dose), cut=True) for dose in ("0", "3", "3")]
    file = file_of([told("unchanged"), told("regressed", "3"), *spared])
    assert "3 trials were looked at and still open when the time was over. The 1 of equal code" in sentences(file)[-1]
    found = cells(tables(file, rates_by_metric(file))[0], AB)
    assert (found["false alarms"], found["+3%"]) == ("0/1", "1/3")
