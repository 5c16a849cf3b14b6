"""Proposition 3.9: the table, figure and sentences."""

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
from energyflow.report.wording import extent
from energyflow.studies.theory.points import subjects
from energyflow.studies.theory.points.verdicts import beside, read_rows, told_apart
from energyflow.studies.theory.sections import VerdictParams

VALUES = ("within", "across", "variance", "variance_predicted", "noise")
BY = ("subject", "dim", "reward", "reference", "draw", "m")
PAPER_M = 16
REFERENCES = {"normal": "N(0, I)", "proposals": "proposals"}
TITLE = "Does centring make energies comparable across states?"
CLAIM = (
    "The raw energy ranks actions within a state and not across states; subtracting the mean energy of M reference"
    " actions removes c(s) (Proposition 3.9). Predicted: pairs of one state in the right order for both; pairs of two"
    " states near chance (50 %) for the raw energy and right for the centred one. Truth: the soft advantage Q* - V*."
    " The variance of the baseline is that of one reference over M, as of any mean of independent draws; how large it"
    " is beside the spread of the energy within a state is the measurement."
    " What centring puts in the place of c(s), the mean advantage of the references, is a function of the state as"
    " well: the exact energy, centred alike, shows how far any centred energy can come."
)


def build(paths: Sequence[Path], params: VerdictParams) -> Point:
    """The point of the page."""
    rows = read_rows(paths, "baseline")
    rows = rows.assign(within=100 * rows["within"], across=100 * rows["across"])
    frame = over_seeds(rows, BY, VALUES, params.confidence)
    return Point(TITLE, CLAIM, sentences(rows, frame, params), table(frame), frame, draw(rows, frame, params))


def paper_m(frame: pd.DataFrame) -> int:
    """The paper's number of references, or the largest one that was run."""
    known = frame["m"].dropna()
    return PAPER_M if PAPER_M in known.to_numpy() else int(known.max())


def pick(frame: pd.DataFrame, reward: str, reference: str | None = None, draw: str | None = None) -> pd.DataFrame:
    """Rows of one reward, of a centred one those with the paper's M, by expert."""
    found = frame[frame["reward"] == reward]
    if reference is not None:
        found = found[found["reference"] == reference]
    if draw is not None:
        found = found[(found["draw"] == draw) & (found["m"] == paper_m(frame))]
    return found.set_index("subject")


def sentences(rows: pd.DataFrame, frame: pd.DataFrame, params: VerdictParams) -> list[str]:
    """What was measured."""
    raw, m = pick(frame, "raw"), paper_m(frame)
    ours = pick(frame, "centred", "normal", "fixed")
    centred = rows[(rows["reference"] == "normal") & (rows["draw"] == "fixed") & (rows["m"] == m)]
    gain = difference(centred, rows[rows["reward"] == "raw"], ("subject",), "across", params.confidence)
    better, worse, alike = told_apart(gain)
    ratio = frame["variance"] / frame["variance_predicted"]
    lines = {
        f"{REFERENCES[reference]}, {draw}": pick(frame, "centred", reference, draw)
        for reference in REFERENCES
        for draw in ("fixed", "fresh")
    }
    exact = {name: pick(frame, "exact", name) for name in REFERENCES}
    return [
        f"Across states, centring by M = {m} fixed references from N(0, I) orders more pairs rightly than the"
        f" raw energy on {better} of {len(raw)} experts, fewer on {worse}, not told apart on"
        f" {alike}: raw {extent(raw['across'], 1)} %, centred"
        f" {extent(ours['across'], 1)} %.",
        f"Within a state the raw energy orders {extent(raw['within'], 1)} % of pairs as the advantage does.",
        f"Pairs across states by baseline (M = {m}; mean over experts; within a state in brackets): "
        + "; ".join(
            f"{name} {part['across'].mean():.1f} % ({part['within'].mean():.1f} %)" for name, part in lines.items()
        )
        + f"; raw {raw['across'].mean():.1f} % ({raw['within'].mean():.1f} %). The exact energy, centred by many: "
        + "; ".join(f"{REFERENCES[name]} {part['across'].mean():.1f} %" for name, part in exact.items())
        + ".",
        f"The variance of the baseline is {extent(ratio.dropna(), 2)} times that of one reference over M. At M ="
        f" {m} its standard deviation, in spreads of the energy within a state, is "
        + "; ".join(f"{REFERENCES[r]} {extent(pick(frame, 'centred', r, 'fresh')['noise'])}" for r in REFERENCES)
        + ".",
    ]


