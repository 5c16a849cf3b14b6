"""What figures are made of: panels, axes, legends, and measurements beside predictions and published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from energyflow.report.style import Colour, Look

Which = Literal["x", "y"]
PANEL = (3.0, 2.3)  # inches
LEGEND_LINE = 0.22  # inches
WIDEST = 12.0  # inches
PREDICTED = "0.15"  # grey level of every prediction
SPREAD = {True: 0.24, False: 0.5}  # of a category's width, over which its lines (or single marks) stand side by side


def panels(
    count: int, columns: int = 3, *, shared: bool = False, x: str = "", y: str = ""
) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels; unused places of the last row stay empty.

    Args:
        count: of panels.
        columns: of panels, at most.
        shared: all have the same axes, and only the outer ones carry labels.
        x: label of the horizontal axes.
        y: label of the vertical ones.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    size = (min(max(columns * PANEL[0], 6.4), WIDEST), rows * PANEL[1])
    figure = Figure(figsize=size, layout="constrained")
    flat = list(figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared).flat)
    for axes in flat[count:]:
        axes.remove()
    for place, axes in enumerate(flat[:count]):
        lowest, leftmost = place + columns >= count, place % columns == 0
        if lowest or not shared:
            axes.set_xlabel(x)
            axes.tick_params(labelbottom=True)  # a panel above an empty place keeps its labels
        if leftmost or not shared:
            axes.set_ylabel(y)
    return figure, flat[:count]


def legend_below(figure: Figure, columns: int = 3) -> None:
    """One legend for all panels, in room of its own below them: what was measured, then what it is set against."""
    entries: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    labels = sorted(entries, key=lambda label: not isinstance(entries[label], ErrorbarContainer))
    columns = min(columns, len(labels))
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + LEGEND_LINE * -(-len(labels) // columns))
    figure.legend([entries[label] for label in labels], labels, loc="outside lower center", ncols=columns)


def whiskers(part: pd.DataFrame, value: str) -> NDArray[np.float64]:
    """Distances [2, N] from the value to the ends of its interval; none where there is no interval."""
    ends = [part[value] - part[f"{value}_low"], part[f"{value}_high"] - part[value]]
    return np.stack([end.astype(float).fillna(0.0).clip(lower=0.0) for end in ends])


def estimates(
    axes: Axes,
    part: pd.DataFrame,
    at: str,
    value: str,
    look: Look,
    label: str | None = None,
    *,
    joined: bool = True,
    along: Which = "x",
    hollow: bool = False,
    across: NDArray[np.float64] | None = None,
) -> None:
    """Values with their intervals.

    Args:
        axes: where.
        part: columns `at`, `value`, `<value>_low` and `<value>_high`.
        at: column of the places.
        value: column of the values.
        look: colour and marker.
        label: for the legend.
        joined: by a line, in the order of the places.
        along: the axis of the places.
        hollow: whether markers are white inside: what is decoded by mean, beside what is by sample.
        across: distances [2, N] to the ends of the intervals of the places.
    """
    part = part.sort_values(at, kind="stable")
    places, values = part[at].to_numpy(dtype=float), part[value].to_numpy(dtype=float)
    x, y = (places, values) if along == "x" else (values, places)
    bars: dict[str, Any] = {"yerr" if along == "x" else "xerr": whiskers(part, value)}
    if across is not None:
        bars["xerr" if along == "x" else "yerr"] = across
    axes.errorbar(
        x, y, **bars, color=look.colour, marker=look.marker, label=label,
        linestyle="-" if joined else "none", linewidth=1.2, elinewidth=0.9, markersize=4.5, **inside(look, hollow),
    )  # fmt: skip


def inside(look: Look, hollow: bool) -> dict[str, Any]:
    """Options of a marker: white inside, so that what lies below does not fill it, or of its colour."""
    return {"markerfacecolor": "white" if hollow else look.colour, "markeredgewidth": 1.0}


def decoders(axes: Axes) -> None:
    """Two entries of the legend: filled by sample, hollow by mean; in grey, since both take their method's colour."""
    for label, hollow in (("By sample", False), ("By mean", True)):
        look = Look("0.4", "o")
        axes.plot([], [], "o", color=look.colour, markersize=4.5, label=label, **inside(look, hollow))


