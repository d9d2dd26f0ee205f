import dataclasses
import gzip
import json
import math

import numpy
import pytest

from tools.files import UnusableFile
from tools.gate.trials import DOSES, INJECTED, STEADY, BadTrial, Pair, TrialFile, read_trials, write_trials
from tools.tests.gate.samples import told, trial

ARM = ((0.01, 0.02), (0.03,))


def some_file(pairs=4):
    rng = numpy.random.default_rng(1)
    return TrialFile(2, "0" * 40, "2026-01-01T00:00:00Z", "cpu-x", {"looks": [6, 12]}, (trial(rng, pairs=pairs),))


def written(path, **changes):
    """A trial file whose document has these keys changed."""
    document = json.loads(json.dumps(dataclasses.asdict(some_file()))) | changes
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return path


def refusal(path):
    with pytest.raises(UnusableFile) as refused:
        read_trials(path)
    text = str(refused.value)
    assert text.isprintable()
    assert str(path) in text
    return text


def test_what_is_written_is_read_to_six_digits(tmp_path):
    path, before = tmp_path / "deep" / "trials.json.gz", some_file()
    write_trials(path, before)
    after = read_trials(path)
    assert [p.name for p in path.parent.iterdir()] == ["trials.json.gz"]
    assert dataclasses.replace(after, trials=()) == dataclasses.replace(before, trials=())
    assert after.trials[0].pairs[0].head[0] == pytest.approx(before.trials[0].pairs[0].head[0], rel=1e-5)
    assert after.trials[0].low == pytest.approx(before.trials[0].low, rel=1e-5)


def test_equal_trials_make_equal_bytes(tmp_path):
    write_trials(tmp_path / "a", some_file())
    write_trials(tmp_path / "b", some_file())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("kept", [0, 5, 0.5, -1])
def test_a_truncated_file_is_refused(tmp_path, kept):
    content = written(tmp_path / "t").read_bytes()
    end = int(kept * len(content)) if isinstance(kept, float) else kept
    (tmp_path / "t").write_bytes(content[:end])
    text = refusal(tmp_path / "t")
    assert "make it anew: python -m tools validate-gate" in text


@pytest.mark.parametrize("content", [b'{"schema_version": 1}', b"\x89PNG\r\n", b"\x1f\x8bjunk"])
def test_what_is_not_gzip_is_refused(tmp_path, content):
    (tmp_path / "t").write_bytes(content)
    assert "not gzip, cut off or damaged" in refusal(tmp_path / "t")


@pytest.mark.parametrize("text", [b"", b"[1]", b"not json", b"{}", b"\xff\xfe", b"[" * 100_000])
def test_gzip_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "t").write_bytes(gzip.compress(text))
    assert "make it anew" in refusal(tmp_path / "t")


def test_a_missing_file_is_refused(tmp_path):
    assert "cannot be read (No such file or directory)" in refusal(tmp_path / "none")


@pytest.mark.parametrize(("version", "advice"), [(0, "make it anew"), (3, "update this checkout")])
def test_another_schema_is_refused(tmp_path, version, advice):
    text = refusal(written(tmp_path / "t", schema_version=version))
    assert f"found schema version {version}, expected 1 or 2" in text
    assert advice in text


@pytest.mark.parametrize(
    "change",
    [
        {"injected": "4"},
        {"verdict": "suspect"},
        {"low": None},
        {"estimate": "fast"},
        {"wall_s": math.nan},
        {"more": 1},
        {"metric": "energy_j"},
        {"cut": "no"},
    ],
)
def test_a_damaged_trial_is_refused_by_its_place(tmp_path, change):
    one = dataclasses.asdict(some_file().trials[0]) | change
    assert "at 'trials.0" in refusal(written(tmp_path / "t", trials=[one]))


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableFile, match="cannot be written"):
        write_trials(tmp_path / "file" / "t", some_file())


@pytest.mark.parametrize(
    ("base", "head"), [((), ()), (ARM, ARM[:1]), (((),), ((1.0,),)), (((0.0,),), ((1.0,),)), (((1.0,),), ((-1.0,),))]
)
def test_a_pair_without_times_is_refused(base, head):
    with pytest.raises(BadTrial):
        Pair("ab", 0.0, base, head, (True,) * len(base))


