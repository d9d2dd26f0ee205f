import dataclasses
import json
import random

import pytest

from tools.baselines import (
    SCHEMA_VERSION,
    Origin,
    has_baseline,
    read_baseline,
    read_baselines,
    to_text,
    worth_pooling,
    write_baselines,
)
from tools.compare import exit_code, judge_run
from tools.files import UnusableFile
from tools.policy import Rule
from tools.report import to_json
from tools.spread import pool
from tools.tests.mutations import CUTS, STRUCTURES, mutated
from tools.tests.samples import (
    CASE,
    OTHER,
    SLUG,
    anchored,
    baseline,
    edited,
    fingerprint,
    full_baseline,
    full_run,
    record,
    run,
    stored,
)
from tools.views import VIEWS


@pytest.fixture
def file(tmp_path):
    """One case of every kind of metric, without anchors."""
    return write_baselines(tmp_path, [full_baseline()])[0]


def test_a_baseline_lies_under_its_device_and_path_and_is_read_as_written(tmp_path, file):
    assert file == tmp_path / SLUG / "attention.json"
    assert read_baselines(tmp_path, SLUG) == {"attention": full_baseline()}


def test_write_read_write_gives_the_same_bytes(tmp_path, file):
    first = file.read_bytes()
    write_baselines(tmp_path, [read_baseline(file, SLUG)])
    assert file.read_bytes() == first


def test_what_cannot_be_read_or_written_is_called_a_baseline(tmp_path, file):
    file.write_text("{")
    with pytest.raises(UnusableFile, match=f"^baseline {file}: "):
        read_baseline(file, SLUG)
    (tmp_path / "taken").write_text("")
    with pytest.raises(UnusableFile, match=r"^baseline .*attention\.json: "):
        write_baselines(tmp_path / "taken", [full_baseline()])


def test_nothing_is_written_of_what_is_not_there():
    assert "null" not in to_text(baseline({CASE: anchored("graph_count", (2,), (1,))}))


@pytest.mark.parametrize("cases", [{}, {CASE: stored("oom", "too large")}])
def test_a_baseline_without_numbers_survives_the_round_trip(tmp_path, cases):
    file = write_baselines(tmp_path, [baseline(cases)])[0]
    assert read_baseline(file, SLUG) == baseline(cases)


def test_order_of_cases_metrics_and_versions_does_not_reach_the_file():
    made = full_baseline()
    turned = dataclasses.replace(
        made,
        cases={
            case: dataclasses.replace(old, metrics=dict(reversed(old.metrics.items())))
            for case, old in reversed(made.cases.items())
        },
        fingerprint=dataclasses.replace(made.fingerprint, software=dict(reversed(made.fingerprint.software.items()))),
    )
    assert to_text(turned) == to_text(made)
    document = json.loads(to_text(made))
    assert list(document["cases"]) == sorted(document["cases"])
    for case in document["cases"].values():
        assert list(case["metrics"]) == sorted(case["metrics"])


def test_a_metric_is_one_line_of_the_diff():
    made = full_baseline()
    slower = dataclasses.replace(
        made.cases[CASE], metrics={**made.cases[CASE].metrics, **stored(graph_count=2).metrics}
    )
    before = to_text(made).splitlines()
    after = to_text(dataclasses.replace(made, cases={**made.cases, CASE: slower})).splitlines()
    assert [new for old, new in zip(before, after, strict=True) if old != new] == [
        '    "graph_count": {"values": [2]},'
    ]


def test_what_only_explains_is_not_stored(tmp_path):
    noisy = baseline({CASE: stored(graph_count=1)}, place=fingerprint(soft={"load": "3.7"}))
    assert read_baseline(write_baselines(tmp_path, [noisy])[0], SLUG).fingerprint.soft == {}


def test_a_file_of_version_1_is_read_and_its_values_are_their_own_anchors(file):
    edited(file, lambda document: document.update(schema_version=1))
    assert read_baseline(file, SLUG) == full_baseline()


def test_an_anchor_and_an_origin_survive_the_round_trip(tmp_path):
    crept = dataclasses.replace(anchored("latency_s", (0.011,) * 3, (0.01,) * 3), origin=Origin("a", "2026-01-01"))
    made = baseline({CASE: crept})
    assert read_baseline(write_baselines(tmp_path, [made])[0], SLUG) == made
    assert made.origin(CASE) == Origin("a", "2026-01-01")


