"""Several runs of fresh processes become one baseline. The only writer of baselines/."""

import contextlib
import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.baselines import SCHEMA_VERSION, Baseline, Stored, StoredCase, baseline_file, read_baselines, write_baselines
from tools.compare import Finding, judge_record, judge_run, judged, software_differences
from tools.disturbance import LARGEST_DISTURBANCE, disturbance
from tools.files import exclusive
from tools.policy import EVERYTHING, policy_of
from tools.records import Fingerprint, Metric, Record, Run, path_of
from tools.succession import Manner, Succession
from tools.verdict import SEVERITY, WORSE, Verdict

SIGNIFICANT_DIGITS = 4
SERIOUS = (Verdict.REGRESSED, Verdict.MISSING, Verdict.INCOMPARABLE)
REPLACE = Manner()


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
    runs: Sequence[Run],
    root: Path,
    reason: str,
    now: datetime.datetime,
    keep: Iterable[str] | None = None,
    manner: Manner = REPLACE,
) -> Refreshed:
    """Write the baselines of all paths in `runs` of which they say something new, or nothing at all.

    keep    case ids to refresh; None for all cases of the runs. Other stored cases stay as they are.
    Raises Refused (mixed devices, error records, worse without a reason, not passing against itself) and UnusableFile.
    """
    fingerprint = common_fingerprint(runs)
    chosen = chosen_records(runs, keep)
    with contextlib.ExitStack() as held:
        for slug in slugs(fingerprint, chosen):
            held.enter_context(exclusive(root / slug, "baselines"))
        old = read_baselines(root, fingerprint.slug)
        paths = sorted({path_of(case) for case in chosen})
        gone = vanished_paths(runs, old)
        changes = differences(runs, chosen, {path: old[path] for path in old if path in paths or path in gone})
        measured = {path: fresh(path, chosen, runs, reason, now) for path in paths}
        if manner.append:
            refuse_mixture(old, measured, runs)
        if manner.append or manner.anchor:
            refuse_disturbed(chosen)
        refuse_worse(changes, reason, manner)
        new = [follow(old.get(path), measured[path], runs, accepted(changes, reason), manner) for path in paths]
        for baseline in new:
            refuse_failing_itself(runs, chosen, baseline)
        written = write_baselines(root, [each for each in new if not says_nothing_new(old.get(each.path), each)])
        for path in gone:
            baseline_file(root, old[path].fingerprint.slug, path).unlink()
        return Refreshed(tuple(written), tuple(changes))


def says_nothing_new(old: Baseline | None, new: Baseline) -> bool:
    """Such a file stays as it is, so that no diff shows what is merely newer: what compilers make is so everywhere."""
    return old is not None and (old.fingerprint, timeless(old)) == (new.fingerprint, timeless(new))


def timeless(baseline: Baseline) -> dict[str, StoredCase]:
    return {case: dataclasses.replace(stored, origin=None) for case, stored in baseline.cases.items()}


def fit(runs: Sequence[Run]) -> tuple[list[str], dict[str, str]]:
    """The cases that `refresh` would store from these runs, and why it would not store each of the others."""
    fingerprint, now = common_fingerprint(runs), datetime.datetime.now(datetime.UTC)
    keep, left_out = [], {}
    for case in dict.fromkeys(record.case for run in runs for record in run.records):
        records = [record for run in runs for record in run.records if record.case == case]
        try:
            refuse_unfit(case, records, len(runs))
            alone = fresh(path_of(case), {case: records}, runs, "", now)
            for number, record in enumerate(records, 1):
                refuse_serious(judge_record(record, alone, fingerprint), number)
        except Refused as error:
            left_out[case] = str(error).removeprefix(f"{case}: ")
        else:
            keep.append(case)
    return keep, left_out


def slugs(fingerprint: Fingerprint, chosen: Mapping[str, Sequence[Record]]) -> list[str]:
    """The folders that may be written to, in an order in which no two refreshes wait for each other."""
    return sorted({(record.place or fingerprint).slug for records in chosen.values() for record in records})


def accepted(changes: Sequence[Finding], reason: str) -> frozenset[tuple[str, str]]:
    """(case, metric) of what is worse, also where only perhaps, and stored all the same because there is a reason."""
    return frozenset(
        (finding.case, finding.metric) for finding in changes if reason.strip() and finding.verdict in WORSE
    )


def follow(
    old: Baseline | None, new: Baseline, runs: Sequence[Run], worse: frozenset[tuple[str, str]], manner: Manner
) -> Baseline:
    """The baseline that is to be stored: `new`, with what stays of `old`."""
    if old is None:
        return new
    return merge(old, Succession(old, new, worse, manner).baseline(), runs)


def refuse_mixture(old: Mapping[str, Baseline], new: Mapping[str, Baseline], runs: Sequence[Run]) -> None:
    """Appended processes must come from where the stored ones come from, and must not be among them already."""
    for path in old.keys() & new.keys():
        found = new[path].fingerprint.differences(old[path].fingerprint, EVERYTHING)
        if found:
            where = "; ".join(found)
            raise Refused(f"{path}: the stored processes come from elsewhere ({where}); refresh without --append")
        shared = old[path].cases.keys() & new[path].cases.keys()
        stored_utc = max((old[path].origin(case).created_utc for case in shared), default="")
        refuse_older(path, stored_utc, runs)


