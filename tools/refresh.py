"""Several runs of fresh processes become one baseline. The only writer of baselines/."""

import dataclasses
import datetime
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.baselines import SCHEMA_VERSION, Baseline, Stored, StoredCase, baseline_file, read_baselines, write_baselines
from tools.compare import SEVERITY, Finding, Verdict, judge_record, judge_run, judged
from tools.files import exclusive
from tools.records import Fingerprint, Record, Run

SIGNIFICANT_DIGITS = 4
SERIOUS = (Verdict.REGRESSED, Verdict.MISSING, Verdict.INCOMPARABLE)


class Refused(Exception):
    """A baseline that must not be stored as asked; the message says why and what would make it possible."""


class Worse(Refused):
    """The new numbers are worse than the stored ones, or cannot be compared with them, and no reason was given."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: the files written and every finding of new against old that is not `unchanged`."""

    files: tuple[Path, ...]
    changes: tuple[Finding, ...]


def refresh(
    runs: Sequence[Run], root: Path, reason: str, now: datetime.datetime, keep: Iterable[str] | None = None
) -> Refreshed:
    """Write the baselines of all paths in `runs`, or nothing at all.

    keep    case ids to refresh; None for all cases of the runs. Other stored cases stay as they are.
    Raises Refused (mixed devices, error records, worse without a reason, not passing against itself) and UnusableFile.
    """
    fingerprint = common_fingerprint(runs)
    with exclusive(root / fingerprint.slug, "baselines"):
        old = read_baselines(root, fingerprint.slug)
        chosen = chosen_records(runs, keep)
        paths = sorted({case.partition("/")[0] for case in chosen})
        new = {path: merge(old.get(path), fresh(path, chosen, runs, reason, now), runs) for path in paths}
        gone = vanished_paths(runs, old)
        changes = differences(runs, chosen, {path: old[path] for path in old if path in new or path in gone})
        refuse_worse(changes, reason)
        for path in paths:
            refuse_failing_itself(runs, chosen, new[path])
        written = write_baselines(root, [new[path] for path in paths])
        for path in gone:
            baseline_file(root, fingerprint.slug, path).unlink()
        return Refreshed(tuple(written), tuple(changes))


def common_fingerprint(runs: Sequence[Run]) -> Fingerprint:
    if not runs:
        raise Refused("no run given, expected at least one; make some with ci/perf.sh")
    if len({(run.created_utc, run.effort.wall_s) for run in runs}) < len(runs):
        raise Refused("the same run is given twice; a spread needs processes of their own")
    first = runs[0].fingerprint
    for run in runs[1:]:
        found = run.fingerprint.differences(first, ("software", "device"))
        if run.fingerprint.slug != first.slug or found:
            where = "; ".join(found) or run.fingerprint.slug
            raise Refused(f"the runs come from different places ({where}); give runs of one device and environment")
    return first


def chosen_records(runs: Sequence[Run], keep: Iterable[str] | None) -> dict[str, list[Record]]:
    """Case -> its record in each run. A case must be in every run, with one status and one definition."""
    wanted = None if keep is None else set(keep)
    by_case: dict[str, list[Record]] = {}
    for run in runs:
        for record in run.records:
            if wanted is None or record.case in wanted:
                by_case.setdefault(record.case, []).append(record)
    for case, records in by_case.items():
        refuse_unfit(case, records, len(runs))
    if not any(record.status == "ok" for records in by_case.values() for record in records):
        raise Refused("no chosen case was measured in these runs; check -k and the runs")
    return by_case


def refuse_unfit(case: str, records: Sequence[Record], runs: int) -> None:
    if len(records) != runs:
        raise Refused(
            f"{case}: found in {len(records)} of {runs} runs, expected all; run the same cases in every process"
        )
    for record in records:
        if record.status == "error":
            raise Refused(f"{case}: status error ({record.reason}); a wrong result is never stored: mend it first")
        if (record.status, record.definition) != (records[0].status, records[0].definition):
            raise Refused(f"{case}: {records[0].status} in one run and {record.status} in another; find out why first")
        odd = set(judged(record.metrics)) ^ set(judged(records[0].metrics))
        if odd:
            raise Refused(f"{case}: metric {min(odd)} is in some runs only; find out why first")


