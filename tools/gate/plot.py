"""The power of each rule as one SVG, the same bytes for the same rates."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tools.files import write_atomically
from tools.gate.rates import POWER, RuleRates
from tools.gate.rules import AB, SCREEN_THEN_AB
from tools.gate.trials import INJECTED, STEADY
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


def write_power_plot(path: Path, rates: Sequence[RuleRates], title: str) -> None:
    """Raises UnusableFile where `path` cannot be written, and without matplotlib."""
    write_atomically(path, power_svg(rates, title), "plot")


def power_svg(rates: Sequence[RuleRates], title: str) -> str:
    """Share of trials flagged against the injected slow-down, a line for each rule of STYLES. Needs matplotlib."""

    def draw_all(axes: "Axes") -> list[Entry]:
        prepare(axes, title)
        return [draw(axes, found) for found in plotted(rates)]

    return drawn(draw_all)


def plotted(rates: Iterable[RuleRates]) -> list[RuleRates]:
    """Those that could judge anything, in the order of STYLES, so that ours are first in the legend."""
    named = {found.rule.name: found for found in rates if any(found.flagged[dose].of for dose in STEADY)}
    return [named[name] for name in STYLES if name in named]


def prepare(axes: "Axes", title: str) -> None:
    dress(axes, title, "injected: more of the same work, %", "trials flagged as slower, %")
    axes.set_xticks([INJECTED[dose] for dose in STEADY])
    axes.set_ylim(-3, 103)
    axes.axhline(100 * POWER, color="#BBBBBB", linewidth=0.8, zorder=0)


def draw(axes: "Axes", found: RuleRates) -> Entry:
    colour, marker, dash = STYLES[found.rule.name]
    rates = [(INJECTED[dose], found.flagged[dose]) for dose in STEADY if found.flagged[dose].of]
    sizes, shares = [size for size, _ in rates], [100 * rate.share for _, rate in rates]
    bounds = None
    if found.rule.name in BOUNDED:
        bounds = [
            [100 * (rate.share - rate.low) for _, rate in rates],
            [100 * (rate.high - rate.share) for _, rate in rates],
        ]
    width = 2.2 if found.rule.name in BOUNDED else 1.4
    line = axes.errorbar(
        sizes,
        shares,
        yerr=bounds,
        color=colour,
        marker=marker,
        linestyle=dash,
        linewidth=width,
        elinewidth=1.2,
        zorder=4 if found.rule.name in BOUNDED else 3,
        markersize=5,
        capsize=3,
    )
    return line, found.rule.name
