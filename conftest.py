"""Glue only: options, selection, and handing what was measured to tools for the verdict, the run file and the table."""

import dataclasses
import datetime
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fixtures.case import PROFILES, Case
from fixtures.device import choose_device, set_up_process
from fixtures.errors import UnknownDevice
from fixtures.fingerprint import fingerprint
from fixtures.plugin import SESSION, Judge, measure
from fixtures.progress import Progress
from fixtures.session import PerfSession
from tools import report as reports
from tools.__main__ import console
from tools.baselines import Baseline, read_baselines
from tools.compare import Verdict, exit_code, judge_record, judge_run
from tools.files import UnusableFile, check_writable
from tools.records import Record, Run
from tools.runs import write_run
from tools.tables import Table, printable, to_rich
from tools.views import VIEWS

__all__ = ["judge", "measure"]  # the fixtures

BASELINES = pytest.StashKey[Mapping[str, Baseline]]()
LOST = pytest.StashKey[str]()
PERF_TESTS = Path(__file__).resolve().parent / "perf_tests"
RUN = pytest.StashKey[Run]()
RUN_FILE = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("perf-ratchet")
    group.addoption(
        "--perf-profile", choices=PROFILES, default="standard", help="which cases; quick ends in minutes on two cores"
    )
    group.addoption("--perf-device", metavar="cpu|cuda", help="default: cuda where there is one")
    group.addoption(
        "--perf-baselines", metavar="DIR|none", default="baselines", help="stored baselines (default: %(default)s)"
    )
    group.addoption("--perf-run", metavar="FILE", help="where the run file goes (default: runs/<UTC time>.json)")
    group.addoption(
        "--perf-require-baseline", action="store_true", help="a case without a baseline ends in exit code 3"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if touches_perf_tests(config):
        refuse(config)
    try:
        device = choose_device(config.getoption("--perf-device"))
    except UnknownDevice as error:
        raise pytest.UsageError(str(error)) from error
    set_up_process()
    config.option.benchmark_quiet = True
    config.option.benchmark_json = (
        config.option.benchmark_json or Path(tempfile.mkdtemp(prefix="perf-ratchet-")) / "pytest_benchmark.json"
    )
    config.stash[SESSION] = PerfSession(device, config.getoption("--perf-profile"))


def refuse(config: pytest.Config) -> None:
    """Options with which pytest would pass without having measured anything."""
    if (
        config.getoption("numprocesses", None)
        or config.getoption("dist", "no") != "no"
        or hasattr(config, "workerinput")
    ):
        raise pytest.UsageError("pytest-xdist is active: it disables benchmarks and passes; run perf_tests without -n")
    for option in ("benchmark_disable", "benchmark_skip"):
        if config.getoption(option):
            raise pytest.UsageError(
                f"--{option.replace('_', '-')} measures nothing and passes; leave it out for perf_tests"
            )


def touches_perf_tests(config: pytest.Config) -> bool:
    return any(PERF_TESTS in (path, *path.parents) or path in PERF_TESTS.parents for path in asked_paths(config))


def asked_paths(config: pytest.Config) -> list[Path]:
    return [(config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args]


def case_of(item: pytest.Item) -> Case | None:
    found = getattr(item, "callspec", None)
    case = found.params.get("case") if found else None
    return case if isinstance(case, Case) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before -k and its like: learn which cases there are, then leave out those of larger profiles."""
    session = config.stash[SESSION]
    cases = {item: case for item in items if (case := case_of(item))}
    if not cases:
        return
    prepare(config)
    by_node = any("::" in argument for argument in config.args)
    session.whole = (
        not by_node
        and not config.getoption("ignore")
        and any(path in (PERF_TESTS, *PERF_TESTS.parents) for path in asked_paths(config))
    )
    for item, case in cases.items():
        item.add_marker(pytest.mark.benchmark(timer=session.clock.read, group=case.path))
        # Warnings of the software under test are its own affair; an unused benchmark is a case that was not timed.
        for action in ("default", "ignore:Benchmark fixture was not used"):
            item.add_marker(pytest.mark.filterwarnings(action))
        if not by_node:
            session.known.setdefault(case.path, []).append(case.id)
    outside = [item for item, case in cases.items() if not case.in_profile(session.profile)]
    if outside and not by_node:
        config.hook.pytest_deselected(items=outside)
        items[:] = [item for item in items if item not in outside]


def prepare(config: pytest.Config) -> None:
    """Everything that would waste the measuring if it failed at the end: options, baselines, a place for the run file."""
    refuse(config)
    session = config.stash[SESSION]
    folder, file = config.getoption("--perf-baselines"), config.getoption("--perf-run")
    config.stash[RUN_FILE] = (
        Path(file) if file else Path("runs") / f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H-%M-%SZ}.json"
    )
    try:
        check_writable(config.stash[RUN_FILE])
        slug = fingerprint(session.device).slug
        config.stash[BASELINES] = {} if folder == "none" else read_baselines(Path(folder), slug)
    except UnusableFile as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_finish(session: pytest.Session) -> None:
    cases = [case for item in session.items if (case := case_of(item))]
    session.config.stash[SESSION].selected = [case.id for case in cases]
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if cases and reporter and not session.config.option.collectonly:
        session.config.pluginmanager.register(Progress(reporter, len(cases)))


@pytest.fixture(scope="session")
def judge(request: pytest.FixtureRequest) -> Judge:
    """Record -> the sentences for which its test must fail."""
    config = request.config
    place = fingerprint(config.stash[SESSION].device)
    run_file, folder = config.stash[RUN_FILE], config.getoption("--perf-baselines")

    def sentences(record: Record) -> list[str]:
        findings = judge_record(record, config.stash[BASELINES].get(record.path), place)
        red = [
            f"{finding.metric} regressed: {finding.reason}"
            for finding in findings
            if finding.verdict is Verdict.REGRESSED
        ]
        return [*red, f"next: python -m tools compare {run_file} --baselines {folder}"] if red else []

    return sentences


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    machine_info["fingerprint"] = dataclasses.asdict(fingerprint(config.stash[SESSION].device))


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Our parameters are objects; their ids say what they are."""
    for benchmark in output_json["benchmarks"]:
        benchmark["params"] = {"case": benchmark["extra_info"].get("case", benchmark["name"])}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After pytest-benchmark has written its JSON: write the run file, and let the verdicts speak in the exit code."""
    config = session.config
    if not config.stash[SESSION].selected or config.option.collectonly:
        return
    run = config.stash[RUN] = config.stash[SESSION].run()
    if session.exitstatus == pytest.ExitCode.OK:
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
    terminalreporter.section("perf-ratchet")
    terminalreporter.write(rendered(VIEWS["cases"](run, findings)))
    lines = [
        *reports.explained(findings),
        *reports.summary(run, findings, config.stash[RUN_FILE], bool(config.stash[BASELINES])),
    ]
    for line in [*lines, config.stash.get(LOST, f"run file: {config.stash[RUN_FILE]}")]:
        terminalreporter.write_line(printable(line))


def rendered(table: Table) -> str:
    view = console()
    with view.capture() as captured:
        view.print(to_rich(table))
    return captured.get()