def test_what_says_nothing_new_is_not_written():
    text = to_text(full_baseline())
    assert "anchor" not in text
    assert "origin" not in text
    assert full_baseline().origin(CASE) == Origin("c0ffee", "2026-11-20T06:00:00+00:00")


@pytest.mark.parametrize(
    ("commit", "revision"), [("a1", "a1"), ("a1+changes", "a1"), ("a1, b2", "a1"), ("a1+changes, b2", "a1")]
)
def test_an_origin_names_one_commit_to_measure_against(commit, revision):
    assert Origin(commit, "").revision == revision


def test_a_device_without_folder_has_no_baselines(tmp_path):
    write_baselines(tmp_path, [full_baseline()])[0]
    assert read_baselines(tmp_path, "cpu-other") == {}


@pytest.mark.parametrize("place", ["nowhere", "file"])
def test_a_root_that_is_no_folder_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableFile, match=f"baselines {tmp_path / place}: no such folder") as refused:
        read_baselines(tmp_path / place, SLUG)
    assert str(refused.value).isprintable()


PINNED = {"values": [1], "origin": {"commit": "c", "created_utc": "2026"}}


def in_case(edit):
    return lambda document: edit(document["cases"][CASE])


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda d: [d], "found schema version None"),
        (lambda d: d.update(schema_version=SCHEMA_VERSION + 1), "update this checkout"),
        (lambda d: d.update(schema_version=0), "make it anew"),
        (lambda d: d.pop("processes"), "at 'processes': "),
        (lambda d: d.update(processes="3"), "at 'processes': "),
        (lambda d: d.update(note="x"), "at 'note': "),
        (lambda d: d.update(cases=[]), "at 'cases': "),
        (lambda d: d.update(path="mxint8"), "holds path 'mxint8'"),
        (lambda d: d["fingerprint"].update(slug="cpu-other"), "of device 'cpu-other'"),
        (in_case(lambda c: c.update(status="fine")), "status': "),
        (in_case(lambda c: c["metrics"].update(latency={"values": [1]})), "names no unit"),
        (in_case(lambda c: c["metrics"]["graph_count"].update(values=[])), "holds no value"),
        (in_case(lambda c: c["metrics"]["graph_count"].update(values=["one"])), "graph_count.values.0"),
        (in_case(lambda c: c["metrics"]["graph_count"].update(values=["1"])), "graph_count.values.0"),
        (in_case(lambda c: c["metrics"]["graph_count"].update(values=[True])), "graph_count.values.0"),
        (in_case(lambda c: c["metrics"]["graph_count"].update(values=[float("nan")])), "graph_count.values.0"),
        (in_case(lambda c: c["metrics"]["graph_count"].update(values=[10**400])), "graph_count"),
        (in_case(lambda c: c["metrics"]["graph_count"].update(value=1)), "graph_count.value': "),
        (in_case(lambda c: c["metrics"]["graph_count"].update(anchor=[1])), "graph_count.anchor': "),
        (in_case(lambda c: c["metrics"]["graph_count"].update(anchor={"values": [1]})), "graph_count.anchor.origin': "),
        (in_case(lambda c: c["metrics"]["graph_count"].update(anchor=PINNED | {"values": []})), "holds no value"),
        (in_case(lambda c: c["metrics"]["graph_count"].update(anchor=PINNED | {"values": [2**65]})), "2**64"),
        (in_case(lambda c: c.update(origin={"commit": "c"})), "origin.created_utc': "),
    ],
)
def test_a_baseline_broken_by_hand_is_refused_in_one_line(tmp_path, file, edit, found):
    edited(file, edit)
    with pytest.raises(UnusableFile) as refused:
        read_baselines(tmp_path, SLUG)
    assert found in str(refused.value)
    assert str(refused.value).startswith(f"baseline {file}: ")
    assert str(refused.value).isprintable()


def test_one_damaged_file_among_good_ones_is_not_passed_over(tmp_path, file):
    (file.parent / "mxint8.json").write_text("{")
    with pytest.raises(UnusableFile, match=r"mxint8\.json"):
        read_baselines(tmp_path, SLUG)


