import json
import re

import pytest

from tools.export import benchmark_action
from tools.tests.export.runs import ERROR, FINDINGS, hostile_run, mixed_run
from tools.tests.samples import CASE


def read(text):
    """As the action reads it; what `Number()` cannot take is no range."""
    found = {}
    for entry in json.loads(text, parse_constant=pytest.fail):
        assert entry.keys() <= {"name", "unit", "value", "range", "extra"}
        assert all(isinstance(entry[key], str) for key in entry.keys() - {"value"})
        assert isinstance(entry["value"], int | float)
        deviation = re.search(r"(?:\+-|±)\s*(\d.*)", entry.get("range", ""))
        found[entry["name"]] = (entry["value"], entry["unit"], float(deviation[1]) if deviation else None)
    return found


def test_smaller_is_better_holds_only_that():
    found = read(benchmark_action.smaller(mixed_run(), FINDINGS))
    assert found[f"{CASE}: latency_s"] == (0.01, "s", 0.001)
    assert found[f"{CASE}: peak_allocated_bytes"] == (1_048_576, "bytes", None)
    assert not [name for name in found if name.endswith(("_ratio", "_db", "_fraction"))]


def test_bigger_is_better_holds_the_rest_as_it_is():
    found = read(benchmark_action.bigger(mixed_run(), FINDINGS))
    assert found == {
        f"{CASE}: saved_fraction": (0.25, "fraction", None),
        f"{CASE}: speedup_over_eager_ratio": (2.0, "x", None),
        f"{CASE}: sqnr_db": (40.5, "dB", None),
    }


def test_the_verdict_is_told_beside_the_number():
    entries = {entry["name"]: entry for entry in json.loads(benchmark_action.smaller(mixed_run(), FINDINGS))}
    assert entries[f"{CASE}: latency_s"]["extra"] == "suspect: 0.01 -> 0.02; an A/B decides"
    assert "extra" not in entries[f"{CASE}: graph_count"]


def test_a_wrong_result_exports_no_numbers():
    made = mixed_run()
    both = benchmark_action.smaller(made, FINDINGS) + benchmark_action.bigger(made, FINDINGS)
    assert ERROR not in both


def test_names_stay_in_the_backticks_and_the_row_that_the_action_puts_them_in():
    found = read(benchmark_action.smaller(hostile_run(), []))
    assert len(found) == len(hostile_run().records)
    assert all(name.isprintable() and not {"`", "|"} & set(name) for name in found)
