import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tools.ab.command import left_open
from tools.baselines import read_baselines, write_baselines
from tools.compare import Finding
from tools.gate.trials import TrialFile, write_trials
from tools.interruption import interruptible
from tools.memory_stats import metric_of
from tools.records import Metric
from tools.tables import Table
from tools.terminal import fitting
from tools.tests.gate.samples import told
from tools.tests.samples import (
    CASE,
    NASTY,
    OTHER,
    SLUG,
    anchored,
    baseline,
    edited,
    fingerprint,
    record,
    run,
    run_file,
    stored,
)
from tools.tests.test_memory_stats import SAMPLE
from tools.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
STEADY = (0.01, 0.0101, 0.0099)


@pytest.fixture
def stored_at(tmp_path):
    """A folder of baselines: one case with a count and a time, three processes."""
    write_baselines(tmp_path / "b", [baseline({CASE: stored(graph_count=1, latency_s=STEADY)})])
    return tmp_path / "b"


SAME = {"graph_count": 1, "latency_s": 0.01}


@pytest.mark.parametrize(
    ("made", "options", "code"),
    [
        (run(record(**SAME)), [], 0),
        (run(record(**SAME)), ["--require-baseline"], 0),
        (run(record(graph_count=2, latency_s=0.01)), [], 1),
        (run(record(graph_count=0, latency_s=0.01)), [], 0),
        (run(record(status="oom")), [], 1),
        (run(record(status="error")), [], 1),
        (run(record(graph_count=1, latency_s=1.0)), [], 0),
        (run(record(graph_count=1, latency_s=0.001)), ["--strict"], 3),
        (run(record(graph_count=1, latency_s=0.001)), [], 0),
        (run(record(latency_s=0.01)), [], 3),
        (run(record(definition="d2", **SAME)), [], 3),
        (run(record(**SAME), place=fingerprint(software={"torch": "9"})), [], 3),
        (run(record(OTHER, **SAME)), [], 3),
        (run(record(**SAME), record(OTHER, graph_count=1)), [], 0),
        (run(record(**SAME), record(OTHER, graph_count=1)), ["--require-baseline"], 3),
        (run(record(**SAME), place=fingerprint("cpu-other")), [], 0),
        (run(record(**SAME), place=fingerprint("cpu-other")), ["--require-baseline"], 3),
        (run(), [], 3),
    ],
)
@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_exit_code_of_compare_is_the_same_in_every_form(tool, tmp_path, stored_at, made, options, code, form):
    answer = tool("compare", run_file(tmp_path, made), "--baselines", stored_at, "--format", form, *options)
    assert (answer.code, answer.err) == (code, "")
    if form == "json":
        assert json.loads(answer.out)["exit_code"] == code


def test_json_is_nothing_but_json(tool, tmp_path, stored_at):
    made = run(record(graph_count=2, latency_s=1.0))
    found = json.loads(tool("compare", run_file(tmp_path, made), "--baselines", stored_at, "--format", "json").out)
    assert [(f["case"], f["metric"], f["verdict"], f["baseline"], f["value"]) for f in found["verdicts"]] == [
        (CASE, "graph_count", "regressed", 1, 2),
        (CASE, "latency_s", "suspect", pytest.approx(0.01, rel=1e-3), 1.0),
        (CASE, "status", "unchanged", "ok", "ok"),
    ]


def test_text_has_the_table_the_sentences_and_the_next_command(tool, tmp_path, stored_at):
    file = run_file(tmp_path, run(record(graph_count=2, latency_s=0.01), record(OTHER, graph_count=1)))
    out = tool("compare", file, "--baselines", stored_at).out
    assert out.index("regressed") < out.index("new ")
    assert f"{CASE}: graph_count regressed: 1 -> 2" in out
    assert f"python -m tools refresh {file}" in out


