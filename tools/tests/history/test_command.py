import html as entities
import json
import re

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tools.files import UnusableFile
from tools.history.command import history
from tools.history.validity import made, normal, ramp, step_at
from tools.tests.history.folders import folder_of, timed, write
from tools.tests.samples import CASE, NASTY, OTHER, SLUG, record

app = typer.Typer()
app.command()(history)


def ran(*arguments):
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    if isinstance(done.exception, UnusableFile):
        raise done.exception
    return done


def slower(folder, case=CASE, size=0.10, runs=40, seed=0):
    values = made(np.random.default_rng(seed), normal, step_at(runs, runs // 2, size), 0.01)
    for number, value in enumerate(values.tolist()):
        others = (timed(value * 1.001, case=OTHER), record("mxint8/cpp/g32", graph_count=1))
        write(folder, f"{number:04}.json", timed(value, case=case), *others)
    return folder


def commit_of(folder, number):
    return json.loads((folder / f"{number:04}.json").read_text())["perf_ratchet"]["commit"]


def test_what_got_worse_is_named_with_its_commits_and_the_next_command(tmp_path):
    folder = slower(tmp_path / "runs")
    done = ran(folder)
    assert done.exit_code == 0
    old, new = (commit_of(folder, number) for number in (19, 20))
    assert f"between {old} and {new} (run runs/0020.json" in done.stdout
    assert f'python -m tools ab --base {old} --head {new} -k "attention/' in done.stdout
    assert "and 1 more trend: latency_s +" in done.stdout  # both times, one cause
    assert "trends: 2, 2 worse" in done.stdout
    assert (folder / ".history" / "store.json").exists()


def test_one_series_is_told_point_by_point(tmp_path):
    done = ran(slower(tmp_path), "-k", "^attention/eager")
    assert done.stdout.count(".json") >= 40
    assert re.search(r"worse: \+(9|10)\.\d%", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "shown", "hidden"),
    [
        (["-k", "compiled"], "compiled", "eager"),
        (["--metric", "graph_count"], "mxint8", "attention"),
        (["--metric", "*_count", "--metric", "latency_s"], "mxint8", "nothing"),
        (["--device", SLUG], "attention", "nothing"),
    ],
)
def test_only_what_was_asked_for(tmp_path, arguments, shown, hidden):
    write(tmp_path, "1.json", timed(1.0), timed(2.0, case=OTHER), record("mxint8/cpp/g32", graph_count=1))
    done = ran(tmp_path, *arguments)
    assert done.exit_code == 0
    assert shown in done.stdout
    assert hidden not in done.stdout


def test_a_creep_is_told_as_one(tmp_path):
    folder = folder_of(tmp_path, made(np.random.default_rng(0), normal, ramp(60, 60, 0.001), 0.01))
    assert re.search(
        r"crept \+\d\.\d% since \w+ \(2026-11-21\).*no step explains it; an A/B decides", ran(folder).stdout
    )
    assert "anchor" not in ran(folder, "--anchor", commit_of(folder, 45)).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-k", "("], "is no regular expression"),
        (["--device", "cuda-nobody"], "no run is of this device"),
        (["--anchor", "feedfeed"], "no run is of this commit"),
        (["--html", "x", "--markdown", "x"], "expected a file each"),
    ],
)
def test_bad_options_are_usage_errors(tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    done = ran(folder_of(tmp_path / "runs", [1, 2]), *arguments)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize("arguments", [["-k", "nobody"], ["--metric", "device_s"]])
def test_no_trend_is_no_answer(tmp_path, arguments):
    done = ran(folder_of(tmp_path, [1, 2]), *arguments)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "no run has such a case and metric" in done.stderr


def test_a_folder_of_broken_runs_is_no_answer_and_each_is_named(tmp_path):
    folder = folder_of(tmp_path, [1, 2])
    for file in folder.glob("*.json"):
        file.write_text("{")
    done = ran(folder)
    assert done.exit_code == 3
    assert "holds no run, so there is no trend" in done.stderr
    assert done.stderr.count("not JSON, cut off or damaged") == 2


def test_one_broken_run_costs_only_itself(tmp_path):
    folder = folder_of(tmp_path, [1, 2])
    (folder / "0001.json").write_text("{")
    done = ran(folder)
    assert done.exit_code == 0
    assert "0001.json: not JSON" in done.stderr
    assert "1 broken and left out" in done.stdout


def test_nothing_there_is_a_clear_line(tmp_path):
    with pytest.raises(UnusableFile, match="found nothing there, expected run files"):
        ran(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", [NASTY, "attention/\x1b[31mred\nnext", '"><img src=x onerror=alert(1)>/a', "a/{{ 7*7 }}&amp;"]
)
def test_hostile_names_stay_text_everywhere(tmp_path, name):
    folder, page, text = slower(tmp_path / "runs", case=name), tmp_path / "h.html", tmp_path / "h.md"
    done = ran(folder, "--html", page)
    ran(folder, "--markdown", text)
    assert "\x1b[31m" not in done.stdout
    html, markdown = page.read_text(encoding="utf-8"), text.read_text(encoding="utf-8")
    for tag in ("<script>|", "<img"):
        assert tag not in html
        assert tag not in markdown
    assert entities.escape(name.replace("\x1b", "\\x1b").replace("\n", "\\x0a"), quote=False)[:12] in html
    assert "49" not in re.findall(r"a/(\S+)&", html)


def test_the_page_draws_what_changed_and_lists_everything(tmp_path):
    page = tmp_path / "h.html"
    ran(slower(tmp_path / "runs"), "--html", page)
    html = page.read_text(encoding="utf-8")
    assert html.count("<figure>") == 2
    assert html.count('class="line change"') == 2
    assert html.count('class="spark"') == 2
    assert commit_of(tmp_path / "runs", 20) in html
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


def test_a_page_of_nothing_new_still_has_a_picture(tmp_path):
    page = tmp_path / "h.html"
    ran(folder_of(tmp_path / "runs", [1, 1]), "--html", page)
    assert page.read_text(encoding="utf-8").count("<figure>") == 1
