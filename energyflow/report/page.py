"""A page: every point's claim, figure, words and table, in one file that links the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energyflow.core.files import read_json, write_text


def assemble(head: str, inputs: Sequence[Path], output: Path) -> None:
    """Write a page from the files of its points, in their order.

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
