"""A point of a page, written in all its formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd
from matplotlib.figure import Figure

from energyflow.core.errors import UserError, nearest
from energyflow.core.files import write_csv, write_json, write_text
from energyflow.report import style
from energyflow.report.render import Table

T = TypeVar("T")
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


def named(points: Mapping[str, T], name: str) -> T:
    """What makes a point of a page.

    Raises:
        UserError: the page has no such point.
    """
    if name not in points:
        raise UserError(f"unknown point '{name}'; {nearest(name, list(points))}")
    return points[name]


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
