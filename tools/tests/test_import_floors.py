"""Imports go down only: perf_tests, conftest, fixtures/plugin, steps, measuring, material; beside them tools."""

import ast
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("conftest.py", "perf_tests", "fixtures", "tools", "ci", "baselines")


def sources():
    """Every Python file of the project outside tests, relative to its root."""
    found = [path for top in CODE for path in ([ROOT / top] if top.endswith(".py") else (ROOT / top).rglob("*.py"))]
    files = [PurePosixPath(path.relative_to(ROOT)) for path in found]
    return [file for file in files if "tests" not in file.parts[1:-1]]


def imported(file, text):
    """Full names of all that the source imports, wherever the statement stands: `from a import b` is a.b."""
    package = list(file.parent.parts)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            yield from (part.value for part in node.args[:1] if isinstance(part, ast.Constant))


def within(name, *modules):
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def forbidden(file, name):
    """The rule that `file` breaks by importing `name`, or None."""
    top = file.parts[0]
    # The gate's own cases are tables like those in perf_tests, on workloads that are material.
    tables = ("fixtures/gate/cases.py", "fixtures/gate/gpu_cases.py")
    material = top == "fixtures" and len(file.parts) > 2 and str(file) not in tables
    rules = {
        "nothing imports ci or baselines": within(name, "ci", "baselines"),
        "tools knows no torch": top == "tools" and within(name, "torch", "torchvision", "triton"),
        "tools knows no pytest": top == "tools" and within(name, "pytest", "_pytest", "pytest_benchmark"),
        "tools knows no fixtures": top == "tools" and within(name, "fixtures", "perf_tests", "conftest"),
        "fixtures takes from tools only tools.records, memory_stats, paired and startup": top == "fixtures"
        and within(name, "tools")
        and not within(name, "tools.records", "tools.memory_stats", "tools.paired", "tools.startup"),
        "fixtures knows no perf_tests": top == "fixtures" and within(name, "perf_tests", "conftest"),
        "perf_tests knows no tools": top == "perf_tests" and within(name, "tools", "perf_tests", "conftest"),
        "conftest knows no perf_tests": top == "conftest.py" and within(name, "perf_tests"),
        "material knows no pytest": material and within(name, "pytest", "_pytest", "pytest_benchmark"),
        "material knows no tools": material and within(name, "tools"),
        "material knows nothing of measuring": material
        and within(name, "fixtures.plugin", "fixtures.steps", "fixtures.session", "fixtures.case"),
        "measuring knows no plugin": top == "fixtures" and within(name, "fixtures.plugin"),
        "only the plugin takes the steps": str(file) != "fixtures/plugin.py" and within(name, "fixtures.steps"),
    }
    return next((rule for rule, broken in rules.items() if broken), None)


def broken_rules(file, text):
    return [f"{file} imports {name}: {rule}" for name in imported(file, text) if (rule := forbidden(file, name))]


@pytest.mark.parametrize("file", sources(), ids=str)
def test_imports_go_down_only(file):
    assert broken_rules(file, (ROOT / file).read_text(encoding="utf-8")) == []


def test_the_floors_cover_the_project():
    files = {str(file) for file in sources()}
    assert {"conftest.py", "tools/__main__.py", "tools/compare.py", "fixtures/plugin.py"} <= files
    assert any(file.startswith("perf_tests/test_") for file in files)
    assert any(file.startswith("fixtures/kernels/") for file in files)
    assert any(file.startswith("fixtures/models/") for file in files)


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("tools/compare.py", "import torch", "no torch"),
        ("tools/compare.py", "import torch.nn as nn", "no torch"),
        ("tools/compare.py", "from torch import nn", "no torch"),
        ("tools/compare.py", "def f():\n    import torch", "no torch"),
        ("tools/compare.py", "importlib.import_module('torch')", "no torch"),
        ("tools/compare.py", "__import__('torch')", "no torch"),
        ("tools/compare.py", "import pytest", "no pytest"),
        ("tools/compare.py", "from fixtures.case import Case", "no fixtures"),
        ("tools/compare.py", "from ..fixtures import case", "no fixtures"),
        ("tools/compare.py", "import ci.perf", "ci or baselines"),
        ("fixtures/plugin.py", "from tools.compare import judge_run", "only tools.records"),
        ("fixtures/plugin.py", "from tools import compare", "only tools.records"),
        ("fixtures/plugin.py", "import tools", "only tools.records"),
        ("fixtures/plugin.py", "from perf_tests import test_mxint8", "no perf_tests"),
        ("fixtures/session.py", "from fixtures.plugin import measure", "no plugin"),
        ("fixtures/session.py", "from . import plugin", "no plugin"),
        ("fixtures/session.py", "from fixtures.steps import check_limits", "only the plugin"),
        ("conftest.py", "from fixtures.steps import measured", "only the plugin"),
        ("fixtures/session.py", "import baselines", "ci or baselines"),
        ("perf_tests/test_mxint8.py", "from tools.records import Record", "no tools"),
        ("perf_tests/test_mxint8.py", "from perf_tests.test_compile import CASES", "no tools"),
        ("conftest.py", "from perf_tests.test_compile import CASES", "no perf_tests"),
        ("fixtures/kernels/mxint8/cpp.py", "import pytest", "no pytest"),
        ("fixtures/kernels/mxint8/cpp.py", "from tools.records import Record", "no tools"),
        ("fixtures/training/workloads.py", "from tools.memory_stats import metric_of", "no tools"),
        ("fixtures/kernels/mxint8/cpp.py", "from fixtures.case import Case", "nothing of measuring"),
        ("fixtures/kernels/mxint8/cpp.py", "from fixtures import session", "nothing of measuring"),
        ("fixtures/kernels/mxint8/cpp.py", "from ... import plugin", "nothing of measuring"),
        ("fixtures/models/transformer.py", "import fixtures.plugin", "nothing of measuring"),
    ],
)
def test_a_planted_import_is_found(file, line, rule):
    [sentence] = broken_rules(PurePosixPath(file), line)
    assert sentence.startswith(f"{file} imports ")
    assert rule in sentence


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("tools/refresh.py", "from tools.baselines import Baseline"),
        ("tools/refresh.py", "from . import baselines"),
        ("fixtures/plugin.py", "import pytest, torch"),
        ("fixtures/plugin.py", "from tools.records import Record"),
        ("fixtures/plugin.py", "from tools import records"),
        ("fixtures/plugin.py", "from fixtures.steps import measured"),
        ("fixtures/allocator.py", "from tools.memory_stats import metric_of"),
        ("perf_tests/test_mxint8.py", "from fixtures.plugin import Measure"),
        ("conftest.py", "from tools.compare import judge_run"),
        ("conftest.py", "from fixtures.plugin import measure"),
        ("fixtures/kernels/mxint8/cpp.py", "from fixtures.workload import Workload"),
        ("fixtures/kernels/mxint8/cpp.py", "from . import format"),
    ],
)
def test_an_import_that_goes_down_is_allowed(file, line):
    assert broken_rules(PurePosixPath(file), line) == []


def test_tools_runs_where_neither_torch_nor_pytest_can_be_imported():
    """Whatever is imported on the way counts too, so a fresh interpreter refuses both and prints the help."""
    program = """
import runpy, sys

class Refuse:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "triton", "pytest", "_pytest", "fixtures", "perf_tests"):
            raise ImportError(f"{name} must not be imported")

sys.meta_path.insert(0, Refuse)
sys.argv = ["tools", "--help"]
runpy.run_module("tools", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "compare" in done.stdout
