"""Milliseconds per action of every method, one and several plans at once, beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.core.files import read_json
from energyflow.report import columns, drawing, names, published
from energyflow.report.columns import fixed, general, whole, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.rows import LATENCY_COLUMNS, read_rows
from energyflow.report.statistics import resampled
from energyflow.report.style import nth_look
from energyflow.report.wording import listed
from energyflow.studies.ablations.sections import PointParams

TITLE = "How long does an action take?"
CLAIM = (
    "The paper's table 4 has milliseconds on an A100 with its U-Net, beside ours in the table. Timed here: one plan,"
    " and several at once, of every method of the preset and of its full grid, alone on the machine. A plan serves"
    " several executed actions, and of several plans at once each costs its share; the published numbers are of other"
    " hardware and another network, so only their order can be compared. That of EnergyFlow takes 20 evaluations, and"
    " is quoted as 8 ms in one place and as 11 in another."
)


def build(paths: Sequence[Path], params: PointParams) -> Point:
    """The point of the page."""
    rows = read_rows([path for path in paths if path.name == "latency.csv"], [*LATENCY_COLUMNS, "exec_horizon"])
    records = [read_json(path) for path in paths if path.name == "run.json"]
    frame = table_rows(rows, params)
    return Point(TITLE, CLAIM, sentences(frame), table(frame, records, params), frame, draw(frame, params))


def table_rows(rows: pd.DataFrame, params: PointParams) -> pd.DataFrame:
    """One row a method and batch size: milliseconds per plan call (median, interval over repeats) and per action."""
    found, known = [], published.latency()
    for method in names.in_order(rows["method"], "method"):
        for batch, part in rows[rows["method"] == method].groupby("batch"):
            first = part.iloc[0]
            row: dict[str, Any] = {"method": method, "network": first["network"], "batch": batch}
            row |= {key: int(first[key]) for key in ("parameters", "nfe", "exec_horizon")} | {"repeats": len(part)}
            row |= resampled("ms", part["ms"], params.report, f"latency {method} {batch}", np.median)
            per_action = 1.0 / (row["exec_horizon"] * int(str(batch)))
            row |= {f"per_action{end}": row[f"ms{end}"] * per_action for end in ("", "_low", "_high")}
            found.append(row | {"published": known.get(method)})
    return pd.DataFrame(found)


def sentences(frame: pd.DataFrame) -> list[str]:
    """Milliseconds per action, fastest first, and what several plans at once save."""
    smallest, largest = frame["batch"].min(), frame["batch"].max()
    single = frame[frame["batch"] == smallest].sort_values("per_action")
    said = [f"{names.method_name(str(r.method))} {r.per_action:.2f} (NFE {r.nfe})" for r in single.itertuples()]
    many = frame[frame["batch"] == largest].set_index("method")["per_action"]
    gain = (single.set_index("method")["per_action"] / many).dropna()
    times = listed(f"{names.method_name(str(method))} {value:.1f}" for method, value in gain.items())
    return [
        f"Milliseconds per executed action at batch {smallest}: {listed(said)}.",
        f"At batch {largest} an action costs so many times less: {times}.",
    ]


def table(frame: pd.DataFrame, records: Sequence[dict[str, Any]], params: PointParams) -> Table:
    """What was timed, on what, and the paper's numbers."""
    machines = listed(sorted({f"{r['device']} ({r['processor']}, {r['threads']} thread(s))" for r in records}))

    paper = general("published")  # of one plan at once
    return Table(
        title=TITLE,
        caption=f"On {machines}. Median over repeats, {100 * params.report.confidence:g} % bootstrap intervals.",
        frame=frame,
        columns=(
            *(columns.METHOD, columns.NETWORK, columns.PARAMETERS, columns.NFE),
            Column("Batch", whole("batch")),
            Column("ms per call", with_interval("ms", 2)),
            Column("Executed steps", whole("exec_horizon")),
            Column("ms per action", fixed("per_action", 3)),
            Column("Published (ms, A100)", lambda row: paper(row) if row["batch"] == 1 else columns.NONE),
        ),
        groups="method",
    )


def draw(frame: pd.DataFrame, params: PointParams) -> Figure:
    """Milliseconds per action, a line a method, a marker a batch size."""
    figure, (axes,) = drawing.panels(1, x="ms per executed action")
    methods = list(dict.fromkeys(frame["method"]))
    figure.set_size_inches(figure.get_figwidth(), 0.8 + 0.28 * len(methods))
    placed = frame.assign(place=frame["method"].map(methods.index))
    for index, (batch, part) in enumerate(placed.groupby("batch")):
        look = nth_look(index, params.palette)
        drawing.estimates(axes, part, "place", "per_action", look, f"batch {batch}", joined=False, along="y")
    axes.set_xscale("log")
    drawing.category_axis(axes, [names.method_name(method) for method in methods], "y")
    drawing.legend_below(figure)
    return figure
