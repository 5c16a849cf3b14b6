"""Write one point of a study, and its page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energyflow.config.section import parse_section
from energyflow.core.registry import implementation
from energyflow.report import page, point, style
from energyflow.studies.registry import STUDIES


def write_point(study: str, name: str, params: str, inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Write one point in the format of each output's suffix; equal rows and section give equal bytes.

    Args:
        study: whose point it is.
        name: of the point.
        params: its section as JSON.
        inputs: the files that it is made of.
        outputs: .csv (all numbers), .md and .tex (the table), .json (the words), .png, .svg and .pdf (the figure).

    Raises:
        UserError: unknown point, an input is missing or contradictory, or the section does not fit.
    """
    found = STUDIES[study]
    section = parse_section(found.reads, params)
    with style.look():
        point.write(implementation(found.build)(name, inputs, section), section.model_dump()["dpi"], outputs)


def write_page(study: str, inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Write the README.md of a study from the files of its points; see `report.page.assemble`."""
    (output,) = outputs
    page.assemble(implementation(STUDIES[study].head), inputs, output)
