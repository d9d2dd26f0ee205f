"""The README's figures of the gate are those of the trials that lie beside the baselines."""

import re
from pathlib import Path

import pytest

from tools.gate.rates import all_rates
from tools.gate.trials import read_trials

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")

PUBLISHED = {
    "median:5%, same job": "pytest-benchmark `median:5%`, one process each, one job",
    "mean:10%, same job": "pytest-benchmark `mean:10%`, the same",
    "min:5%, same job": "pytest-benchmark `min:5%`, the same",
    "torch medians +5%": "torch.utils.benchmark medians, + 5 %",
    "Mann-Whitney on rounds, p < .05": "Mann-Whitney on the rounds of one process each, p < 0.05",
    "google/benchmark U test": "Mann-Whitney on nine processes each, p < 0.05 (google/benchmark)",
    "pyperf compare_to": "pyperf `compare_to`",
    "asv": "asv",
    "same pairs, trimmed mean": "our pairs, trimmed mean alone, p < 0.001",
    "ours: A/B": "**A/B** (with its margin, looks and confirmation)",
}


@pytest.fixture(scope="module")
def counts():
    """Rule -> injection -> flagged and trials, over the files of the commits that the README names."""
    found = {}
    for file in sorted(ROOT.glob("baselines/*/gate/trials-*.json.gz")):
        if not file.name.startswith(("trials-5fa84ca", "trials-0bb44d5")):
            continue
        for rates in all_rates(read_trials(file).trials):
            for injected, rate in rates.flagged.items():
                before = found.setdefault(rates.rule.name, {}).setdefault(injected, (0, 0))
                found[rates.rule.name][injected] = (before[0] + rate.count, before[1] + rate.of)
    return found


@pytest.mark.parametrize(("rule", "row"), PUBLISHED.items())
def test_every_figure_stands_in_the_trials(counts, rule, row):
    [line] = [line for line in README.splitlines() if line.startswith(f"| {row} |")]
    told = re.findall(r"\d+/\d+", line)
    assert told == ["/".join(map(str, counts[rule][injected])) for injected in ("0", "2", "3")]


def test_the_round_of_equal_code_is_as_told():
    [file] = ROOT.glob("baselines/*/gate/trials-b117404.json.gz")
    verdicts = [trial.verdict for trial in read_trials(file).trials]
    assert f"b117404: {verdicts.count('unchanged')} of {len(verdicts)} `unchanged`" in README
