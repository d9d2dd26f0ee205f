"""Collecting: what is measured against what, what becomes of it, and to which trials it may be added."""

import dataclasses
import itertools
import math
import subprocess
from pathlib import Path

import numpy
import pytest

from tools.ab.job import Judgement
from tools.ab.pairs import Match
from tools.compare import Verdict
from tools.files import UnusableFile
from tools.gate import collect
from tools.gate.collect import PLAN, begun, continued, matches, planned
from tools.gate.trials import read_trials, write_trials
from tools.tests.ab.fakes import duel
from tools.tests.gate.samples import trial

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def known(tmp_path):
    """Read back, for JSON has no tuples."""
    write_trials(tmp_path / "t.json.gz", dataclasses.replace(begun("cpu-x"), commit="a" * 12))
    return read_trials(tmp_path / "t.json.gz")


def test_the_head_has_the_dose():
    assert matches(["sort"], ["0", "3", "bimodal"]) == [
        Match("sort with 0", "gate/sort/dose0", "gate/sort/dose0"),
        Match("sort with 3", "gate/sort/dose0", "gate/sort/dose3"),
        Match("sort with bimodal", "gate/sort/dose0", "gate/sort/bimodal"),
    ]


def test_a_trial_holds_its_own_pairs_by_kind_and_its_share_of_the_time():
    named = "sort with 3"
    duels = [
        duel(named, "decide", 0, [0.03] * 4),
        duel(named, "decide", 1, [0.5] * 4, ["throttled"] * 4),
        duel(named, "confirm", 2, [0.02] * 4),
        duel("copy with 3", "decide", 0, [0.0] * 4),
    ]
    found = Judgement(named, "latency_s", Verdict.REGRESSED, "", change=0.03, low=0.01, high=0.05)
    made = collect.trial(7, found, duels, 80.0)
    assert (made.campaign, made.workload, made.injected, made.verdict) == (7, "sort", "3", "regressed")
    assert [(pair.kind, pytest.approx(pair.log_ratio)) for pair in made.pairs] == [("ab", 0.03), ("confirm", 0.02)]
    assert (made.estimate, made.low, made.high) == tuple(map(math.log1p, (0.03, 0.01, 0.05)))
    assert made.wall_s == 60.0


@pytest.mark.parametrize("patch", sorted(ROOT.glob("fixtures/gate/commits/*.patch")), ids=lambda file: file.stem)
def test_the_commits_of_the_nightly_lane_still_fit(patch):
    subprocess.run(["git", "apply", "--check", str(patch)], cwd=ROOT, check=True)


def test_there_are_commits_for_the_nightly_lane():
    assert len(list(ROOT.glob("fixtures/gate/commits/*.patch"))) == 2


def test_trials_of_another_machine_do_not_add_up(known):
    with pytest.raises(UnusableFile, match="its trials are of cpu-x, expected cpu-y"):
        continued(known, Path("t"), "cpu-y")


@pytest.mark.parametrize(
    "other", [{"slot_s": 1.0}, {"margins": {"bias": 0.0, "same": 0.02, "fail": 0.01}}, {"trim": [0.0, 0.0]}, {"x": 1}]
)
def test_trials_of_another_rule_do_not_add_up(known, other):
    with pytest.raises(UnusableFile, match=rf"of another rule \({next(iter(other))}\)"):
        continued(dataclasses.replace(known, rule={**known.rule, **other}), Path("t"), "cpu-x")


def test_a_file_that_told_less_is_continued_and_tells_all_from_then_on(known):
    older = dataclasses.replace(known, rule={name: value for name, value in known.rule.items() if name != "margins"})
    assert continued(older, Path("t"), "cpu-x") == known


def test_campaigns_go_on_where_the_file_ends(known, tmp_path, monkeypatch):
    """With no time left one campaign is run all the same: the one after the last; what was there is kept."""

    def run_campaign(repository, python, campaign, workloads, say):
        return [trial(rng, campaign=campaign.number)]

    rng = numpy.random.default_rng(1)
    monkeypatch.setattr(collect, "run_campaign", run_campaign)
    commits = itertools.chain(["b" * 12, "a" * 12, "b" * 12 + "+changes"], itertools.repeat("b" * 12))
    monkeypatch.setattr(collect, "frozen_at", lambda repository: next(commits))
    monkeypatch.setattr(collect, "survey", lambda repository, python: ("cpu-x", ["sort"]))
    before = dataclasses.replace(known, trials=(trial(rng, campaign=4),))
    collect.collect(Path(), "python", tmp_path / "t.json.gz", 0.0, lambda text: None, before)
    found = read_trials(tmp_path / "t.json.gz")
    assert [each.campaign for each in found.trials] == [4, 5]
    assert found.commit == f"{'a' * 12}, {'b' * 12}"
    for _ in range(2):
        found = collect.collect(Path(), "python", tmp_path / "t.json.gz", 0.0, lambda text: None, found)
    assert found.commit == f"{'a' * 12}, {'b' * 12}, {'b' * 12}+changes"  # each once, a changed file told


def test_round_after_round_every_dose_falls_on_every_workload():
    workloads = set(range(18))
    seen = {}
    for number in range(3 * len(PLAN)):
        campaign = planned(number)
        part = sorted(workloads)[campaign.part[0] :: campaign.part[1]]
        for dose in campaign.injected:
            seen.setdefault(dose, []).extend(part)
    assert set(seen) == {"0", "1", "2", "3", "5", "10", "bimodal"}
    assert all(set(found) == workloads for found in seen.values())
    assert {len(seen[dose]) for dose in ("2", "3")} == {54}
    assert {len(seen[dose]) for dose in ("1", "5", "10", "bimodal")} == {18}
    assert len(seen["0"]) > sum(len(seen[dose]) for dose in seen if dose != "0") / 2
