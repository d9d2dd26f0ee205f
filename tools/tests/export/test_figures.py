from tools.export.figures import figures
from tools.tests.export.runs import ERROR, mixed_run


def test_only_what_is_judged_of_right_results_leaves_the_house():
    found = figures(mixed_run())
    assert {figure.name for figure in found} == {
        "latency_s", "peak_allocated_bytes", "relative_error", "sqnr_db", "graph_count", "saved_fraction",
        "speedup_over_eager_ratio", "before_call_bytes", "graph_break_count",
    }  # fmt: skip
    assert ERROR not in {figure.case for figure in found}


def test_which_way_is_better_and_in_what_unit():
    told = {figure.name: (figure.unit, figure.higher_is_better) for figure in figures(mixed_run())}
    assert told["latency_s"] == ("_s", False)
    assert told["speedup_over_eager_ratio"] == ("_ratio", True)
    assert told["sqnr_db"] == ("_db", True)
