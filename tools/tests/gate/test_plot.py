import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import numpy
import pytest

from tools.gate.plot import METRIC_STYLES, STYLES, plotted, power_svg, write_power_plot
from tools.gate.rates import all_rates
from tools.gate.rules import AB, RULES
from tools.gate.trials import METRICS
from tools.tests.gate.samples import campaigns

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def rates():
    return {"latency_s": all_rates(campaigns(numpy.random.default_rng(31), count=2, doses=("0", "3", "10")))}


def test_the_same_rates_make_the_same_bytes(rates, tmp_path):
    write_power_plot(tmp_path / "power.svg", rates, "a title")
    assert (tmp_path / "power.svg").read_text() == power_svg(rates, "a title")


def test_the_plot_is_a_drawing_on_white_without_a_date(rates):
    text = power_svg(rates, "a title")
    assert xml.etree.ElementTree.fromstring(text).tag.endswith("svg")
    assert "fill: #ffffff" in text
    assert "<dc:date>" not in text
    assert all(colour.lower() in text.lower() for colour, _, _ in STYLES.values())


def test_eight_rules_at_most_are_drawn_ours_first(rates):
    names = [curve.name for curve in plotted(rates)]
    assert names == list(STYLES)
    assert len(names) <= 8
    assert names[0].startswith("ours")
    assert set(names) <= {rule.name for rule in RULES}


def test_rules_that_could_judge_nothing_leave_a_plot():
    single = all_rates(campaigns(numpy.random.default_rng(1), count=1, doses=("0",), workloads=("x",)))
    assert power_svg({"latency_s": single}, "").startswith("<?xml")
    assert power_svg({"latency_s": ()}, "").startswith("<?xml")
    assert power_svg(dict.fromkeys(METRICS, ()), "").startswith("<?xml")


def test_of_several_metrics_the_ab_is_drawn_by_each_that_was_measured(rates):
    found = plotted({"device_s": rates["latency_s"], "latency_s": rates["latency_s"], "graph_s": all_rates(())})
    assert [(curve.name, curve.rates.rule.name) for curve in found] == [
        (f"{AB}, device_s", AB),
        (f"{AB}, latency_s", AB),
    ]
    assert len({curve.style for curve in found}) == 2
    assert METRIC_STYLES.keys() == set(METRICS)


def test_no_tick_stands_where_nothing_was_tried(rates, monkeypatch):
    ticks = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_xticks", lambda axes, values: ticks.append(list(values)))
    power_svg(rates, "")
    assert ticks == [[0.0, 3.0, 10.0]]


def test_matplotlib_is_needed_for_nothing_else():
    program = "import sys, tools.gate.plot, tools.gate.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
