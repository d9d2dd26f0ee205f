import json

import pytest
import typer
from typer.testing import CliRunner

from tools.baselines import write_baselines
from tools.export.command import Target, export
from tools.files import UnusableFile
from tools.tests.ab.test_outcome import judgement, outcome, outcome_file
from tools.tests.samples import CASE, baseline, record, run, run_file, stored

STEADY = (0.01, 0.0101, 0.0099)
app = typer.Typer()
app.command()(export)


@pytest.fixture
def tool(tmp_path):
    """The command in a folder that has a baseline; what it raises is raised."""
    write_baselines(tmp_path / "b", [baseline({CASE: stored(latency_s=STEADY)})])

    def call(*arguments):
        return CliRunner().invoke(
            app,
            [*map(str, arguments), "--baselines", str(tmp_path / "b")],
            standalone_mode=False,
            catch_exceptions=False,
        )

    return call


@pytest.mark.parametrize("target", Target)
def test_every_format_is_printed_or_written(tool, tmp_path, target):
    file, output = run_file(tmp_path, run(record(latency_s=0.01))), tmp_path / "out" / "x.csv"
    printed = tool(file, "--to", target)
    assert tool(file, "--to", target, "--output", output).stdout == ""
    assert output.read_text() == printed.stdout != ""


def test_otava_gets_all_runs_and_the_tests_that_read_them(tool, tmp_path):
    files = [run_file(tmp_path, run(record(latency_s=value)), f"{value}.json") for value in (0.01, 0.02)]
    tool(*files, "--to", "otava", "--output", tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().count("\n") == 3
    assert list(json.loads((tmp_path / "x.yaml").read_text())["tests"]) == [CASE]


def test_other_formats_take_one_run(tool, tmp_path):
    file = run_file(tmp_path, run(record(latency_s=0.01)))
    with pytest.raises(typer.BadParameter, match="takes one run, found 2"):
        tool(file, file, "--to", "junit")


def test_an_ab_decides_what_is_exported(tool, tmp_path):
    file = run_file(tmp_path, run(record(latency_s=0.02)))
    ab = outcome_file(tmp_path, outcome(judgement(), head="worktree", created_utc="2026-11-23T00:00:00+00:00"))
    assert "<failure" not in tool(file, "--to", "junit").stdout
    assert '<failure type="regressed"' in tool(file, "--to", "junit", "--ab", ab).stdout


def test_an_ab_of_another_commit_is_refused(tool, tmp_path):
    file = run_file(tmp_path, run(record(latency_s=0.02)))
    with pytest.raises(UnusableFile, match="found head"):
        tool(file, "--to", "junit", "--ab", outcome_file(tmp_path, outcome(head="d" * 40)))


def test_a_run_that_cannot_be_read_is_refused(tool, tmp_path):
    with pytest.raises(UnusableFile, match="cannot be read"):
        tool(tmp_path / "none.json", "--to", "junit")
