"""Guided generation on the six sets, against the exact tilted laws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import fixed, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import difference, over_seeds
from energyflow.report.style import Look, nth_look
from energyflow.report.wording import listed
from energyflow.studies.offline.points.classifier_free import exactness
from energyflow.studies.offline.points.verdicts import BETA, read
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import Estimate, Judged, at_least, by_seed, every

METHODS = {
    "exact": "Exact sample",
    "resample": "Resampled data",
    "efm": "EFM",
    "efm_resampled": "EFM, resampled data",
    "ed": "ED",
    "cep": "CEP",
    "cfg": "Classifier-free",
}
LEARNED = ("efm", "ed", "cep", "cfg")
VALUES = ("sliced_w2", "energy_distance", "energy_error", "mode_error", "off_support", "ess")
METHOD = Column("Method", lambda row: METHODS[row["method"]], numeric=False)
SET = Column("Set", lambda row: row["subject"], numeric=False)
TITLE = "Six sets"
CLAIM = (
    "Figures 1 to 3: energy-weighted training is exact for every beta, classifier-free guidance for beta = 1 alone, so"
    " it falls behind as beta grows. The paper shows scatter plots; here each method is measured against the exact"
    " tilted law. All learn from the same points with the same network, steps and learning rate. The floor is an exact"
    " sample of equal size; resampled data are the points themselves, drawn with their weights, without any learning."
)


def measured(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of the check but those of the scatter figure."""
    rows = read(paths, "toys")
    rows = rows[rows["kind"] == "measured"]
    return rows if "mode_error" in rows else rows.assign(mode_error=float("nan"))


def look(method: str, palette: str) -> Look:
    """Look of a method, the same in every figure of the page."""
    return nth_look(list(METHODS).index(method), palette)


def behind(rows: pd.DataFrame, params: OfflineVerdicts) -> Estimate:
    """Sliced W2 of classifier-free guidance minus that of ED, over sets and betas above 1."""
    above = rows[rows["beta"] > 1.0]
    keys = ["subject", "beta", "seed"]
    pairs = [above[above["method"] == name].set_index(keys)["sliced_w2"] for name in ("cfg", "ed")]
    apart = (pairs[0] - pairs[1]).reset_index()
    return by_seed(apart["sliced_w2"], apart["seed"], params.confidence)


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> Judged:
    """Claim qi05."""
    value = behind(measured(paths), params)
    exact = exactness(read(paths, "classifier_free"), params)
    return Judged(
        "qi05",
        "classifier-free guidance is inexact for beta != 1; ED is exact and better for beta > 1",
        "sliced W2 of classifier-free guidance minus that of ED, mean over sets and betas above 1",
        value,
        "above 0, and classifier-free exact on a line at beta = 1 alone",
        every(at_least(value, 0.0), exact),
    )


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    rows = measured(paths)
    frame = over_seeds(rows, ("subject", "beta", "method"), VALUES, params.confidence)
    table = Table(
        title="Distance to the exact tilted law",
        caption="Means over seeds with intervals; sliced W2 and energy distance to an independent exact sample.",
        frame=frame,
        columns=(
            SET,
            BETA,
            METHOD,
            Column("Sliced W2", with_interval("sliced_w2", 3)),
            Column("Energy distance", with_interval("energy_distance", 3)),
            Column("Error of mean E", with_interval("energy_error", 3)),
            Column("Mode mass", with_interval("mode_error", 3)),
            Column("Off support (%)", lambda row: f"{100 * row['off_support']:.1f}"),
            Column("ESS / n", fixed("ess", 4)),
        ),
        groups="subject",
        notes=(
            "Mode mass: total variation between the masses of the modes and the exact ones, where there are modes.",
            "Off support: share of samples farther from the law's points than all but 0.1 % of its own.",
            "ESS / n: effective sample size of the weights over the number of points.",
        ),
    )
    return Point(TITLE, CLAIM, sentences(rows, frame, params), table, frame, draw(frame, params))


def sentences(rows: pd.DataFrame, frame: pd.DataFrame, params: OfflineVerdicts) -> list[str]:
    """What was measured."""
    value = behind(rows, params)
    mean = rows.groupby(["method", "beta"])["sliced_w2"].mean()
    found = [
        f"Over sets and betas above 1, classifier-free guidance is {value.said(3)} farther from the exact law than ED"
        f" (sliced W2). ED is better: {at_least(value, 0.0)}."
    ]
    for name in LEARNED:
        parts = [f"{mean[name, beta]:.3f} at {beta:g}" for beta in sorted(frame["beta"].unique())]
        found.append(f"{METHODS[name]}, mean over sets by beta: {', '.join(parts)}.")
    best = frame[frame["method"].isin(LEARNED)]
    best = best.loc[best.groupby(["subject", "beta"])["sliced_w2"].idxmin(), "method"].value_counts()
    found.append(
        "Nearest of these four: " + listed(f"{METHODS[name]} in {count}" for name, count in best.items()) + " settings."
    )
    learned, floor = (rows[rows["method"] == method] for method in ("efm", "resample"))
    apart = difference(learned, floor, ("subject", "beta"), "sliced_w2", params.confidence)
    found.append(
        f"EFM is nearer to the exact law than resampled data in {int((apart['difference_high'] < 0).sum())} of"
        f" {len(apart)} settings, farther in {int((apart['difference_low'] > 0).sum())}."
    )
    return found


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """Sliced W2 against beta, a panel a set."""
    names = list(dict.fromkeys(frame["subject"]))
    figure, panels = drawing.panels(len(names), 3, x="beta", y="sliced W2")
    for axes, name in zip(panels, names, strict=True):
        own = frame[frame["subject"] == name]
        for method in (m for m in METHODS if m != "efm_resampled"):
            part = own[own["method"] == method]
            drawing.estimates(axes, part, "beta", "sliced_w2", look(method, params.palette), METHODS[method])
        drawing.measured_axis(axes, own["beta"])
        axes.set_yscale("log")
        axes.set_title(name)
    drawing.legend_below(figure)
    return figure
