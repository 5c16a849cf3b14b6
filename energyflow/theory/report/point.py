"""A point of the page, and what all points share: sentences about verdicts, lines with intervals, predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from energyflow.report import style
from energyflow.report.render import Column, Table
from energyflow.theory.report import subjects
from energyflow.theory.report.estimates import FAILS, HOLDS, OPEN
from energyflow.theory.sections import VerdictParams

PREDICTED = "0.15"  # grey level of every prediction
PANEL = (3.2, 2.5)  # inches
ENDS = ("", "_low", "_high")  # what an estimate's columns end in: mean and interval
SIGMA = Column("sigma", lambda row: f"{row['sigma']:g}")
MODEL = Column("Model", lambda row: subjects.MODELS[row["model"]], numeric=False)
VERDICT = Column("Verdict", lambda row: str(row["verdict"]), numeric=False)


@dataclass(frozen=True)
class Point:
    """One point of the page.

    Attributes:
        title: heading.
        claim: what the paper states, and what that predicts here.
        sentences: what was measured, each generated from the numbers; the first says whether the claim held.
        table: the numbers that a reader needs.
        rows: all of them.
        figure: the prediction drawn beside the measurement.
    """

    title: str
    claim: str
    sentences: Sequence[str]
    table: Table
    rows: pd.DataFrame
    figure: Figure


def panels(rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """A figure of rows x columns panels, each with axes of its own."""
    figure = Figure(figsize=(columns * PANEL[0], rows * PANEL[1] + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    return figure, [axes for row in grid for axes in row]


def limits(axes: Axes, values: pd.Series, low: float, high: float) -> None:
    """A vertical axis from `low` to `high`, wider where a value lies outside: no measurement is cut off."""
    margin = 0.05 * (high - low)
    axes.set_ylim(min(low, values.min() - margin), max(high, values.max() + margin))


def log_x(axes: Axes, values: pd.Series) -> None:
    """A logarithmic axis that names the values that were measured."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted(values.dropna().unique())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def log(axes: Axes, which: str) -> None:
    """A logarithmic axis, `x` or `y`, of continuous values: 1, 2 and 5 times powers of ten, or powers over decades."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    axis.set_minor_formatter(NullFormatter())
    if low > 0 and high < 50 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high > 4 * low else tuple(map(float, range(1, 10)))))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def palette(params: VerdictParams) -> list[tuple[float, float, float]]:
    """Colours, by place."""
    return [(red, green, blue) for red, green, blue in sns.color_palette(params.palette, 10)]


def line(
    axes: Axes, part: pd.DataFrame, x: str, y: str, *, colour: object, marker: str = "o", label: str | None = None
) -> None:
    """Means over seeds with their intervals."""
    part = part.sort_values(x)
    bars = [(part[y] - part[f"{y}_low"]).clip(lower=0), (part[f"{y}_high"] - part[y]).clip(lower=0)]
    axes.errorbar(
        part[x].to_numpy(), part[y].to_numpy(), yerr=[bar.fillna(0.0).to_numpy() for bar in bars],
        color=colour, marker=marker, ms=3.5, lw=1, elinewidth=0.7, capsize=1.5, label=label,
    )  # fmt: skip


def band(axes: Axes, target: float, tolerance: float) -> None:
    """A prediction and the tolerance within which it counts as met."""
    axes.axhspan(target - tolerance, target + tolerance, color="0.9", zorder=0)
    axes.axhline(target, color=PREDICTED, ls="--", lw=1, label="predicted")


def experts(frame: pd.DataFrame, axes: Axes, x: str, y: str, params: VerdictParams) -> None:
    """One line an expert, in its own colour and marker."""
    colours = palette(params)
    for name, part in frame.groupby("subject", sort=False):
        index = subjects.colour_index(str(name)) % len(colours)
        line(
            axes, part, x, y, colour=colours[index], marker=subjects.marker(str(name)), label=subjects.label(str(name))
        )


def legend(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """One legend below all panels."""
    style.legend_below(figure, axes, columns)


def subject(header: str) -> Column:
    """The column that says which expert, demonstrator or task a row is about."""
    return Column(header, lambda row: subjects.label(row["subject"]), numeric=False)


def beside(wide: pd.DataFrame, name: str, estimates: pd.DataFrame, value: str) -> None:
    """Add a value's estimates, a frame by subject, to a table of one row a subject, under a name of their own."""
    for end in ENDS:
        wide[f"{name}{end}"] = wide["subject"].map(estimates[f"{value}{end}"])


def count(frame: pd.DataFrame, what: str = "expert") -> str:
    """`holds for 8 of 10 experts; fails for X; open for Y`, from the columns `verdict` and `subject`."""
    groups = {
        word: [subjects.label(s) for s in frame.loc[frame["verdict"] == word, "subject"]] for word in (FAILS, OPEN)
    }
    held = int((frame["verdict"] == HOLDS).sum())
    text = f"holds for {held} of {len(frame)} {what}{'' if len(frame) == 1 else 's'}"
    for word, found in groups.items():
        if found:
            text += f"; {word} for {subjects.listed(found)}"
    return text


def number(row: pd.Series, value: str, digits: int = 2) -> str:
    """`mean [low, high]` of a row of estimates."""
    return spelled(row[value], row[f"{value}_low"], row[f"{value}_high"], digits)


def spelled(mean: float, low: float, high: float, digits: int = 2) -> str:
    """`mean [low, high]`, or of one seed `mean [one seed]`."""
    bounds = "one seed" if pd.isna(low) else f"{low:.{digits}f}, {high:.{digits}f}"
    return f"{mean:.{digits}f} [{bounds}]"


def extent(values: pd.Series, digits: int = 2) -> str:
    """`x` or `x to y`."""
    low, high = f"{values.min():.{digits}f}", f"{values.max():.{digits}f}"
    return low if low == high else f"{low} to {high}"
