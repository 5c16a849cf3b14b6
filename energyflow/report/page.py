"""A page of points, each a claim, a figure, sentences and a table; and a point in all its formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.core.files import read_json, write_csv, write_json, write_text
from energyflow.report import style
from energyflow.report.render import Table

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


def write_point(point: Point, dpi: int, outputs: Sequence[Path]) -> None:
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


def write_page(head: str, inputs: Sequence[Path], output: Path) -> None:
    """Write a page that links the files of its points, in their order.

    Args:
        head: what stands above the points.
        inputs: the files of every point, in the folders tables and figures beside the page.
        output: the page.
    """
    words = [path for path in inputs if path.suffix == ".json"]
    index = [
        f"{number}. [{read_json(path)['title']}](#{path.stem}) {read_json(path)['sentences'][0]}"
        for number, path in enumerate(words, start=1)
    ]
    sections = [_section(number, path) for number, path in enumerate(words, start=1)]
    write_text(output, "\n".join([head, "## In short", "", *index, "", *sections]))


def _section(number: int, path: Path) -> str:
    found, name = read_json(path), path.stem
    table = path.with_suffix(".md").read_text().split("\n", 2)[2].strip()  # without its title
    first, *rest = found["sentences"]
    lines = [f'<a id="{name}"></a>', "", f"## {number}. {found['title']}", "", found["claim"], ""]
    lines += [f"![{found['title']}](figures/{name}.png)", "", f"**{first}**", ""]
    lines += [*(f"- {sentence}" for sentence in rest), ""]
    lines += [table, "", f"All numbers: [{name}.csv](tables/{name}.csv); figure: [{name}.pdf](figures/{name}.pdf).", ""]
    return "\n".join(lines)
