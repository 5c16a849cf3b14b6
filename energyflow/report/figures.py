"""One builder per figure: inputs -> the rows of its table -> a drawing with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from energyflow.config.plots import ColouredPlot, LearningPlot
from energyflow.config.sections import ReportParams
from energyflow.report import costs, drawing, learning, names, robustness, summaries
from energyflow.report.landscape import landscape
from energyflow.report.style import REFERENCE_COLOUR, Look, look_of

Build = Callable[[Sequence[Path], Any, ReportParams], Figure]


def _lines(methods: Iterable[str], plot: ColouredPlot) -> dict[str, tuple[str, Look]]:
    """What `drawing.side_by_side` is told of methods; the expert is no line among others."""
    own = [method for method in dict.fromkeys(methods) if method != names.EXPERT]
    return {method: (names.method_name(method), look_of(method, "method", plot.palette)) for method in own}


def success(paths: Sequence[Path], plot: ColouredPlot, report: ReportParams) -> Figure:
    """Success by task, method and decoder with intervals, published values, and the expert's ceiling."""
    frame = summaries.success(summaries.episodes(paths, "figure success"), report)
    tasks, lines = list(dict.fromkeys(frame["task"])), _lines(frame["method"], plot)
    width = (0.55 + 0.2 * len(lines)) * len(tasks) + 0.8
    figure = Figure(figsize=(max(7.2, width), 2.6), layout="constrained")
    axes = figure.subplots()
    step = 0.72 / max(len(lines) - 1, 1)
    for method, offset in zip(lines, np.linspace(-0.36, 0.36, len(lines)), strict=True):
        label, look = lines[method]
        part = frame[frame["method"] == method]
        part = part.assign(place=[tasks.index(task) + offset for task in part["task"]])
        for decoder, beside in ((names.SAMPLE, -0.18), (names.MEAN, 0.18)):
            known = part.dropna(subset=[f"by_{decoder}"])
            placed, told = known.assign(place=known["place"] + beside * step), _told(label, decoder)
            hollow = decoder == names.MEAN
            drawing.estimates(axes, placed, "place", f"by_{decoder}", look, told, joined=False, hollow=hollow)
        known = part.dropna(subset=["published"])
        drawing.published(axes, known["place"], known["published"].astype(float), look.colour)
        ranges = part[part["published"].isna()].dropna(subset=["published_low"])
        drawing.published_range(axes, ranges["place"], ranges["published_low"], ranges["published_high"], look.colour)
    drawing.decoders(axes)
    # One neutral legend entry: published values take the colour of their method.
    sources = " and ".join(frame["published_on"].dropna().unique())
    drawing.published(axes, [], [], "0.4", f"Published ({sources})" if sources else "Published")
    expert = frame[frame["method"] == names.EXPERT]
    places = np.array([tasks.index(task) for task in expert["task"]])
    ceiling: dict[str, Any] = {"color": REFERENCE_COLOUR, "linestyle": ":", "label": names.method_name(names.EXPERT)}
    if len(expert):
        axes.hlines(expert[f"by_{names.SAMPLE}"].astype(float), places - 0.46, places + 0.46, **ceiling)
    for i in range(0, len(tasks), 2):
        axes.axvspan(i - 0.5, i + 0.5, color="0.96", zorder=0, linewidth=0)
    drawing.category_axis(axes, [names.task_label(task) for task in tasks])
    axes.set_ylabel("Success (%)")
    drawing.percent_axis(axes)
    drawing.legend_below(figure)
    return figure


def _told(label: str, decoder: str) -> str:
    """What a line is called: by mean, something that no legend shows, for the method's own entry is by sample."""
    return label if decoder == names.SAMPLE else f"_{label}, by mean"


