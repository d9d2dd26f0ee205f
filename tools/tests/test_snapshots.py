import json
import os
from random import Random

import pytest

from tools.files import UnusableFile
from tools.memory_diff import difference
from tools.memory_stats import Snapshot, metric_of
from tools.records import SCHEMA_VERSION
from tools.report import markdown
from tools.snapshots import UnusableSnapshot, read_snapshot
from tools.tests.mutations import CUTS, STRUCTURES, mutated
from tools.tests.samples import fingerprint, record, run, run_file
from tools.tests.test_memory_stats import SAMPLE

QAT = "training_memory/qat/vit-b64/train"
PLAIN = "training_memory/plain/vit-b64/train"


def written(folder, document, name="vit.json"):
    file = folder / name
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(file)


def measured(case=QAT, stats=SAMPLE, **others):
    return record(case, **{metric_of(key): value for key, value in stats.items()}, **others)


def complaint(argument):
    with pytest.raises(UnusableFile) as found:
        read_snapshot(str(argument))
    assert "\n" not in str(found.value)
    return str(found.value)


# ---------------------------------------------------------------- files that torch wrote


def test_a_flat_file_is_a_snapshot_named_after_it(tmp_path):
    assert read_snapshot(written(tmp_path, SAMPLE)) == Snapshot("vit", SAMPLE, "", relative=False)


def nested(stats):
    """As torch.cuda.memory_stats_as_nested_dict() gives them."""
    tree = {}
    for key, value in stats.items():
        *branches, leaf = key.split(".")
        place = tree
        for branch in branches:
            place = place.setdefault(branch, {})
        place[leaf] = value
    return tree


def test_a_nested_file_is_the_same_snapshot(tmp_path):
    file = written(tmp_path, {**nested(SAMPLE), "reserved_bytes_by_private_pools": {}})
    assert read_snapshot(file).stats == SAMPLE


def test_keys_of_newer_versions_are_carried_along(tmp_path):
    newer = {**SAMPLE, "num_oom_rejections": 0, "reserved_bytes_by_private_pools.0_1.all.peak": 5}
    assert read_snapshot(written(tmp_path, newer)).stats == newer


def test_keys_of_older_versions_are_enough(tmp_path):
    older = {key: value for key, value in SAMPLE.items() if not key.startswith(("requested_bytes", "num_device"))}
    assert read_snapshot(written(tmp_path, older)).stats == older


def test_a_file_may_have_two_colons_in_its_name(tmp_path):
    assert read_snapshot(written(tmp_path, SAMPLE, "a::b.json")).label == "a::b"


KEY = "active_bytes.all.peak"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "found an empty file"),
        (" \n", "found an empty file"),
        (json.dumps(SAMPLE)[:100], "cut off or damaged"),
        ("[" * 100_000, "cut off or damaged"),
        ([1, 2], "found list, expected an object"),
        ("3", "found int, expected an object"),
        ({}, "found no key at all, expected keys like active_bytes.all.peak"),
        ({"a": 1, "b": {"c": 2}, "d": 3, "e": 4}, "found a, b.c, d, …, expected keys like active_bytes.all.peak"),
        ({KEY: 1.5}, "at 'active_bytes.all.peak': found 1.5, expected a whole number"),
        ({KEY: "19.76 GB"}, "found '19.76 GB', expected a whole number"),
        ({KEY: True}, "found True, expected a whole number"),
        ({KEY: None}, "found None, expected a whole number"),
        ({KEY: [1]}, "found [1], expected a whole number"),
        ({KEY: float("nan")}, "found nan, expected a whole number"),
        ({KEY: 10**400}, "expected a whole number up to 2**64"),
        ({KEY: 1, "unheard_of": "x" * 1000}, "at 'unheard_of': found 'xxx"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_file_without_usable_statistics_is_told_in_a_line_with_the_remedy(tmp_path, content, told):
    file = written(tmp_path, content)
    found = complaint(file)
    assert found.startswith(f"memory statistics {file}: ")
    assert told in found
    assert found.endswith("json.dump(torch.cuda.memory_stats(), file)")
    assert len(found) < 300 + len(file)


def test_a_file_nested_without_end_is_no_crash(tmp_path):
    assert "found " in complaint(written(tmp_path, '{"a":' * 900 + "1" + "}" * 900))


@pytest.mark.parametrize("name", ["none.json", "", "x" * 5000, "none.json::case"])
def test_a_missing_file_is_told(tmp_path, name):
    assert "cannot be read" in complaint(os.path.join(tmp_path, name))


# ---------------------------------------------------------------- cases of a run


@pytest.fixture
def file(tmp_path):
    made = run(
        measured(QAT),
        measured(PLAIN, {**SAMPLE, "num_ooms": 0}),
        record("training_memory/qat/vit-b256/train", "oom", "needs 90 GiB"),
        record("training_memory/qat/vit-b512/train", "unsupported"),
        record("attention/eager", latency_s=0.1),
    )
    return run_file(tmp_path, made)


@pytest.mark.parametrize("case", [QAT, "qat/vit-b64", "memory/qat/vit-b64/train"])
def test_a_case_is_named_by_its_id_or_the_part_of_just_one(file, case):
    assert read_snapshot(f"{file}::{case}") == Snapshot(QAT, SAMPLE, "torch 2.14.1", relative=True)


def test_an_id_that_is_part_of_another_is_exact(tmp_path):
    file = run_file(tmp_path, run(measured(QAT), measured(f"{QAT}-long")))
    assert read_snapshot(f"{file}::{QAT}").label == QAT


def test_software_is_unknown_where_the_fingerprint_has_no_torch(tmp_path):
    file = run_file(tmp_path, run(measured(), place=fingerprint(software={})))
    assert read_snapshot(f"{file}::{QAT}").software == ""


NAMED = f"::CASE: {QAT}, {PLAIN}"


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("", "found a run, expected the allocator statistics of one case; name one as"),
        ("::frob", "no case has 'frob' in its id; name one as"),
        ("::vit-b64", f"'vit-b64' is in the ids of 2 cases ({QAT}, {PLAIN}); name one as"),
        ("::", "'' is in the ids of 5 cases"),
        ("::attention", "'attention/eager' has no allocator statistics; name one as"),
        (
            "::b256",
            "'training_memory/qat/vit-b256/train' has no allocator statistics: it is oom, needs 90 GiB; name one as",
        ),
        ("::b512", "it is unsupported, no reason is told; name one as"),
    ],
)
def test_a_case_without_statistics_is_told_with_those_that_have_some(file, case, told):
    found = complaint(f"{file}{case}")
    assert found.startswith(f"run file {file}: ")
    assert told in found
    assert found.endswith(NAMED)


