"""Adding to trials that are there: only those of the same machine and rule."""

import dataclasses
from pathlib import Path

import numpy
import pytest

from tools.files import UnusableFile
from tools.gate import collect
from tools.gate.collect import begun, continued, planned
from tools.gate.trials import read_trials, write_trials
from tools.tests.gate.samples import trial


@pytest.fixture
def known(tmp_path):
    """Read back, for JSON has no tuples."""
    write_trials(tmp_path / "t.json.gz", begun("cpu-x", "a" * 12))
    return read_trials(tmp_path / "t.json.gz")


def test_each_commit_is_named_once(known):
    more = continued(known, Path("t"), "cpu-x", "b" * 12)
    assert continued(more, Path("t"), "cpu-x", "a" * 12).commit == f"{'a' * 12}, {'b' * 12}"


def test_trials_of_another_machine_do_not_add_up(known):
    with pytest.raises(UnusableFile, match="its trials are of cpu-x, expected cpu-y"):
        continued(known, Path("t"), "cpu-y", "a" * 12)


def test_trials_of_another_rule_do_not_add_up(known):
    other = dataclasses.replace(known, rule={**known.rule, "slot_s": 1.0})
    with pytest.raises(UnusableFile, match="of another rule"):
        continued(other, Path("t"), "cpu-x", "a" * 12)


def test_campaigns_go_on_where_the_file_ends(known, tmp_path, monkeypatch):
    """With no time left one campaign is run all the same: the one after the last; what was there is kept."""

    def run_campaign(repository, python, campaign, workloads, say):
        return [trial(rng, campaign=campaign.number)]

    rng = numpy.random.default_rng(1)
    monkeypatch.setattr(collect, "run_campaign", run_campaign)
    monkeypatch.setattr(collect, "frozen_at", lambda repository: "b" * 12)
    monkeypatch.setattr(collect, "survey", lambda repository, python: ("cpu-x", ["sort"]))
    before = dataclasses.replace(known, trials=(trial(rng, campaign=4),))
    collect.collect(Path(), "python", tmp_path / "t.json.gz", 0.0, lambda text: None, before)
    found = read_trials(tmp_path / "t.json.gz")
    assert [each.campaign for each in found.trials] == [4, 5]
    assert found.commit == f"{'a' * 12}, {'b' * 12}"


def test_after_the_plan_equal_code_is_compared_for_as_long_as_there_is_time():
    assert planned(100).injected == ("0",)