def test_a_pair_is_worth_the_mean_of_the_medians_of_both_orders():
    factors = (1.1, 1.2, 1.1, 1.2, 9.0, 0.1)
    base = ((0.01,),) * 6
    head = tuple((0.01 * factor,) for factor in factors)
    orders = (True, False, True, False, True, False)
    assert Pair("ab", 0.0, base, head, orders).log_ratio == pytest.approx((math.log(1.1) + math.log(1.2)) / 2)


def test_rounds_cost_their_share_of_the_machine_time():
    one = trial(numpy.random.default_rng(1), pairs=2, wall_s=8.0)
    assert one.seconds_of(25) == pytest.approx(2.0)
    assert told("unchanged").seconds_of(25) == 0.0


def test_confirming_pairs_are_kept_apart():
    one = trial(numpy.random.default_rng(1), pairs=2)
    confirmed = dataclasses.replace(one, pairs=(*one.pairs, dataclasses.replace(one.pairs[0], kind="confirm")))
    assert confirmed.ab_pairs == one.pairs


def test_doses_are_known_by_name():
    assert [INJECTED[name] for name in STEADY] == [0, 0.5, 1, 2, 3, 5, 10]
    assert {dose for doses in DOSES.values() for dose in doses} == INJECTED.keys()
    assert told("unchanged", "10").true_log_ratio == pytest.approx(math.log(1.1))
    assert told("unchanged", "bimodal").true_log_ratio == told("unchanged", "3").true_log_ratio


def test_a_pair_that_was_disturbed_all_but_once_takes_no_part():
    lonely = Pair("ab", 0.0, ((0.01,),), ((0.02,),), (True,))
    made = some_file().trials[0]
    spoilt = dataclasses.replace(made, pairs=(*made.pairs, lonely))
    assert spoilt.ab_pairs == made.ab_pairs
    with pytest.raises(BadTrial, match="in one order"):
        _ = lonely.log_ratio


def old(document):
    """The same as version 1 had it."""
    for key in ("workloads", "metrics"):
        del document[key]
    for one in document["trials"]:
        del one["metric"], one["cut"]
        for pair in one["pairs"]:
            del pair["clocks_mhz"]
    return document | {"schema_version": 1}


def test_a_file_of_version_1_is_of_a_processor_by_latency_to_the_end_and_without_clocks(tmp_path):
    document = old(json.loads(json.dumps(dataclasses.asdict(some_file()))))
    (tmp_path / "t").write_bytes(gzip.compress(json.dumps(document).encode()))
    found = read_trials(tmp_path / "t")
    assert (found.schema_version, found.workloads, found.metrics) == (1, "cpu", ("latency_s",))
    assert found.by("latency_s") == found.trials
    assert {(one.metric, one.cut) for one in found.trials} == {("latency_s", False)}
    assert {pair.clocks_mhz for one in found.trials for pair in one.pairs} == {None}


def test_what_a_gpu_adds_is_read_back(tmp_path):
    before, made = some_file(), some_file().trials[0]
    pairs = tuple(dataclasses.replace(pair, clocks_mhz=(1980.0, 1965.0)) for pair in made.pairs)
    trials = (dataclasses.replace(made, pairs=pairs, metric="graph_s", injected="0.5", cut=True),)
    metrics = ("latency_s", "device_s", "graph_s")
    write_trials(tmp_path / "t", dataclasses.replace(before, trials=trials, workloads="gpu", metrics=metrics))
    [found] = read_trials(tmp_path / "t").by("graph_s")
    assert (found.cut, found.true_log_ratio) == (True, pytest.approx(math.log(1.005)))
    assert {pair.clocks_mhz for pair in found.pairs} == {(1980.0, 1965.0)}
    assert read_trials(tmp_path / "t").by("latency_s") == ()


@pytest.mark.parametrize(
    "change", [{"workloads": "tpu"}, {"metrics": ["device_s"]}, {"metrics": []}, {"metrics": "latency_s"}]
)
def test_a_file_whose_trials_are_not_of_its_metrics_or_workloads_is_refused(tmp_path, change):
    assert "make it anew" in refusal(written(tmp_path / "t", **change))