def refuse_older(path: str, stored_utc: str, runs: Sequence[Run]) -> None:
    for run in runs:
        if run.created_utc <= stored_utc:
            what = f"a run of {run.created_utc} is no younger than what is stored ({stored_utc}) and may be in it"
            raise Refused(f"{path}: {what}; append runs that were made after it, all at once")


def refuse_disturbed(chosen: Mapping[str, Sequence[Record]]) -> None:
    """Disturbed times cannot be judged, so that nobody would see what enters a history or an anchor with them."""
    for case, records in chosen.items():
        told = next((record.disturbed for record in records if record.disturbed), "")
        if told:
            raise Refused(f"{case}: {told}; measure again when that is over, or leave it out with -k")
        load = max(disturbance(record) for record in records)
        if load > LARGEST_DISTURBANCE:
            what = (
                f"other processes used {load:.0%} of the machine while it was timed, expected {LARGEST_DISTURBANCE:.0%}"
            )
            raise Refused(f"{case}: {what} at most; measure again when the machine is idle, or leave it out with -k")


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
    return agreed(first, [run.fingerprint for run in runs])


def agreed(fingerprint: Fingerprint, others: Iterable[Fingerprint]) -> Fingerprint:
    """Without what the machines do not share, so that numbers of several GPUs pass for none of them."""
    machine = dict(fingerprint.machine)
    for other in others:
        machine = {name: text for name, text in machine.items() if other.machine.get(name) == text}
    return dataclasses.replace(fingerprint, machine=machine)


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
        if record.software != records[0].software:
            other = "; ".join(software_differences(record.software, records[0].software))
            raise Refused(f"{case}: the runs come from different software ({other}); give runs of one environment")
        odd = set(judged(record.metrics)) ^ set(judged(records[0].metrics))
        if odd:
            raise Refused(f"{case}: metric {min(odd)} is in some runs only; find out why first")


def fresh(
    path: str, chosen: dict[str, list[Record]], runs: Sequence[Run], reason: str, now: datetime.datetime
) -> Baseline:
    """What these runs measured, with nothing of what was stored before."""
    records = {case: found for case, found in chosen.items() if path_of(case) == path}
    cases = {case: stored_case(found) for case, found in records.items()}
    return Baseline(
        SCHEMA_VERSION,
        path,
        bare(place_of(path, records) or common_fingerprint(runs)),
        commits(runs),
        now.isoformat(timespec="seconds"),
        reason,
        len(runs),
        cases,
    )


def place_of(path: str, chosen: Mapping[str, Sequence[Record]]) -> Fingerprint | None:
    """The place of a path's records, if it is not where the runs were made."""
    places = [record.place for records in chosen.values() for record in records]
    if any(place != places[0] for place in places):
        raise Refused(f"{path}: its records come from several places, expected one a path; rename the cases")
    return places[0]


def bare(fingerprint: Fingerprint) -> Fingerprint:
    return dataclasses.replace(fingerprint, soft={})


def commits(runs: Sequence[Run]) -> str:
    return ", ".join(sorted({run.commit + ("+changes" if run.dirty else "") for run in runs}))


def stored_case(records: Sequence[Record]) -> StoredCase:
    names = judged(records[0].metrics)  # the same in all records: refuse_unfit has seen to it
    metrics = {name: stored_metric(name, [record.metrics[name] for record in records]) for name in names}
    first = records[0]
    return StoredCase(first.definition, first.status, first.reason, metrics, software=first.software or None)


def stored_metric(name: str, metrics: Sequence[Metric]) -> Stored:
    """A single value where all processes agree, unless it is by their number that a spread is judged."""
    rounded = tuple(short(metric.value) for metric in metrics)
    values = rounded[:1] if len(set(rounded)) == 1 and not policy_of(name).noisy else rounded
    return Stored(values, outcomes=metrics[0].outcomes)


def short(value: int | float) -> int | float:
    """Integers as they are; others at SIGNIFICANT_DIGITS, so that a refresh changes few characters."""
    return value if isinstance(value, int) else float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def merge(old: Baseline, new: Baseline, runs: Sequence[Run]) -> Baseline:
    """`new`, plus the stored cases that these runs were told to leave out; entries of vanished cases are dropped."""
    kept = {
        case: dataclasses.replace(stored, origin=old.origin(case))
        for case, stored in old.cases.items()
        if case not in new.cases and known(case, runs)
    }
    if not kept:
        return new
    if new.fingerprint.differences(old.fingerprint, ("software", "device")):
        raise Refused(f"{new.path}: {len(kept)} stored cases come from another environment; refresh the whole path")
    place = agreed(new.fingerprint, [old.fingerprint])
    return dataclasses.replace(new, cases={**kept, **new.cases}, fingerprint=place)


def known(case: str, runs: Sequence[Run]) -> bool:
    """Whether the suite still has the case, as far as these runs looked."""
    path = path_of(case)
    return any(path not in run.selection.known or case in run.selection.known[path] for run in runs)


def vanished_paths(runs: Sequence[Run], old: dict[str, Baseline]) -> list[str]:
    return [path for path in old if all(run.selection.misses(path) for run in runs)]


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


def refuse_worse(changes: Sequence[Finding], reason: str, manner: Manner) -> None:
    """A history and an anchor are measured by for long, so that a mere suspect needs a reason to enter them."""
    grave = (*SERIOUS, Verdict.SUSPECT) if manner.append or manner.anchor else SERIOUS
    worse = [finding for finding in changes if finding.verdict in grave]
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