WIDE_TABLE = Table(
    "t",
    ("verdict", "case", "latency", "of roofline", "speed-up", "peak memory", "accuracy", "why"),
    (("suspect", "a" * 40, "1.2 ms", "50%", "1.1x eager", "4 MiB", "1e-7", "because " * 9),),
)


@pytest.mark.parametrize(
    ("width", "spared"),
    [
        (300, set()),
        (130, {"why"}),
        (100, {"why", "of roofline"}),
        (70, {"why", "of roofline", "peak memory", "accuracy", "speed-up"}),
        (20, {"why", "of roofline", "peak memory", "accuracy", "speed-up"}),
    ],
)
def test_a_narrow_terminal_gets_the_columns_that_it_has_room_for(width, spared):
    assert {*WIDE_TABLE.columns} - {*fitting(WIDE_TABLE, width).columns} == spared
    assert len(fitting(WIDE_TABLE, width).rows[0]) == 8 - len(spared)


def test_what_is_no_table_of_verdicts_keeps_its_columns():
    table = WIDE_TABLE.without("verdict")
    assert fitting(table, 20) is table


def test_a_log_is_as_wide_as_its_table(tool, tmp_path, stored_at):
    file = run_file(tmp_path, run(record("attention/" + "x" * 200, graph_count=1)))
    row = next(line for line in tool("compare", file, "--baselines", stored_at).out.splitlines() if "xxx" in line)
    assert "x" * 200 in row
    assert "no baseline yet" in row


def test_a_device_without_baseline_is_told_how_to_make_one(tool, tmp_path, stored_at):
    file = run_file(tmp_path, run(record(**SAME), place=fingerprint("cpu-other")))
    assert "cpu-other has no baseline: make one with" in tool("compare", file, "--baselines", stored_at).out


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_markup_and_control_characters_in_a_case_stay_plain(tool, tmp_path, stored_at, form):
    case = NASTY + "\x1b[2J\nfake line"
    file = run_file(tmp_path, run(record(**SAME), record(case, "error", "said \x1b[31m\nred")))
    answer = tool("compare", file, "--baselines", stored_at, "--format", form)
    assert answer.code == 1
    assert "\x1b" not in answer.out
    assert not any(line.startswith(("fake", "red")) for line in answer.out.splitlines())
    if form == "text":
        assert NASTY in answer.out
    else:
        assert "<script>" not in answer.out


# ---------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize("verb", ["compare", "report", "refresh"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"\x00\xff", b"[]", b'{"perf_ratchet": {}}', "folder"])
def test_an_unusable_run_is_one_line_and_exit_2(tool, tmp_path, stored_at, verb, content):
    file = tmp_path / "broken.json"
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    answer = tool(verb, file, "--baselines", stored_at)
    assert answer.code == 2
    assert f"run file {file}: " in answer.complaint


@pytest.mark.parametrize("verb", ["compare", "report", "refresh"])
def test_an_unusable_baseline_is_one_line_and_exit_2(tool, tmp_path, stored_at, verb):
    file = run_file(tmp_path, run(record(**SAME)))
    edited(stored_at / SLUG / "attention.json", lambda document: document.update(schema_version=99))
    answer = tool(verb, file, "--baselines", stored_at)
    assert answer.code == 2
    assert "found schema version 99" in answer.complaint


@pytest.mark.parametrize("verb", ["compare", "report"])
def test_a_missing_baseline_folder_is_exit_2(tool, tmp_path, verb):
    answer = tool(verb, run_file(tmp_path, run(record())), "--baselines", tmp_path / "nowhere")
    assert answer.code == 2
    assert "no such folder" in answer.complaint


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["compare"],
        ["compare", "RUN", "--format", "xml"],
        ["compare", "RUN", "--frob"],
        ["report", "RUN", "--view", "frob"],
        ["refresh"],
        ["refresh", "RUN", "-k", "["],
        ["memory-diff", "RUN"],
    ],
    ids=" ".join,
)
def test_usage_errors_are_exit_2_without_traceback(tool, tmp_path, arguments):
    file = run_file(tmp_path, run(record(**SAME)))
    answer = tool(*[str(file) if argument == "RUN" else argument for argument in arguments])
    assert answer.code == 2
    assert answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"], ["report", "--help"], ["refresh", "--help"]])
