"""Samples against the demonstrator that they imitate: how many lie far out, and whether by bias or by spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import columns, drawing, names
from energyflow.report.columns import fixed, plain, signed, with_interval
from energyflow.report.comparisons import paired
from energyflow.report.point import Point
from energyflow.report.render import Column, Table, records
from energyflow.report.rows import read_table
from energyflow.report.statistics import Cell, cell, estimate, measured, numbers
from energyflow.report.style import look_of
from energyflow.report.summaries import overall, scopes
from energyflow.report.wording import listed
from energyflow.studies.ablations.points.effects import is_clear
from energyflow.studies.ablations.sections import PointParams
from energyflow.studies.ablations.study import TAILED

TITLE = "How heavy are the tails of the samples?"
GAUSSIAN = 0.27  # percent of a normal density beyond three standard deviations
OTHERS = TAILED[-1]  # what the others are compared with
SETTING = ("method", "centred", "law")
CLAIM = (
    "Demonstrations are labelled with what the demonstrator intends plus noise of a known width s, so its density is"
    " known. Sampled actions are set against the intention at observations that no model has seen, with the same"
    f" number of evaluations for every method. Of a policy that is the demonstrator {GAUSSIAN} % of the coordinates lie"
    " beyond 3 s, its error is 1 s, all of it spread. What a policy does not know of the intention is in both: in the"
    " bias of the mean of its draws, and in a spread that is wider than s."
)


def build(paths: Sequence[Path], params: PointParams) -> Point:
    """The point of the page."""
    needed = ["task", "seed", "nfe", "std", "demo", "n", "beyond", "square", "spread", *SETTING]
    rows = pd.concat([read_table(path, needed) for path in paths], ignore_index=True)
    frame = table_rows(rows.fillna({"centred": "", "law": ""}), params)
    return Point(TITLE, CLAIM, sentences(frame), table(frame, params), frame, draw(frame, params))


def table_rows(rows: pd.DataFrame, params: PointParams) -> pd.DataFrame:
    """One row a task (and the average) and setting: shares in percent, `rms`, `bias` and `width` in s."""
    grid = {
        (*map(str, setting), str(task)): part for (*setting, task), part in rows.groupby([*SETTING, "task"], sort=False)
    }
    settings = sorted(dict.fromkeys(key[:3] for key in grid), key=lambda setting: TAILED.index(setting[0]))
    (reference,) = (setting for setting in settings if setting[0] == OTHERS)
    found = []
    for scope, tasks in scopes(rows["task"]).items():
        for setting in settings:
            parts = [grid[(*setting, task)] for task in tasks]
            cells, about = [_cell(part) for part in parts], f"tails {' '.join(setting)} {scope}"
            change = None
            if setting != reference:
                pairs = [(own, _cell(grid[(*reference, task)])) for own, task in zip(cells, tasks, strict=True)]
                change = paired(pairs, params.report, f"{about} against {OTHERS}")
            row: dict[str, Any] = {"task": scope, **dict(zip(SETTING, setting, strict=True))}
            row |= {"nfe": int(parts[0]["nfe"].iloc[0]), **measured("beyond", estimate(cells, params.report, about))}
            found.append(row | numbers("difference", change) | _widths(parts))
    return pd.DataFrame(found)


def _cell(part: pd.DataFrame) -> Cell:
    return cell(part, "beyond", "demo")


def _widths(parts: Sequence[pd.DataFrame]) -> dict[str, float]:
    """Root-mean-square error, and what of it is spread and what bias; demonstrations count alike."""
    square, spread = (float(np.mean([part[key].mean() for part in parts])) for key in ("square", "spread"))
    return {"rms": square**0.5, "width": spread**0.5, "bias": max(0.0, square - spread) ** 0.5}


def label(row: Mapping[str, Any]) -> str:
    """A setting in words."""
    how = {"on": "centred, ", "off": "not centred, "}.get(row["centred"], "")
    law = f" ({how}{str(row['law']).replace('_', '-')} law)" if row["law"] else ""
    return names.method_name(row["method"]) + law


def sentences(frame: pd.DataFrame) -> list[str]:
    """Shares on the average over tasks, least first, and which differ clearly from the flow's."""
    last = sorted(records(overall(frame)), key=lambda row: float(row["beyond"]))
    others = [row for row in last if row["method"] != OTHERS]
    more = [f"{label(row)} {signed(row)}" for row in others if is_clear(row) and row["difference"] > 0]
    less = [f"{label(row)} {signed(row)}" for row in others if is_clear(row) and row["difference"] < 0]
    clear = "; ".join(f"{word}: {listed(said)}" for word, said in (("more", more), ("fewer", less)) if said)
    shares = [f"{label(row)} {row['beyond']:.1f}" for row in last]
    return [
        f"Beyond 3 s, in percent: {listed(shares)}.",
        f"Against {names.method_name(OTHERS)}, in percentage points: {clear or 'none differs clearly'}.",
    ]


def table(frame: pd.DataFrame, params: PointParams) -> Table:
    """Shares beyond 3 s, and the error in s."""
    return Table(
        title=TITLE,
        caption=(
            "Share of the coordinates of sampled actions beyond 3 s of the demonstrator's intention, in percent; n:"
            f" held-out demonstrations, of every seed. Difference: minus {names.method_name(OTHERS)}'s, paired on"
            " demonstrations. RMS error, bias of the mean and spread of the draws in s. Intervals:"
            f" {100 * params.report.confidence:g} %."
        ),
        frame=frame,
        columns=(
            *(columns.TASK, columns.METHOD, Column("Centred", _said("centred"), numeric=False)),
            *(Column("Law", _said("law"), numeric=False), columns.NFE, columns.N, columns.SEEDS),
            *(Column("Beyond 3 s (%)", with_interval("beyond")), columns.DIFFERENCE),
            *(Column(name, fixed(key, 2)) for name, key in (("RMS", "rms"), ("Bias", "bias"), ("Spread", "width"))),
        ),
        groups="task",
    )


def _said(key: str) -> columns.Text:
    text = plain(key)
    return lambda row: text(row).replace("_", " ") if row[key] else columns.NONE


def draw(frame: pd.DataFrame, params: PointParams) -> Figure:
    """Shares beyond 3 s, a panel a task (and the average), settings from the top downwards."""
    tasks, settings = list(dict.fromkeys(frame["task"])), list(dict.fromkeys(map(label, records(frame))))
    figure, panels = drawing.panels(len(tasks), x="Beyond 3 s (%)")
    figure.set_size_inches(figure.get_figwidth() + 2.0, max(figure.get_figheight(), 0.9 + 0.3 * len(settings)))
    for place, (axes, task) in enumerate(zip(panels, tasks, strict=True)):
        part = frame[frame["task"] == task]
        part = part.assign(place=[settings.index(label(row)) for row in records(part)])
        for method, own in part.groupby("method", sort=False):
            look = look_of(str(method), "method", params.palette)
            name = names.method_name(str(method))
            drawing.estimates(axes, own, "place", "beyond", look, name, joined=False, along="y")
        drawing.predicted(axes, [GAUSSIAN, GAUSSIAN], [-0.5, len(settings) - 0.5], "The demonstrator itself")
        drawing.category_axis(axes, settings if place == 0 else [""] * len(settings), "y")
        axes.set_xlim(left=0.0)
        axes.set_title(names.task_label(task))
    drawing.legend_below(figure)
    return figure
