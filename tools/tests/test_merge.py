"""Shards that are one run become it; whatever overlaps, is missing or differs is refused by name."""

import dataclasses
import json
from pathlib import Path

import pytest

from tools.compare import exit_code, judge_run
from tools.files import UnusableFile
from tools.merge import Unjoinable, benchmarks, merge, read_parts
from tools.records import Effort, Fingerprint, Run, Shard
from tools.runs import KEY, read_run
from tools.tests.samples import NASTY, fingerprint, record, run, run_file

ASKED = ("a/1", "a/2", "b/1", NASTY, "b/3")
KNOWN = {"a": ("a/0", "a/1", "a/2"), "b": ("b/1", "b/3"), "attention": (NASTY,)}


def shard(number: int, *cases: str, count: int = 3, asked: tuple[str, ...] = ASKED, **changes: object) -> Run:
    made = run(*(record(case, latency_s=0.1) for case in cases), known=KNOWN, **changes)
    return dataclasses.replace(
        made, selection=dataclasses.replace(made.selection, shard=Shard(number, count, asked), selected=cases)
    )


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Out of order, as artifacts are downloaded."""
    made = {"s3": shard(3, "b/3"), "s1": shard(1, "a/1", "b/1"), "s2": shard(2, "a/2", NASTY)}
    return [run_file(tmp_path, each, f"{name}.json") for name, each in made.items()]


def test_all_shards_are_the_run_that_one_machine_would_have_made(three: list[Path]):
    whole = merge(read_parts(three))
    assert [each.case for each in whole.records] == list(ASKED)
    assert whole.selection == dataclasses.replace(run(known=KNOWN).selection, selected=ASKED)
    assert whole.effort.wall_s == pytest.approx(30.0)
    assert whole.effort.measured_share == pytest.approx(0.7)
    assert whole.created_utc == max(read_run(file).created_utc for file in three)


def test_the_merged_file_is_a_run_that_every_verb_reads(three: list[Path], tmp_path: Path, tool):
    document = json.loads(three[0].read_text())
    three[0].write_text(json.dumps({**document, "benchmarks": [{"name": "kept"}]}))
    assert "5 cases from 3 shards" in tool("merge", *three, "--output", tmp_path / "whole.json").out
    assert json.loads((tmp_path / "whole.json").read_text())["benchmarks"] == [{"name": "kept"}]
    (tmp_path / "baselines").mkdir()
    assert tool("compare", tmp_path / "whole.json", "--baselines", tmp_path / "baselines").code == 0


@pytest.mark.parametrize("found", [1.5, None, {"a": 1}, "text"])
def test_benchmarks_that_are_no_list_are_told(three: list[Path], tmp_path: Path, tool, found: object):
    document = json.loads(three[1].read_text())
    three[1].write_text(json.dumps({**document, "benchmarks": found}))
    answer = tool("merge", *three, "--output", tmp_path / "whole.json")
    assert answer.code == 2
    assert f"run file {three[1]}: found {type(found).__name__} under 'benchmarks', expected a list" in answer.complaint
    assert not (tmp_path / "whole.json").exists()


def merged(tmp_path: Path, *runs: Run) -> Run:
    return merge(read_parts([run_file(tmp_path, each, f"{number}.json") for number, each in enumerate(runs)]))


def refused(tmp_path: Path, *runs: Run) -> str:
    with pytest.raises(Unjoinable) as told:
        merged(tmp_path, *runs)
    return str(told.value)


def affected(since: str) -> Run:
    made = shard(3, "b/3")
    return dataclasses.replace(made, selection=dataclasses.replace(made.selection, affected=since))


WHOLE = (shard(1, "a/1", "b/1"), shard(2, "a/2", NASTY), shard(3, "b/3"))


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (WHOLE[:1] + WHOLE[2:], ["shard 2/3 left no run file", "found 1/3, 3/3"]),
        (WHOLE[2:], ["shard 1/3, 2/3 left no run file", "found 3/3"]),
        ((*WHOLE, WHOLE[1]), ["is shard 2/3, as", "give each shard once"]),
        ((WHOLE[0], WHOLE[1], shard(3, "b/3", "b/1")), ["case 'b/1' is also in"]),
        (
            (shard(1, "a/1"), *WHOLE[1:]),
            ["case 'b/1' is in no shard; the shards were cut by different durations: measure them again, all from one"],
        ),
        ((*WHOLE[:2], dataclasses.replace(WHOLE[2], profile="full")), ["in profile: standard -> full; no parts"]),
        ((*WHOLE[:2], affected("main")), ["in affected since: not asked -> main; no parts"]),
        ((shard(1, "a/1", "b/1", "a/0"), *WHOLE[1:]), ["case 'a/0' was not asked for"]),
        ((shard(1, "a/1", "b/1", count=4), *WHOLE[1:]), ["is shard 2/3 of 5 cases, but", "is 1/4"]),
        ((WHOLE[0], shard(2, asked=ASKED[:4]), WHOLE[2]), ["is shard 2/3 of 4 cases (no 'b/3'), but"]),
        ((shard(1, "a/1", asked=("a/1",)), *WHOLE[1:]), ["'a/2' only there", "the same arguments"]),
        ((WHOLE[0], WHOLE[1], shard(3, "b/3", commit="fade00")), ["commit: c0ffee -> fade00"]),
        ((WHOLE[0], WHOLE[1], shard(3, "b/3", dirty=True)), ["commit: c0ffee -> c0ffee+changes"]),
        (
            (WHOLE[0], WHOLE[1], shard(3, "b/3", place=fingerprint(software={"torch": "2.11"}))),
            ["software.torch: 2.14.1 -> 2.11"],
        ),
        (
            (WHOLE[0], WHOLE[1], shard(3, "b/3", commit="fade00", place=fingerprint(device={"cores": "4"}))),
            ["in commit: c0ffee -> fade00; device.cores: 2 -> 4; device.processor: sample -> None; no parts"],
        ),
        ((WHOLE[0], WHOLE[1], shard(3, "b/3", place=fingerprint(device={"cores": "4"}))), ["device.cores: 2 -> 4"]),
        ((WHOLE[0], WHOLE[1], shard(3, "b/3", place=fingerprint("cpu-other"))), ["device: cpu-sample-2c -> cpu-other"]),
        ((WHOLE[0], WHOLE[1], run(record("b/3", latency_s=0.1))), ["is no shard", "--perf-shard I/N"]),
    ],
)
def test_what_is_not_one_run_is_refused_by_name(tmp_path: Path, runs: tuple[Run, ...], words: list[str]):
    told = refused(tmp_path, *runs)
    assert all(word in told for word in words), told
    assert "\n" not in told


def with_selection(made: Run, **changes: object) -> Run:
    return dataclasses.replace(made, selection=dataclasses.replace(made.selection, **changes))


def test_one_shard_of_one_is_the_run_itself(tmp_path: Path):
    alone = shard(1, "a/1", count=1, asked=("a/1",))
    assert merged(tmp_path, alone) == with_selection(alone, shard=None)


def test_what_any_shard_knew_is_known_and_what_all_were_asked_for_is_kept(tmp_path: Path):
    knew = ({"a": ("a/2", "a/0")}, {"a": ("a/1",), "b": ("b/1",)}, {})
    made = [with_selection(each, known=k, affected="main", whole=False) for each, k in zip(WHOLE, knew, strict=True)]
    found = merged(tmp_path, *made).selection
    assert (found.known, found.affected, found.whole) == ({"a": ("a/0", "a/1", "a/2"), "b": ("b/1",)}, "main", False)


def test_phases_that_only_some_shards_had_add_up(tmp_path: Path):
    spent = (Effort(5.0, {"time": 1.0}), Effort(6.0, {"time": 2.0, "build": 3.0}), Effort(7.0, {}))
    made = [dataclasses.replace(each, effort=effort) for each, effort in zip(WHOLE, spent, strict=True)]
    assert merged(tmp_path, *made).effort == Effort(18.0, {"build": 3.0, "time": 3.0})


def test_what_explains_is_kept_where_all_shards_agree(tmp_path: Path):
    softs = [{"load": load, "governor": "performance", "turbo": "on"} for load in ("0.1", "0.2", "0.1")]
    del softs[1]["turbo"]
    made = [dataclasses.replace(e, fingerprint=fingerprint(soft=soft)) for e, soft in zip(WHOLE, softs, strict=True)]
    assert merged(tmp_path, *made).fingerprint.soft == {"governor": "performance"}


def test_documents_of_pytest_benchmark_are_joined_without_our_part(tmp_path: Path):
    kept = [
        {"version": "5", KEY: {}, "benchmarks": [{"name": "a"}]},
        {"version": "6", "benchmarks": [{"name": "b"}]},
        {},
    ]
    files = [tmp_path / f"{number}.json" for number in range(3)]
    for file, document in zip(files, kept, strict=True):
        file.write_text(json.dumps(document))
    assert benchmarks(files) == {"version": "5", "benchmarks": [{"name": "a"}, {"name": "b"}]}
    assert benchmarks(files[2:]) == {"benchmarks": []}
    files[0].write_text("{")
    with pytest.raises(UnusableFile, match=r"^run file .*0\.json: not JSON"):
        benchmarks(files)


def test_a_refused_merge_writes_nothing_and_ends_in_2(three: list[Path], tmp_path: Path, tool):
    answer = tool("merge", *three[:2], "--output", tmp_path / "whole.json")
    assert (answer.code, "shard 2/3 left no run file" in answer.complaint) == (2, True)
    assert not (tmp_path / "whole.json").exists()


def test_what_a_missing_shard_was_to_measure_is_missing_where_holes_are_allowed(
    three: list[Path], tmp_path: Path, tool
):
    whole = tmp_path / "whole.json"
    assert tool("merge", *three[:2], "--with-holes", "--output", whole).code == 0
    findings = judge_run(read_run(whole), {})
    assert {each.case for each in findings if each.verdict == "missing"} == {"a/2", NASTY}
    assert tool("compare", whole, "--baselines", tmp_path).code == 3


def on(machine: dict[str, str]) -> Fingerprint:
    return fingerprint(machine=machine)


def test_gpus_of_one_kind_are_joined_to_a_run_of_no_gpu_in_particular(tmp_path: Path):
    machines = [{"uuid": uuid, "driver": "580.95"} for uuid in ("a", "b", "c")]
    runs = [dataclasses.replace(each, fingerprint=on(m)) for each, m in zip(WHOLE, machines, strict=True)]
    whole = merge(read_parts([run_file(tmp_path, each, f"{n}.json") for n, each in enumerate(runs)]))
    assert whole.fingerprint.machine == {"driver": "580.95"}


def test_a_selected_case_that_left_no_record_is_missing_in_the_whole(tmp_path: Path):
    crashed = dataclasses.replace(WHOLE[2], records=())
    whole = merge(read_parts([run_file(tmp_path, e, f"{n}.json") for n, e in enumerate((*WHOLE[:2], crashed))]))
    findings = judge_run(whole, {})
    assert [(each.case, each.verdict) for each in findings if each.verdict == "missing"] == [("b/3", "missing")]
    assert exit_code(whole, findings) == 3


@pytest.mark.parametrize(("asked", "code"), [(("a/1",), 0), ((), 3)])
def test_only_a_shard_of_something_may_measure_nothing(asked: tuple[str, ...], code: int):
    empty = shard(2, asked=asked)
    assert exit_code(empty, judge_run(empty, {})) == code


@pytest.mark.parametrize("number", [0, 4])
def test_a_shard_beyond_the_last_is_none(number: int):
    with pytest.raises(ValueError, match="expected a number from 1 to 3"):
        Shard(number, 3, ())