def test_help(tool, arguments):
    answer = tool(*arguments)
    assert (answer.code, answer.err) == (0, "")
    assert "Usage" in answer.out


# ---------------------------------------------------------------- report


def test_report_shows_a_view_and_does_not_judge(tool, tmp_path, stored_at):
    file = run_file(tmp_path, run(record(graph_count=2, latency_s=0.01)))
    answer = tool("report", file, "--baselines", stored_at)
    assert (answer.code, answer.err) == (0, "")
    assert CASE in answer.out


def test_report_writes_markdown(tool, tmp_path, stored_at):
    params = {"method": "eager", "d_model": 64, "seq_len": 256, "direction": "forward"}
    file = run_file(tmp_path, run(record(params=params, graph_count=1, latency_s=Metric(0.01, (0.01, 0.01)))))
    page = tmp_path / "new" / "page.md"
    answer = tool("report", file, "--baselines", stored_at, "--view", "attention", "--markdown", page)
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    assert "| eager | 64 | 256 | OK | 10.000 | 0.000 |" in page.read_text()
    assert "- 1 case (1 ok); 3 metrics judged" in page.read_text()


def matrix_file(tmp_path):
    """A run of the inference matrix: two runtimes, one of them without a number."""
    params = {"model": "resnet18", "batch": 16}
    made = run(
        record("inference/eager/r", params={**params, "runtime": "eager"}, latency_s=0.032, model_bytes=2**20),
        record("inference/rtx/r", "unsupported", "CUDA only", params={**params, "runtime": "rtx"}),
    )
    return run_file(tmp_path, made)


def test_report_prints_all_tables_of_a_view_and_its_sentences(tool, tmp_path, stored_at):
    answer = tool("report", matrix_file(tmp_path), "--baselines", stored_at, "--view", "inference")
    assert (answer.code, answer.err) == (0, "")
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert [line for line in lines if re.match(r"eager \d", line)] == ["eager 2.000", "eager 1.00x", "eager 1.000"]
    assert lines.count("rtx unsupported") == 1  # what a machine cannot do is told once
    assert lines[-1] == "rtx: unsupported: CUDA only (resnet18)"


def test_report_writes_all_tables_of_a_view_as_markdown(tool, tmp_path, stored_at):
    page = tmp_path / "page.md"
    answer = tool("report", matrix_file(tmp_path), "--baselines", stored_at, "--view", "inference", "--markdown", page)
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    text = page.read_text()
    assert [line.partition(" (")[0] for line in text.splitlines() if line.startswith("**")] == [
        "**resnet18: inference time, ms a sample",
        "**resnet18: speed-up over eager",
        "**resnet18: model or engine, MiB",
    ]
    assert "| eager | 2.000 |\n| rtx | unsupported |\n\n**" in text
    assert "\n\n- rtx: unsupported: CUDA only (resnet18)\n- 2 cases (1 ok, 1 unsupported)" in text


def test_report_writes_every_form_at_once_and_annotates(tool, tmp_path, stored_at):
    worse = run_file(tmp_path, run(replace(record(graph_count=2, latency_s=0.01), node="perf_tests/t.py::t", line=7)))
    html, told = tmp_path / "out" / "r.html", tmp_path / "out" / "r.md"
    link = "https://example.org/runs/1"
    options = ["--html", html, "--pull-request", told, "--annotations", "--link", link]
    answer = tool("report", worse, "--baselines", stored_at, *options)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("::error file=perf_tests/t.py,line=7,")
    assert answer.out.endswith(f"wrote {html}\nwrote {told}\n")
    assert "graph_count" in html.read_text()
    assert "Regressed: 1 case" in told.read_text().splitlines()[0]
    assert link in told.read_text()


