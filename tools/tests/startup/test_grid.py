import json
import sys

import pytest

from tools.__main__ import main
from tools.files import UnusableFile
from tools.startup.grid import headings, read_columns, rounded, signed, startup_page
from tools.startup.phases import IDENTITIES, PUBLISHED
from tools.tests.startup.samples import EXPECTED, LOGS, STUDIED, changed, log_of, text_of


def cells(table):
    """Heading -> first column -> cell."""
    return {
        column: {row[0]: row[number] for row in table.rows} for number, column in enumerate(table.columns) if number
    }


# ---------------------------------------------------------------- the page


def test_the_published_column_is_printed_as_published():
    page = startup_page({"qwen-1.8b 0.3": log_of()})
    assert page.tables[0].columns == ("Metric", "qwen-1.8b 0.3")
    assert page.tables[0].rows == (
        ("load_weights", "2.07"),
        ("model_init", "0.21"),
        ("model_loading", "2.3"),
        ("dynamo_transform_time", "7.4"),
        ("graph_compile_general_shape", "--"),
        ("graph_compile_cached", "5.25"),
        ("torch.compile", "7.4"),
        ("kv_cache_profiling", "14.48"),
        ("graph_capturing", "18.77"),
        ("kv_cache_init", "0.01"),
        ("init_engine", "33.91"),
        ("tokenizer_init", "0.37"),
        ("total_time", "36.58"),
        ("actual_total_time", "51.32"),
    )
    assert page.sentences == ()


def test_further_rows_stand_below_the_published_ones_where_any_log_tells_them():
    told = log_of(STUDIED, ("HUZ: Init Tok", "First token took 0.11 seconds\nHUZ: Init Tok"))
    [grid, *_] = startup_page({"a": log_of(), "b": told}).tables
    assert [row[0] for row in grid.rows] == [*PUBLISHED, "first_token"]
    assert grid.rows[-1] == ("first_token", "--", "0.11")


def test_identities_have_a_row_each_and_two_decimals():
    table = startup_page({"a": log_of(), "b": log_of("vllm-2026-06-compilation.txt")}).tables[1]
    assert [row[0] for row in table.rows] == [identity.sentence() for identity in IDENTITIES]
    assert list(cells(table)["a"].values()) == ["0.02", "0.00", "1.83", "0.65", "0.00", "14.74"]
    assert list(cells(table)["b"].values()) == ["--", "2.91", "--", "--", "--", "--"]


def test_facts_have_a_table_and_those_that_differ_a_sentence():
    page = startup_page({"a": log_of(), "b": log_of(STUDIED, ("41,424", "41,440"), ("v0.9.2", "v0.9.1"))})
    table = page.tables[2]
    assert [row[0] for row in table.rows][:4] == ["version", "model_gib", "kv_gib", "kv_tokens"]
    assert (cells(table)["a"]["kv_tokens"], cells(table)["b"]["kv_tokens"]) == ("41,424", "41,440")
    assert page.sentences == ("facts that differ between the logs: version, kv_tokens",)


def test_a_fact_that_is_not_told_is_no_zero():
    table = startup_page({"a": log_of("vllm-0.8.txt"), "b": log_of()}).tables[2]
    assert (cells(table)["a"]["kv_gib"], cells(table)["b"]["kv_gib"]) == ("--", "7.59")


def test_a_broken_identity_has_a_sentence_with_its_column():
    page = startup_page({"good": log_of(), "bad": log_of(STUDIED, ("took 33.91 seconds", "took 30.81 seconds"))})
    [sentence] = page.sentences
    assert sentence.startswith("bad: init_engine - (kv_cache_profiling + ")
    assert sentence.endswith(" is -2.45 s, expected 0 or more within 0.02 s")


@pytest.mark.parametrize(("seconds", "shown"), [(2.296112, "2.3"), (18.77, "18.77"), (24.0, "24.0"), (0.0049, "0.0")])
def test_seconds_are_rounded_as_in_the_published_table(seconds, shown):
    assert rounded(seconds) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(-0.004, "0.00"), (-0.006, "-0.01"), (14.740, "14.74")])
def test_nothing_is_minus_nothing(seconds, shown):
    assert signed(seconds) == shown


# ---------------------------------------------------------------- headings


def test_headings(tmp_path):
    names = {
        "output_model_qwen-1.8b_gpu-memory-utilization_0.3.txt": "qwen-1.8b 0.3",
        "output_model_a_b_gpu-memory-utilization_0.9.log": "a_b 0.9",
        "output_model_qwen_gpu-memory-utilization_0.5": "qwen 0.5",
        "cold_1.txt": "cold_1",
        "start.2026-01-01.log": "start.2026-01-01",
        "v0.3": "v0.3",
    }
    assert headings([tmp_path / name for name in names]) == list(names.values())


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    files = [tmp_path / place for place in ("x/a/log.txt", "y/a/log.txt", "b/log.txt", "other.txt")]
    assert headings(files) == ["x/a/log", "y/a/log", "b/log", "other"]