def shaded(
    axes: Axes, part: pd.DataFrame, at: str, value: str, look: Look, label: str | None = None, **line: Any
) -> None:
    """A line in a band from `<value>_low` to `<value>_high`, for values at many places."""
    x = part[at].to_numpy(dtype=float)
    middle, low, high = (part[f"{value}{end}"].to_numpy(dtype=float) for end in ("", "_low", "_high"))
    axes.fill_between(x, low, high, color=look.colour, alpha=0.2, linewidth=0)
    axes.plot(x, middle, **{"color": look.colour, "marker": look.marker, "markersize": 3.5, "label": label} | line)


def side_by_side(
    axes: Axes,
    part: pd.DataFrame,
    at: str,
    marks: Sequence[Any],
    value: str,
    by: str,
    lines: Mapping[str, tuple[str, Look]],
    *,
    joined: bool = True,
    ringed: str | None = None,
) -> None:
    """Percentages over ordered categories, the lines of one category beside each other.

    Args:
        axes: where.
        part: one row a category and line.
        at: column of the category.
        marks: the categories, from left to right.
        value: column of the percentages, as in `estimates`.
        by: column that tells the lines apart.
        lines: entry of that column -> label for the legend, and look.
        joined: whether something lies between two categories.
        ringed: column that says which rows a ring marks.
    """
    spread = SPREAD[joined]
    offsets = np.linspace(-spread / 2, spread / 2, len(lines)) if len(lines) > 1 else [0.0]
    for (name, (label, look)), offset in zip(lines.items(), offsets, strict=True):
        own = part[part[by] == name]
        placed = own.assign(place=[marks.index(mark) + offset for mark in own[at]])
        estimates(axes, placed, "place", value, look, label, joined=joined)
        if ringed is not None:
            chosen = placed[placed[ringed]]
            axes.plot(chosen["place"], chosen[value], "o", mfc="none", mec=look.colour, ms=10, mew=0.8)
    category_axis(axes, [str(mark) for mark in marks])
    percent_axis(axes)


def published(axes: Axes, x: ArrayLike, y: ArrayLike, colour: Colour, label: str | None = None) -> None:
    """Numbers of the paper, as dashes."""
    axes.plot(x, y, linestyle="none", marker="_", markersize=11, markeredgewidth=1.6, color=colour, label=label)


def published_range(axes: Axes, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: Colour) -> None:
    """Ranges of the paper, as bars behind what was measured."""
    axes.vlines(x, np.asarray(low, float), np.asarray(high, float), colors=[colour], linewidth=6, alpha=0.3, zorder=1)


def predicted(axes: Axes, x: ArrayLike, y: ArrayLike, label: str | None = None, **line: Any) -> None:
    """What a theory says, as a line of its own kind."""
    axes.plot(x, y, **{"linestyle": "--", "color": PREDICTED, "linewidth": 1.0, "label": label, **line})


def category_axis(axes: Axes, labels: Sequence[str], which: Which = "x") -> None:
    """An axis of names at 0, 1, 2, ...: from left to right, or from the top downwards."""
    ends = (-0.5, len(labels) - 0.5)
    if which == "x":
        axes.set_xticks(range(len(labels)), labels)
        axes.set_xlim(*ends)
    else:
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(*reversed(ends))
    axes.grid(axis=which, visible=False)


def percent_axis(axes: Axes, which: Which = "y") -> None:
    """An axis from 0 to 100 with room for markers at both ends."""
    (axes.set_xlim if which == "x" else axes.set_ylim)(-5, 105)
    (axes.set_xticks if which == "x" else axes.set_yticks)([0, 25, 50, 75, 100])


def step_axis(axes: Axes) -> None:
    """A horizontal axis of steps, in thousands."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:g}k" if value else "0"))


def log_axis(axes: Axes, which: Which) -> None:
    """A logarithmic axis of what is drawn already: 1, 2 and 5 times powers of ten, or powers over decades.

    Axes that share theirs with this one follow it.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    axis.set_minor_formatter(NullFormatter())
    if low > 0 and high < 50 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high > 4 * low else tuple(map(float, range(1, 10)))))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def measured_axis(axes: Axes, values: pd.Series) -> None:
    """A logarithmic horizontal axis that names the values that were measured."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted(values.dropna().unique())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
