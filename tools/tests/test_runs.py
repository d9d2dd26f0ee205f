import dataclasses
import json
import random

import pytest

from tools.compare import exit_code, judge_run
from tools.files import UnusableFile
from tools.report import markdown, summary, to_json
from tools.runs import KEY, SCHEMA_VERSION, read_run, write_run
from tools.tables import to_rich
from tools.tests.mutations import CUTS, STRUCTURES, mutated
from tools.tests.samples import CASE, OTHER, edited, full_baseline, full_run, record, run, run_file
from tools.views import VIEWS


def test_a_run_is_read_as_it_was_written(tmp_path):
    made = full_run()
    assert read_run(run_file(tmp_path, made)) == made


def test_a_run_file_is_still_pytest_benchmarks_own(tmp_path):
    write_run(tmp_path / "run.json", full_run(), {"benchmarks": [{"name": "x"}], "version": "5.3.1"})
    document = json.loads((tmp_path / "run.json").read_text())
    assert document.keys() == {"benchmarks", "version", KEY}
    assert document["benchmarks"] == [{"name": "x"}]


def in_run(edit):
    """An edit of the run inside the document."""
    return lambda document: edit(document[KEY])


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda d: {"benchmarks": []}, f"has no key {KEY!r}, so it is no run of perf-ratchet"),
        (lambda d: [d], f"has no key {KEY!r}"),
        (lambda d: d.update({KEY: []}), "found schema version None"),
        (in_run(lambda r: r.update(schema_version=SCHEMA_VERSION + 1)), "update this checkout"),
        (in_run(lambda r: r.update(schema_version=0)), "make it anew"),
        (in_run(lambda r: r.update(extra=1)), "at 'extra': "),
        (in_run(lambda r: r.pop("commit")), "at 'commit': "),
        (in_run(lambda r: r["records"][0].update(status="fine")), "at 'records.0.status': "),
        (in_run(lambda r: r["records"][0].update(note="x")), "at 'records.0.note': "),
        (in_run(lambda r: r["records"][0]["metrics"].update(latency={"value": 1})), "names no unit"),
        (in_run(lambda r: r["records"][0].update(status="oom")), "carries metrics, expected none"),
        (in_run(lambda r: r["records"][0]["metrics"]["latency_s"].update(value="fast")), "latency_s.value"),
        (in_run(lambda r: r["records"][0]["metrics"]["latency_s"].update(value="0.01")), "latency_s.value"),
        (in_run(lambda r: r["records"][0]["metrics"]["latency_s"].update(value=True)), "latency_s.value"),
        (in_run(lambda r: r["records"][0]["metrics"]["latency_s"].update(value=float("nan"))), "latency_s.value"),
        (in_run(lambda r: r["records"][0]["metrics"]["latency_s"].update(value=10**400)), "latency_s"),
        (in_run(lambda r: r["records"][0]["metrics"]["latency_s"].update(limit=float("inf"))), "latency_s.limit"),
        (in_run(lambda r: r["selection"].update(whole="no")), "at 'selection.whole': "),
        (in_run(lambda r: r["fingerprint"]["software"].update(torch=2.14)), "fingerprint.software.torch"),
        (in_run(lambda r: r["records"].append(r["records"][0])), f"case {CASE!r} is in it more than once"),
        (in_run(lambda r: r["records"][1].update(case="x\ny", metrics={"latency_s": {"value": 1}})), "carries metrics"),
    ],
)
def test_a_run_broken_by_hand_is_refused_in_one_line(tmp_path, edit, found):
    file = edited(run_file(tmp_path, full_run()), edit)
    with pytest.raises(UnusableFile) as refused:
        read_run(file)
    assert found in str(refused.value)
    assert str(refused.value).startswith(f"run file {file}: ")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_run_cut_off_is_refused(tmp_path, share):
    file = run_file(tmp_path, full_run())
    text = file.read_text()
    file.write_text(text[: int(len(text) * share)])
    with pytest.raises(UnusableFile, match="cut off"):
        read_run(file)


def test_a_run_that_cannot_be_written_leaves_the_old_one(tmp_path):
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(UnusableFile, match=r"run file .* cannot be written"):
        write_run(tmp_path / "runs" / "run.json", full_run(), {})


def test_two_records_of_one_case_are_named_once(tmp_path):
    twice = dataclasses.replace(full_run(), records=(record(), record(OTHER), record(), record(OTHER)))
    with pytest.raises(UnusableFile, match=f"case '{OTHER}'"):
        read_run(run_file(tmp_path, twice))


def judge_and_show(made):
    """All that compare and report do with a run that could be read."""
    findings = judge_run(made, {"attention": full_baseline()})
    code = exit_code(made, findings, strict=True, require_baseline=True)
    assert json.loads(to_json(findings, code))["exit_code"] == code
    for view in VIEWS.values():
        page = view(made, findings)
        for table in page.tables:
            to_rich(table)
        assert markdown(page.tables, summary(made, findings, None, True))


@pytest.mark.parametrize("kind", [CUTS, STRUCTURES])
def test_a_damaged_run_is_read_or_refused_and_what_is_read_can_be_judged(tmp_path, kind):
    file = run_file(tmp_path, full_run())
    text, refused = file.read_bytes(), []
    for seed in range(300):
        file.write_bytes(mutated(text, kind, random.Random(seed)))
        try:
            made = read_run(file)
        except UnusableFile as error:
            refused.append(str(error))
        else:
            judge_and_show(made)
    assert [text for text in refused if not text.isprintable()] == []
    assert 30 < len(refused) < 290, "the mutations no longer reach both ends"


def test_the_undamaged_run_can_be_judged_and_shown(tmp_path):
    judge_and_show(read_run(run_file(tmp_path, full_run())))
    judge_and_show(read_run(run_file(tmp_path, run())))
