"""Milliseconds per action of every method, one and several plans at once, beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.core.files import read_json
from energyflow.core.seeding import generator
from energyflow.report import names, point
from energyflow.report.point import Point, listed
from energyflow.report.render import NONE, Column, Row, Table, fixed, whole, with_interval
from energyflow.report.rows import LATENCY_COLUMNS, read_rows
from energyflow.report.statistics import percentiles
from energyflow.studies.ablations.points.runs import published
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
    return Point(TITLE, CLAIM, sentences(frame), table(frame, records, params), frame, figure(frame, params))


def table_rows(rows: pd.DataFrame, params: PointParams) -> pd.DataFrame:
    """One row a method and batch size: milliseconds per plan call (median, interval over repeats) and per action."""
    found = []
    known = published()[published()["point"] == "latency"].set_index("item")["number"]
    for method in names.in_order(rows["method"], names.DISPLAY_ORDER):
        for batch, part in rows[rows["method"] == method].groupby("batch"):
            first = part.iloc[0]
            row: dict[str, Any] = {"method": method, "network": first["network"], "batch": batch}
            row |= {key: int(first[key]) for key in ("parameters", "nfe", "exec_horizon")} | {"repeats": len(part)}
            draws = generator(params.report.seed, f"latency {method} {batch}").choice(
                part["ms"].to_numpy(dtype=np.float64), size=(params.report.bootstrap, len(part))
            )
            low, high = percentiles(np.median(draws, axis=1), params.report.confidence)
            row |= {"ms": float(part["ms"].median()), "ms_low": low, "ms_high": high}
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

    def paper(row: Row) -> str:
        return NONE if row["published"] is None or row["batch"] != 1 else f"{row['published']:g}"

    return Table(
        title=TITLE,
        caption=f"On {machines}. Median over repeats, {100 * params.report.confidence:g} % bootstrap intervals.",
        frame=frame,
        columns=(
            Column("Method", lambda row: names.method_name(row["method"]), numeric=False),
            Column("Network", lambda row: names.NETWORKS.get(row["network"], str(row["network"])), numeric=False),
            Column("Parameters", whole("parameters")),
            Column("NFE", whole("nfe")),
            Column("Batch", whole("batch")),
            Column("ms per call", with_interval("ms", 2)),
            Column("Executed steps", whole("exec_horizon")),
            Column("ms per action", fixed("per_action", 3)),
            Column("Published (ms, A100)", paper),
        ),
        groups="method",
    )


def figure(frame: pd.DataFrame, params: PointParams) -> Figure:
    """Milliseconds per action, a line a method, a marker a batch size."""
    drawn, (axes,) = point.panels(1, 1)
    methods, colours = list(dict.fromkeys(frame["method"])), point.palette(params.palette)
    drawn.set_size_inches(6.4, 1.2 + 0.28 * len(methods))
    for index, (batch, part) in enumerate(frame.groupby("batch")):
        bars = [part["per_action"] - part["per_action_low"], part["per_action_high"] - part["per_action"]]
        axes.errorbar(
            part["per_action"], [methods.index(method) + 0.15 * index for method in part["method"]],
            xerr=[bar.to_numpy() for bar in bars], fmt="os^D"[index % 4], color=colours[index % 10], ms=4.5,
            label=f"batch {batch}",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yticks(range(len(methods)), [names.method_name(method) for method in methods])
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_xlabel("ms per executed action")
    axes.grid(axis="y", visible=False)
    point.legend(drawn, axes)
    return drawn
