import pytest

from tools.records import LARGEST, UNITS, BadRecord, Effort, Fingerprint, Metric, digest, unit_suffix
from tools.tests.samples import CASE, fingerprint, record


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("latency_s", "_s"),
        ("flops_per_s", "_per_s"),
        ("moved_bytes_per_s", "_per_s"),
        ("before_call_bytes", "_bytes"),
        ("graph_break_count", "_count"),
        ("relative_error", "_error"),
        ("sqnr_db", "_db"),
        ("speedup_over_eager_ratio", "_ratio"),
        ("saved_fraction", "_fraction"),
        ("matmul_share", "_share"),
        ("payback_calls", "_calls"),
    ],
)
def test_a_metric_says_its_unit_at_its_end(name, suffix):
    assert unit_suffix(name) == suffix


@pytest.mark.parametrize("name", ["latency", "latency_ms", "bytes", "s", "", "peak_bytes_total"])
def test_a_metric_without_unit_is_refused_by_name(name):
    with pytest.raises(BadRecord) as refused:
        unit_suffix(name)
    assert repr(name) in str(refused.value)
    assert all(suffix in str(refused.value) for suffix in UNITS)


def test_a_record_refuses_a_metric_without_unit():
    with pytest.raises(BadRecord, match="'latency'"):
        record(latency=1.0)


@pytest.mark.parametrize("status", ["oom", "unsupported", "error"])
def test_only_ok_carries_metrics(status):
    with pytest.raises(BadRecord, match=f"'{CASE}': status {status} carries metrics"):
        record(status=status, latency_s=1.0)
    assert record(status=status).metrics == {}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e300, 10**400, -(10**400), LARGEST + 1])
def test_a_metric_refuses_what_was_never_measured(value):
    with pytest.raises(BadRecord, match="not finite"):
        Metric(value)


@pytest.mark.parametrize("value", [0, -1, 0.5, 5e-324, LARGEST, -float(LARGEST)])
def test_a_metric_takes_any_other_number(value):
    assert Metric(value).value == value


def test_the_path_of_a_case_is_its_first_part():
    assert record("mxint8/cpp/g32").path == "mxint8"


@pytest.mark.parametrize("part", ["software", "device", "machine"])
def test_each_hard_part_changes_the_hash(part):
    assert fingerprint(**{part: {"torch": "9"}}).hash != fingerprint().hash


def test_soft_parts_and_order_leave_the_hash_alone():
    assert fingerprint(soft={"load": "99"}).hash == fingerprint().hash
    assert fingerprint(software={"a": "1", "b": "2"}).hash == fingerprint(software={"b": "2", "a": "1"}).hash


def test_differences_name_field_baseline_and_own_value():
    ours = fingerprint(software={"torch": "2.15.0", "triton": "3.6"}, device={"cores": "4", "processor": "sample"})
    theirs = fingerprint(software={"torch": "2.14.1", "numpy": "2.4"})
    assert ours.differences(theirs, ("software",)) == [
        "software.numpy: 2.4 -> None",
        "software.torch: 2.14.1 -> 2.15.0",
        "software.triton: None -> 3.6",
    ]
    assert ours.differences(theirs, ("device",)) == ["device.cores: 2 -> 4"]
    assert ours.differences(theirs, ("machine",)) == []


def test_only_timing_warming_and_probing_count_as_measured():
    phases = {"time": 2.0, "warm": 1.0, "probe": 1.0, "build": 4.0, "accuracy": 2.0}
    assert Effort(10.0, phases).measured_share == pytest.approx(0.4)
    assert Effort(0.0, {}).measured_share == 0.0


def test_digest_depends_on_values_not_on_order():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest({})) == 12
    assert int(digest({}), 16) >= 0


@pytest.mark.parametrize("slug", ["../elsewhere", "", "a/b", "A", "a--b", ".lock"])
def test_a_slug_that_is_no_plain_folder_is_refused(slug):
    with pytest.raises(BadRecord, match="device slug"):
        Fingerprint(slug, {}, {}, {})
