"""One builder per figure: inputs -> the rows of its table -> a drawing with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from energyflow.config.sections import PlotParams, ReportParams
from energyflow.report import learning, names, style, summaries
from energyflow.report.style import colour, marker

Build = Callable[[Sequence[Path], PlotParams, ReportParams], Figure]
SPREAD = 0.62  # of a category's width, over which its methods stand side by side


def _whiskers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Distances [2, N] from the value to the ends of its interval."""
    return np.stack([frame[name] - frame[f"{name}_low"], frame[f"{name}_high"] - frame[name]]).astype(float)


def _offsets(count: int, spread: float = SPREAD) -> list[float]:
    """Places of `count` methods around a category."""
    return [0.0] if count == 1 else [float(x) for x in np.linspace(-spread / 2, spread / 2, count)]


def success(paths: Sequence[Path], plot: PlotParams, report: ReportParams) -> Figure:
    """Success by task and method with intervals, published values, and the expert's ceiling."""
    frame = summaries.success(summaries.episodes(paths, "figure success"), report)
    tasks = list(dict.fromkeys(frame["task"]))
    methods = [m for m in dict.fromkeys(frame["method"]) if m != names.EXPERT]
    width = (0.55 + 0.14 * len(methods)) * len(tasks) + 0.8
    figure = Figure(figsize=(max(7.2, width), 3.4), layout="constrained")
    axes = figure.subplots()
    offsets = _offsets(len(methods))
    for method, offset in zip(methods, offsets, strict=True):
        part = frame[frame["method"] == method]
        x = np.array([tasks.index(task) for task in part["task"]]) + offset
        shade = colour(method, names.METHODS, plot)
        axes.errorbar(
            x,
            part["success"],
            yerr=_whiskers(part, "success"),
            fmt=marker(method, names.METHODS),
            color=shade,
            markersize=5,
            elinewidth=1.4,
            label=names.method_name(method),
        )
        known = part["published"].notna().to_numpy()
        axes.plot(
            x[known],
            part.loc[known, "published"].astype(float),
            linestyle="none",
            marker="_",
            markersize=11,
            markeredgewidth=1.6,
            color=shade,
        )
    # One neutral legend entry: published values take the colour of their method.
    sources = " and ".join(frame["published_on"].dropna().unique())
    axes.plot(
        [],
        [],
        linestyle="none",
        marker="_",
        markersize=9,
        markeredgewidth=1.6,
        color="0.4",
        label=f"Published ({sources})" if sources else "Published",
    )
    _ceilings(axes, frame[frame["method"] == names.EXPERT], tasks)
    for i in range(0, len(tasks), 2):
        axes.axvspan(i - 0.5, i + 0.5, color="0.96", zorder=0, linewidth=0)
    axes.set_xticks(range(len(tasks)), [names.task_label(task) for task in tasks])
    axes.set_xlim(-0.5, len(tasks) - 0.5)
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("Success (%)")
    style.percent_axis(axes)
    style.legend_below(figure, axes, 3)
    return figure


def _ceilings(axes: Axes, expert: pd.DataFrame, tasks: list[str]) -> None:
    for i, row in enumerate(expert.itertuples()):
        x = tasks.index(str(row.task))
        label = "" if i else names.method_name(names.EXPERT)  # one entry in the legend
        shade = style.EXPERT_COLOUR
        axes.hlines(float(str(row.success)), x - 0.42, x + 0.42, color=shade, linestyle=":", label=label)


def _lines(axes: Axes, part: pd.DataFrame, x: NDArray[np.float64], method: str, plot: PlotParams) -> None:
    """One method's line with whiskers; the expert's, a reference, with a band."""
    value = part["success"].to_numpy(dtype=float)
    shade, label = colour(method, names.METHODS, plot), names.method_name(method)
    if method == names.EXPERT:
        low, high = (part[f"success_{end}"].to_numpy(dtype=float) for end in ("low", "high"))
        axes.fill_between(x, low, high, color=shade, alpha=0.08, linewidth=0)
        axes.plot(x, value, color=shade, linestyle="--", linewidth=1.1, label=label)
        return
    axes.errorbar(
        x,
        value,
        yerr=_whiskers(part, "success"),
        color=shade,
        marker=marker(method, names.METHODS),
        linewidth=1.3,
        elinewidth=0.9,
        markersize=4,
        label=label,
    )


def ood(paths: Sequence[Path], plot: PlotParams, report: ReportParams) -> Figure:
    """Success by perturbation level, a panel per task and one for the average; the expert is the ceiling."""
    frame = summaries.ood(summaries.episodes(paths, "figure ood"), report)
    tasks = list(dict.fromkeys(frame["task"]))
    levels = sorted(set(frame["level"]), key=names.level_key)
    figure, panels = style.panels(len(tasks), "Perturbation level", "Success (%)")
    for axes, task in zip(panels, tasks, strict=True):
        methods = list(dict.fromkeys(frame["method"]))
        for method, offset in zip(methods, _offsets(len(methods), 0.24), strict=True):
            part = frame[(frame["task"] == task) & (frame["method"] == method)]
            x = np.array([levels.index(level) for level in part["level"]]) + offset
            _lines(axes, part, x, method, plot)
        axes.set_title(names.task_label(task))
        axes.set_xticks(range(len(levels)), levels)
        axes.grid(axis="x", visible=False)
        style.percent_axis(axes)
    style.legend_below(figure, panels[0], 3)
    return figure


