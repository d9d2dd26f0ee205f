"""What must hold whatever a file holds: how a verb may end, and that a comparison says something of everything.

Written against the documents themselves, not with what reads and judges them.
"""

import json
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.policy import Policy, Rule, policy_of
from tools.tests.fuzz.verbs import Answer

CODES = (0, 1, 2, 3)
REFUSED = "perf-ratchet: "
LONGEST = 1_500
CLOSE = 1e-9
Key = tuple[str, str]


def refused(answer: Answer) -> bool:
    return answer.code in (1, 2) and answer.err.startswith(REFUSED)


def misbehaved(answer: Answer) -> Iterator[str]:
    """Why no verb may end like this."""
    if answer.code not in CODES:
        yield f"ended with {answer.code}, expected one of {CODES}"
    for words in ("Traceback", "internal error", "Warning: ", "Usage: "):
        if words in answer.err or (words == "Traceback" and words in answer.out):
            yield f"says {words!r}"
    if unprintable := [each for each in answer.out + answer.err if not each.isprintable() and each != "\n"]:
        yield f"prints {unprintable[0]!r}"
    if answer.code == 2 or refused(answer):
        yield from no_sentence(answer)
    if answer.code == 3 and not answer.out and not answer.err:
        yield "says nothing"


def no_sentence(answer: Answer) -> Iterator[str]:
    line = answer.err.removesuffix("\n")
    if not line.startswith(REFUSED) or "\n" in line:
        yield f"expected one line that begins with {REFUSED!r}"
    if answer.out:
        yield "printed something before it refused"
    if len(line) > LONGEST:
        yield f"the line has {len(line)} characters"
    if answer.code == 2 and "; " not in line:
        yield "does not say what to do"


# ---------------------------------------------------------------- of `compare --format json`


def lost(run_file: Path, baselines: Path, answer: Answer) -> Iterator[str]:
    """What a comparison that was made passes over in silence, and what it calls unchanged and is not."""
    run = json.loads(run_file.read_bytes())["perf_ratchet"]
    told = json.loads(answer.out)
    findings = {(each["case"], each["metric"]): each for each in told["verdicts"]}
    place = run["fingerprint"]["slug"]
    stored = dict(stored_cases(baselines, place))
    for key in {*must_be_told(run, stored)} - findings.keys():
        yield f"says nothing of {key}"
    records = {each["case"]: each for each in run["records"]}
    for key, finding in findings.items():
        if finding["verdict"] == "unchanged":
            yield from moved(key, records[key[0]], stored.get(key[0]))
    regressed = any(each["verdict"] == "regressed" for each in findings.values())
    if regressed != (answer.code == 1) or told["exit_code"] != answer.code:
        yield f"ended with {answer.code}, said {told['exit_code']}, regressed: {regressed}"


def stored_cases(baselines: Path, slug: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in [*(baselines / slug).glob("*.json"), *baselines.glob("static-*/*.json")]:
        yield from json.loads(file.read_bytes())["cases"].items()


def must_be_told(run: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[Key]:
    recorded = {each["case"] for each in run["records"]}
    known = run["selection"]["known"]
    for case in {*run["selection"]["selected"]} - recorded:
        yield case, "status"
    for case in stored.keys() - recorded:
        path = case.partition("/")[0]
        if path in known and case not in known[path]:
            yield case, "status"
    for record in run["records"]:
        yield from must_be_told_of(record, stored.get(record["case"]))


def must_be_told_of(record: Mapping[str, Any], kept: Mapping[str, Any] | None) -> Iterator[Key]:
    case = record["case"]
    if record["status"] != "error" and kept is not None and kept["definition"] != record["definition"]:
        yield case, "definition"
        return
    yield case, "status"
    if record["status"] == "ok":
        names = {*record.get("metrics", {})}
        names |= {*kept["metrics"]} if kept and kept["status"] == "ok" else set()
        if kept is None or kept["status"] == "ok":
            yield from ((case, name) for name in names if policy_of(name).rule is not Rule.NONE)


def moved(key: Key, record: Mapping[str, Any], kept: Mapping[str, Any] | None) -> Iterator[str]:
    """A metric (or status) that is called unchanged and is not."""
    case, name = key
    if name == "status":
        if kept is not None and kept["status"] != record["status"]:
            yield f"{case}: calls {kept['status']} -> {record['status']} unchanged"
        return
    policy, metric = policy_of(name), record["metrics"][name]
    if policy.rule is Rule.BOUND or kept is None or kept["metrics"][name].get("outcomes"):
        return
    for values in [each["values"] for each in (kept["metrics"][name], kept["metrics"][name].get("anchor")) if each]:
        if beyond(metric["value"], statistics.median(values), metric.get("limit"), policy):
            yield f"{case}: calls {name} {values} -> {metric['value']} unchanged"


def beyond(value: float, base: float, limit: float | None, policy: Policy) -> bool:
    """Worse than any rule of this kind lets pass."""
    loss = base - value if policy.higher_is_better else value - base
    if policy.rule is Rule.ERROR:
        return value > 2 * base + (limit or 0) / 10 + CLOSE * base
    if policy.noisy:
        return loss > max(policy.floor, 2 * policy.margin * base)
    return loss > max(policy.floor, policy.margin * abs(base)) * (1 + CLOSE)
