"""What the doctor says: every sentence planted, nothing said of a machine that is well, one line where all fails."""

import dataclasses
import sys

import pytest
import typer
from typer.testing import CliRunner

from tools import doctor
from tools.ab.noise import Noise
from tools.ab.workers import WorkerLost
from tools.doctor import (
    Facts,
    Gpu,
    Kind,
    Machine,
    Software,
    Unwell,
    asked,
    baseline,
    coverage,
    disturbances,
    noise_sentences,
    noise_table,
    software,
    tried,
    unsupported,
)
from tools.tests.samples import NASTY

QUIET = Machine(
    cores=2,
    memory_bytes=8 << 30,
    virtual=False,
    load_1min=0.1,
    governor="performance",
    boost="0",
    smt="0",
    transparent_hugepages="always [madvise] never",
    swap_used_bytes=0,
    quota="max 100000",
    pressure_told=True,
    preloaded="",
    foreign_load_share=0.01,
)
COOL = Gpu(
    uuid="0000",
    gauges={"sm_clock_limit_mhz": 1980.0, "persistence_enabled": 1.0, "mig_enabled": 0.0},
    reasons=0x2,
    foreign=(),
    refused=(),
)
KINDS = (
    Kind("attention/eager/forward", 5, ""),
    Kind("attention/triton/forward", 4, "no GPU"),
    Kind("attention/triton/backward", 4, "no GPU"),
    Kind("attention/flex/forward", 2, ""),
    Kind("attention/flex/backward", 2, "no backward"),
    Kind("mxint8/cpp", 7, ""),
)
FACTS = Facts("cpu-amd", "cpu", "AMD EPYC", "", (Software("torch", "2.15", ""),), QUIET, KINDS)


def test_nothing_is_said_against_a_machine_that_is_well():
    assert disturbances(dataclasses.replace(FACTS, gpu=COOL)) == []
    assert disturbances(dataclasses.replace(FACTS, machine=dataclasses.replace(QUIET, foreign_load_share=None))) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"foreign_load_share": 0.51, "load_1min": 2.3}, "other processes use 51% of the machine (load 2.3)"),
        ({"governor": "powersave"}, "sudo cpupower frequency-set -g performance"),
        ({"boost": "1"}, "/sys/devices/system/cpu/intel_pstate/no_turbo"),
        ({"transparent_hugepages": "[always] madvise never"}, "echo madvise | sudo tee"),
        ({"swap_used_bytes": 1 << 30}, "1.00 GiB are swapped out"),
        ({"quota": "150000 100000"}, "a quota (cpu.max: 150000 100000)"),
        ({"preloaded": "libjemalloc.so"}, "LD_PRELOAD is libjemalloc.so"),
        ({"virtual": True}, "a virtual machine"),
    ],
)
def test_what_disturbs_a_processor_is_said_with_what_ends_it(change, told):
    [sentence] = disturbances(dataclasses.replace(FACTS, machine=dataclasses.replace(QUIET, **change)))
    assert told in sentence


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"foreign": ("process 42 (python)",)}, "process 42 (python) on the GPU: end it"),
        ({"reasons": 0x2 | 0x40}, "the GPU is throttled now"),
        ({"gauges": {**COOL.gauges, "mig_enabled": 1.0}}, "MIG is on"),
        ({"gauges": {**COOL.gauges, "persistence_enabled": 0.0}}, "sudo nvidia-smi -i GPU-0000 -pm 1"),
        ({"reasons": 0x4}, "sudo nvidia-smi -i GPU-0000 -lgc 1485"),
        ({"refused": ("power_w", "temperature_c")}, "its driver does not tell power_w, temperature_c"),
    ],
)
def test_what_disturbs_a_gpu_is_said_with_what_ends_it(change, told):
    [sentence] = disturbances(dataclasses.replace(FACTS, gpu=dataclasses.replace(COOL, **change)))
    assert told in sentence


def test_how_much_can_be_measured_is_counted_path_by_path():
    [sentence] = coverage(FACTS)
    assert sentence == "cases: 14 of 24 of the standard profile can be measured here: attention 7 of 17, mxint8 7"
    [sentence] = coverage(dataclasses.replace(FACTS, kinds=(), problem="process 42 has used it"))
    assert sentence == "cases: not asked: process 42 has used it"


def test_what_is_unsupported_stands_reason_by_reason_under_the_shortest_name_that_is_true():
    assert unsupported(FACTS).rows == (
        ("8", "attention/triton", "no GPU"),
        ("2", "attention/flex/backward", "no backward"),
    )
    assert unsupported(dataclasses.replace(FACTS, kinds=(KINDS[0],))) is None


def test_what_is_missing_stands_with_its_command():
    found = (
        Software("torch", "2.15", ""),
        Software("nvcc", "/usr/local/cuda/bin/nvcc", ""),
        Software("vLLM", "", "run x"),
    )
    assert software(dataclasses.replace(FACTS, software=found)) == [
        "found: torch 2.15, nvcc .../bin/nvcc",
        "vLLM: run x",
    ]


