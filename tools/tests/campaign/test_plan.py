"""What a campaign does in which order, and which part of it is a slice's."""

from pathlib import Path

import pytest

from tools.campaign.plan import BadSlice, Campaign, Slice, Stage, slice_of, stages


def asked(device="cuda", part="1/1", processes=3, arguments=()):
    return Campaign(Path("out"), "python", device, "standard", processes, slice_of(part), tuple(arguments))


def names(found):
    return [stage.name for stage in found]


def of(found, name) -> Stage:
    return next(stage for stage in found if stage.name == name)


def test_instruments_come_before_what_they_measure_and_a_baseline_before_what_is_held_against_it():
    assert names(stages(asked())) == [
        *("doctor", "tests", "instruments", "process-1", "sweep", "process-2", "process-3"),
        *("store", "again", "planted", "gate"),
    ]


def test_a_processor_runs_no_test_that_needs_a_gpu_and_no_sweep_of_hours():
    assert not {"tests", "sweep"} & set(names(stages(asked("cpu"))))


def test_whole_stages_are_one_slices_and_measuring_is_everyones():
    by_slice = [
        [stage.name for stage in stages(asked(part=part)) if stage.in_slice(slice_of(part))]
        for part in ("1/3", "2/3", "3/3")
    ]
    everyone = ["process-1", "sweep", "process-2", "process-3"]
    assert by_slice == [
        ["doctor", "tests", "instruments", *everyone],
        everyone,
        [*everyone, "store", "again", "planted", "gate"],
    ]


def test_a_baseline_needs_every_slice_of_every_process():
    found = stages(asked(part="2/2"))
    needed = [key for name in of(found, "store").needs for key in of(found, name).keys(Slice(2, 2))]
    assert needed == [f"process-{process}.{number}-of-2" for process in (1, 2, 3) for number in (1, 2)]
    assert of(found, "store").keys(Slice(2, 2)) == ("store",)


def test_only_the_run_after_the_baseline_is_held_against_it():
    found = stages(asked())
    stored = str(Path("out", "baselines"))
    against = {
        stage.name: stage.command[-1 - stage.command[::-1].index("--perf-baselines") + 1]
        for stage in found
        if "--perf-baselines" in stage.command
    }
    assert against["again"] == stored
    assert {name for name, place in against.items() if place == "none"} == {
        "instruments",
        "process-1",
        "process-2",
        "process-3",
        "sweep",
    }


def test_what_is_asked_of_pytest_comes_last_and_so_holds():
    command = of(stages(asked(arguments=("-k", "mine"))), "process-1").command
    assert command[-2:] == ("-k", "mine")


@pytest.mark.parametrize("text", ["", "0/1", "2/1", "1", "1/0", "a/b", "1/100", "-1/2", "１/2", "1/2 "])
def test_what_is_no_slice(text):
    with pytest.raises(BadSlice, match="expected N/M"):
        slice_of(text)
