"""A point of a page, written in all its formats, and how its panels, lines and numbers look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from energyflow.core.files import write_csv, write_json, write_text
from energyflow.report import style
from energyflow.report.render import Table

PANEL = (3.2, 2.5)  # inches
PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Point:
    """One point of a page.

    Attributes:
        title: heading.
        claim: what the paper states, and what that predicts here; or what was varied.
        sentences: what was measured, each generated from the numbers; the first says what came of it.
        table: the numbers that a reader needs.
        rows: all of them.
        figure: the measurement, beside the prediction or the published number where there is one.
    """

    title: str
    claim: str
    sentences: Sequence[str]
    table: Table
    rows: pd.DataFrame
    figure: Figure


def write(point: Point, dpi: int, outputs: Sequence[Path]) -> None:
    """Write a point in the format of each output's suffix; equal points give equal bytes.

    Args:
        point: what to write.
        dpi: of the png.
        outputs: .csv (all numbers), .md and .tex (the table), .json (the words), .png, .svg and .pdf (the figure).
    """
    style.save(point.figure, dpi, [path for path in outputs if path.suffix in PICTURES])
    words = {"title": point.title, "claim": point.claim, "sentences": list(point.sentences)}
    for path in outputs:
        if path.suffix == ".csv":
            write_csv(path, point.rows.round(6))
        elif path.suffix == ".json":
            write_json(path, words)
        elif path.suffix in (".md", ".tex"):
            write_text(path, point.table.markdown() if path.suffix == ".md" else point.table.latex())


def panels(rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """A figure of rows x columns panels, each with axes of its own."""
    figure = Figure(figsize=(columns * PANEL[0], rows * PANEL[1] + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    return figure, [axes for row in grid for axes in row]


def palette(name: str) -> list[tuple[float, float, float]]:
    """Colours, by place."""
    return [(red, green, blue) for red, green, blue in sns.color_palette(name, 10)]


def line(
    axes: Axes, part: pd.DataFrame, x: str, y: str, *, colour: object, marker: str = "o", label: str | None = None
) -> None:
    """Means with their intervals, in the order of x."""
    part = part.sort_values(x)
    bars = [(part[y] - part[f"{y}_low"]).clip(lower=0), (part[f"{y}_high"] - part[y]).clip(lower=0)]
    axes.errorbar(
        part[x].to_numpy(), part[y].to_numpy(), yerr=[bar.fillna(0.0).to_numpy() for bar in bars],
        color=colour, marker=marker, ms=3.5, lw=1, elinewidth=0.7, capsize=1.5, label=label,
    )  # fmt: skip


def legend(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """One legend below all panels."""
    style.legend_below(figure, axes, columns)


def listed(items: Iterable[str]) -> str:
    """`a, b and c`, or `none`."""
    found = list(items)
    if not found:
        return "none"
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