def test_report_takes_no_ab_of_other_files(tool, tmp_path, stored_at):
    ab = tmp_path / "ab.json"
    ab.write_text("{}")
    file = run_file(tmp_path, run(record(graph_count=1, latency_s=0.01)))
    answer = tool("report", file, "--baselines", stored_at, "--ab", ab)
    assert (answer.code, str(ab) in answer.complaint) == (2, True)


def test_report_shows_the_course_of_a_case_from_a_store(tool, tmp_path, stored_at):
    files = [run_file(tmp_path / "runs", made) for made in [run(record(graph_count=1, latency_s=0.01))]]
    assert tool("history", tmp_path / "runs", "--store", tmp_path / "store").code == 0
    html = tmp_path / "r.html"
    options = ["--history", tmp_path / "store", "--html", html]
    assert tool("report", *files, "--baselines", stored_at, *options).code == 0
    assert "c0ffee" in html.read_text()


def test_report_that_cannot_be_written_is_exit_2(tool, tmp_path, stored_at):
    file = run_file(tmp_path, run(record(**SAME)))
    answer = tool("report", file, "--baselines", stored_at, "--markdown", file / "page.md")
    assert answer.code == 2
    assert "cannot be written" in answer.complaint


# ---------------------------------------------------------------- memory-diff


def snapshot(folder, name, **changed):
    file = folder / name
    file.write_text(json.dumps({**SAMPLE, **changed}))
    return file


def training_file(folder, torch):
    """A run of one case with the allocator's statistics, of this version of torch."""
    made = record("training_memory/qat/m-b8", **{metric_of(key): value for key, value in SAMPLE.items()})
    return run_file(folder, run(made, place=fingerprint(software={"torch": torch})), f"{torch}.json")


def test_memory_diff_prints_the_table_and_its_sentences(tool, tmp_path):
    files = snapshot(tmp_path, "qat.json", num_sync_all_streams=1500), snapshot(tmp_path, "vit.json", brand_new=1)
    answer = tool("memory-diff", *files)
    assert (answer.code, answer.err) == (0, "")
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert lines[0] == "memory_stats: qat - vit"
    assert "num_sync_all_streams 1,500 0 1,500" in lines
    assert "brand_new – 1 –" in lines
    assert "1 key only in vit: brand_new" in lines


def test_memory_diff_writes_markdown(tool, tmp_path):
    page = tmp_path / "new" / "page.md"
    files = snapshot(tmp_path, "qat.json", num_sync_all_streams=1500), snapshot(tmp_path, "vit.json", brand_new=1)
    answer = tool("memory-diff", *files, "--markdown", page)
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    assert "\n| brand\\_new | – | 1 | – |\n" in page.read_text()
    assert "\n- 1 key only in vit: brand\\_new\n" in page.read_text()


def test_memory_diff_names_the_versions_of_torch_that_two_runs_were_made_with(tool, tmp_path):
    runs = [f"{training_file(tmp_path, torch)}::qat/m" for torch in ("2.11.0", "2.15.0")]
    answer = tool("memory-diff", *runs)
    assert (answer.code, answer.err) == (0, "")
    assert "torch 2.11.0 against torch 2.15.0: allocators differ between versions" in answer.out
    assert "training_memory/qat/m-b8 (A) - training_memory/qat/m-b8 (B)" in answer.out


@pytest.mark.parametrize("wrong", [0, 1])
@pytest.mark.parametrize("to_file", [False, True])
def test_memory_diff_of_a_snapshot_that_contradicts_itself_is_exit_3_and_says_which(tool, tmp_path, wrong, to_file):
    names = ["qat", "vit"]
    files = [snapshot(tmp_path, f"{name}.json", num_ooms=-1 if name == names[wrong] else 0) for name in names]
    answer = tool("memory-diff", *files, *(["--markdown", tmp_path / "page.md"] if to_file else []))
    assert answer.code == 3
    told = f"{names[wrong]} contradicts itself: num_ooms is -1, expected 0 or more"
    assert [line for line in (answer.err if to_file else answer.out).splitlines() if "contradicts" in line] == [told]


