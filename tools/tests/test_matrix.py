import dataclasses

import pytest

from tools.matrix import NOTHING, inference
from tools.report import markdown
from tools.tables import printable
from tools.tests.samples import CASE, record, run
from tools.tests.test_tables import HOSTILE, rendered_cells

TIME = "inference time, ms a sample"
SPEED = "speed-up over eager"
HOST = "peak memory of a call, host, MiB"
TORCH = "peak memory of a call, torch's allocator, MiB"
GPU = "process memory on the GPU, MiB"
MODEL = "model or engine, MiB"
F1 = "F1, macro"
LOST = "top-1 lost against eager, percentage points, 95 % interval"
BUILD = "build, s"
ENGINES = "engines built"


def cell(runtime="eager", batch=1, status="ok", reason="", model="fcn", path="inference", **values):
    params = {"model": model, "runtime": runtime, "batch": batch}
    return record(f"{path}/{runtime}/{model}-b{batch}", status, reason, params=params, **values)


def build(model="fcn", precision="fp16", status="ok", reason="", **values):
    params = {"model": model, "runtime": "tensorrt-rtx-build", "precision": precision}
    return record(f"inference/tensorrt-rtx-build/{model}-{precision}", status, reason, params=params, **values)


def tables(*records):
    """Title without what it says of marks -> the table."""
    return {table.title.partition(" (* ")[0].partition(" (no ")[0]: table for table in page(*records).tables}


def page(*records):
    return inference(run(*records), [])


def rows(table):
    """First column -> the other cells."""
    return {name: tuple(cells) for name, *cells in table.rows}


def only(title, *records):
    """The rows of this table of the one model."""
    [found] = [table for table in page(*records).tables if table.title.startswith(f"fcn: {title}")]
    return rows(found)


# ---------------------------------------------------------------- cells


def test_time_is_that_of_one_sample_in_milliseconds():
    found = only(TIME, cell(batch=1, latency_s=0.012), cell(batch=16, latency_s=0.032), cell(batch=64, latency_s=0.064))
    assert found == {"eager": ("12.000", "2.000", "1.000")}


def test_device_time_stands_before_wall_time():
    assert only(TIME, cell(batch=2, latency_s=9.0, device_s=0.004)) == {"eager": ("2.000",)}


@pytest.mark.parametrize(
    ("times_ms", "shown"),
    [
        ((12.3456, 1.0), ("12.346", "1.000 *")),
        ((0.25, 1234.5), ("0.250 *", "1234.500")),
        ((0.0042, 1.5), ("0.004200 *", "1.500000")),
        ((0.0999, 0.1), ("0.09990 *", "0.10000")),
        ((0.0, 2.0), ("0.000 *", "2.000")),
        ((5e-300, 2.0), ("0.000000000000 *", "2.000000000000")),
    ],
)
def test_a_tiny_time_keeps_four_digits_and_the_points_of_its_column_line_up(times_ms, shown):
    one, other = times_ms
    found = only(TIME, cell("a", latency_s=one / 1e3), cell("b", latency_s=other / 1e3))
    assert (found["a"][0], found["b"][0]) == shown


def test_each_column_has_its_own_decimals():
    found = only(TIME, cell(batch=1, latency_s=0.001), cell(batch=100, latency_s=0.001))
    assert found == {"eager": ("1.000", "0.01000")}


def test_eager_is_its_own_yardstick():
    found = only(
        SPEED,
        cell("eager", latency_s=0.1),
        cell("compiled", speedup_over_eager_ratio=1.234),
        cell("eager", 16, "oom"),
        cell("compiled", 16, speedup_over_eager_ratio=0.5),
    )
    assert found == {"eager": ("1.00x", "OutOfMemory"), "compiled": ("1.23x *", "0.50x")}


def test_memory_and_sizes_are_in_mebibytes():
    found = tables(
        cell(
            device_s=0.001,
            host_peak_bytes=3 * 2**19,
            peak_allocated_bytes=2**20,
            process_memory_bytes=2**30,
            model_bytes=2**21,
            engine_bytes=2**29,
        ),
    )
    titles = {HOST: "1.500", TORCH: "1.000", GPU: "1024.000", MODEL: "2.000"}
    assert {title: rows(found[f"fcn: {title}"])["eager"][0] for title in titles} == titles


def test_an_engine_stands_in_for_a_model_that_tells_no_size():
    assert only(MODEL, cell("a", engine_bytes=2**22), cell("b", model_bytes=2**23)) == {
        "a": ("4.000 *",),
        "b": ("8.000",),
    }


