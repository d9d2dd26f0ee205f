"""What models become in compilers and runtimes: a row a model, in numbers that are the same on every machine."""

from collections.abc import Callable, Mapping, Sequence

from tools.compare import Finding
from tools.kernels import BLANK, NOTHING, Side, Values, bytes_of, count, failures, moved, side, stored
from tools.records import Run
from tools.report import Page
from tools.tables import Table

PATH = "graphs"
COMMAND = "no graph was looked at; pytest perf_tests/test_graph_static.py does it"


def graphs_view(run: Run, findings: Sequence[Finding]) -> Page:
    """Each number, before and now where its baseline says otherwise."""
    records = {record.case.removeprefix(f"{PATH}/"): record for record in run.records if record.path == PATH}
    if not records:
        return Page((), (COMMAND,))
    by_case = {name: [f for f in findings if f.case == record.case] for name, record in records.items()}
    now = {name: side(record) for name, record in records.items()}
    before = {name: stored(record, by_case[name]) for name, record in records.items()}
    models = dict.fromkeys(str(record.params.get("model", "")) for record in records.values())
    rows = tuple(row(model, before, now) for model in models)
    table = Table(PATH, ("model", *COLUMNS), rows, frozenset({"model"}))
    return Page((table,), failures({record.case: record for record in records.values()}))


def row(model: str, before: Mapping[str, Side], now: Mapping[str, Side]) -> tuple[str, ...]:
    return (model, *(cell(case.format(model), told, before, now) for case, told in COLUMNS.values()))


def cell(case: str, told: Callable[[Values], str], before: Mapping[str, Side], now: Mapping[str, Side]) -> str:
    return moved(told(before.get(case, NOTHING).values), told(now.get(case, NOTHING).values))


def operations(metric: str) -> Callable[[Values], str]:
    """In millions, as models are told apart."""
    return lambda values: f"{values[metric] / 1e6:,.1f} M" if metric in values else BLANK


# Heading -> the case that has the number, and how it is told.
COLUMNS: Mapping[str, tuple[str, Callable[[Values], str]]] = {
    "ONNX nodes": ("onnx/{}", count("onnx_node_count")),
    "optimized": ("onnx/{}", count("optimized_node_count")),
    "of them fused": ("onnx/{}", count("fused_node_count")),
    "initializers": ("onnx/{}", bytes_of("initializer_bytes")),
    "initializers int8": ("onnx-int8/{}", bytes_of("initializer_bytes")),
    "graph breaks": ("fx/{}", count("graph_break_count")),
    "FX nodes": ("fx/{}", count("fx_node_count")),
    "guards": ("fx/{}", count("guard_count")),
    "FLOPs": ("flops/{}", operations("flops_count")),
    "plan fp32": ("tensorrt-rtx/{}-fp32", bytes_of("engine_bytes")),
    "layers": ("tensorrt-rtx/{}-fp32", count("network_layer_count")),
    "plan fp16": ("tensorrt-rtx/{}-fp16", bytes_of("engine_bytes")),
    "fp32 layers in it": ("tensorrt-rtx/{}-fp16", count("fp32_layer_count")),
}