def _by_task(frame: pd.DataFrame, at: str, marks: Sequence[Any], label: str, plot: ColouredPlot) -> Figure:
    """Success over the marks, a panel per task and one for the average; the expert, a ceiling, as a band."""
    tasks = list(dict.fromkeys(frame["task"]))
    figure, flat = drawing.panels(len(tasks), shared=True, x=label, y="Success (%)")
    lines = _lines(frame["method"], plot)
    for axes, task in zip(flat, tasks, strict=True):
        part = frame[frame["task"] == task]
        drawing.side_by_side(axes, part, at, marks, "success", "method", lines)
        expert = part[part["method"] == names.EXPERT]
        if len(expert):
            placed = expert.assign(place=[marks.index(mark) for mark in expert[at]])
            look, label = look_of(names.EXPERT, "method", plot.palette), names.method_name(names.EXPERT)
            drawing.shaded(axes, placed, "place", "success", look, label, linestyle="--", linewidth=1.1)
        axes.set_title(names.task_label(task))
    drawing.legend_below(figure)
    return figure


def ood(paths: Sequence[Path], plot: ColouredPlot, report: ReportParams) -> Figure:
    """Success by sample at each perturbation level, its distances in metres on the axis."""
    rows = summaries.episodes(paths, "figure ood")
    frame = robustness.ood(summaries.decoded(rows, names.SAMPLE), report)
    moved, order = robustness.distances(paths, "figure ood"), sorted(set(frame["level"]), key=names.level_key)
    figure = _by_task(frame, "level", order, f"Level: {moved.axis} moved by (m)" if moved else "Level", plot)
    if moved:
        labels = ["\n".join((level, *moved.metres.get(level, ()))) for level in order]
        figure.axes[0].set_xticks(range(len(order)), labels)  # the panels share it
        for axes in figure.axes:
            axes.tick_params(axis="x", labelsize=7)
            axes.xaxis.label.set_fontsize(8)
    return figure


def nfe(paths: Sequence[Path], plot: ColouredPlot, report: ReportParams) -> Figure:
    """Success by sample against the sampler's network evaluations."""
    frame = summaries.nfe(summaries.sweep(paths, "figure nfe"), report)
    return _by_task(frame, "nfe", sorted(set(frame["nfe"])), "NFE per plan", plot)


