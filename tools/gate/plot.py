"""The power of each rule as one SVG, the same bytes for the same rates; where there are several metrics, of the A/B by
each of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.files import write_atomically
from tools.gate.rates import POWER, RuleRates
from tools.gate.rules import AB, SCREEN_THEN_AB
from tools.gate.trials import INJECTED, LATENCY, STEADY
from tools.plots import Entry, drawn, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours of Okabe and Ito, which colour-blind readers tell apart; marker and dash say the same once more.
STYLES = {
    AB: ("#000000", "o", "-"),
    SCREEN_THEN_AB: ("#D55E00", "D", "-"),
    "median:5%, stored": ("#0072B2", "s", "--"),
    "median:5%, same job": ("#56B4E9", "s", ":"),
    "Mann-Whitney on rounds, p < .05": ("#CC79A7", "^", "--"),
    "google/benchmark U test": ("#009E73", "v", "--"),
    "pyperf compare_to": ("#E69F00", "P", "-."),
    "asv": ("#7F7F7F", "X", ":"),
}
BOUNDED = (AB,)  # error bars of all would hide each other
METRIC_STYLES = {
    LATENCY: ("#000000", "o", "-"),
    "device_s": ("#0072B2", "s", "--"),
    "graph_s": ("#D55E00", "D", "-."),
}

Rates = Mapping[str, Sequence[RuleRates]]  # by metric


@dataclass(frozen=True)
class Curve:
    """A rule's line; style: colour, marker and dash; bounded: with error bars."""

    name: str
    rates: RuleRates
    style: tuple[str, str, str]
    bounded: bool


def write_power_plot(path: Path, rates: Rates, title: str) -> None:
    """Raises UnusableFile where `path` cannot be written, and without matplotlib."""
    write_atomically(path, power_svg(rates, title), "plot")


def power_svg(rates: Rates, title: str) -> str:
    """Share of trials flagged against the injected slow-down, a line for each rule of STYLES. Needs matplotlib."""
    curves = plotted(rates)

    def draw_all(axes: "Axes") -> list[Entry]:
        prepare(axes, title, [dose for dose in STEADY if any(curve.rates.flagged[dose].of for curve in curves)])
        return [draw(axes, curve) for curve in curves]

    return drawn(draw_all)


def plotted(rates: Rates) -> list[Curve]:
    """Those that could judge anything, in the order of STYLES, so that ours are first in the legend."""
    able = {metric: {found.rule.name: found for found in by if judged(found)} for metric, by in rates.items()}
    if len(able) > 1:
        styles = {metric: METRIC_STYLES[metric] for metric in able if AB in able[metric]}
        return [Curve(f"{AB}, {metric}", able[metric][AB], style, True) for metric, style in styles.items()]
    [named] = able.values()
    return [Curve(name, named[name], style, name in BOUNDED) for name, style in STYLES.items() if name in named]


def judged(found: RuleRates) -> bool:
    return any(found.flagged[dose].of for dose in STEADY)


def prepare(axes: "Axes", title: str, doses: Iterable[str]) -> None:
    dress(axes, title, "injected: more of the same work, %", "trials flagged as slower, %")
    axes.set_xticks([INJECTED[dose] for dose in doses])
    axes.set_ylim(-3, 103)
    axes.axhline(100 * POWER, color="#BBBBBB", linewidth=0.8, zorder=0)


def draw(axes: "Axes", curve: Curve) -> Entry:
    found, (colour, marker, dash) = curve.rates, curve.style
    rates = [(INJECTED[dose], found.flagged[dose]) for dose in STEADY if found.flagged[dose].of]
    sizes, shares = [size for size, _ in rates], [100 * rate.share for _, rate in rates]
    bounds = None
    if curve.bounded:
        bounds = [
            [100 * (rate.share - rate.low) for _, rate in rates],
            [100 * (rate.high - rate.share) for _, rate in rates],
        ]
    width = 2.2 if curve.bounded else 1.4
    line = axes.errorbar(
        sizes,
        shares,
        yerr=bounds,
        color=colour,
        marker=marker,
        linestyle=dash,
        linewidth=width,
        elinewidth=1.2,
        zorder=4 if curve.bounded else 3,
        markersize=5,
        capsize=3,
    )
    return line, curve.name