@pytest.mark.parametrize("second", ["none.json", "empty.json", "run.json", "run.json::frob", "run.json::eager"])
def test_memory_diff_of_unusable_input_is_one_line_and_exit_2(tool, tmp_path, second):
    (tmp_path / "empty.json").touch()
    run_file(tmp_path, run(record(**SAME)))
    answer = tool("memory-diff", snapshot(tmp_path, "vit.json"), f"{tmp_path}/{second}")
    assert answer.code == 2
    assert second.partition("::")[0] in answer.complaint


def test_memory_diff_that_cannot_be_written_is_exit_2(tool, tmp_path):
    file = snapshot(tmp_path, "vit.json")
    answer = tool("memory-diff", file, file, "--markdown", file / "page.md")
    assert answer.code == 2
    assert "cannot be written" in answer.complaint


# ---------------------------------------------------------------- refresh


def test_refresh_makes_a_baseline_of_several_runs_that_compare_then_accepts(tool, tmp_path):
    made = [run(record(graph_count=1, latency_s=seconds)) for seconds in STEADY]
    runs = [run_file(tmp_path, one, f"{number}.json") for number, one in enumerate(made)]
    answer = tool("refresh", *runs, "--baselines", tmp_path / "b")
    assert (answer.code, answer.err) == (0, "")
    written = f"wrote {tmp_path / 'b' / SLUG}/ from 3 runs: attention.json"
    assert answer.out.splitlines() == ["attention is new: 1 case, 3 metrics", written]
    assert read_baselines(tmp_path / "b", SLUG)["attention"].cases[CASE].metrics["latency_s"].values == STEADY
    assert tool("compare", runs[0], "--baselines", tmp_path / "b", "--require-baseline").code == 0


def test_refresh_of_the_same_numbers_writes_nothing(tool, tmp_path):
    file = run_file(tmp_path, run(record(graph_count=1)))
    assert tool("refresh", file, "--baselines", tmp_path / "b").code == 0
    answer = tool("refresh", file, "--baselines", tmp_path / "b")
    assert (answer.code, answer.out) == (0, "nothing was written: what is stored says the same\n")


def test_refresh_refuses_worse_numbers_with_exit_1_until_a_reason_is_given(tool, tmp_path, stored_at):
    file = run_file(tmp_path, run(record(graph_count=2, latency_s=0.01)))
    before = (stored_at / SLUG / "attention.json").read_bytes()
    answer = tool("refresh", file, "--baselines", stored_at)
    assert answer.code == 1
    assert "graph_count regressed: 1 -> 2" in answer.complaint
    assert (stored_at / SLUG / "attention.json").read_bytes() == before
    answer = tool("refresh", file, "--baselines", stored_at, "--reason", "two graphs now")
    assert answer.code == 0
    assert "graph_count regressed: 1 -> 2" in answer.out
    assert read_baselines(stored_at, SLUG)["attention"].reason == "two graphs now"


def test_refresh_tells_a_reviewer_what_changes_and_why(tool, tmp_path, stored_at):
    file, told = run_file(tmp_path, run(record(NASTY, latency_s=1.0), record(graph_count=2))), tmp_path / "body.md"
    answer = tool("refresh", file, "--baselines", stored_at, "--reason", "two <b>graphs</b>", "--markdown", told)
    assert answer.code == 0, answer.err
    text = told.read_text()
    assert r"| regressed | attention/eager/d64-s256/forward | graph\_count | 1 | 2 |" in text
    assert "reason: two &lt;b&gt;graphs&lt;/b&gt;" in text
    assert "1 process on cpu-sample-2c, commit c0ffee" in text
    assert "<script>" not in text


