"""Remark 4.6: weighting the loss against resampling the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import difference, over_seeds
from energyflow.report.style import nth_look
from energyflow.studies.offline.points.toys import measured
from energyflow.studies.offline.points.verdicts import BETA, read
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import Judged, at_most, by_seed

ESTIMATORS = {
    "weighted": "Weighted loss",
    "softmax": "Weighted, softmax over the batch",
    "resampled": "Resampled data",
}
TITLE = "Weights or resampling"
CLAIM = (
    "Remark 4.6: the weighted loss is importance sampling. Then a plain loss on data drawn with probability ~ exp(-beta"
    " E) has the same gradient in expectation. Which of the two is noisier the paper does not say: weighted batches"
    " lose effective size, resampled ones repeat points instead."
)


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> Judged:
    """Claim qi04."""
    rows, limit = read(paths, "importance"), params.tolerances.gradient
    own = rows[rows["estimator"] == "resampled"]
    value = by_seed(own["apart"], own["seed"], params.confidence)
    return Judged(
        "qi04",
        "it is importance sampling (Remark 4.6)",
        "standard errors between the mean gradients of weighted and of resampled batches",
        value,
        f"at most {limit:g}",
        at_most(value, limit),
    )


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    claim = judged(paths, params)
    frame = over_seeds(
        read(paths, "importance"), ("beta", "estimator"), ("apart", "variance", "batch_ess"), params.confidence
    )
    toys = measured(paths)
    by = ("subject", "beta")
    weighted, resampled = (toys[toys["method"] == method] for method in ("efm", "efm_resampled"))
    apart = difference(weighted, resampled, by, "sliced_w2", params.confidence)
    more, less = int((apart["difference_low"] > 0).sum()), int((apart["difference_high"] < 0).sum())
    last = frame[frame["beta"] == frame["beta"].max()].set_index("estimator")["variance"]
    sentences = [
        f"Remark 4.6: {claim.verdict}. The mean gradients lie {claim.value.said()} standard errors apart (limit"
        f" {params.tolerances.gradient:g}).",
        f"At beta {frame['beta'].max():g} a weighted batch's gradient has {last['weighted'] / last['resampled']:.1f}"
        " times the variance of a resampled one's.",
        f"On the sets, models trained either way: of {len(apart)} pairs of set and beta, weights are farther from the"
        f" exact law in {more}, resampling in {less}, with the whole interval of the paired difference.",
    ]
    table = Table(
        title="Gradients from weighted and from resampled batches",
        caption="Trace of the covariance over the squared norm of the mean; distance of the mean from that of weights.",
        frame=frame,
        columns=(
            BETA,
            Column("Estimator", lambda row: ESTIMATORS[row["estimator"]], numeric=False),
            Column("Variance", with_interval("variance", 2)),
            Column("Apart (s.e.)", with_interval("apart", 2)),
            Column("ESS of a weighted batch", with_interval("batch_ess", 0)),
        ),
        groups="beta",
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, toys, params))


def draw(frame: pd.DataFrame, toys: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """Variance of the gradient, and what comes of it on the sets."""
    figure, (left, right) = drawing.panels(2, 2, x="beta")
    for place, (name, label) in enumerate(ESTIMATORS.items()):
        part = frame[frame["estimator"] == name]
        drawing.estimates(left, part, "beta", "variance", nth_look(place, params.palette), label)
    left.set_ylabel("variance of the gradient")
    for place, method in ((0, "efm"), (2, "efm_resampled")):
        own = toys[toys["method"] == method].groupby(["beta", "seed"])["sliced_w2"].mean().reset_index()
        part = over_seeds(own, ("beta",), ("sliced_w2",), params.confidence)
        drawing.estimates(right, part, "beta", "sliced_w2", nth_look(place, params.palette))
    right.set_ylabel("sliced W2, mean over sets")
    for axes in (left, right):
        drawing.measured_axis(axes, frame["beta"] if axes is left else toys["beta"])
        axes.set_yscale("log")
    drawing.legend_below(figure)
    return figure
