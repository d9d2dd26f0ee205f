"""The figures of the gate in the pages are those of the trials that lie beside the baselines."""

import re
import statistics
from pathlib import Path

import pytest

from tools.gate.rates import all_rates
from tools.gate.trials import DOSES, UNCHANGED, read_trials

ROOT = Path(__file__).resolve().parents[3]
README, PAGE = ((ROOT / file).read_text(encoding="utf-8") for file in ("README.md", "tools/ab/README.md"))

PUBLISHED = {
    "median:5%, same job": "pytest-benchmark `median:5%`, one process each, one job",
    "mean:10%, same job": "pytest-benchmark `mean:10%`, the same",
    "min:5%, same job": "pytest-benchmark `min:5%`, the same",
    "torch medians +5%": "torch.utils.benchmark medians, + 5 %",
    "Mann-Whitney on rounds, p < .05": "Mann-Whitney on the rounds of one process each, p < 0.05",
    "google/benchmark U test": "Mann-Whitney on nine processes each at most, p < 0.05 (google/benchmark)",
    "pyperf compare_to": "pyperf `compare_to`",
    "asv": "asv",
    "same pairs, trimmed mean": "the A/B's pairs, trimmed mean alone, p < 0.001",
    "ours: A/B": "**A/B** (with its margin, looks and confirmation)",
}


@pytest.fixture(scope="module")
def file():
    [found] = ROOT.glob("baselines/cpu-*/gate/trials.json.gz")
    return found


@pytest.fixture(scope="module")
def trials(file):
    return read_trials(file).trials


@pytest.fixture(scope="module")
def rates(trials):
    return {found.rule.name: found for found in all_rates(trials)}


@pytest.mark.parametrize(("rule", "row"), PUBLISHED.items())
def test_every_figure_stands_in_the_trials(rates, rule, row):
    [line] = [line for line in PAGE.splitlines() if line.startswith(f"| {row} |")]
    flagged = rates[rule].flagged
    assert re.findall(r"\d+/\d+", line) == [f"{flagged[dose].count}/{flagged[dose].of}" for dose in DOSES["cpu"]]
    assert f"| {flagged[UNCHANGED].high:.1%} |" in line


def test_the_readme_repeats_some_rows_of_the_page():
    table = [
        line
        for line in README.partition("### How good is it?")[2].partition("![")[0].splitlines()
        if line.startswith("| ")
    ]
    assert 4 <= len(table[1:]) < len(PUBLISHED)
    assert set(table) <= set(PAGE.splitlines())


def test_the_cost_of_a_case_is_as_told(trials):
    cost = {dose: statistics.median(each.wall_s for each in trials if each.injected == dose) for dose in ("0", "3")}
    assert f"costs {cost['0']:.0f} s where nothing changed and {cost['3']:.0f} s at + 3 %" in " ".join(PAGE.split())


def test_the_trials_that_the_readme_names_are_these(file):
    assert f"python -m tools validate-gate {file.relative_to(ROOT)}" in README
    for commit in read_trials(file).commit.split(", "):
        assert commit[:7] in PAGE
        assert "changes" not in commit
    assert f"]({file.with_name('power.svg').relative_to(ROOT)})" in README
    assert file.with_name("power.svg").exists()
