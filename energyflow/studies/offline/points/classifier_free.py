"""Section 4.3: where classifier-free guidance is exact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import fixed, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.report.style import nth_look
from energyflow.report.wording import listed
from energyflow.studies.offline.points.verdicts import BETA, read
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import at_least, at_most, by_seed, every

GUIDANCE = {"exact": "Exact", "classifier_free": "Classifier-free"}
TITLE = "Classifier-free guidance"
CLAIM = (
    "Section 4.3: classifier-free guidance adds beta grad log E[p(c | x_0) | x_t], exact guidance grad log"
    " E[p(c | x_0)^beta | x_t]; they agree for beta = 1 alone. On two modes on a line both are computed by quadrature,"
    " so that no network errs: what remains is the guidance and the solver."
)


def exactness(rows: pd.DataFrame, params: OfflineVerdicts) -> str:
    """Whether it is exact at beta = 1 and, in mean or spread, beyond the same tolerance at every other beta."""
    free, limit, found = rows[rows["guidance"] == "classifier_free"], params.tolerances.exact, []
    for beta, part in free.groupby("beta"):
        gap = pd.concat([part["mean_error"].abs(), (part["spread"] - 1.0).abs()], axis=1).max(axis=1)
        value = by_seed(gap, part["seed"], params.confidence)
        found.append((at_most if beta == 1.0 else at_least)(value, limit))
    return every(*found)


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    rows = read(paths, "classifier_free")
    values = ("gradient_error", "mean_error", "spread", "exact_mean", "mean")
    frame = over_seeds(rows, ("beta", "guidance"), values, params.confidence)
    free = frame[frame["guidance"] == "classifier_free"]
    said = [f"{row['mean_error']:+.2f} at beta {row['beta']:g}" for _, row in free.iterrows()]
    wide = [f"{row['spread']:.2f} at {row['beta']:g}" for _, row in free.iterrows()]
    own = frame[frame["guidance"] == "exact"]
    sentences = [
        f"Exact at beta = 1 alone: {exactness(rows, params)} (tolerance {params.tolerances.exact:g} standard"
        " deviations).",
        f"Its error of the mean, in standard deviations of the exact law: {listed(said)}; its spread over the exact"
        f" one: {listed(wide)}.",
        f"Exact guidance through the same solver errs by at most {own['mean_error'].abs().max():.3f}.",
    ]
    table = Table(
        title="Guidance on a line",
        caption="Samples against the exact law; gradient: RMS difference from the exact guidance at mu = 0.7.",
        frame=frame,
        columns=(
            BETA,
            Column("Guidance", lambda row: GUIDANCE[row["guidance"]], numeric=False),
            Column("Gradient error", with_interval("gradient_error", 2)),
            Column("Exact mean", fixed("exact_mean", 3)),
            Column("Mean", with_interval("mean", 3)),
            Column("Error (std)", with_interval("mean_error", 3, "+")),
            Column("Spread / exact", with_interval("spread", 3)),
        ),
        groups="beta",
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, params))


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """Error of the mean, and spread, against beta."""
    figure, panels = drawing.panels(3, 3, x="beta")
    shown = (("gradient_error", "RMS error of the guidance", 0.0), ("mean_error", "error of the mean (std)", 0.0))
    for axes, (value, label, predicted) in zip(panels, (*shown, ("spread", "spread over exact", 1.0)), strict=True):
        for place, (name, text) in enumerate(GUIDANCE.items()):
            part = frame[frame["guidance"] == name]
            drawing.estimates(axes, part, "beta", value, nth_look(place, params.palette), text)
        drawing.predicted(axes, [frame["beta"].min(), frame["beta"].max()], [predicted] * 2, "exact law")
        drawing.measured_axis(axes, frame["beta"])
        axes.set_ylabel(label)
    drawing.legend_below(figure)
    return figure