def learned(paths: Sequence[Path], plot: LearningPlot, report: ReportParams) -> Figure:
    """True success during SAC: a panel per source over the curves of the others, and the areas under all."""
    rows = learning.curve_rows(paths, "figure learning")
    curve, summary = learning.bands(rows, report, plot.smooth), learning.learning(rows, report)
    tasks = list(dict.fromkeys(curve["task"]))
    lines = max(2, -(-curve["source"].nunique() // 4))  # of panels
    size = 8 if lines == 2 else 7  # of their text
    figure = Figure(figsize=(8.6, 1.85 * lines * len(tasks)), layout="constrained")
    blocks = np.atleast_1d(np.asarray(figure.subfigures(len(tasks), 1), dtype=object))
    for block, task in zip(blocks, tasks, strict=True):
        if len(tasks) > 1:
            block.suptitle(names.task_label(task), fontsize=10)
        here = curve[curve["task"] == task]
        sources = list(dict.fromkeys(here["source"]))
        count = -(-len(sources) // lines)
        grid = block.add_gridspec(lines, count + 1, width_ratios=[1.0] * count + [1.3])
        for place, source in enumerate(sources):
            line, column = divmod(place, count)
            axes = block.add_subplot(grid[line, column])
            _curves(axes, here, source, plot)
            axes.set_title(fill(names.source_name(source), 24), fontsize=size)
            axes.tick_params(labelbottom=place + count >= len(sources), labelleft=column == 0)
            axes.set_xlabel("Environment steps" if place + count >= len(sources) else "", fontsize=size)
            axes.set_ylabel("Success (%)" if column == 0 else "")
        _areas(block.add_subplot(grid[:, count]), summary[summary["task"] == task], plot)
    return figure


def _curves(axes: Axes, curves: pd.DataFrame, source: str, plot: LearningPlot) -> None:
    """One source with its band, over the mean curves of the others."""
    for other, part in curves.groupby("source", sort=False):
        if other != source:
            axes.plot(part["step"], part["success"], color="0.8", linewidth=0.9, zorder=1)
    look = look_of(source, "source", plot.palette)
    own = curves[curves["source"] == source]
    drawing.shaded(axes, own, "step", "success", look, names.source_name(source), linewidth=1.6, zorder=3)
    drawing.step_axis(axes)
    drawing.percent_axis(axes)


def _areas(axes: Axes, part: pd.DataFrame, plot: LearningPlot) -> None:
    placed = part.assign(place=range(len(part)))
    for source, own in placed.groupby("source", sort=False):
        look = look_of(str(source), "source", plot.palette)
        drawing.estimates(axes, own, "place", "area", look, names.source_name(str(source)), joined=False, along="y")
    drawing.category_axis(axes, [names.source_name(source) for source in part["source"]], "y")
    axes.tick_params(axis="y", labelsize=7)
    drawing.percent_axis(axes, "x")
    axes.set_xlabel("Area (%)")
    axes.set_title("Area under the curve")


def loss(paths: Sequence[Path], plot: ColouredPlot, _report: ReportParams) -> Figure:
    """Training losses: mean over seeds, band from the lowest to the highest seed."""
    frame = summaries.losses(paths, "figure loss")
    tasks = list(dict.fromkeys(frame["task"]))
    figure, flat = drawing.panels(len(tasks), shared=True, x="Training steps", y="Loss (own units)")
    for axes, task in zip(flat, tasks, strict=True):
        for method in names.in_order(frame["method"], "method"):
            part = frame[(frame["task"] == task) & (frame["method"] == method)].sort_values("step")
            look = look_of(method, "method", plot.palette)
            every = max(1, len(part) // 6)  # markers tell lines apart; one at each step would hide them
            drawing.shaded(axes, part, "step", "loss", look, names.method_name(method), linewidth=1.2, markevery=every)
        axes.set_title(names.task_label(task))
        drawing.step_axis(axes)
    drawing.log_axis(flat[0], "y")
    drawing.legend_below(figure)
    return figure


def time(paths: Sequence[Path], plot: ColouredPlot, report: ReportParams) -> Figure:
    """Success by either decoder against CPU seconds of training: a panel a suite, of its average over tasks."""
    frame = summaries.success(summaries.episodes(paths, "figure time"), report)
    seconds = costs.cpu_seconds(paths, report, "figure time")
    frame = frame.merge(seconds, "inner", ["task", "method"])
    shown = [*filter(names.is_average, dict.fromkeys(frame["task"]))] or list(dict.fromkeys(frame["task"]))
    figure, flat = drawing.panels(len(shown), 2, x="CPU seconds of a training run", y="Success (%)")
    for axes, task in zip(flat, shown, strict=True):
        for method, (label, look) in _lines(frame["method"], plot).items():
            part = frame[(frame["task"] == task) & (frame["method"] == method)]
            for decoder in (names.MEAN, names.SAMPLE):
                known, told = part.dropna(subset=[f"by_{decoder}"]), _told(label, decoder)
                across = drawing.whiskers(known, "train_cpu_seconds") if decoder == names.SAMPLE else None
                drawing.estimates(
                    *(axes, known, "train_cpu_seconds", f"by_{decoder}", look, told),
                    joined=False, hollow=decoder == names.MEAN, across=across,
                )  # fmt: skip
        axes.set_title(names.task_name(task))
        drawing.log_axis(axes, "x")
        drawing.percent_axis(axes)
    drawing.decoders(flat[0])
    drawing.legend_below(figure, 2 if len(shown) == 1 else 3)  # a single panel is narrow
    return figure


FIGURES: dict[str, Build] = {
    "success": success,
    "ood": ood,
    "nfe": nfe,
    "learning": learned,
    "loss": loss,
    "time": time,
    "landscape": landscape,
}
