"""An expert's own energy as the weight: renewals lower the temperature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import fixed, general, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.style import nth_look
from energyflow.studies.offline.points.renewal import compared, estimates
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import Estimate, every, near

TITLE = "The temperature law"
CLAIM = (
    "The energy of a max-entropy expert is -Q / alpha + c(s). As the weight on the expert's own actions, l renewals of"
    " beta make pi^(1 + l beta), an expert of temperature alpha / (1 + l beta). Neither paper has this; here it is"
    " measured on a Gaussian expert, whose standard deviation must become (1 + l beta)^(-1/2), with the exact energy."
)


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    frame = compared(estimates(paths, "quadratic", params))
    limit = params.tolerances.renewed
    found = [
        near(Estimate(*(row[f"std{end}"] / row["exact_std"] for end in ("", "_low", "_high"))), 1.0, limit)
        for _, row in frame.iterrows()
    ]
    last = frame.nlargest(1, "beta").iloc[0]
    sentences = [
        f"The law, within {100 * limit:g} % of the standard deviation with M = {last['m']:g}: {every(*found)}. After"
        f" {last['renewals']:g} renewals it is {last['std']:.3f} (exact {last['exact_std']:.3f}; one shot of the same"
        f" total beta {last['std_once']:.3f})."
    ]
    table = Table(
        title="Spread of a Gaussian expert after renewals with its own energy",
        caption="Standard deviation, from 1; exact: (1 + beta in total)^(-1/2).",
        frame=frame,
        columns=(
            Column("Renewals", general("renewals")),
            Column("beta in total", general("beta")),
            Column("M", general("m")),
            Column("Spread", with_interval("std", 3)),
            Column("exact", fixed("exact_std", 3)),
            Column("One shot", with_interval("std_once", 3)),
        ),
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, params))


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """Spread against the total beta."""
    figure, (axes,) = drawing.panels(1, 1, x="beta in total", y="standard deviation")
    drawing.estimates(axes, frame, "beta", "std", nth_look(0, params.palette), "renewed")
    drawing.estimates(axes, frame, "beta", "std_once", nth_look(1, params.palette), "one shot")
    beta = np.linspace(0.0, frame["beta"].max(), 100)
    drawing.predicted(axes, beta, (1.0 + beta) ** -0.5, "(1 + l beta)^(-1/2)")
    drawing.legend_below(figure)
    return figure
