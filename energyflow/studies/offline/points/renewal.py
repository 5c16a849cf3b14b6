"""One shot against renewal, and the bias of a support of M actions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import fixed, general, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.report.style import nth_look
from energyflow.report.wording import listed
from energyflow.studies.offline.points.verdicts import read
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import Estimate

LINES = 4  # at most so many betas, or a few more, in the panel over M
KINDS = {"once": "One shot", "renewed": "Renewed"}
TITLE = "One shot or renewal"
CLAIM = (
    "QIPO renews its support set every K steps from the policy that it has by then, so l renewals of beta reach mu"
    " exp(l beta Q) (equation 5.4); the paper has no run without renewal. Where mu = N(0, 1) and Q = a, the exact law"
    " is N(beta, 1), and the softmax over M actions falls short of it: it cannot leave its support. A Gaussian is"
    " fitted after each step."
)


def estimates(paths: Sequence[Path], subject: str, params: OfflineVerdicts) -> pd.DataFrame:
    """Means over seeds of a subject's settings."""
    rows = read(paths, "renewal")
    by = ("kind", "m", "beta", "renewals")
    values = ("mean", "std", "exact_mean", "exact_std")
    return over_seeds(rows[rows["subject"] == subject], by, values, params.confidence)


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a total beta: renewed, and one shot with as many support actions."""
    renewed = frame[frame["kind"] == "renewed"]
    once = frame[(frame["kind"] == "once") & frame["m"].isin(renewed["m"])]
    names = {f"{value}{end}": f"{value}_once{end}" for value in ("mean", "std") for end in ("", "_low", "_high")}
    return renewed.merge(once[["beta", *names]].rename(columns=names), on="beta")


def on_a_line(paths: Sequence[Path], params: OfflineVerdicts) -> dict[str, tuple[str, Estimate]]:
    """What stands for claims qi08 and qi09, of returns, where there are none: a quantity and its number, by claim."""
    frame = estimates(paths, "linear", params)
    last = compared(frame).nlargest(1, "beta").iloc[0]
    gain = Estimate(last["mean"] - last["mean_once"], math.nan, math.nan)
    once = frame[frame["kind"] == "once"].sort_values("m")
    wide = once[once["beta"] == last["beta"]]
    more = Estimate(wide["mean"].iloc[-1] - wide["mean"].iloc[0], math.nan, math.nan)
    total = f"at beta {last['beta']:g} in total, exact mean {last['exact_mean']:g}"
    return {
        "qi08": (f"on a line, mean after renewals minus one shot {total}", gain),
        "qi09": (f"on a line, mean with the largest M minus the smallest {total}", more),
    }


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    frame = estimates(paths, "linear", params)
    both = compared(frame)
    last, limit = both.nlargest(1, "beta").iloc[0], params.tolerances.renewed
    gap = abs(last["mean"] / last["exact_mean"] - 1.0)
    said = [f"{row['mean']:.2f} and {row['mean_once']:.2f} at {row['exact_mean']:g}" for _, row in both.iterrows()]
    once = frame[(frame["kind"] == "once") & (frame["beta"] == frame.loc[frame["kind"] == "once", "beta"].max())]
    narrow = [f"{row['mean']:.2f} with M = {row['m']:g}" for _, row in once.sort_values("m").iterrows()]
    sentences = [
        f"With M = {last['m']:g}, {last['renewals']:g} renewals reach a mean of {last['mean']:.2f} where the exact one"
        f" is {last['exact_mean']:g}, one shot of the same total beta {last['mean_once']:.2f}: renewed it is"
        f" {'within' if gap <= limit else 'beyond'} {100 * limit:g} % of the exact law.",
        f"Means renewed and in one shot, by exact mean: {listed(said)}.",
        f"One shot at beta {once['beta'].max():g}: {listed(narrow)}.",
    ]
    table = Table(
        title="Mean of the law after self-normalised steps",
        caption="mu = N(0, 1), Q = a: the exact law is N(beta, 1).",
        frame=frame,
        columns=(
            Column("Kind", lambda row: KINDS[row["kind"]], numeric=False),
            Column("M", general("m")),
            Column("beta in total", general("beta")),
            Column("Renewals", general("renewals")),
            Column("Mean", with_interval("mean", 3)),
            Column("exact", fixed("exact_mean", 1)),
            Column("Spread", with_interval("std", 3)),
            Column("exact ", fixed("exact_std", 3)),
        ),
        groups="kind",
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, both, params))


def draw(frame: pd.DataFrame, both: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """The mean against the total beta, and in one shot against M."""
    figure, (left, right) = drawing.panels(2, 2, y="mean of the law")
    drawing.estimates(left, both, "beta", "mean", nth_look(0, params.palette), "renewed")
    once = frame[(frame["kind"] == "once") & frame["m"].isin(both["m"])]
    drawing.estimates(left, once, "beta", "mean", nth_look(1, params.palette), f"one shot, M = {both['m'].iloc[0]:g}")
    ends = [0.0, float(both["beta"].max())]
    drawing.predicted(left, ends, ends, "exact")
    left.set_xlabel("beta in total")
    ones = frame[frame["kind"] == "once"]
    betas = sorted(ones["beta"].unique())
    for place, beta in enumerate(betas[:: max(1, len(betas) // LINES)], start=2):
        part = ones[ones["beta"] == beta]
        drawing.estimates(right, part, "m", "mean", nth_look(place, params.palette), f"one shot, beta {beta:g}")
    drawing.measured_axis(right, frame["m"])
    right.set_xlabel("support actions M")
    drawing.legend_below(figure)
    return figure
