import json
import re

import jsonschema
import pytest

from tools.export import bencher
from tools.records import Metric
from tools.tests.export.runs import ERROR, NAMES, hostile_run, mixed_run
from tools.tests.samples import CASE, record, run

NUMBER = {"type": "number"}
METRIC = {
    "type": "object",
    "properties": {"value": NUMBER, "lower_value": NUMBER, "upper_value": NUMBER},
    "required": ["value"],
    "additionalProperties": False,
}
MEASURES = {"type": "object", "patternProperties": {".+": METRIC}, "additionalProperties": False}
BMF = {"type": "object", "patternProperties": {".+": MEASURES}, "additionalProperties": False}


def read(text):
    """By the schema of Bencher, and by its rules for names, which no schema holds."""
    document = json.loads(text, parse_constant=pytest.fail)
    jsonschema.validate(document, BMF)
    for name, measures in document.items():
        assert 0 < len(name.encode()) <= 1024
        assert name == name.strip()
        assert not re.search(r"_bencher_ignore$|BencherIgnore$|-bencher-ignore$", name)
        assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) and len(slug) <= 64 for slug in measures)
    return document


def test_latency_is_in_nanoseconds_with_the_quartiles_of_its_rounds():
    found = read(bencher.export(mixed_run(), []))[CASE]
    assert found["latency"] == {
        "value": pytest.approx(1e7),
        "lower_value": pytest.approx(9.5e6),
        "upper_value": pytest.approx(10.5e6),
    }


def test_other_measures_have_their_unit_in_their_slug():
    found = read(bencher.export(mixed_run(), []))[CASE]
    assert found["peak-allocated-bytes"] == {"value": 1_048_576}
    assert found["speedup-over-eager-ratio"] == {"value": 2.0}
    assert "matmul-share" not in found


def test_a_wrong_result_exports_no_numbers():
    assert ERROR not in read(bencher.export(mixed_run(), []))


def test_any_name_is_one_that_bencher_takes():
    assert len(read(bencher.export(hostile_run(), []))) == len(NAMES)


@pytest.mark.parametrize("ending", ["_bencher_ignore", "BencherIgnore", "-bencher-ignore"])
def test_no_case_silences_its_own_alerts(ending):
    read(bencher.export(run(record(f"attention/x{ending}", latency_s=1.0)), []))


def test_names_that_are_too_long_stay_apart():
    cases = [f"attention/{'é' * 2000}{n}" for n in range(2)]
    assert len(read(bencher.export(run(*(record(case, latency_s=1.0) for case in cases)), []))) == 2
    long = {"x" * 90 + "a_bytes": Metric(1), "x" * 90 + "b_bytes": Metric(2)}
    assert len(read(bencher.export(run(record(**long)), []))[CASE]) == 2
