import pytest

from tools.records import Metric
from tools.startup.phases import IDENTITIES, PUBLISHED, metric_of
from tools.startup.view import COMMAND
from tools.tables import to_markdown
from tools.tests.samples import record, run
from tools.views import VIEWS

COLD = {"model": "qwen2-4l", "utilization": 0.3, "cache": "cold"}
WARM = {**COLD, "cache": "warm"}


def start(case="startup/qwen2-4l-u30-cold", params=COLD, status="ok", reason="", facts=(), **phases):
    """phases: seconds, or those of each start."""
    metrics = {
        metric_of(phase): Metric(sorted(told)[len(told) // 2], told) if isinstance(told, tuple) else Metric(told)
        for phase, told in phases.items()
    }
    return record(case, status, reason, params=params, **metrics, **dict(facts))


def shown(*records):
    return VIEWS["startup"](run(*records), [])


def cells(table, column):
    number = table.columns.index(column)
    return {row[0]: row[number] for row in table.rows}


def test_a_column_a_case_with_medians_and_their_spread():
    cold = start(load_weights=(2.07, 2.04, 2.10), model_init=0.2, first_token=(0.5,))
    warm = start("startup/qwen2-4l-u30-warm", WARM, load_weights=2.0)
    grid = shown(cold, warm).tables[0]
    assert grid.columns == ("Metric", "qwen2-4l 0.3 cold", "qwen2-4l 0.3 warm")
    assert [row[0] for row in grid.rows] == [*PUBLISHED, "first_token"]
    assert cells(grid, "qwen2-4l 0.3 cold")["load_weights"] == "2.07 ±0.03"
    assert cells(grid, "qwen2-4l 0.3 cold")["model_init"] == "0.2"
    assert cells(grid, "qwen2-4l 0.3 cold")["first_token"] == "0.5"
    assert cells(grid, "qwen2-4l 0.3 cold")["graph_capturing"] == "--"
    assert cells(grid, "qwen2-4l 0.3 warm")["load_weights"] == "2.0"


def test_residuals_are_formed_start_by_start_for_medians_need_not_add_up():
    made = start(model_loading=(3.1, 5.1, 4.1), load_weights=(1.0, 4.0, 2.0), model_init=(2.0, 1.0, 2.0))
    left = shown(made).tables[1]
    assert list(cells(left, "qwen2-4l 0.3 cold")) == [identity.sentence() for identity in IDENTITIES]
    assert cells(left, "qwen2-4l 0.3 cold")["model_loading - (load_weights + model_init)"] == "0.10"
    uneven = start(model_loading=(3.1, 5.1, 4.1), load_weights=(1.0, 4.0, 2.0), model_init=1.5)
    left = shown(uneven).tables[1]
    assert cells(left, "qwen2-4l 0.3 cold")["model_loading - (load_weights + model_init)"] == "0.60"


def test_medians_of_other_starts_do_not_make_a_residual():
    """Of the medians 3 - (2 + 2) would be -1; in each start nothing is left."""
    made = start(model_loading=(3.0, 3.0, 4.0), load_weights=(1.0, 2.0, 2.0), model_init=(2.0, 1.0, 2.0))
    left = shown(made).tables[1]
    assert cells(left, "qwen2-4l 0.3 cold")["model_loading - (load_weights + model_init)"] == "0.00"


def test_a_phase_that_is_missing_leaves_no_residual():
    left = shown(start(model_loading=3.0)).tables[1]
    assert set(cells(left, "qwen2-4l 0.3 cold").values()) == {"--"}


def test_facts_of_every_case():
    facts = {"kv_block_count": 2589, "kv_token_count": 41424, "weights_bytes": 3 * 2**20, "cached_graph_count": 25}
    cold = {**COLD, "max_length": 8196}  # the figures of a published log
    page = shown(start(params=cold, facts=facts, init_engine=1.0), start("startup/other", WARM, "oom", "no room"))
    table = page.tables[-1]
    assert table.columns == ("case", "status", "KV blocks", "KV tokens", "weights", "graphs from cache", "concurrency")
    assert table.rows == (
        ("startup/qwen2-4l-u30-cold", "ok", "2,589", "41,424", "3.00 MiB", "25", "5.05x"),
        ("startup/other", "oom", "--", "--", "--", "--", "--"),
    )
    assert page.sentences == ("startup/other: oom: no room",)


@pytest.mark.parametrize("length", [None, 0, "512", True])
def test_without_a_greatest_length_there_is_no_concurrency(length):
    page = shown(start(params={**COLD, "max_length": length}, facts={"kv_token_count": 16}, init_engine=1.0))
    assert page.tables[-1].rows[0][-1] == "--"


def test_a_case_that_is_not_ok_has_no_column():
    page = shown(start(status="unsupported", reason="needs vLLM"))
    assert [table.title for table in page.tables] == ["facts of the starts"]
    assert page.sentences == ("startup/qwen2-4l-u30-cold: unsupported: needs vLLM",)


def test_records_of_every_path_that_begins_so_and_of_no_other():
    other = start("startup_vllm/qwen2-4l-u30-cold", init_engine=2.0)
    page = shown(start(init_engine=1.0), other, record(latency_s=0.1))
    assert page.tables[0].columns == ("Metric", "qwen2-4l 0.3 cold", "qwen2-4l 0.3 cold (startup_vllm)")
    assert len(page.tables[-1].rows) == 2


@pytest.mark.parametrize("params", [{}, {"model": ["odd"], "cache": None}])
def test_parameters_that_are_missing_or_the_same_leave_the_case_as_heading(params):
    page = shown(start("startup/a", params, init_engine=1.0), start("startup/b", params, init_engine=2.0))
    assert page.tables[0].columns == ("Metric", "startup/a", "startup/b")
    assert all(to_markdown(table) for table in page.tables)


def test_without_a_start_the_command_is_told():
    page = shown(record(latency_s=0.1))
    assert (page.tables, page.sentences) == ((), (COMMAND,))
    assert "pytest perf_tests/test_startup.py" in COMMAND
