"""Glue only: options, and handing what was measured to tools for the verdict, the run file and the table."""

import dataclasses
import datetime
import gc
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fixtures.allocator import HISTORY_FOLDER, history_file
from fixtures.case import PROFILES
from fixtures.device import choose_device, set_up_process
from fixtures.durations import stored_durations
from fixtures.errors import SuiteError, UnknownDevice
from fixtures.plugin import SESSION, Judge, measure
from fixtures.progress import Progress
from fixtures.selection import (
    cases_of,
    learn,
    leave_out_larger_profiles,
    leave_out_unreached,
    refuse_empty_promises,
    touches_perf_tests,
)
from fixtures.session import PerfSession, git_state
from fixtures.shards import ask_for_shard
from fixtures.stop import Stop
from tools import report as reports
from tools import views
from tools.baselines import Baseline, has_baseline, read_baselines
from tools.compare import exit_code, judge_record, judge_run
from tools.files import UnusableFile, check_writable
from tools.journal import Origin, open_journal
from tools.records import Record, Run, digest
from tools.runs import write_run
from tools.tables import Table, printable
from tools.terminal import console, show
from tools.verdict import Verdict

__all__ = ["judge", "measure"]  # the fixtures that tests ask for

BASELINES = pytest.StashKey[Mapping[str, Baseline]]()
SECONDS = pytest.StashKey[Mapping[str, float]]()
RUN = pytest.StashKey[Run]()
RUN_FILE = pytest.StashKey[Path]()
LOST = pytest.StashKey[str]()
REACH = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("perf-ratchet")
    group.addoption("--perf-profile", choices=PROFILES, default="standard", help="which cases; quick ends in minutes")
    group.addoption("--perf-device", metavar="cpu|cuda", help="default: cuda where there is one")
    group.addoption("--perf-baselines", metavar="DIR|none", help="stored baselines (default: baselines/)")
    group.addoption("--perf-run", metavar="FILE", help="where the run file goes (default: runs/<UTC time>.json)")
    group.addoption("--model", metavar="PACKAGE.MODULE:FACTORY", help="your model instead of ours, in every runtime")
    group.addoption(
        "--perf-weights", choices=("seeded", "pretrained"), default="seeded", help="of the inference matrix"
    )
    group.addoption("--perf-imagenet", metavar="DIR", help="judges pretrained vision models: a folder a class")
    group.addoption("--perf-imdb", metavar="DIR", help="judges pretrained BERT: the folder aclImdb")
    group.addoption("--perf-vllm-python", metavar="EXE", help="starts vLLM, too; or PERF_VLLM_PYTHON (ci/vllm.sh)")
    group.addoption("--perf-vllm-model", metavar="DIR|ID", help="what vLLM starts with, instead of a model of ours")
    group.addoption("--perf-memory-history", metavar="DIR", help="CUDA: keep every allocation, for torch's visualizer")
    group.addoption("--perf-affected", metavar="REV", help="only the cases that a change since then can reach")
    group.addoption("--perf-shard", metavar="I/N", help="only one of N parts, which take about equally long")
    group.addoption("--perf-journal", metavar="FILE", help="keep each case once measured; not again what FILE has")
    group.addoption("--perf-minutes", metavar="M", type=float, help="begin no case after so long; the rest is missing")
    group.addoption("--perf-require-baseline", action="store_true", help="a case without baseline ends in exit code 3")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before pytest-benchmark reads its options: its table gives way to ours, its JSON becomes part of the run file."""
    if touches_perf_tests(config):
        refuse_empty_promises(config)
    try:
        device = choose_device(config.getoption("--perf-device"))
    except UnknownDevice as error:
        raise pytest.UsageError(str(error)) from error
    set_up_process()
    folder = tempfile.TemporaryDirectory(prefix="perf-ratchet-")
    config.add_cleanup(folder.cleanup)
    config.add_cleanup(gc.unfreeze)  # what `isolated` froze; triton would call its own types leaked at the exit
    config.option.benchmark_quiet = True
    config.option.benchmark_json = config.option.benchmark_json or Path(folder.name) / "pytest_benchmark.json"
    config.stash[SESSION] = PerfSession(device, config.getoption("--perf-profile"))
    config.pluginmanager.register(Stop(config.stash[SESSION], config.getoption("--perf-minutes")))
    ask_for_shard(config, config.stash[SESSION], baselines_folder(config))
    ask_for_models(config)
    ask_for_vllm(config)
    if config.getoption("--perf-memory-history"):
        os.environ[HISTORY_FOLDER] = config.getoption("--perf-memory-history")


def ask_for_models(config: pytest.Config) -> None:
    found = [config.getoption(name) for name in ("--model", "--perf-weights", "--perf-imagenet", "--perf-imdb")]
    if found == [None, "seeded", None, None]:
        return
    from fixtures.asked import ASKED, asked_models  # the models' libraries take seconds to import

    try:
        config.stash[ASKED] = asked_models(*found)
    except SuiteError as error:
        raise pytest.UsageError(str(error)) from error


def ask_for_vllm(config: pytest.Config) -> None:
    python, model = config.getoption("--perf-vllm-python"), config.getoption("--perf-vllm-model")
    if python:
        os.environ["PERF_VLLM_PYTHON"] = python
    if not model:
        return
    if not os.environ.get("PERF_VLLM_PYTHON"):
        raise pytest.UsageError("--perf-vllm-model is what vLLM starts with: name its --perf-vllm-python, too")
    from fixtures.vllm_cases import folder_of

    try:
        folder_of(model)
    except SuiteError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before -k and its like have left anything out."""
    session, cases = config.stash[SESSION], cases_of(items)
    if cases:
        prepare(config)
        learn(config, session, cases)
        # First: what a test file's cases have in common is told by all of them.
        config.stash[REACH] = leave_out_unreached(config, session, items, config.getoption("--perf-affected"))
        leave_out_larger_profiles(config, session, items, cases)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    told = config.stash.get(REACH, "")
    return [printable(told)] if told else []


