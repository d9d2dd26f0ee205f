"""JUnit XML, as pytest writes it and Jenkins, GitLab and others read it.

There is no standard; this is the format of Ant's junitreport with what pytest adds: `file` and `line` of a test case
and its `properties`. Without these three it is valid by junit-10.xsd of Jenkins' xUnit plugin.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from tools.compare import Finding, worst
from tools.records import Record, Run, path_of
from tools.tables import printable
from tools.verdict import Verdict

NOT_PASSED = {
    Verdict.REGRESSED: "failure",
    Verdict.MISSING: "error",
    Verdict.INCOMPARABLE: "skipped",
}


def export(run: Run, findings: Sequence[Finding]) -> str:
    """A suite a path, a test case a case. A regression or a wrong result is a failure, a missing case or metric an
    error; what is unsupported, does not fit, or has a baseline of another environment is skipped."""
    root = ElementTree.Element("testsuites", name="perf-ratchet")
    records, by_case = {record.case: record for record in run.records}, findings_of(findings)
    cases = sorted(records.keys() | by_case.keys())
    for path in dict.fromkeys(path_of(case) for case in cases):
        of_path = [case for case in cases if path_of(case) == path]
        tests = [test_case(run, case, records.get(case), by_case.get(case, ())) for case in of_path]
        root.append(suite(run, path, tests))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def findings_of(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.case, []).append(finding)
    return found


def suite(run: Run, path: str, tests: Sequence[ElementTree.Element]) -> ElementTree.Element:
    counted = {kind: sum(test.find(kind) is not None for test in tests) for kind in ("failure", "error", "skipped")}
    found = ElementTree.Element(
        "testsuite",
        name=text(path),
        tests=str(len(tests)),
        failures=str(counted["failure"]),
        errors=str(counted["error"]),
        skipped=str(counted["skipped"]),
        time=f"{sum(float(test.get('time', '0')) for test in tests):.3f}",
        timestamp=text(run.created_utc),
        hostname=run.fingerprint.slug,
    )
    found.append(properties({"commit": run.commit, "fingerprint": run.fingerprint.hash, "profile": run.profile}))
    found.extend(tests)
    return found


def test_case(run: Run, case: str, record: Record | None, findings: Sequence[Finding]) -> ElementTree.Element:
    file, _, _ = record.node.partition("::") if record else ("", "", "")
    module = file.removesuffix(".py").replace("/", ".") or path_of(case)
    found = ElementTree.Element("testcase", classname=text(module), name=text(case))
    found.set("time", f"{max(record.wall_s, 0.0) if record else 0.0:.3f}")
    if file:
        found.set("file", text(file))
    if record and record.line > 0:
        found.set("line", str(record.line))
    found.append(properties(told(run, record, findings)))
    outcome = of_verdict(findings) if not record or record.status in ("ok", "error") else skipped(record, findings)
    if outcome is not None:
        found.append(outcome)
    return found


def told(run: Run, record: Record | None, findings: Sequence[Finding]) -> dict[str, str]:
    """Verdict, place and every number of a case."""
    values = {name: repr(metric.value) for name, metric in sorted(record.metrics.items())} if record else {}
    place = (record.place if record else None) or run.fingerprint
    verdict = {"verdict": str(worst(findings))} if findings else {}
    status = {"status": record.status} if record else {}
    return {**verdict, **status, "fingerprint": place.hash, **values}


def of_verdict(findings: Sequence[Finding]) -> ElementTree.Element | None:
    """The worst of what did not pass, with the sentences of all that is as bad."""
    verdict = worst(findings) if findings else Verdict.UNCHANGED
    if verdict not in NOT_PASSED:
        return None
    same = [finding for finding in findings if finding.verdict is verdict]
    return element(NOT_PASSED[verdict], verdict, [f"{each.metric} {verdict}: {each.reason}" for each in same])


def skipped(record: Record, findings: Sequence[Finding]) -> ElementTree.Element | None:
    """Of a case without numbers: what has regressed or is missing is no skip."""
    found = of_verdict(findings)
    if found is not None and found.tag != "skipped":
        return found
    return element("skipped", record.status, [f"{record.status}: {record.reason}"])


def element(tag: str, kind: str, sentences: Sequence[str]) -> ElementTree.Element:
    found = ElementTree.Element(tag, type=kind, message=text(sentences[0]))
    found.text = "\n".join(text(sentence) for sentence in sentences)
    return found


def properties(values: dict[str, str]) -> ElementTree.Element:
    found = ElementTree.Element("properties")
    found.extend(ElementTree.Element("property", name=text(name), value=text(value)) for name, value in values.items())
    return found


def text(value: str) -> str:
    """XML 1.0 can hold no control character and no half of a surrogate pair, not even escaped."""
    return re.sub("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", printable(value))
