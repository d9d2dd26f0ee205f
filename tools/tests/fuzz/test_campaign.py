"""A small campaign, and that each of its judges can find something."""

import json
import random
import time
from pathlib import Path

import pytest

from tools.tests.fuzz.campaign import Campaign, changes, disk, restore
from tools.tests.fuzz.meanings import MEANINGS, Stage, missed
from tools.tests.fuzz.oracle import lost, misbehaved
from tools.tests.fuzz.subjects import STORED, SUBJECTS
from tools.tests.fuzz.verbs import CRASHED, HUNG, Answer, called, in_process
from tools.tests.fuzz.world import BASELINES, write_world
from tools.tests.mutations import KINDS, OF_JSON, PLACES, TWICE, mutated

FORMATS = {subject.format for subject in SUBJECTS}


@pytest.fixture(scope="module")
def campaign():
    with Campaign(seed=7) as made:
        yield made


@pytest.fixture
def world(tmp_path):
    write_world(tmp_path)
    return tmp_path


def test_no_damaged_file_gets_a_verb_to_crash_to_hang_to_lose_or_to_lie(campaign):
    trials = list(campaign.trials(range(200)))
    assert [(trial.number, trial.verb, trial.problems) for trial in trials if trial.problems] == []
    assert {trial.format for trial in trials} == FORMATS
    assert 40 < sum(trial.outcome == "refused" for trial in trials) < 160, "the damage no longer reaches both ends"


def test_an_input_is_the_same_again(campaign):
    first, second = (list(campaign.trials(range(5))) for _ in range(2))
    assert [(one.kind, one.verb, one.answer.code) for one in first] == [
        (one.kind, one.verb, one.answer.code) for one in second
    ]


@pytest.mark.parametrize("verb", sorted({verb for subject in SUBJECTS for verb in subject.verbs}), ids=" ".join)
def test_the_undamaged_world_is_one_that_every_verb_takes(campaign, verb):
    found = SUBJECTS[0].answer(verb, campaign.world)
    restore(campaign.world, campaign.whole)
    refused_on_purpose = "--anchor" in verb or ("./run.json" in verb and verb[0] == "memory-diff")
    assert found.code in ((0, 1, 2, 3) if refused_on_purpose else (0, 3)), found.err
    assert list(misbehaved(found)) == []


# ---------------------------------------------------------------- the judges


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(0, "fine\n", ""), ""),
        (Answer(2, "", "perf-ratchet: run file x: not JSON; make it anew\n"), ""),
        (Answer(4, "", ""), "ended with 4"),
        (Answer(HUNG, "", ""), "ended with hung"),
        (Answer(1, "", "Traceback (most recent call last)"), "says 'Traceback'"),
        (Answer(3, "", "perf-ratchet: internal error, please report it"), "says 'internal error'"),
        (Answer(0, "", "x.py:1: RuntimeWarning: overflow"), "says 'Warning: '"),
        (Answer(0, "\x1b[2J", ""), "prints '\\x1b'"),
        (Answer(2, "", "cannot read; make it anew"), "expected one line"),
        (Answer(2, "", "perf-ratchet: a; b\nmore\n"), "expected one line"),
        (Answer(2, "half a table", "perf-ratchet: a; b"), "printed something before"),
        (Answer(2, "", "perf-ratchet: no"), "does not say what to do"),
        (Answer(2, "", f"perf-ratchet: {'x' * 2000}; b"), "characters"),
        (Answer(3, "", ""), "says nothing"),
    ],
)
def test_how_a_verb_may_end(answer, told):
    assert told in "; ".join(misbehaved(answer))
    assert bool(told) == any(misbehaved(answer))


def test_what_takes_too_long_is_stopped_and_what_raises_is_caught():
    assert called(lambda: time.sleep(60), limit_s=0.05).code == HUNG
    assert called(lambda: 1 / 0).code == CRASHED


def compared(world):
    return in_process(["compare", f"{world}/run.json", "--baselines", f"{world}/{BASELINES}", "--format", "json"])


def changed(answer, change):
    told = json.loads(answer.out)
    change(told)
    return Answer(answer.code, json.dumps(told), "")


def verdict_of(told, metric):
    return next(each for each in told["verdicts"] if each["metric"] == metric)


def test_a_comparison_that_passes_something_over_is_found(world):
    answer = compared(world)
    assert list(lost(world / "run.json", world / BASELINES, answer)) == []
    for number, finding in enumerate(json.loads(answer.out)["verdicts"]):
        shorter = changed(answer, lambda told, number=number: told["verdicts"].pop(number))
        [sentence] = lost(world / "run.json", world / BASELINES, shorter)
        assert str((finding["case"], finding["metric"])) in sentence


@pytest.mark.parametrize("metric", ["graph_count", "relative_error", "peak_allocated_bytes", "latency_s", "sqnr_db"])
def test_a_comparison_that_calls_a_loss_unchanged_is_found(world, metric):
    file = world / "run.json"
    document = json.loads(file.read_text())
    record = document["perf_ratchet"]["records"][0]
    record["metrics"][metric]["value"] *= 0.5 if metric == "sqnr_db" else 4
    file.write_text(json.dumps(document))
    answer = compared(world)
    lied = changed(answer, lambda told: verdict_of(told, metric).update(verdict="unchanged"))
    assert list(lost(file, world / BASELINES, answer)) == []
    assert any("unchanged" in sentence for sentence in lost(file, world / BASELINES, lied))


def test_what_a_verb_changes_without_leave_is_found(world):
    before, [subject, *_] = disk(world), SUBJECTS
    (world / "out" / "out.md").write_text("new")
    assert changes(before, disk(world), Answer(0, "", ""), subject) == []
    assert changes(before, disk(world), Answer(2, "", "perf-ratchet: x; y"), subject) == ["2, and changed out/out.md"]
    restore(world, before)
    (world / "run.json").unlink()
    assert changes(before, disk(world), Answer(0, "", ""), subject) == ["0, and changed run.json"]
    restore(world, before)
    assert disk(world) == before


@pytest.mark.parametrize("change", sorted(set(MEANINGS), key=lambda each: each.__name__))
def test_a_change_whose_meaning_is_known_gets_its_verdict(world, change):
    before = disk(world)
    for seed in range(3):
        stage = Stage.of(world, random.Random(seed))
        expected = change(stage)
        stage.write()
        answer = in_process(
            [each.replace("./", f"{world}/") for each in ("compare", "./run.json", *STORED, "--format", "json")]
        )
        assert missed(expected, answer.out) == []
        assert missed(dict.fromkeys(expected, ("fine",)), answer.out) != [] or not expected
        restore(world, before)


# ---------------------------------------------------------------- the damage


@pytest.mark.parametrize("kind", sorted({*OF_JSON} - {PLACES}))
def test_damage_is_damage(world, kind):
    whole = (Path(world) / "run.json").read_bytes()
    found = {mutated(whole, kind, random.Random(seed)) for seed in range(20)}
    assert len(found - {whole}) > 10


def test_a_name_given_twice_stands_there_twice(world):
    pairs = []
    text = mutated((world / "stats.json").read_bytes(), TWICE, random.Random(1))
    json.loads(text, object_pairs_hook=lambda found: pairs.append([name for name, _ in found]))
    assert any(len(names) > len(set(names)) for names in pairs)


def test_every_kind_of_damage_is_done_to_something():
    assert {kind for subject in SUBJECTS for kind in subject.kinds} >= {*KINDS, PLACES}
