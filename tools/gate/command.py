"""python -m tools validate-gate: how often the gate errs, on this machine."""

import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

from tools.files import check_writable, exclusive, write_atomically
from tools.gate.collect import USUAL_WORKLOADS, WORKLOADS, Setting, collect
from tools.gate.plot import write_power_plot
from tools.gate.rates import rates_by_metric
from tools.gate.report import exit_code, sentences, tables
from tools.gate.report import markdown as markdown_of
from tools.gate.trials import read_trials
from tools.interruption import interruptible
from tools.tables import printable
from tools.terminal import show, tell


def validate_gate(
    file: Annotated[Path, typer.Argument(metavar="TRIALS", help="trial file (.json.gz), read or made")],
    minutes: Annotated[float, typer.Option(min=0.0, help="first measure for so long")] = 0.0,
    append: Annotated[bool, typer.Option("--append", help="add to the trials that the file has")] = False,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="what is measured on")] = "cpu",
    workloads: Annotated[
        str | None, typer.Option(metavar="cpu|gpu", help="default: those made for the device; gpu's run on both")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="write the report here")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write the plot here (SVG; needs matplotlib)")
    ] = None,
) -> None:
    """Measure the gate itself: false alarms on equal code, and how often known slow-downs are found, rule by rule."""
    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise typer.BadParameter("--plot needs matplotlib: python -m pip install matplotlib")
    setting = Setting(Path(), sys.executable, *devices_workloads(device, workloads))
    before = 0
    if minutes:
        if file.exists() and not append:
            raise typer.BadParameter(f"{file} holds trials already: --append adds to them, another name begins anew")
        check_writable(file, "trial file")
        with interruptible(), exclusive(file.absolute().parent, "trials in"):
            known = read_trials(file) if file.exists() else None
            before = len(known.trials) if known else 0
            collect(setting, file, minutes, tell, known)
    trials = read_trials(file)
    rates = rates_by_metric(trials)
    for each in tables(trials, rates):
        show(each)
    print("\n".join(printable(sentence) for sentence in sentences(trials)))
    if markdown is not None:
        write_atomically(markdown, markdown_of(trials, rates), "report")
    if plot is not None:
        write_power_plot(plot, rates, f"{trials.machine}: how often a slow-down is flagged")
    raise typer.Exit(exit_code(trials.trials[before:]))


def devices_workloads(device: str, workloads: str | None) -> tuple[str, str]:
    """The device and which workloads run on it. Raises typer.BadParameter."""
    if device not in USUAL_WORKLOADS:
        raise typer.BadParameter(f"unknown device {device!r}, expected {' or '.join(USUAL_WORKLOADS)}")
    chosen = workloads or USUAL_WORKLOADS[device]
    if chosen not in WORKLOADS:
        raise typer.BadParameter(f"unknown workloads {chosen!r}, expected {' or '.join(WORKLOADS)}")
    if (device, chosen) == ("cuda", "cpu"):
        raise typer.BadParameter("--workloads cpu are the processor's alone, expected gpu on --device cuda")
    return device, chosen
