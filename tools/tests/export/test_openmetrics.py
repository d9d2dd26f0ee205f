import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tools.export import openmetrics
from tools.records import Metric
from tools.tables import printable
from tools.tests.export.runs import ERROR, FINDINGS, NAMES, hostile_run, mixed_run
from tools.tests.samples import CASE, SLUG, record, run


def read(text):
    """Family -> its samples as (labels, value), by the parser of Prometheus' own client."""
    assert text.endswith("# EOF\n")
    return {f.name: f for f in text_string_to_metric_families(text)}


def samples(family):
    return [(sample.labels, sample.value) for sample in family.samples]


def test_a_metric_is_a_gauge_with_its_unit_and_its_place():
    families = read(openmetrics.export(mixed_run(), FINDINGS))
    latency = families["perf_ratchet_latency_seconds"]
    assert (latency.type, latency.unit, latency.documentation) == ("gauge", "seconds", "latency_s")
    assert ({"case": CASE, "device": SLUG, "commit": "c0ffee"}, 0.01) in samples(latency)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("perf_ratchet_peak_allocated_bytes", "bytes"),
        ("perf_ratchet_speedup_over_eager_ratio", "ratio"),
        ("perf_ratchet_sqnr_decibels", "decibels"),
        ("perf_ratchet_graph_break", ""),
        ("perf_ratchet_relative_error", ""),
    ],
)
def test_names_have_the_units_of_the_format(name, unit):
    assert read(openmetrics.export(mixed_run(), FINDINGS))[name].unit == unit


def test_findings_are_counted_by_verdict_also_where_there_are_none():
    found = samples(read(openmetrics.export(mixed_run(), FINDINGS))["perf_ratchet_findings"])
    counted = {labels["verdict"]: value for labels, value in found}
    assert counted == {
        "regressed": 1, "missing": 1, "suspect": 1, "incomparable": 0, "new": 0, "improved": 0, "unchanged": 0,
        "inconclusive": 0,
    }  # fmt: skip


def test_a_wrong_result_exports_no_numbers():
    families = read(openmetrics.export(mixed_run(), FINDINGS))
    assert ERROR not in {sample.labels.get("case") for family in families.values() for sample in family.samples}


def test_any_name_comes_back_as_it_is_shown():
    [latency] = [f for f in read(openmetrics.export(hostile_run(), [])).values() if "latency" in f.name]
    assert {sample.labels["case"] for sample in latency.samples} == {printable(f"attention/{name}") for name in NAMES}
    assert len(latency.samples) == len(NAMES)


def test_metrics_that_would_share_a_name_stay_apart():
    names = {"a.b_bytes": 1, "a_b_bytes": 2, "findings_count": 3, "latency_s": 4, "latency_seconds_count": 5}
    families = read(openmetrics.export(run(record(**{name: Metric(value) for name, value in names.items()})), []))
    assert sorted(f.samples[0].value for name, f in families.items() if name != "perf_ratchet_findings") == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert len(families) == 6


@pytest.mark.parametrize("name", ["1 weird-näme\n_s", '"}{_bytes', "\ud800_count", "_s"])
def test_any_metric_has_a_name_that_the_format_allows(name):
    families = read(openmetrics.export(run(record(**{name: Metric(7)})), []))
    assert 7 in [sample.value for family in families.values() for sample in family.samples]
