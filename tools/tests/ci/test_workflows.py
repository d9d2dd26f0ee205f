"""Files of .github/ and of other CI systems: valid by their schemas, sound by zizmor, and by our own rules."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tools.tests.ci.rules import RULES, problems
from tools.tests.scripts import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SCRIPTS = sorted((ROOT / "ci").glob("*.sh"))
BIN = Path(sys.executable).parent

# One edit each of a workflow of ours, which must turn red: file, what is replaced, by what, and what is then said.
PLANTED = [
    ("gpu.yml", r"checkout@[0-9a-f]{40} # v6.0.2", "checkout@v6", "not pinned by its hash"),
    ("gpu.yml", r"checkout@([0-9a-f]{39})[0-9a-f]", r"checkout@\1", "not pinned by its hash"),
    ("cpu.yml", r" # v7\.0\.1", "", "tells no version"),
    ("cpu.yml", r"  pull_request:", "  pull_request_target:", "what a fork wrote"),
    ("cpu.yml", r"permissions: \{\}", "permissions: write-all", "permissions at the top"),
    ("cpu.yml", r"permissions: \{\}\n", "", "permissions at the top"),
    ("cpu.yml", r"    permissions:\n      contents: read.*\n", "", "names no permissions"),
    ("cpu.yml", r"contents: read", "contents: write", "may write and runs"),
    ("refresh.yml", r"bash ci/propose.sh", "bash ci/perf.sh && bash ci/propose.sh", "may write and runs perf.sh"),
    ("comment.yml", r'"\$RUN_ID"', "${{ github.event.workflow_run.head_branch }}", "holds an expression"),
    ("refresh.yml", r'--runs "\$PROCESSES"', "--runs ${{ inputs.processes }}", "holds an expression"),
    ("gpu.yml", r"    timeout-minutes: 120\n", "", "has no timeout"),
    ("gpu.yml", r" && github\.event\.pull_request\.head\.repo\.full_name == github\.repository", "", "a fork's code"),
    ("gpu.yml", r" && needs\.shard\.result != 'skipped'", "", "job verdict would run a fork's code"),
    ("gpu.yml", r"    needs: shard\n", "", "job verdict would run a fork's code"),
    ("cpu.yml", r"          persist-credentials: false\n", "", "leaves its token"),
    ("comment.yml", r"sparse-checkout: ci", "ref: ${{ github.event.workflow_run.head_sha }}", "takes what the other"),
]
# What zizmor must find on its own, so that an upgrade that no longer looks would show.
ZIZMOR = [
    ("cpu.yml", r"checkout@[0-9a-f]{40} # v6.0.2", "checkout@v6", "unpinned-uses"),
    ("gpu.yml", r'"\$SHARD"', "${{ github.head_ref }}", "template-injection"),
    ("comment.yml", r"  # zizmor: ignore.*\n", "", "dangerous-triggers"),
    ("cpu.yml", r"          persist-credentials: false\n", "", "artipacked"),
    ("cpu.yml", r"permissions: \{\}\n", "permissions: write-all\n", "excessive-permissions"),
]
SCHEMAS = [
    *(("github-workflows", file, r"runs-on", "run-on") for file in WORKFLOWS),
    ("gitlab-ci", ROOT / "ci/gitlab-ci.yml", r"parallel: 4", "parallel: many"),
    ("buildkite", ROOT / "ci/buildkite.yml", r"parallelism: 4", "parallelism: many"),
]


def named(file):
    return file.name


def edited(file, pattern, replacement):
    text = file.read_text()
    changed = re.sub(pattern, replacement, text)
    assert changed != text, "nothing to edit any more"
    return changed


def sentences(text):
    return problems(YAML(typ="safe").load(text), text)


def check_jsonschema(schema, file):
    command = [BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", file]
    return subprocess.run(command, capture_output=True, text=True).returncode


def zizmor(folder):
    command = [BIN / "zizmor", "--offline", "--no-config", "--format", "json", "--persona", "pedantic", folder]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("file", WORKFLOWS, ids=named)
def test_workflows_keep_our_rules(file):
    assert sentences(file.read_text()) == []


@pytest.mark.parametrize(("name", "pattern", "replacement", "said"), PLANTED)
def test_a_workflow_that_breaks_one_is_found(name, pattern, replacement, said):
    found = sentences(edited(ROOT / ".github/workflows" / name, pattern, replacement))
    assert any(said in sentence for sentence in found)


def test_every_rule_has_a_workflow_that_breaks_it():
    broken = set()
    for name, pattern, replacement, _ in PLANTED:
        text = edited(ROOT / ".github/workflows" / name, pattern, replacement)
        broken |= {rule for rule in RULES if list(rule(YAML(typ="safe").load(text), text))}
    assert broken == set(RULES)


@pytest.mark.parametrize(("schema", "file", "pattern", "replacement"), SCHEMAS)
def test_files_are_valid_by_the_systems_schemas(tmp_path, schema, file, pattern, replacement):
    assert check_jsonschema(schema, file) == 0
    broken = tmp_path / file.name
    broken.write_text(edited(file, pattern, replacement))
    assert check_jsonschema(schema, broken) == 1


def test_zizmor_finds_nothing():
    done = zizmor(ROOT / ".github/workflows")
    assert (done.returncode, done.stdout.strip()) == (0, "[]")


@pytest.mark.parametrize(("name", "pattern", "replacement", "audit"), ZIZMOR)
def test_zizmor_finds_what_is_planted(tmp_path, name, pattern, replacement, audit):
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    (folder / name).write_text(edited(ROOT / ".github/workflows" / name, pattern, replacement))
    assert f'"ident": "{audit}"' in zizmor(folder).stdout


def test_each_exception_from_zizmor_is_argued():
    for file in WORKFLOWS:
        for line in file.read_text().splitlines():
            assert "zizmor: ignore" not in line or len(line.partition("]")[2].split()) >= 5


def test_one_action_has_one_version():
    found = {match for file in WORKFLOWS for match in re.findall(r"uses: (\S+)@(\w+) # (\S+)", file.read_text())}
    assert len({action for action, _, _ in found}) == len(found)
    assert {action for action, _, _ in found} <= {
        "actions/checkout",
        "actions/upload-artifact",
        "actions/download-artifact",
    }


def test_the_comment_is_looked_for_where_it_is_left():
    """Names that two files must agree in."""
    lanes = [(ROOT / ".github/workflows" / name).read_text() for name in ("cpu.yml", "gpu.yml")]
    assert all("name: perf-comment\n          path: runs/run.comment.md" in text for text in lanes)
    assert "artifacts?name=perf-comment" in (ROOT / "ci/comment.sh").read_text()
    assert 'MEMBER = "run.comment.md"' in (ROOT / "ci/comment.py").read_text()
    names = [YAML(typ="safe").load(text)["name"] for text in lanes]
    comment = YAML(typ="safe").load((ROOT / ".github/workflows/comment.yml").read_text())
    assert comment["on"]["workflow_run"]["workflows"] == names


@pytest.mark.parametrize("file", SCRIPTS, ids=named)
def test_scripts_are_bash(file):
    assert subprocess.run(["bash", "-n", file], capture_output=True).returncode == 0


def test_what_workflows_call_is_there():
    called = {
        name
        for file in [*WORKFLOWS, ROOT / "ci/gitlab-ci.yml", ROOT / "ci/buildkite.yml"]
        for name in re.findall(r"bash (ci/[\w-]+\.sh)", file.read_text())
    }
    assert {"ci/shard.sh", "ci/verdict.sh"} <= called
    assert [name for name in called if not (ROOT / name).exists()] == []
