"""The command lines that our pages tell: each verb, option, script and file of them is there."""

import re
import shlex
import subprocess

import pytest

from tools.tests.scripts import ROOT

PAGES = (
    "README.md",
    "baselines/README.md",
    "baselines/RESULTS.md",
    "ci/README.md",
    "tools/ab/README.md",
    "tools/history/README.md",
    ".github/CONTRIBUTING.md",
    ".github/CHANGELOG.md",
)
NEW = "perf_tests/test_softmax.py"  # which the reader writes
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
SHOWN = [line[4:] for text in TEXTS.values() for line in text.splitlines() if line.startswith("    ")]
SHOWN += [found for text in TEXTS.values() for found in re.findall(r"`([^`\n]+)`", text)]


def lines(beginning):
    """What stands behind `beginning` in a shown command, without its comment."""
    found = [line.partition("  #")[0].partition(beginning) for line in SHOWN]
    return sorted({rest.strip() for _, begun, rest in found if begun})


def words(line):
    """As a shell would split it, with something for what is left out, and without optional parts."""
    return shlex.split(re.sub(r"\[[^]]*\]", " ", line).replace("…", "x"))


@pytest.mark.parametrize("line", [each for each in lines("python -m tools ") if each[0].islower()])
def test_verbs_and_options_are_there(line, tool):
    assert tool(*words(line), "--help").code == 0  # which is printed once all other arguments were understood


@pytest.mark.parametrize("line", ["compare RUN --formt json", "compair RUN", "merge RUN... --output"])
def test_a_line_that_cannot_work_is_seen(line, tool):
    assert tool(*words(line), "--help").code == 2


@pytest.mark.parametrize("script", sorted({words(line)[0] for line in lines("bash ") if line.startswith("ci/")}))
def test_scripts_are_there_and_parse(script):
    assert subprocess.run(["bash", "-n", ROOT / script], check=False).returncode == 0


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXTS[page])
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    names = re.findall(r"`((?:fixtures|tools|perf_tests|ci|\.github)/[\w./-]+)`", TEXTS[page])
    assert [name for name in names if name != NEW and not (ROOT / name).exists()] == []


def test_options_of_the_suite_are_there():
    told = {option for line in SHOWN for option in re.findall(r"--perf-[a-z-]+", line)}
    source = (ROOT / "conftest.py").read_text(encoding="utf-8")
    assert {option for option in told if f'"{option}"' not in source} == set()