def test_quality_and_build_have_no_best():
    values = {"f1_macro_fraction": 0.98765, "build_s": 1.234}
    one = cell("a", **values, top1_drop_low_fraction=-0.003, top1_drop_high_fraction=0.008)
    other = cell("b", **values, top1_drop_low_fraction=-0.0)
    found = tables(one, other)
    assert rows(found[f"fcn: {F1}"]) == {"a": ("0.988",), "b": ("0.988",)}
    assert rows(found[f"fcn: {LOST}"]) == {"a": ("-0.3 … +0.8",), "b": ("–",)}
    [built] = [table for title, table in found.items() if title.startswith(f"fcn: {BUILD}")]
    assert rows(built) == {"a": ("1.23",), "b": ("1.23",)}


def test_a_loss_that_rounds_to_nothing_is_no_gain():
    found = only(LOST, cell(top1_drop_low_fraction=-0.0001, top1_drop_high_fraction=0.0001))
    assert found == {"eager": ("+0.0 … +0.0",)}


# ---------------------------------------------------------------- the best


def test_the_fastest_a_sample_is_best_in_each_column():
    found = only(
        TIME,
        cell("a", 1, latency_s=0.001),
        cell("b", 1, latency_s=0.002),
        cell("a", 16, latency_s=0.032),
        cell("b", 16, latency_s=0.016),
    )
    assert found == {"a": ("1.000 *", "2.000"), "b": ("2.000", "1.000 *")}


@pytest.mark.parametrize("status", ["unsupported", "oom", "error"])
def test_what_has_no_number_is_never_best(status):
    found = only(TIME, cell("none", status=status), cell("a", latency_s=0.001), cell("b", latency_s=0.002))
    assert [cells[0].endswith(" *") for cells in found.values()] == [False, True, False]
    found = only(HOST, cell("none", status=status), cell("a", host_peak_bytes=0), cell("b", host_peak_bytes=2**20))
    assert [runtime for runtime, cells in found.items() if cells[0].endswith(" *")] == ["a"]


def test_all_that_read_like_the_best_are_marked():
    times = {"a": 0.001, "b": 0.001, "c": 0.0010000001, "d": 0.002}
    found = only(TIME, *(cell(runtime, latency_s=time) for runtime, time in times.items()))
    assert found == {"a": ("1.000 *",), "b": ("1.000 *",), "c": ("1.000 *",), "d": ("2.000",)}


def test_one_alone_is_not_best():
    assert only(TIME, cell("a", latency_s=0.001), cell("b", status="oom"))["a"] == ("1.000",)


def test_other_runtimes_do_not_win_a_memory_that_they_do_not_use():
    made = [cell(name, device_s=0.001, peak_allocated_bytes=size) for name, size in (("a", 0), ("b", 2**20))]
    assert only(TORCH, *made) == {"a": ("0.000",), "b": ("1.000",)}
    [title] = [table.title for table in page(*made).tables if TORCH in table.title]
    assert "no best: other runtimes' allocators are not in it" in title


def test_torchs_allocator_has_a_table_on_gpus_only():
    assert f"fcn: {TORCH}" not in tables(cell("a", latency_s=0.001, peak_allocated_bytes=2**20))


def test_a_title_says_what_its_marks_mean():
    for table in page(*matrix()).tables:
        marked = any(text.endswith(" *") for row in table.rows for text in row)
        assert marked == ("(* best of its batch)" in table.title)


# ---------------------------------------------------------------- rows, columns and tables


def matrix():
    """Two runtimes on two batches, with every number that a table shows."""
    values = {
        "device_s": 0.5,
        "latency_s": 0.5,
        "speedup_over_eager_ratio": 2.0,
        "host_peak_bytes": 1,
        "peak_allocated_bytes": 1,
        "process_memory_bytes": 1,
        "model_bytes": 1,
        "f1_macro_fraction": 0.5,
        "top1_drop_low_fraction": 0.0,
        "top1_drop_high_fraction": 0.0,
        "build_s": 0.5,
    }
    return [cell(runtime, batch, **values) for runtime in ("eager", "compiled") for batch in (1, 16)]


def test_tables_come_in_the_order_of_the_study():
    titles = [title.removeprefix("fcn: ") for title in tables(*matrix(), build(latency_s=1.0))]
    assert titles[:-2] == [TIME, SPEED, HOST, TORCH, GPU, MODEL, F1, LOST]
    assert titles[-2].startswith(BUILD)
    assert titles[-1] == ENGINES


