"""Table 1: what each method has to train, and to evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import whole, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.studies.offline.points.toys import LEARNED, METHOD, METHODS, look, measured
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import FAILS, HOLDS, OPEN, Estimate, Judged, at_most, by_seed

VALUES = ("train_seconds", "sample_ms", "parameters", "evaluations", "sliced_w2")
TITLE = "What it costs"
CLAIM = (
    "Table 1: energy-weighted training is exact without an auxiliary model; contrastive energy prediction needs an"
    " intermediate energy, trained beside the diffusion and differentiated in each step of the sampler; classifier-free"
    " guidance needs the class and two evaluations a step."
)


def seed_means(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a method and seed: means over sets and betas."""
    return rows[rows["method"].isin(LEARNED)].groupby(["method", "seed"], sort=False)[list(VALUES)].mean().reset_index()


def ratio(each: pd.DataFrame, value: str, params: OfflineVerdicts) -> Estimate:
    """A value of ED over that of CEP, by seed."""
    pairs = [each[each["method"] == name].set_index("seed")[value] for name in ("ed", "cep")]
    found = (pairs[0] / pairs[1]).reset_index()
    return by_seed(found[value], found["seed"], params.confidence)


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> Judged:
    """Claim qi06: cheaper than with the auxiliary model, and not farther from the exact law for it."""
    each = seed_means(measured(paths))
    value, apart = ratio(each, "train_seconds", params), ratio(each, "sliced_w2", params)
    verdict = at_most(value, 1.0)
    if verdict == HOLDS and apart.low > 1.0:
        verdict = OPEN
    if ratio(each, "parameters", params).mean >= 1.0:
        verdict = FAILS
    return Judged(
        "qi06",
        "no auxiliary model is needed",
        "training seconds of ED over those of CEP",
        value,
        "below 1 with fewer parameters; undecided where ED's sliced W2 lies above CEP's",
        verdict,
    )


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    each, claim = seed_means(measured(paths)), judged(paths, params)
    frame = over_seeds(each, ("method",), VALUES, params.confidence)
    apart = ratio(each, "sliced_w2", params)
    sentences = [
        f"No auxiliary model is needed: {claim.verdict}. ED trains in {claim.value.said()} of CEP's time,"
        f" with {ratio(each, 'parameters', params).mean:.2f} of its parameters; sliced W2 is {apart.said()} of CEP's.",
        f"ED draws its samples in {ratio(each, 'sample_ms', params).said()} of CEP's time.",
    ]
    table = Table(
        title="Cost on the sets",
        caption="CPU time on one thread; means over sets and betas. A model that serves all betas counts in full.",
        frame=frame,
        columns=(
            METHOD,
            Column("Training (s)", with_interval("train_seconds", 1)),
            Column("Sampling (ms)", with_interval("sample_ms", 0)),
            Column("Parameters", whole("parameters")),
            Column("Evaluations", whole("evaluations")),
            Column("Sliced W2", with_interval("sliced_w2", 3)),
        ),
        notes=("Evaluations: of networks, for one sample; the gradient of an energy counts as two.",),
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, params))


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """Distance against the seconds of training, and against those of sampling."""
    figure, panels = drawing.panels(2, 2, y="mean sliced W2")
    shown = (("train_seconds", "training (s)"), ("sample_ms", "sampling (ms)"))
    for axes, (value, label) in zip(panels, shown, strict=True):
        for method in frame["method"]:
            part = frame[frame["method"] == method]
            own, text = look(method, params.palette), METHODS[method]
            across = drawing.whiskers(part, value)
            drawing.estimates(axes, part, value, "sliced_w2", own, text, joined=False, across=across)
        axes.set_xlabel(label)
        axes.set_xlim(left=0.0)
    drawing.legend_below(figure, columns=4)
    return figure