def table(frame: pd.DataFrame) -> Table:
    """One row an expert: agreement across states by reward, and within states where it differs from the raw one's."""
    wide = pick(frame, "raw")[["dim"]].reset_index()
    shown: list[Column] = [subjects.column("Expert")]

    def add(header: str, value: str, part: pd.DataFrame) -> None:
        beside(wide, header, part, value)
        shown.append(Column(header, with_interval(header, 1)))

    add("Raw, within", "within", pick(frame, "raw"))
    add("Raw, across", "across", pick(frame, "raw"))
    for reference, name in REFERENCES.items():
        for draw in ("fixed", "fresh"):
            part = pick(frame, "centred", reference, draw)
            if draw == "fresh":
                add(f"{name} {draw}, within", "within", part)
            add(f"{name} {draw}, across", "across", part)
        add(f"Exact, {name}, across", "across", pick(frame, "exact", reference))
    return Table(
        title="Pairs of actions in the order of the true advantage (%)",
        caption=f"Within: both actions in one state; across: in two. Centred by M = {paper_m(frame)} references.",
        frame=wide,
        columns=shown,
        notes=(
            "Fixed: the same draw in every state and query; it cannot change the order within a state. Fresh: a new"
            " draw a query. Proposals: samples of the model itself.",
            "Exact: the exact energy, centred by the whole pool: the ceiling that the choice of references sets.",
        ),
    )


def draw(rows: pd.DataFrame, frame: pd.DataFrame, params: VerdictParams) -> Figure:
    """Noise of the baseline, and agreement within and across states, against M."""
    figure, (noise, inside, across) = drawing.panels(3)
    centred = rows[rows["reward"] == "centred"]
    mean = centred.groupby(["reference", "draw", "m", "seed"], sort=False)[["within", "across"]].mean().reset_index()
    mean = over_seeds(mean, ("reference", "draw", "m"), ("within", "across"), params.confidence)
    looks = {
        (draw, reference): nth_look(2 * i + j, params.palette)
        for i, draw in enumerate(("fresh", "fixed"))
        for j, reference in enumerate(REFERENCES)
    }
    for reference, name in REFERENCES.items():
        colour, mark = looks["fresh", reference]
        fresh = frame[(frame["reference"] == reference) & (frame["draw"] == "fresh")]
        for _, part in fresh.groupby("subject", sort=False):
            ordered = part.sort_values("m")
            noise.plot(ordered["m"], ordered["noise"], marker=mark, ms=2.5, lw=0.7, color=colour)
            line = ordered["noise"].iloc[0] * (ordered["m"] / ordered["m"].iloc[0]) ** -0.5
            drawing.predicted(noise, ordered["m"], line, "predicted: 1 / sqrt(M)", linewidth=0.7)
        for draw in ("fixed", "fresh"):
            part = mean[(mean["reference"] == reference) & (mean["draw"] == draw)]
            for axes, value in ((inside, "within"), (across, "across")):
                drawing.estimates(axes, part, "m", value, looks[draw, reference], f"{name}, {draw}")
        ceiling = pick(frame, "exact", reference)["across"].mean()
        across.axhline(ceiling, color=colour, ls="--", lw=1, label=f"exact energy, {name}")
    across.axhline(pick(frame, "raw")["across"].mean(), color="0.5", ls="-.", lw=1, label="raw energy")
    across.axhline(50.0, color="0.5", ls=":", lw=1, label="chance")
    drawing.log_axis(noise, "y")
    titles = ("noise / spread of E", "in order within a state (%)", "in order across states (%)")
    for axes, text in zip((noise, inside, across), titles, strict=True):
        drawing.measured_axis(axes, frame["m"])
        axes.set_xlabel("references M")
        axes.set_ylabel(text)
    drawing.legend_below(figure, columns=4)
    return figure
