"""Conservative against unconstrained: the table, figure and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.report.wording import extent, grouped
from energyflow.studies.theory.points import subjects
from energyflow.studies.theory.points.subjects import ENERGY, VECTOR
from energyflow.studies.theory.points.verdicts import FAILS, HOLDS, OPEN, of_check, read_rows
from energyflow.studies.theory.sections import VerdictParams

VALUES = ("circulation", "circulation_max", "cyclic", "rotational")
SHARES = {"share": "circulation", "skew": "rotational"}  # columns of the table, in percent
ZERO = 1e-9  # a rotational share below it is the rounding of double precision
TITLE = "Do energies rule out cyclic preferences, and do unconstrained fields have them?"
CLAIM = (
    "The field of an energy is a gradient: its integral around any closed loop is zero and its Jacobian is symmetric,"
    " so the preferences that it implies cannot be cyclic (a1 < a2 < a3 < a1). An unconstrained field can circulate,"
    " and then no reward has these preferences. Predicted for energies, by construction: 0, to rounding (the Jacobian)"
    " and to the error of the quadrature (loops). For unconstrained fields the theory predicts nothing: how much they"
    " circulate is the measurement."
)


def build(paths: Sequence[Path], params: VerdictParams) -> Point:
    """The point of the page."""
    rows = read_rows(paths, "circulation").assign(kind="expert")
    if of_check(paths, "robots"):
        rows = pd.concat([rows, read_rows(paths, "robots").assign(kind="robot")], ignore_index=True)
    rows = rows.assign(cyclic=100 * rows["cyclic"])
    by = ("kind", "subject", "dim", "model", "sigma", "triangles")
    frame = over_seeds(rows, by, VALUES, params.confidence)
    return Point(TITLE, CLAIM, sentences(rows, frame), table(frame), frame, draw(frame, params))


def sentences(rows: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """What was measured."""
    energy, vector = rows[rows["model"] == ENERGY], rows[rows["model"] == VECTOR]
    found = []
    if len(energy):
        verdict = HOLDS if energy["rotational"].max() < ZERO and energy["cyclic"].max() == 0 else FAILS
        found.append(
            f"Energies: the claim {verdict}. Largest rotational share of a Jacobian {energy['rotational'].max():.0e},"
            f" largest circulation {energy['circulation'].max():.0e} of the work along the loop (quadrature);"
            f" {grouped(round(float((energy['cyclic'] / 100 * energy['count']).sum())))} cyclic preferences in"
            f" {grouped(float(energy['count'].sum()))} triangles."
        )
    for kind, name in (("expert", "on experts"), ("robot", "trained on robot tasks")):
        part = vector[vector["kind"] == kind]
        if part.empty:
            continue
        means = frame[(frame["model"] == VECTOR) & (frame["kind"] == kind)]
        quadrature = energy.loc[energy["kind"] == kind, "circulation"].max() if len(energy) else 0.0
        real = (means["circulation_low"] > quadrature).sum()
        found.append(
            f"Unconstrained fields {name} circulate, beyond the quadrature error of any energy, in {real} of"
            f" {len(means)} settings: {extent(100 * means['circulation'], 1)} % of the work along a loop,"
            f" rotational share {extent(100 * means['rotational'], 1)} %;"
            f" {grouped(round(float((part['cyclic'] / 100 * part['count']).sum())))} cyclic preferences in"
            f" {grouped(float(part['count'].sum()))} triangles, up to {means['cyclic'].max():.1f} % in one"
            " setting."
        )
    return found or [f"{OPEN}: neither method of the comparison was run."]


def table(frame: pd.DataFrame) -> Table:
    """One row a subject, model and noise level, loops on the support."""
    shown = frame[frame["triangles"] == "support"]
    shown = shown.sort_values(["kind", "subject", "sigma", "model"], key=_order, kind="stable")
    for end in ("", "_low", "_high"):  # + 0.0: no -0.00 of an energy
        percent = {name: (100 * shown[f"{value}{end}"]).round(2) + 0.0 for name, value in SHARES.items()}
        shown = shown.assign(**{f"{name}{end}": values for name, values in percent.items()})
    return Table(
        title="Circulation around triangles",
        caption="Corners: demonstrated actions (of robots: chunks) plus sigma times standard normal noise.",
        frame=shown,
        columns=(
            subjects.column("Subject"),
            Column("Dim.", lambda row: str(row["dim"])),
            subjects.SIGMA,
            subjects.MODEL,
            Column("Circulation (%)", with_interval("share", 2)),
            Column("Rotational share (%)", with_interval("skew", 2)),
            Column("Cyclic preferences (%)", with_interval("cyclic", 2)),
        ),
        groups="subject",
        notes=(
            "Circulation: mean |loop integral| over the mean of the summed |work| of the three edges.",
            "Rotational share: norm of the antisymmetric part of the field's Jacobian over that of the whole.",
            "A cyclic preference counts if its weakest edge is above a thousandth of its strongest.",
        ),
    )


def _order(column: pd.Series) -> pd.Series:
    """Subjects as params.yaml lists them, by family and dimension: not gaussian16 before gaussian2."""
    return column.map(list(dict.fromkeys(column)).index) if column.name == "subject" else column


def draw(frame: pd.DataFrame, params: VerdictParams) -> Figure:
    """Circulation, rotational share and cyclic preferences against the noise level; experts above robots."""
    kinds = [kind for kind in ("expert", "robot") if (frame["kind"] == kind).any()]
    figure, flat = drawing.panels(3 * len(kinds), x="noise level sigma")
    support = frame[frame["triangles"] == "support"]
    for row, kind in enumerate(kinds):
        loops, skew, cycles = flat[3 * row : 3 * row + 3]
        for axes, zero in ((loops, ZERO), (skew, ZERO), (cycles, 0.0)):
            axes.axhline(
                zero, color=drawing.PREDICTED, ls="--", lw=1, label="predicted for energies: 0 (drawn at 1e-9)"
            )
        for model in (ENERGY, VECTOR):
            look, name = subjects.model_look(model, params.palette), subjects.MODELS[model]
            part = support[(support["kind"] == kind) & (support["model"] == model)]
            for i, (_, one) in enumerate(part.groupby("subject", sort=False)):
                x = one["sigma"] * 1.06 ** (i - 3)  # side by side
                for axes, value in ((loops, "circulation"), (skew, "rotational")):
                    axes.plot(x, one[value].clip(lower=ZERO), look.marker, color=look.colour, ms=3)
                shown = one.assign(place=x, cyclic_low=one["cyclic_low"].clip(lower=0))
                drawing.estimates(cycles, shown, "place", "cyclic", look, name, joined=False)
        loops.set_ylabel(f"circulation ({kind}s)")
        skew.set_ylabel("rotational share")
        cycles.set_ylabel("cyclic preferences (%)")
        loops.set_yscale("log")
        skew.set_yscale("log")
    for axes in flat:
        drawing.measured_axis(axes, frame["sigma"])
    drawing.legend_below(figure)
    return figure
