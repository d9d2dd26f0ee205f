"""The table of graphs: a row a model, its numbers gathered from the cases of several kinds."""

import dataclasses

from tools.compare import judge_run
from tools.graphs import graphs_view
from tools.tests.samples import baseline, fingerprint, record, run, stored

PLACE = fingerprint("static-graphs", {"protocol": "1"}, {"target": "graphs"}, {}, {})


def graph(kind, status="ok", reason="", **numbers):
    made = record(f"graphs/{kind}", status, reason, params={"model": "cnn"}, **numbers)
    return dataclasses.replace(made, place=PLACE)


def cells(page):
    [table] = page.tables
    [row] = table.rows
    return dict(zip(table.columns, row, strict=True))


def test_the_kinds_of_a_model_are_one_row():
    page = graphs_view(
        run(
            graph("onnx/cnn", onnx_node_count=9, optimized_node_count=6, fused_node_count=2, initializer_bytes=2048),
            graph("fx/cnn", graph_break_count=0),
            graph("flops/cnn", flops_count=2_025_216),
            graph("tensorrt-rtx/cnn-fp16", engine_bytes=1024, fp32_layer_count=0),
        ),
        [],
    )
    found = cells(page)
    assert (found["model"], found["ONNX nodes"], found["optimized"], found["initializers"]) == (
        "cnn",
        "9",
        "6",
        "2.00 KiB",
    )
    assert (found["graph breaks"], found["FLOPs"]) == ("0", "2.0 M")
    assert (found["plan fp16"], found["fp32 layers in it"], found["plan fp32"]) == ("1.00 KiB", "0", "–")


def test_what_changed_stands_beside_what_was():
    before = baseline({"graphs/fx/cnn": stored(graph_break_count=0)}, "graphs", PLACE)
    made = run(graph("fx/cnn", graph_break_count=2))
    assert cells(graphs_view(made, judge_run(made, {"graphs": before})))["graph breaks"] == "0 → 2"


def test_what_failed_says_why_and_a_run_without_graphs_what_makes_them():
    page = graphs_view(run(graph("onnx/cnn", "unsupported", "no onnx")), [])
    assert page.sentences == ("graphs/onnx/cnn: unsupported: no onnx",)
    assert "test_graph_static.py" in graphs_view(run(record()), []).sentences[0]