def test_batches_are_ordered_as_numbers_and_what_was_not_measured_is_blank():
    made = [cell("b", 64, latency_s=0.64), cell("b", 2, latency_s=0.02), cell("a", 16, latency_s=0.16)]
    [table] = page(*made).tables
    assert table.columns == ("runtime", "batch 2", "batch 16", "batch 64")
    assert table.rows == (("b", "10.000", "–", "10.000"), ("a", "–", "10.000", "–"))


def test_models_come_in_the_order_of_the_run_with_their_own_batches():
    made = [cell("x", 8, model="z", latency_s=1), cell("x", 1, model="a", latency_s=1)]
    assert [(table.title[:2], table.columns[1:]) for table in page(*made).tables] == [
        ("z:", ("batch 8",)),
        ("a:", ("batch 1",)),
    ]


def test_statuses_are_told_in_the_words_of_the_study():
    made = [cell(batch=number, status=status) for number, status in enumerate(("oom", "unsupported", "error"), 1)]
    assert only(TIME, *made, cell(batch=4, latency_s=0.004)) == {
        "eager": ("OutOfMemory", "unsupported", "RuntimeError", "1.000")
    }


def test_a_runtime_that_is_unsupported_everywhere_is_told_once():
    made = [cell("rtx", batch, "unsupported") for batch in (1, 16)] + [cell(batch=1, latency_s=0.001, model_bytes=9)]
    assert only(TIME, *made)["rtx"] == ("unsupported", "unsupported")
    assert "rtx" not in only(MODEL, *made)


def test_a_status_stands_in_every_table_of_a_runtime_that_has_numbers():
    made = [cell("ort", 1, latency_s=0.001, model_bytes=9), cell("ort", 16, "oom"), cell("ort", 32, "unsupported")]
    for title in (TIME, MODEL):
        assert only(title, *made)["ort"][1:] == ("OutOfMemory", "unsupported")


def test_a_table_without_any_number_is_left_out():
    made = [cell("a", latency_s=0.001), cell("b", status="unsupported")]
    assert list(tables(*made)) == [f"fcn: {TIME}"]


def test_statuses_alone_are_shown_once():
    assert list(tables(cell(status="oom"))) == [f"fcn: {TIME}"]
    assert page(cell(status="oom")).tables[0].rows == (("eager", "OutOfMemory"),)


@pytest.mark.parametrize("made", [[], [record(CASE, latency_s=1.0)], [cell()]])
def test_a_run_without_the_matrix_says_so(made):
    assert (page(*made).tables, page(*made).sentences) == ((), (NOTHING,))


# ---------------------------------------------------------------- what a user brought, and what a file can hold


def test_a_users_own_model_is_told_by_its_path_and_kept_apart():
    own = {"path": "inference_mine"}
    one, other = page(
        cell("a", latency_s=0.001), cell("a", latency_s=0.002, **own), cell("b", latency_s=0.003, **own)
    ).tables
    assert one.title.startswith(f"fcn: {TIME}")
    assert rows(one) == {"a": ("1.000",)}
    assert other.title.startswith(f"fcn (inference_mine): {TIME}")
    assert rows(other) == {"a": ("2.000 *",), "b": ("3.000",)}


@pytest.mark.parametrize("batch", ["16", True, False, 0, -1, 1.0, None, [], {}, 10**400])
def test_a_batch_that_is_no_number_of_samples_is_no_cell(batch):
    odd = dataclasses.replace(cell("odd", latency_s=1.0), params={"model": "fcn", "runtime": "odd", "batch": batch})
    assert page(odd, cell(latency_s=0.001)) == page(cell(latency_s=0.001))
    assert page(odd).tables == ()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"runtime": "x", "batch": 1},
        {"model": "fcn", "batch": 1},
        {"model": ["fcn"], "runtime": "x", "batch": 1},
        {"model": "fcn", "runtime": {}, "batch": 1},
        {"model": "fcn", "runtime": None, "batch": 1},
        {"runtime": "tensorrt-rtx-build"},
        {"model": 1, "runtime": "tensorrt-rtx-build"},
    ],
)
def test_a_record_that_names_no_cell_is_passed_over(params):
    for status in ("ok", "error"):
        assert page(record("inference/x", status, params=params)) == page()


@pytest.mark.parametrize("path", ["attention", "inferences", "my_inference"])
def test_other_paths_are_no_part_of_the_matrix(path):
    assert page(cell(path=path, latency_s=1.0)) == page()