def fresh(
    path: str, chosen: dict[str, list[Record]], runs: Sequence[Run], reason: str, now: datetime.datetime
) -> Baseline:
    cases = {case: stored_case(records) for case, records in chosen.items() if case.partition("/")[0] == path}
    return Baseline(
        SCHEMA_VERSION,
        path,
        bare(runs[0].fingerprint),
        commits(runs),
        now.isoformat(timespec="seconds"),
        reason,
        len(runs),
        cases,
    )


def bare(fingerprint: Fingerprint) -> Fingerprint:
    return dataclasses.replace(fingerprint, soft={})


def commits(runs: Sequence[Run]) -> str:
    return ", ".join(sorted({run.commit + ("+changes" if run.dirty else "") for run in runs}))


def stored_case(records: Sequence[Record]) -> StoredCase:
    names = judged(records[0].metrics)  # the same in all records: refuse_unfit has seen to it
    metrics = {name: stored_metric([record.metrics[name].value for record in records]) for name in names}
    return StoredCase(records[0].definition, records[0].status, records[0].reason, metrics)


def stored_metric(values: Sequence[int | float]) -> Stored:
    rounded = tuple(short(value) for value in values)
    return Stored(rounded[:1] if len(set(rounded)) == 1 and isinstance(rounded[0], int) else rounded)


def short(value: int | float) -> int | float:
    """Integers as they are; others at SIGNIFICANT_DIGITS, so that a refresh changes few characters."""
    if isinstance(value, int) or value == 0 or not math.isfinite(value):
        return value
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def merge(old: Baseline | None, new: Baseline, runs: Sequence[Run]) -> Baseline:
    """`new`, plus the stored cases that these runs were told to leave out; entries of vanished cases are dropped."""
    kept = (
        {case: stored for case, stored in old.cases.items() if case not in new.cases and known(case, runs)}
        if old
        else {}
    )
    if old and kept and new.fingerprint.differences(old.fingerprint, ("software", "device")):
        raise Refused(f"{new.path}: {len(kept)} stored cases come from another environment; refresh the whole path")
    return dataclasses.replace(new, cases={**kept, **new.cases})


def known(case: str, runs: Sequence[Run]) -> bool:
    """Whether the suite still has the case, as far as these runs looked."""
    path = case.partition("/")[0]
    return any(path not in run.selection.known or case in run.selection.known[path] for run in runs)


def vanished_paths(runs: Sequence[Run], old: dict[str, Baseline]) -> list[str]:
    return [path for path in old if all(run.selection.whole and path not in run.selection.known for run in runs)]


def differences(runs: Sequence[Run], chosen: dict[str, list[Record]], old: dict[str, Baseline]) -> list[Finding]:
    """What the new numbers say of the old ones: every run judged against the old baselines, worst first."""
    found: dict[tuple[str, str], Finding] = {}
    for run in runs:
        for finding in judge_run(run, old):
            key = (finding.case, finding.metric)
            relevant = finding.case in chosen or finding.verdict is Verdict.MISSING
            if relevant and (key not in found or SEVERITY[finding.verdict] < SEVERITY[found[key].verdict]):
                found[key] = finding
    quiet = (Verdict.UNCHANGED, Verdict.INCONCLUSIVE)
    changed = [finding for finding in found.values() if finding.verdict not in quiet]
    return sorted(changed, key=lambda finding: (SEVERITY[finding.verdict], finding.case, finding.metric))


def refuse_worse(changes: Sequence[Finding], reason: str) -> None:
    worse = [finding for finding in changes if finding.verdict in SERIOUS]
    if worse and not reason.strip():
        more = f" (and {len(worse) - 1} more)" if len(worse) > 1 else ""
        raise Worse(f'{worse[0].sentence()}{more}; if it is meant, say why: --reason "..."')


def refuse_failing_itself(runs: Sequence[Run], chosen: dict[str, list[Record]], baseline: Baseline) -> None:
    """A baseline that its own processes do not pass against would only ever raise false alarms."""
    for number, run in enumerate(runs, 1):
        for record in run.records:
            if record.case in chosen and record.path == baseline.path:
                refuse_serious(judge_record(record, baseline, run.fingerprint), number)


def refuse_serious(findings: Sequence[Finding], number: int) -> None:
    for finding in findings:
        if finding.verdict in SERIOUS:
            what = f"run {number} does not pass against the new baseline: {finding.sentence()}"
            raise Refused(f"{what}; measure again, with more processes")