def test_a_device_without_baseline_gets_the_command_that_makes_one():
    assert baseline(FACTS, {}).endswith("make one with  bash ci/refresh.sh --runs 3")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise ModuleNotFoundError('No module named torch')", "bash ci/perf.sh --perf-profile quick"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11: it said nothing"),
        (
            "import sys; sys.exit('--perf-device cuda: torch sees no CUDA device here')",
            "torch sees no CUDA device here",
        ),
        ("print('[]')", "said what cannot be read"),
        ("print('half a', end='')", "said what cannot be read"),
    ],
)
def test_a_process_that_cannot_tell_is_one_clear_line(monkeypatch, tmp_path, code, expected):
    script = tmp_path / "python"
    script.write_text(f"#!{sys.executable}\n{code}\n")
    script.chmod(0o755)
    monkeypatch.setattr(doctor.sys, "executable", str(script))
    with pytest.raises(Unwell) as raised:
        asked("cpu")
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_process_that_never_answers_is_ended(monkeypatch, tmp_path):
    script = tmp_path / "python"
    script.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
    script.chmod(0o755)
    monkeypatch.setattr(doctor.sys, "executable", str(script))
    monkeypatch.setattr(doctor, "ASKING_S", 0.01)
    with pytest.raises(Unwell, match="gave no answer"):
        asked(None)


NOISE = Noise("mxint8/cpp/g32-n1m-t1", "latency_s", 3, 0.021, {6: 0.11, 30: 0.034}, 0.0, "")


def test_the_noise_is_told_with_how_little_it_is_known():
    assert noise_table([NOISE]).columns == ("case", "metric", "pairs", "spread", "at 6", "at 30")
    assert noise_table([NOISE]).rows == (("mxint8/cpp/g32-n1m-t1", "latency_s", "3", "2.1%", "+11.0%", "+3.4%"),)
    [sentence] = noise_sentences([NOISE], 60.0)
    assert "extrapolated" in sentence
    assert "4.4 times as large (95%)" in sentence


def test_too_few_pairs_are_not_passed_off_as_a_quiet_machine():
    few = dataclasses.replace(NOISE, pairs=1, spread=None, detectable={})
    assert noise_table([NOISE, few]).rows[1][2:] == ("1", "–", "–", "–")
    assert noise_sentences([few], 60.0) == ["60 s were too short for two pairs of each case: --seconds 120"]
    disturbed = dataclasses.replace(few, pairs=0, rejected=1.0, objection="other processes used the machine")
    told = noise_sentences([disturbed], 60.0)
    assert told[0].endswith("100% of its slots do not count, for other processes used the machine")
    assert "let nothing else run" in told[1]


def test_only_what_can_be_measured_is_tried():
    assert tried(FACTS) == ["mxint8/cpp/g32-n1m-t1", "attention/eager/d64-s256/forward"]
    assert tried(dataclasses.replace(FACTS, kinds=())) == []


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The verb, of a machine that is told, with noise that is told or raised."""

    def call(*arguments, facts=FACTS, noise=(NOISE,)):
        def answer(what):
            if isinstance(what, Exception):
                raise what
            return what

        monkeypatch.setattr(doctor, "asked", lambda device: answer(facts))
        monkeypatch.setattr(doctor, "measured_noise", lambda *asked: answer(noise))
        app = typer.Typer()
        app.command()(doctor.doctor)
        return CliRunner().invoke(app, ["--baselines", str(tmp_path), *arguments], env={"COLUMNS": "80"})

    return call


@pytest.mark.parametrize(
    ("facts", "code", "told"),
    [
        (FACTS, 0, "cases: 14 of 24"),
        (dataclasses.replace(FACTS, kinds=KINDS[1:3]), 3, "cases: 0 of 8"),
        (dataclasses.replace(FACTS, kinds=(), problem="in use"), 3, "not asked: in use"),
        (Unwell("No module named torch"), 3, "nothing can be measured here: No module named torch"),
    ],
    ids=["well", "all unsupported", "in use", "no torch"],
)
def test_exit_codes(run, facts, code, told):
    answer = run(facts=facts)
    assert (answer.exit_code, told in answer.output) == (code, True)


def test_without_seconds_no_noise_is_measured(run):
    assert "latency_s" in run().output
    assert run("--seconds", "0", noise=AssertionError("measured")).exit_code == 0


def test_a_worker_that_is_lost_costs_only_the_noise(run):
    answer = run(noise=WorkerLost("base: killed"))
    assert answer.exit_code == 0
    assert "cases: 14 of 24" in answer.output
    assert "how noisy it is could not be measured: base: killed" in answer.output


def test_nothing_is_wider_than_the_terminal_and_nothing_repaints_it(run):
    nasty = dataclasses.replace(
        FACTS, name=NASTY, kinds=(*KINDS, Kind(f"x/{NASTY}", 1, NASTY)), software=(Software(NASTY, "", "\x1b[2Jred\r"),)
    )
    output = run(facts=nasty, noise=(dataclasses.replace(NOISE, case=NASTY),)).stdout
    assert max(map(len, output.splitlines())) <= 80
    assert all(sign.isprintable() or sign == "\n" for sign in output)


def test_an_unknown_device_is_refused(run):
    assert run("--device", "tpu").exit_code == 2
