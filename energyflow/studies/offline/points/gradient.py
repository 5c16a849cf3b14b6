"""Theorem 4.3 and Corollary 4.7: gradients of the conditional and of the marginal loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.report.style import nth_look
from energyflow.studies.offline.points.verdicts import BETA, PATH, PATH_NAMES, read
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import Judged, by_seed, near

EXPONENT = -0.5
TEXTS = {
    "ot": ("qi02", "CEFM has the gradient of EFM (Theorem 4.3)"),
    "vp": ("qi03", "energy-weighted diffusion likewise (Corollaries 4.7, 4.8)"),
}
TITLE = "One gradient, two losses"
CLAIM = (
    "Theorem 4.3: the loss that sees one data point and its weight exp(-beta E) has, in expectation, the gradient of"
    " the loss that sees the guided field and exp(-E_t), so no network for E_t is needed; Corollary 4.7 says so for"
    " scores. Predicted: on n samples the two gradients differ by noise alone, which shrinks as n^(-1/2)."
)


def exponents(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a path, beta and seed: p in error ~ n^p."""
    found = []
    for (path, beta, seed), part in rows.groupby(["path", "beta", "seed"], sort=False):
        slope = np.polyfit(np.log(part["samples"]), np.log(part["error"]), 1)[0]
        found.append({"path": path, "beta": beta, "seed": seed, "exponent": float(slope)})
    return pd.DataFrame(found)


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> list[Judged]:
    """Claims qi02 and qi03."""
    found, tolerance = exponents(read(paths, "gradient")), params.tolerances.slope
    out = []
    for path, (claim, text) in TEXTS.items():
        own = found[found["path"] == path]
        value = by_seed(own["exponent"], own["seed"], params.confidence)
        limit = f"within {tolerance:g} of {EXPONENT:g}"
        quantity = "exponent with which the two gradients meet in n"
        out.append(Judged(claim, text, quantity, value, limit, near(value, EXPONENT, tolerance)))
    return out


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    rows = read(paths, "gradient")
    frame = over_seeds(rows, ("path", "beta", "samples"), ("error", "cosine"), params.confidence)
    sentences = [
        f"{claim.text[0].upper()}{claim.text[1:]}: {claim.verdict}; the gradients meet as n to the power"
        f" {claim.value.said()} (predicted {EXPONENT:g}, tolerance {params.tolerances.slope:g})."
        for claim in judged(paths, params)
    ]
    table = Table(
        title="Gradients of the conditional and of the marginal energy-weighted loss",
        caption="Norm of their difference over that of the marginal one, on the same n samples; an untrained network.",
        frame=frame,
        columns=(
            PATH,
            BETA,
            Column("n", lambda row: f"{row['samples']:g}"),
            Column("Difference", with_interval("error", 3)),
            Column("Cosine", with_interval("cosine", 4)),
        ),
        groups="path",
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, params))


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """The difference against n."""
    names = list(dict.fromkeys(frame["path"]))
    figure, panels = drawing.panels(len(names), 2, shared=True, x="samples n", y="difference of gradients")
    for axes, name in zip(panels, names, strict=True):
        own = frame[frame["path"] == name]
        for place, (beta, part) in enumerate(own.groupby("beta")):
            drawing.estimates(
                axes, part, "samples", "error", nth_look(place, params.palette), f"beta {beta:g}", joined=False
            )
            first = part.sort_values("samples").iloc[0]
            n = np.array(sorted(part["samples"]), dtype=float)
            drawing.predicted(axes, n, first["error"] * (n / n[0]) ** EXPONENT, "n^(-1/2) from the first")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(PATH_NAMES[name])
    drawing.legend_below(figure, columns=4)
    return figure