def test_a_file_put_under_another_name_or_device_is_refused(tmp_path, file):
    renamed = file.rename(file.with_name("compile.json"))
    with pytest.raises(UnusableFile, match=r"holds path 'attention' .* expected 'compile'"):
        read_baselines(tmp_path, SLUG)
    other = tmp_path / "cpu-other" / "attention.json"
    other.parent.mkdir()
    renamed.rename(other)
    with pytest.raises(UnusableFile, match=f"of device '{SLUG}', expected 'attention' of 'cpu-other'"):
        read_baselines(tmp_path, "cpu-other")


def place_that_is_no_machine(name):
    return fingerprint(f"static-{name}", {"protocol": "1"}, {"target": name}, {}, {})


def test_baselines_of_places_that_are_no_machine_are_read_for_every_device(tmp_path):
    kernels = baseline({"kernels_sm90/copy/a": stored()}, "kernels_sm90", place_that_is_no_machine("sm90"))
    write_baselines(tmp_path, [full_baseline(), kernels])
    assert read_baselines(tmp_path, "cpu-of-somebody-else") == {"kernels_sm90": kernels}
    assert read_baselines(tmp_path, SLUG).keys() == {"attention", "kernels_sm90"}
    assert has_baseline(read_baselines(tmp_path, SLUG), SLUG)
    assert not has_baseline(read_baselines(tmp_path, "cpu-of-somebody-else"), "cpu-of-somebody-else")


def test_a_path_in_two_places_is_refused(tmp_path):
    elsewhere = [baseline({}, "attention", place_that_is_no_machine("sm90"))]
    write_baselines(tmp_path, [full_baseline(), *elsewhere])
    with pytest.raises(UnusableFile, match="holds the same path, expected one place a path"):
        read_baselines(tmp_path, SLUG)


def test_a_folder_named_like_a_baseline_is_refused(tmp_path, file):
    (file.parent / "mxint8.json").mkdir()
    with pytest.raises(UnusableFile, match="cannot be read"):
        read_baselines(tmp_path, SLUG)


@pytest.mark.parametrize("kind", [CUTS, STRUCTURES])
def test_a_damaged_baseline_is_read_or_refused_and_what_is_read_can_judge(tmp_path, file, kind):
    crept = anchored("latency_s", (0.011,) * 3, (0.01,) * 3)
    write_baselines(tmp_path, [baseline({**full_baseline().cases, "attention/crept": crept})])
    text, refused, made = file.read_bytes(), [], run(*full_run().records, record("attention/crept", latency_s=0.011))
    for seed in range(300):
        file.write_bytes(mutated(text, kind, random.Random(seed)))
        try:
            stored_now = read_baselines(tmp_path, SLUG)
        except UnusableFile as error:
            refused.append(str(error))
        else:
            findings = judge_run(made, stored_now)
            code = exit_code(made, findings)
            assert json.loads(to_json(findings, code))["exit_code"] == code
            VIEWS["cases"](made, findings)
    assert [text for text in refused if not text.isprintable()] == []
    assert 30 < len(refused) < 290, "the mutations no longer reach both ends"


@pytest.mark.parametrize(
    ("metric", "values", "worth"),
    [
        ("latency_s", (1e-9, 2e-9), True),
        ("latency_s", (0.0, 0.01), False),
        ("build_s", (0.1, 10.0), False),  # a moment and less is never judged
        ("build_s", (0.11, 10.0), True),
        ("speedup_over_eager_ratio", (2.0,), True),
        ("graph_count", (1, 2), False),
    ],
)
def test_what_tells_of_the_spread_of_a_path(metric, values, worth):
    assert worth_pooling(metric, values) is worth


def test_what_is_judged_by_one_rule_is_pooled_together():
    cases = {
        CASE: stored(latency_s=(1.0, 1.1), graph_count=(1, 2), speedup_over_eager_ratio=(2.0, 3.0)),
        OTHER: stored(latency_s=(2.0, 2.5, 3.0), build_s=(0.01, 10.0)),
    }
    assert baseline(cases).pools == {
        Rule.SCREEN: pool([(1.0, 1.1), (2.0, 2.5, 3.0)]),
        Rule.SPREAD: pool([(2.0, 3.0)]),
    }


def test_cases_of_the_sample_are_the_ones_the_mutations_hit():
    assert set(full_baseline().cases) == {CASE, OTHER}
