"""Runs with a case of every status, of every unit, and with names that no format likes."""

import dataclasses

from tools.compare import Finding
from tools.records import Metric
from tools.tests.samples import CASE, NASTY, full_run, record, run
from tools.tests.test_tables import HOSTILE
from tools.verdict import Verdict

NAMES = (*HOSTILE, 'quote" back\\slash', "a=b,c{d}", "::error::x", "`|`", " spaces ", "x" * 2000, "]]>", "é µ")
NODE = "perf_tests/test_attention.py::test_attention[x]"
ERROR = "mxint8/wrong"


def hostile_run():
    """One case for each name; all of them measured."""
    return run(*(record(f"attention/{name}", latency_s=Metric(0.01, (0.01, 0.02, 0.03))) for name in NAMES))


def mixed_run():
    """What a run holds: a wrong result, one that does not fit, one without support, and one that took its time."""
    timed = dataclasses.replace(full_run().records[0], node=NODE, line=31, wall_s=1.25)
    wrong = record(ERROR, "error", "off by one")
    return run(timed, *full_run().records[1:], wrong, record(NASTY, graph_break_count=2))


FINDINGS = (
    Finding(ERROR, "status", Verdict.REGRESSED, "off by one"),
    Finding("attention/gone", "status", Verdict.MISSING, "renamed or deleted?"),
    Finding(CASE, "latency_s", Verdict.SUSPECT, "0.01 -> 0.02; an A/B decides", change=1.0),
)
