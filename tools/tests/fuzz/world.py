"""A folder that holds one valid file of every format that the verbs read."""

import dataclasses
import json
from pathlib import Path

import numpy

from tools.baselines import Origin, Stored, write_baselines
from tools.gate.trials import TrialFile, write_trials
from tools.history.ingest import ingest
from tools.memory_stats import metric_of
from tools.records import Fingerprint, Metric, Record, Run, Selection, Shard, outcomes_of
from tools.tests import test_compression, test_graphs, test_kernels
from tools.tests.ab.test_outcome import judgement, outcome
from tools.tests.gate.samples import trial
from tools.tests.history.folders import folder_of
from tools.tests.samples import (
    CASE,
    SLUG,
    anchored,
    baseline,
    full_baseline,
    full_run,
    record,
    run,
    run_file,
    stored,
)
from tools.tests.startup.samples import LOGS, STUDIED
from tools.tests.startup.test_view import start
from tools.tests.test_matrix import cell
from tools.tests.test_memory_stats import SAMPLE

BASELINES, OUT, STORE = "b", "out", "store"
ROLLING = "mxint8/cpp/g32-n1m"
TRAINED = "training_memory/qat/vit-b64/train"
RIGHT = [number % 10 != 0 for number in range(500)]
TOP1 = Metric(sum(RIGHT) / len(RIGHT), outcomes=outcomes_of(RIGHT, "digits"))
BEST = "compression/judged/encoder"
AB_HEAD = "worktree"


def records() -> list[Record]:
    """Of every path that has a view of its own."""
    return [
        *full_run().records,
        *test_compression.full().records,
        record(ROLLING, latency_s=Metric(0.02, (0.02, 0.021)), graph_count=3, foreign_load_share=0.01),
        record(BEST, params={"model": "encoder", "family": "integer"}, top1_fraction=TOP1),
        record(TRAINED, params={"mode": "train", "model": "vit", "batch": 64, "method": "qat"}, **allocator()),
        start(load_weights=(2.07, 2.04), model_init=0.2, model_loading=2.3),
        test_kernels.kernel(),
        test_graphs.graph("onnx/cnn", onnx_node_count=9, initializer_bytes=2048),
        cell(latency_s=0.003, top1_fraction=0.5),
    ]


def allocator() -> dict[str, int]:
    return {metric_of(key): value for key, value in SAMPLE.items()}


def told(number: int, each: Record) -> Record:
    """With all that a record may say beside its metrics."""
    return dataclasses.replace(
        each,
        node=f"perf_tests/test_{each.path}.py::test_{each.path}[{each.case}]",
        line=number + 1,
        wall_s=1.5 + number,
        conditions={"sm_clock_mhz": 1980.0},
        software=each.software or {"onnxruntime-gpu": "1.31.0"} if number % 3 == 0 else each.software,
    )


def whole_run() -> Run:
    return run(*(told(number, each) for number, each in enumerate(records())), commit="c0ffee123456", dirty=True)


def write_world(folder: Path) -> None:
    """Everything below `folder`, which is empty."""
    made = whole_run()
    run_file(folder, made)
    run_file(folder, whole_run(), "other.json")
    write_shards(folder)
    write_stored(folder / BASELINES, made)
    (folder / BASELINES / SLUG / "durations").mkdir()
    times = {each.node: each.wall_s for each in made.records}
    (folder / BASELINES / SLUG / "durations" / "cases.json").write_text(json.dumps(times, indent=0))
    found = outcome(judgement(case=CASE), head=AB_HEAD, created_utc="2026-12-01T00:00:00+00:00")
    (folder / "ab.json").write_text(found.document())
    for name, log in {"start.txt": STUDIED, "cold.txt": "vllm-0.32-cpu-cold.txt"}.items():
        (folder / name).write_bytes((LOGS / log).read_bytes())
    (folder / "stats.json").write_text(json.dumps(SAMPLE, indent=1))
    (folder / "other_stats.json").write_text(json.dumps({**SAMPLE, "num_ooms": 1}))
    pairs = (trial(numpy.random.default_rng(1), pairs=4, campaign=number) for number in range(2))
    write_trials(folder / "trials.json.gz", TrialFile(1, "0" * 40, "2026-01-01T00:00:00Z", SLUG, {}, tuple(pairs)))
    folder_of(folder / "runs", [0.01, 0.011, 0.01])
    ingest([str(folder / "runs")], str(folder / STORE))
    for name in ("out.html", "out.md", "out.json"):
        (folder / OUT).mkdir(exist_ok=True)
        (folder / OUT / name).write_text("what was there before\n")


def write_shards(folder: Path) -> None:
    asked = tuple(each.case for each in full_run().records)
    for number in (1, 2):
        part = run(*full_run().records[number - 1 :: 2], known={"attention": asked[:2], "mxint8": asked[2:]})
        selected = tuple(each.case for each in part.records)
        chosen = dataclasses.replace(part.selection, shard=Shard(number, 2, asked), selected=selected)
        run_file(folder, dataclasses.replace(part, selection=chosen), f"shard{number}.json")


def write_stored(root: Path, made: Run) -> None:
    """Baselines of some of the run's paths, with software, anchors and origins; nothing in the run is worse."""
    software = {each.case: each.software for each in made.records}
    attention = full_baseline()
    cases = {case: dataclasses.replace(kept, software=software[case] or None) for case, kept in attention.cases.items()}
    crept = anchored("latency_s", (0.02, 0.0202, 0.0199), (0.0199, 0.0201, 0.02))
    kept = {**crept.metrics, "graph_count": Stored((3,))}
    origin = Origin("beef12345678", "2026-10-01T06:00:00+00:00")
    rolling = dataclasses.replace(crept, metrics=kept, origin=origin, software=software[ROLLING] or None)
    top1 = stored(top1_fraction=Stored((TOP1.value,), outcomes=TOP1.outcomes), software=software[BEST] or None)
    kernel = next(each for each in made.records if each.place and each.path.startswith("kernels"))
    compiled = {name: metric.value for name, metric in kernel.metrics.items() if name != "compile_s"}
    write_baselines(
        root,
        [
            dataclasses.replace(attention, cases=cases),
            baseline({ROLLING: rolling}, "mxint8"),
            baseline({BEST: top1}, "compression"),
            baseline({kernel.case: stored(software=kernel.software, **compiled)}, kernel.path, place_of(kernel)),
        ],
    )


def place_of(made: Record) -> Fingerprint:
    assert made.place is not None
    return made.place


__all__ = ["BASELINES", "BEST", "OUT", "ROLLING", "STORE", "TRAINED", "Selection", "whole_run", "write_world"]