@pytest.mark.parametrize("case", ["", "::attention", "::frob"])
def test_a_run_without_any_statistics_says_what_measures_them(tmp_path, case):
    file = run_file(tmp_path, run(record("attention/eager", graph_count=1)))
    assert complaint(f"{file}{case}").endswith("; pytest perf_tests/test_training_memory.py measures them")


def test_a_run_with_a_number_that_is_not_whole_is_refused(tmp_path):
    file = run_file(tmp_path, run(measured(stats={**SAMPLE, "num_ooms": 0.5})))
    assert "at 'num_ooms': found 0.5, expected a whole number up to 2**64; measure it again" in complaint(
        f"{file}::qat"
    )


@pytest.mark.parametrize("part", ["a", "b"])
def test_names_that_could_repaint_a_terminal_are_made_visible(tmp_path, part):
    broken = record("training_memory/a\n\x1b[2J", "error", "said\n\x1b[31m")
    file = run_file(tmp_path, run(broken, measured("training_memory/b\n\x1b[2J", {"num_ooms": 0})))
    assert complaint(f"{file}::/{part}" if part == "a" else file).isprintable()
    assert complaint(written(tmp_path, {"\x1b[2J": 1})).isprintable()


@pytest.mark.parametrize("case", ["", "::qat"])
def test_a_damaged_run_is_told_as_by_every_command(tmp_path, case):
    file = written(tmp_path, {"perf_ratchet": {"schema_version": SCHEMA_VERSION + 1}})
    assert f"run file {file}: found schema version {SCHEMA_VERSION + 1}" in complaint(f"{file}{case}")


def test_statistics_named_as_a_run_are_no_run(tmp_path):
    assert "it is no run of perf-ratchet" in complaint(f"{written(tmp_path, SAMPLE)}::qat")


def test_what_no_snapshot_is_made_of_is_an_unusable_file():
    assert issubclass(UnusableSnapshot, UnusableFile)


# ---------------------------------------------------------------- damage


def complaints(argument):
    """The one that the argument calls for, or none: then it can be shown."""
    try:
        found = read_snapshot(argument)
    except UnusableFile as error:
        return [str(error)]
    page = difference(found, Snapshot("whole", SAMPLE))
    return [] if markdown(page.tables, page.sentences) else ["nothing was shown"]


@pytest.mark.parametrize("kind", [CUTS, STRUCTURES])
@pytest.mark.parametrize("name", ["flat", "nested", "run"])
def test_damage_is_told_in_a_line_or_can_be_shown(tmp_path, kind, name):
    file = run_file(tmp_path, run(measured(QAT, {"num_ooms": 0, KEY: 5})))
    if name != "run":
        file.write_text(json.dumps(SAMPLE if name == "flat" else nested(SAMPLE)))
    whole, argument, told = file.read_bytes(), f"{file}::{QAT}" if name == "run" else str(file), []
    for seed in range(150):
        file.write_bytes(mutated(whole, kind, Random(seed)))
        told += complaints(argument)
    assert [text for text in told if not text.isprintable()] == []
    assert 10 < len(told) < 149, "the mutations no longer reach both ends"
