"""What the points of the theory share beside energyflow/report/point.py: axes, predictions, words for verdicts."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from energyflow.report import point
from energyflow.report.point import PANEL, Point, legend, line, panels
from energyflow.report.render import Column
from energyflow.studies.theory.points import subjects
from energyflow.studies.theory.points.estimates import FAILS, HOLDS, OPEN
from energyflow.studies.theory.sections import VerdictParams

__all__ = ["PANEL", "Point", "legend", "line", "panels"]  # those of every page, for the points of this one

PREDICTED = "0.15"  # grey level of every prediction
ENDS = ("", "_low", "_high")  # what an estimate's columns end in: mean and interval
SIGMA = Column("sigma", lambda row: f"{row['sigma']:g}")
MODEL = Column("Model", lambda row: subjects.MODELS[row["model"]], numeric=False)
VERDICT = Column("Verdict", lambda row: str(row["verdict"]), numeric=False)


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


def palette(params: VerdictParams) -> list[tuple[float, float, float]]:
    """Colours, by place."""
    return point.palette(params.palette)


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
            text += f"; {word} for {point.listed(found)}"
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
