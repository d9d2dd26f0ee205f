"""What a campaign has found so far, short enough for the end of a log."""

from collections.abc import Mapping, Sequence

from tools.campaign.plan import Campaign, Stage
from tools.campaign.state import Done
from tools.campaign.work import complete
from tools.records import Record
from tools.tables import Table

MOST_ERRORS = 12
COLUMNS = ("stage", "exit code", "seconds", "what came of it")


def table(asked: Campaign, done: Mapping[str, Done], stages: Sequence[Stage]) -> Table:
    rows = tuple(row(done, stage, key, stages, asked) for stage in stages for key in stage.keys(asked.part))
    return Table("", COLUMNS, rows, frozenset({COLUMNS[0], COLUMNS[-1]}))


def row(done: Mapping[str, Done], stage: Stage, key: str, stages: Sequence[Stage], asked: Campaign) -> tuple[str, ...]:
    own = done.get(key)
    if own is not None:
        return key, str(own.code), f"{own.wall_s:.0f}", own.told
    waits = [
        missing
        for each in stages
        if each.name in stage.needs
        for missing in each.keys(asked.part)
        if missing not in done
    ]
    return key, "–", "–", f"waits for {', '.join(waits)}" if waits else "to do"


def errors(asked: Campaign, done: Mapping[str, Done], stages: Sequence[Stage]) -> list[str]:
    """The cases that are wrong, each once, with what they said first."""
    found: dict[str, str] = {}
    for stage in (each for each in stages if each.measures):
        for key in stage.keys(asked.part):
            for record in records(asked, key) if key in done else ():
                if record.status == "error":
                    found.setdefault(record.case, f"{record.case}: {record.reason[:160]}")
    more = [f"and {len(found) - MOST_ERRORS} more cases with errors"] if len(found) > MOST_ERRORS else []
    return [*list(found.values())[:MOST_ERRORS], *more]


def records(asked: Campaign, key: str) -> Sequence[Record]:
    run = complete(asked.out / f"{key}.json")
    return run.records if run else ()


def exit_code(asked: Campaign, done: Mapping[str, Done], stages: Sequence[Stage]) -> int:
    """Of this slice: 1 where a stage found something wrong, 3 where one is not done or could not judge, else 0."""
    own = [stage.key(asked.part) for stage in stages if stage.in_slice(asked.part)]
    codes = {done[key].code if key in done else 3 for key in own}
    return 1 if 1 in codes else 3 if codes - {0} else 0