def nfe(paths: Sequence[Path], plot: PlotParams, report: ReportParams) -> Figure:
    """Success against the sampler's network evaluations, one panel per task and one for the average."""
    frame = summaries.nfe(summaries.sweep(paths, "figure nfe"), report)
    tasks = list(dict.fromkeys(frame["task"]))
    budgets = sorted(set(frame["nfe"]))
    figure, panels = style.panels(len(tasks), "NFE per plan", "Success (%)")
    for axes, task in zip(panels, tasks, strict=True):
        methods = list(dict.fromkeys(frame["method"]))
        # Shifted by factors, for the axis is logarithmic.
        for method, offset in zip(methods, _offsets(len(methods), 0.1), strict=True):
            part = frame[(frame["task"] == task) & (frame["method"] == method)]
            x = part["nfe"].to_numpy(dtype=float) * np.exp(offset)
            _lines(axes, part, x, method, plot)
        axes.set_title(names.task_label(task))
        axes.set_xscale("log")
        axes.set_xticks(budgets, [str(b) for b in budgets])
        axes.minorticks_off()
        axes.grid(axis="x", visible=False)
        style.percent_axis(axes)
    style.legend_below(figure, panels[0], 3)
    return figure


def learned(paths: Sequence[Path], plot: PlotParams, report: ReportParams) -> Figure:
    """True success during SAC: a panel per source over the curves of the others, and the areas under all."""
    rows = learning.curve_rows(paths, "figure learning")
    curve, summary = learning.bands(rows, report, plot.smooth or 1), learning.learning(rows, report)
    tasks = list(dict.fromkeys(curve["task"]))
    lines, size = (2, 8) if curve["source"].nunique() <= 8 else (3, 7)  # of panels, and of their text
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
            axes.set_title(names.source_name(source), fontsize=size)
            axes.tick_params(labelbottom=place + count >= len(sources), labelleft=column == 0)
            axes.set_xlabel("Environment steps" if place + count >= len(sources) else "", fontsize=size)
            axes.set_ylabel("Success (%)" if column == 0 else "")
        _areas(block.add_subplot(grid[:, count]), summary[summary["task"] == task], plot)
    return figure


def _curves(axes: Axes, curves: pd.DataFrame, source: str, plot: PlotParams) -> None:
    """One source with its band, over the mean curves of the others."""
    for other in dict.fromkeys(curves["source"]):
        part = curves[curves["source"] == other]
        steps, value = part["step"].to_numpy(dtype=float), part["success"].to_numpy(dtype=float)
        if other != source:
            axes.plot(steps, value, color="0.8", linewidth=0.9, zorder=1)
            continue
        shade = colour(source, names.SOURCES, plot)
        low, high = (part[f"success_{end}"].to_numpy(dtype=float) for end in ("low", "high"))
        axes.fill_between(steps, low, high, color=shade, alpha=0.22, linewidth=0)
        axes.plot(
            steps,
            value,
            color=shade,
            marker=marker(source, names.SOURCES),
            markersize=3.5,
            linewidth=1.6,
            zorder=3,
        )
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    style.percent_axis(axes)


def _thousands(value: float, _position: int | None = None) -> str:
    return f"{value / 1000:g}k" if value else "0"


def _areas(axes: Axes, part: pd.DataFrame, plot: PlotParams) -> None:
    for place, row in enumerate(part.itertuples()):
        value = part[part["source"] == row.source]
        source = str(row.source)
        axes.errorbar(
            value["area"].astype(float),
            [place],
            xerr=_whiskers(value, "area"),
            fmt=marker(source, names.SOURCES),
            color=colour(source, names.SOURCES, plot),
            markersize=5,
        )
    axes.set_yticks(range(len(part)), [names.source_name(s) for s in part["source"]], fontsize=7)
    axes.set_ylim(len(part) - 0.5, -0.5)
    axes.set_xlim(-4, 104)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel("Area (%)")
    axes.set_title("Area under the curve")


def loss(paths: Sequence[Path], plot: PlotParams, _report: ReportParams) -> Figure:
    """Training losses: mean over seeds, band from the lowest to the highest seed."""
    frame = summaries.losses(paths, "figure loss", plot.smooth or 1)
    tasks = list(dict.fromkeys(frame["task"]))
    figure, panels = style.panels(len(tasks), "Training steps", "Loss (own units)")
    for axes, task in zip(panels, tasks, strict=True):
        for method in names.in_order(frame["method"], names.DISPLAY_ORDER):
            part = frame[(frame["task"] == task) & (frame["method"] == method)].sort_values("step")
            steps, shade = part["step"].to_numpy(dtype=float), colour(method, names.METHODS, plot)
            low, high = part["low"].to_numpy(dtype=float), part["high"].to_numpy(dtype=float)
            axes.fill_between(steps, low, high, color=shade, alpha=0.2, linewidth=0)
            axes.plot(steps, part["loss"], color=shade, linewidth=1.2, label=names.method_name(method))
        axes.set_title(names.task_label(task))
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    style.log_axis(panels[0], "y")
    style.legend_below(figure, panels[0], 3)
    return figure


FIGURES: dict[str, Build] = {"success": success, "ood": ood, "nfe": nfe, "learning": learned, "loss": loss}