def prepare(config: pytest.Config) -> None:
    """Refuse now what would waste the measuring at its end: bad options, unreadable files, no place for the run."""
    refuse_empty_promises(config)
    slug = config.stash[SESSION].fingerprint.slug
    folder = baselines_folder(config)
    config.stash[SECONDS] = stored_durations(folder or config.rootpath / "baselines", slug)
    config.stash[RUN_FILE] = run_file(config)
    try:
        open_asked_journal(config)
        check_writable(config.stash[RUN_FILE])
        config.stash[BASELINES] = read_baselines(folder, slug) if folder else {}
    except UnusableFile as error:
        raise pytest.UsageError(str(error)) from error


def open_asked_journal(config: pytest.Config) -> None:
    file, session = config.getoption("--perf-journal"), config.stash[SESSION]
    if file:
        commit, dirty = git_state(aside=Path(file))
        told = f"{commit}+changes" if dirty else commit
        here = session.fingerprint
        place = digest({"software": here.software, "device": here.device})
        session.journal = open_journal(Path(file), Origin(told, session.profile, place), digest(here.machine))


def baselines_folder(config: pytest.Config) -> Path | None:
    asked = config.getoption("--perf-baselines")
    return None if asked == "none" else Path(asked) if asked else here(config.rootpath / "baselines")


def run_file(config: pytest.Config) -> Path:
    asked, now = config.getoption("--perf-run"), datetime.datetime.now(datetime.UTC)
    return Path(asked) if asked else here(config.rootpath / "runs" / f"{now:%Y-%m-%dT%H-%M-%SZ}.json")


def here(path: Path) -> Path:
    """As one would write it in this folder, where that is shorter than the whole path."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def pytest_collection_finish(session: pytest.Session) -> None:
    config, cases = session.config, cases_of(session.items)
    config.stash[SESSION].selected = [case.id for case in cases.values()]
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    prepared = SECONDS in config.stash  # pytest calls this also after prepare() has refused
    if prepared and reporter and not config.option.collectonly:
        config.pluginmanager.register(Progress(reporter, [item.nodeid for item in cases], config.stash[SECONDS]))


@pytest.fixture(scope="session")
def judge(request: pytest.FixtureRequest) -> Judge:
    """Record -> the sentences for which its test must fail."""
    config = request.config
    place = config.stash[SESSION].fingerprint
    next_command = f"python -m tools compare {config.stash[RUN_FILE]} --baselines {baselines_folder(config)}"

    def sentences(record: Record) -> list[str]:
        findings = judge_record(record, config.stash[BASELINES].get(record.path), place)
        red = [
            f"{finding.metric} regressed: {finding.reason}"
            for finding in findings
            if finding.verdict is Verdict.REGRESSED
        ]
        return [*red, *kept_history(record.case), f"next: {next_command}"] if red else []

    return sentences


def kept_history(case: str) -> list[str]:
    """Where the allocations of a case lie, if they were kept; its own name is the file's."""
    file = history_file(case.partition("/")[2].replace("/", "-"))
    return [f"allocations: {file}, for pytorch.org/memory_viz"] if file and file.exists() else []


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    place = config.stash[SESSION].fingerprint
    machine_info["fingerprint"] = {**dataclasses.asdict(place), "hash": place.hash}


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Our parameters are objects; their ids say what they are."""
    for benchmark in output_json["benchmarks"]:
        benchmark["params"] = {"case": benchmark["extra_info"].get("case", benchmark["name"])}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After pytest-benchmark has written its JSON: write the run file, and let the verdicts speak in the exit code."""
    config = session.config
    if BASELINES not in config.stash or not config.stash[SESSION].promises or config.option.collectonly:
        return  # no perf case was to be measured, or prepare() has refused
    run = config.stash[RUN] = config.stash[SESSION].run()
    if config.stash[SESSION].stopped or session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        findings = judge_run(run, config.stash[BASELINES])
        session.exitstatus = exit_code(run, findings, require_baseline=config.getoption("--perf-require-baseline"))
    try:
        write_run(config.stash[RUN_FILE], run, benchmark_json(config.option.benchmark_json))
    except UnusableFile as error:
        config.stash[LOST] = str(error)
        session.exitstatus = 2


def benchmark_json(file: Path) -> dict[str, Any]:
    """pytest-benchmark writes nothing when no case was timed; an empty list then says the same."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"benchmarks": []}
    return found


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    run = config.stash.get(RUN, None)
    if run is None:
        return
    findings = judge_run(run, config.stash[BASELINES])
    file, own = config.stash[RUN_FILE], has_baseline(config.stash[BASELINES], run.fingerprint.slug)
    terminalreporter.section("perf-ratchet")
    terminalreporter.write(rendered(views.cases(run, findings)))
    for line in [*reports.explained(findings), *reports.summary(run, findings, file, own)]:
        terminalreporter.write_line(printable(line))
    terminalreporter.write_line(config.stash.get(LOST, f"run file: {file}"))


def rendered(table: Table) -> str:
    view = console([table])
    with view.capture() as captured:
        show(table, view)
    return captured.get()