def test_refresh_refuses_an_error_with_exit_2(tool, tmp_path, stored_at):
    answer = tool("refresh", run_file(tmp_path, run(record(status="error"))), "--baselines", stored_at)
    assert answer.code == 2
    assert "a wrong result is never stored" in answer.complaint


def test_refresh_k_takes_only_the_cases_that_match(tool, tmp_path, stored_at):
    file = run_file(tmp_path, run(record(graph_count=2, latency_s=0.01), record(OTHER, graph_count=7)))
    answer = tool("refresh", file, "--baselines", stored_at, "-k", "compiled/.*forward$")
    assert answer.code == 0
    cases = read_baselines(stored_at, SLUG)["attention"].cases
    assert cases[CASE].metrics["graph_count"].values == (1,)
    assert cases[OTHER].metrics["graph_count"].values == (7,)
    assert tool("refresh", file, "--baselines", stored_at, "-k", "no such case").code == 2


def files_of(folder, name, *seconds):
    runs = [run(record(graph_count=1, latency_s=value)) for value in seconds]
    return [run_file(folder, made, f"{name}{number}.json") for number, made in enumerate(runs)]


def test_refresh_append_adds_and_refuses_a_suspect(tool, tmp_path, stored_at):
    assert tool("refresh", *files_of(tmp_path, "same", 0.01), "--baselines", stored_at, "--append").code == 0
    assert read_baselines(stored_at, SLUG)["attention"].cases[CASE].metrics["latency_s"].values == (*STEADY, 0.01)
    edited(stored_at / SLUG / "attention.json", lambda document: document.update(created_utc="2026-01-01"))
    answer = tool("refresh", *files_of(tmp_path, "slow", 0.02), "--baselines", stored_at, "--append")
    assert answer.code == 1
    assert "latency_s suspect" in answer.complaint


def test_refresh_anchor_pins_the_new_numbers(tool, tmp_path, stored_at):
    def anchor():
        return read_baselines(stored_at, SLUG)["attention"].cases[CASE].metrics["latency_s"].anchor

    files = files_of(tmp_path, "run", *[1.001 * value for value in STEADY])
    assert tool("refresh", *files, "--baselines", stored_at).code == 0
    assert anchor().values == STEADY
    assert tool("refresh", *files, "--baselines", stored_at, "--anchor").code == 0
    assert anchor() is None


# ---------------------------------------------------------------- the real command


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "tools", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.parametrize(("count", "code"), [(1, 0), (2, 1)])
def test_the_real_command_exits_as_main_does(tmp_path, stored_at, count, code):
    file = run_file(tmp_path, run(record(graph_count=count, latency_s=0.01)))
    done = command("compare", file, "--baselines", stored_at, "--format", "json")
    assert (done.returncode, done.stderr) == (code, "")
    assert json.loads(done.stdout)["exit_code"] == code


