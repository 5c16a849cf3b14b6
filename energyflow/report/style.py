"""How every figure looks, and bytes that depend on the data alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from energyflow.config.sections import PlotParams
from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path
from energyflow.report import names

Colour = tuple[float, float, float]
EXPERT_COLOUR = "0.25"
PANEL = (2.3, 2.0)  # inches
# Everything in a file that is not the drawing: dates and program versions would change the bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def look() -> Iterator[None]:
    """Seaborn's paper style, one font on every machine, and a fixed salt for the ids in SVG files."""
    style = sns.axes_style("whitegrid") | sns.plotting_context("paper")
    own = {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "svg.hashsalt": "energyflow",
        "pdf.fonttype": 42,
        "axes.titlesize": 9,
        "axes.edgecolor": "0.6",
        "grid.color": "0.92",
        "legend.frameon": False,
    }
    with mpl.rc_context(style | own):
        yield


def save(figure: Figure, dpi: int, outputs: Sequence[Path]) -> None:
    """Write a figure in the format of each output's suffix (png, svg, pdf), atomically.

    Raises:
        UserError: another suffix.
    """
    for path in outputs:
        kind = path.suffix.removeprefix(".")
        if kind not in _METADATA:
            raise UserError(f"{path}: figures are written as {', '.join(_METADATA)}, not '{kind}'")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=dpi, metadata=_METADATA[kind])


def colour(name: str, table: Mapping[str, str], plot: PlotParams) -> Colour | str:
    """Colour of a method or source: the same in every figure, whatever else is drawn.

    Args:
        name: method or source.
        table: the names of its kind, `names.METHODS` or `names.SOURCES`, whose order fixes the colours.
        plot: names the palette.
    """
    if name in (names.EXPERT, "dense"):  # the two references are not competitors
        return EXPERT_COLOUR
    colours = sns.color_palette(plot.palette or "colorblind", n_colors=len(table))
    place = names.rank(name, table) % len(colours)
    light = 0.6 ** colours[:place].count(colours[place])  # a palette that is too short starts again, darker
    red, green, blue = colours[place]
    return light * red, light * green, light * blue


def marker(name: str, table: Mapping[str, str]) -> str:
    """Marker of a method or source, so that a figure can be read without colours."""
    return names.MARKERS[names.rank(name, table) % len(names.MARKERS)]


def panels(count: int, x_label: str, y_label: str) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels with shared axes, three in a row; unused places of the last row stay empty."""
    columns = min(3, count)
    rows = -(-count // columns)
    width = max(columns * PANEL[0], 6.4)  # the legend below needs so much
    figure = Figure(figsize=(width, rows * PANEL[1] + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=True)
    flat = [axes for row in grid for axes in row]
    for axes in flat[count:]:
        axes.remove()
    for axes in flat[max(count - columns, 0) : count]:
        axes.tick_params(labelbottom=True)  # a panel above an empty place keeps its labels
        axes.set_xlabel(x_label)
    for row in grid:
        row[0].set_ylabel(y_label)
    return figure, flat[:count]


def legend_below(figure: Figure, axes: Axes, columns: int) -> None:
    """One legend for all panels, outside of them; methods before references."""
    entries = list(zip(*axes.get_legend_handles_labels(), strict=True))
    entries.sort(key=lambda entry: not isinstance(entry[0], ErrorbarContainer))
    handles, labels = zip(*entries, strict=True)
    figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)))


def percent_axis(axes: Axes) -> None:
    """A vertical axis from 0 to 100 with room for markers at both ends."""
    axes.set_ylim(-4, 104)
    axes.set_yticks([0, 25, 50, 75, 100])


def log_axis(axes: Axes, which: str) -> None:
    """A logarithmic axis, `x` or `y`, of what is drawn already: 1, 2 and 5 times powers of ten, or powers over decades.

    Axes that share theirs with this one follow it.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    axis.set_minor_formatter(NullFormatter())
    if low > 0 and high < 50 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high > 4 * low else tuple(map(float, range(1, 10)))))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