def test_files_that_no_folder_tells_apart_have_their_whole_path(tmp_path):
    files = [tmp_path / "log.txt", tmp_path / "log.out"]
    assert headings(files) == [str(file) for file in files]


def test_a_file_twice_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnusableFile, match=r"^start-up log .*a\.txt: given 2 times, expected each log once"):
        headings([tmp_path / "a.txt", (tmp_path / "a.txt").relative_to(tmp_path)])


# ---------------------------------------------------------------- python -m tools startup


@pytest.fixture
def tool(monkeypatch, capsys):
    """The command in this process: exit code, output, error."""

    def answer(*arguments):
        monkeypatch.setattr(sys, "argv", ["tools", "startup", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code or 0, *capsys.readouterr())

    return answer


@pytest.fixture
def broken(tmp_path):
    file = tmp_path / "broken.txt"
    file.write_text(changed(text_of(STUDIED), ("took 33.91 seconds", "took 30.81 seconds")))
    return file


def test_fourteen_columns_are_one_line_a_row(tool, tmp_path):
    text, files = text_of(STUDIED), []
    for model in ("qwen-1.8b", "qwen-4b"):
        for share in range(3, 10):
            files.append(tmp_path / f"output_model_{model}_gpu-memory-utilization_0.{share}.txt")
            files[-1].write_text(text)
    code, out, err = tool(*files)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert next(line for line in lines if line[:1] == ["graph_capturing"]) == ["graph_capturing", *["18.77"] * 14]
    assert sum(line[:1] == ["Metric"] and line[-2:] == ["qwen-4b", "0.9"] for line in lines) == 1


def test_all_families_side_by_side(tool):
    code, out, err = tool(*(LOGS / name for name in EXPECTED))
    assert (code, err) == (0, "")
    assert "facts that differ between the logs: version, " in out


def test_markdown_and_json_are_written_instead_of_printed(tool, tmp_path):
    page, numbers = tmp_path / "new" / "page.md", tmp_path / "numbers.json"
    assert tool(LOGS / STUDIED, "--markdown", page, "--json", numbers) == (0, "", "")
    assert "| graph\\_compile\\_general\\_shape | -- |\n| graph\\_compile\\_cached | 5.25 |" in page.read_text()
    found = json.loads(numbers.read_text())
    assert found["columns"]["qwen-1.8b 0.3"]["phases_s"]["graph_compile_cached"] == 5.251
    assert found["columns"]["qwen-1.8b 0.3"]["facts"]["kv_tokens"] == 41424
    assert list(found["columns"]["qwen-1.8b 0.3"]["phases_s"])[-3:] == list(PUBLISHED)[-3:]


def test_a_contradiction_is_exit_3_in_every_form(tool, broken, tmp_path):
    code, out, err = tool(LOGS / STUDIED, broken)
    assert (code, err) == (3, "")
    assert "broken: init_engine - (" in out
    for form in ("--markdown", "--json"):
        code, out, err = tool(broken, form, tmp_path / "page")
        assert (code, out) == (3, "")
        assert err.startswith("broken: init_engine - (")
        assert (tmp_path / "page").read_text()


@pytest.mark.parametrize("content", [None, b"", b"\0", b"no log\n"])
def test_an_unusable_log_is_one_line_and_exit_2(tool, tmp_path, content):
    file = tmp_path / "a.txt"
    if content is not None:
        file.write_bytes(content)
    code, out, err = tool(LOGS / STUDIED, file, "--json", tmp_path / "out.json")
    assert (code, out) == (2, "")
    assert err.startswith(f"perf-ratchet: start-up log {file}: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("arguments", [[], [LOGS / STUDIED, "--markdown", "x", "--json", "x"], ["--frob"]])
def test_usage_errors_are_exit_2(tool, arguments):
    code, _, err = tool(*arguments)
    assert code == 2
    assert "Traceback" not in err


def test_files_that_cannot_be_written_are_exit_2(tool, tmp_path):
    for options in (["--json", tmp_path], ["--markdown", tmp_path], ["--json", tmp_path, "--markdown", tmp_path / "a"]):
        code, out, err = tool(LOGS / STUDIED, *options)
        assert (code, out) == (2, "")
        assert "cannot be written" in err
    assert list(tmp_path.iterdir()) == []


def test_control_characters_of_a_name_stay_plain(tool, tmp_path):
    file = tmp_path / "a\x1b[2Jb.txt"
    file.write_text(text_of(STUDIED))
    code, out, _ = tool(file)
    assert code == 0
    assert "\x1b" not in out


def test_columns_are_in_the_order_of_the_files():
    files = [LOGS / "vllm-0.8.txt", LOGS / STUDIED]
    assert list(read_columns(files)) == ["vllm-0.8", "qwen-1.8b 0.3"]
    assert list(read_columns(files[::-1])) == ["qwen-1.8b 0.3", "vllm-0.8"]