def test_the_real_command_tells_unusable_input_in_one_line(tmp_path):
    done = command("compare", tmp_path / "none.json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_the_real_command_prints_where_only_ascii_can_be_printed(tmp_path, stored_at):
    """A crash of the printing would exit 1, which means regressed."""
    file = run_file(tmp_path, run(record(**SAME), record(OTHER, "unsupported", "µ – …")))
    done = command("compare", file, "--baselines", stored_at, env={"PYTHONIOENCODING": "ascii", "PATH": ""})
    assert (done.returncode, done.stderr) == (0, "")
    assert CASE in done.stdout


def test_a_bug_of_ours_does_not_say_regressed(tool, tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("tools.judged.judge_run", broken)
    file = run_file(tmp_path, run(record(latency_s=0.01)))
    (tmp_path / "b").mkdir()
    answer = tool("compare", file, "--baselines", tmp_path / "b")
    assert answer.code == 3
    assert "internal error, please report it: ZeroDivisionError: planted" in answer.complaint


def test_a_creep_is_left_to_the_ab_against_its_anchor(tool, tmp_path):
    """Against yesterday's commit it would be `unchanged`, which is true and hides it."""
    crept = anchored("latency_s", tuple(1.09 * value for value in STEADY), STEADY)
    write_baselines(tmp_path / "b", [baseline({CASE: crept})])
    options = ["--suspects", run_file(tmp_path, run(record(latency_s=0.011))), "--baselines", tmp_path / "b"]
    yesterday = tool("ab", "--base", "main", *options)
    assert yesterday.code == 0
    assert f"it crept, which shows in  python -m tools ab --base 1a2b3c4d5e6f --suspects {options[1]}" in yesterday.out
    assert "leaves no suspect that an A/B against main decides" in yesterday.out
    assert "revision '1a2b3c4d5e6f': no commit" in tool("ab", "--base", "1a2b3c4d5e6f", *options).complaint


# ---------------------------------------------------------------- validate-gate


@pytest.fixture
def gate(tool, tmp_path, monkeypatch):
    """validate-gate on a file of earlier trials, with a campaign that finds what the test wants."""
    file = tmp_path / "trials.json.gz"

    def answer(*options, before, fresh):
        earlier = TrialFile(2, "a" * 12, "2026-01-01T00:00:00Z", "cpu-x", {}, tuple(map(told, before)))
        write_trials(file, earlier)

        def collect(setting, place, minutes, say, known):
            assert known == earlier
            answer.asked = (setting.device, setting.workloads)
            write_trials(place, replace(known, trials=known.trials + tuple(map(told, fresh))))

        monkeypatch.setattr("tools.gate.command.collect", collect)
        return tool("validate-gate", file, *options)

    return answer


NIGHT = ("--minutes", "1", "--append")


@pytest.mark.parametrize(
    ("options", "before", "fresh", "code"),
    [
        ((), ["unchanged"], [], 0),
        ((), ["unchanged", "regressed"], [], 1),
        (NIGHT, ["unchanged"], ["regressed"], 1),
        (NIGHT, ["regressed"], ["unchanged"], 0),
        (NIGHT, ["unchanged"], ["inconclusive"], 3),
    ],
)
def test_a_night_ends_in_what_it_found_itself(gate, options, before, fresh, code):
    assert gate(*options, before=before, fresh=fresh).code == code


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ((), ("cpu", "cpu")),
        (("--device", "cpu"), ("cpu", "cpu")),
        (("--device", "cuda"), ("cuda", "gpu")),
        (("--device", "cpu", "--workloads", "gpu"), ("cpu", "gpu")),
    ],
)
def test_a_device_has_its_own_workloads_unless_others_are_named(gate, options, asked):
    gate(*NIGHT, *options, before=["unchanged"], fresh=["unchanged"])
    assert gate.asked == asked


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--device", "tpu"), "unknown device 'tpu', expected cpu or cuda"),
        (("--workloads", "all"), "unknown workloads 'all', expected cpu or gpu"),
        (("--device", "cuda", "--workloads", "cpu"), "--workloads cpu are the processor's alone, expected gpu"),
    ],
)
def test_a_device_or_workloads_that_there_are_not_are_refused(gate, options, complaint):
    answer = gate(*NIGHT, *options, before=["unchanged"], fresh=[])
    assert answer.code == 2
    assert complaint in " ".join(answer.err.replace("│", "").split())


def test_trials_are_not_thrown_away_for_a_forgotten_word(gate):
    answer = gate("--minutes", "1", before=["unchanged"], fresh=[])
    assert answer.code == 2
    assert "holds trials already: --append adds to them" in " ".join(answer.err.replace("│", "").split())


def test_nohup_stays_in_force():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_suspect_whose_model_came_by_an_option_is_not_handed_to_an_ab():
    def why(case):
        return left_open(Finding(case, "latency_s", Verdict.SUSPECT, "slower"), "main", Path("run.json"))

    assert why("inference/eager/cnn-b1") == ""
    assert "no checkout holds it" in why("inference_mine/eager/model-b1")
