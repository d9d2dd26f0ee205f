"""python -m tools campaign: everything that a machine is asked which is at hand for minutes only."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools.ab.checkouts import known_commit
from tools.ab.contest import PROFILES
from tools.campaign.clock import Clock
from tools.campaign.plan import BadSlice, Campaign, Stage, slice_of, stages
from tools.campaign.state import Done, State, read_states, state_file
from tools.campaign.view import errors, exit_code, table
from tools.campaign.work import Work
from tools.files import check_writable, write_atomically
from tools.tables import printable, to_rich
from tools.terminal import tell

END_S = 15.0  # for the table, and what a stage needs to be ended


def campaign(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="for everything that is made, and kept")],
    part: Annotated[str, typer.Option("--slice", metavar="N/M", help="only this part of the cases")] = "1/1",
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="what is measured")] = "cuda",
    profile: Annotated[str, typer.Option(metavar="|".join(PROFILES), help="which cases")] = "standard",
    processes: Annotated[int, typer.Option(min=1, help="fresh processes for the baseline")] = 5,
    minutes: Annotated[float, typer.Option(min=1.0, help="this call ends by then")] = 9.0,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="STAGE", help="no other stage; may be repeated")
    ] = None,
    again: Annotated[
        list[str] | None, typer.Option("--again", metavar="STAGE", help="also if it is done; may be repeated")
    ] = None,
) -> None:
    """Measure, store and test a device's baseline, in calls of some minutes that go on where the last one ended.

    What stands behind `--` goes to pytest. Exit code: 0 all of this slice is done and right, 1 something is wrong,
    3 something is not done yet or could not be judged.
    """
    clock = Clock(minutes - END_S / 60)
    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f"unknown device {device!r}, expected cpu or cuda")
    if profile not in PROFILES:
        raise typer.BadParameter(f"unknown profile {profile!r}, expected one of: {', '.join(PROFILES)}")
    try:
        piece = slice_of(part)
    except BadSlice as error:
        raise typer.BadParameter(str(error)) from error
    asked = Campaign(out, sys.executable, device, profile, processes, piece, tuple(context.args))
    planned = stages(asked)
    refuse_unknown([*(only or ()), *(again or ())], planned)
    check_writable(state_file(out, piece), "campaign")
    keep_out_of_git(out)
    states = read_states(out, origin(asked), piece)
    states[piece] = forgotten(states[piece], asked, planned, again or ())
    work = Work(asked, states, clock, tell)
    chosen = [stage for stage in planned if not only or stage.name in only]
    work.all(chosen, planned)
    show(asked, work.done, planned)
    raise typer.Exit(exit_code(asked, work.done, chosen))


def keep_out_of_git(out: Path) -> None:
    """What is measured is no change of what is measured, wherever its folder lies."""
    if not (out / ".gitignore").exists():
        write_atomically(out / ".gitignore", "*\n", "campaign")


def origin(asked: Campaign) -> dict[str, str]:
    told = {"device": asked.device, "profile": asked.profile, "slices": str(asked.part.count)}
    return {"commit": known_commit(Path()), **told, "arguments": " ".join(asked.arguments)}


def refuse_unknown(names: Sequence[str], planned: Sequence[Stage]) -> None:
    known = [stage.name for stage in planned]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"unknown stage {name!r}, expected one of: {', '.join(known)}")


def forgotten(state: State, asked: Campaign, planned: Sequence[Stage], names: Sequence[str]) -> State:
    keys = {stage.key(asked.part) for stage in planned if stage.name in names}
    return dataclasses.replace(state, done={key: done for key, done in state.done.items() if key not in keys})


def show(asked: Campaign, done: Mapping[str, Done], planned: Sequence[Stage]) -> None:
    view = Console(highlight=False, markup=False)
    if not view.is_terminal:
        view = Console(highlight=False, markup=False, width=140)
    for sentence in errors(asked, done, planned):
        view.print(printable(sentence), soft_wrap=True)
    view.print(to_rich(table(asked, done, planned), wide=True))