def test_parameters_beside_those_of_a_cell_do_no_harm():
    more = cell(latency_s=0.001)
    assert page(dataclasses.replace(more, params={**more.params, "weights": ["x"]})) == page(more)


def test_of_two_records_of_one_cell_the_first_is_shown():
    again = dataclasses.replace(cell(latency_s=9.0), case="inference/eager/again")
    assert page(cell(latency_s=0.001), again) == page(cell(latency_s=0.001))


@pytest.mark.parametrize("value", [-1.0, 0, 5e-324, 1e-300, 2.0**64, 2**64])
def test_any_number_that_a_file_can_hold_is_written(value):
    names = [name for made in matrix() for name in made.metrics]
    made = [cell(runtime, 2**64, **dict.fromkeys(names, value)) for runtime in ("eager", "b")]
    assert len(page(*made, build(latency_s=value, network_layer_count=value)).tables) == 10


@pytest.mark.parametrize("text", HOSTILE)
def test_names_with_markup_reach_markdown_as_plain_text(text):
    made = [cell(text, model=text, latency_s=0.001), cell(text, 16, "error", text, model=text)]
    found = page(*made)
    shown = rendered_cells(markdown(found.tables, found.sentences))
    assert shown[0].startswith(printable(text) + ": inference time")
    assert printable(text) in shown
    assert shown[-1] == printable(f"{text}: RuntimeError: {text} ({text})")


# ---------------------------------------------------------------- engines and reasons


def test_engines_of_all_models_are_one_table_at_the_end():
    made = [
        build(latency_s=12.345, engine_bytes=2**20, onnx_bytes=2**21, network_layer_count=17),
        cell(latency_s=0.001),
        build("vit", status="error", reason="no plan"),
        build("vit", "int8", latency_s=3.0, engine_bytes=2**22),
    ]
    table = page(*made).tables[-1]
    assert table.title == ENGINES
    assert table.columns == ("case", "status", "build, s", "engine, MiB", "ONNX, MiB", "layers")
    assert table.rows == (
        ("inference/tensorrt-rtx-build/fcn-fp16", "ok", "12.35", "1.000", "2.000", "17"),
        ("inference/tensorrt-rtx-build/vit-fp16", "RuntimeError", "–", "–", "–", "–"),
        ("inference/tensorrt-rtx-build/vit-int8", "ok", "3.00", "4.000", "–", "–"),
    )


def test_a_column_that_no_engine_fills_is_left_out():
    [table] = page(build(latency_s=1.0, engine_bytes=2**20, network_layer_count=3)).tables
    assert table.columns == ("case", "status", "build, s", "engine, MiB", "layers")


def test_engines_that_all_failed_have_their_statuses():
    found = page(build(status="unsupported", reason="no GPU"))
    assert [table.rows for table in found.tables] == [(("inference/tensorrt-rtx-build/fcn-fp16", "unsupported"),)]
    assert found.sentences == ("tensorrt-rtx-build: unsupported: no GPU (fcn)",)


def test_a_build_is_no_cell_even_with_a_batch():
    [table] = page(cell("tensorrt-rtx-build", latency_s=1.0)).tables
    assert table.title == ENGINES


def test_a_reason_is_told_once_with_all_models_it_concerns():
    why = "TensorRT engines run on CUDA devices only"
    made = [
        cell("tensorrt", batch, "unsupported", why, model) for model in ("resnet18", "vit-b-16") for batch in (1, 16)
    ]
    assert page(*made).sentences == (f"tensorrt: unsupported: {why} (resnet18, vit-b-16)",)


def test_reasons_differ_by_runtime_status_text_and_path():
    made = [
        cell("a", 1, "oom", "predicted not to fit"),
        cell("b", 1, "oom", "predicted not to fit"),
        cell("a", 2, "error", "predicted not to fit"),
        cell("a", 4, "oom", "did not fit"),
        cell("a", 8, "oom"),
        cell("a", 1, "oom", "did not fit", path="inference_mine"),
        cell("a", 16, latency_s=1.0),
    ]
    assert page(*made).sentences == (
        "a, b: OutOfMemory: predicted not to fit (fcn)",
        "a: RuntimeError: predicted not to fit (fcn)",
        "a: OutOfMemory: did not fit (fcn, fcn (inference_mine))",
        "a: OutOfMemory (fcn)",
    )


def test_a_run_that_went_well_has_nothing_to_say():
    assert page(*matrix()).sentences == ()
