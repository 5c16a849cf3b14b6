"""What the jobs of studies do: run one job of a check, write one point, write the page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from energyflow.config.section import parse_section
from energyflow.core.errors import UserError, nearest
from energyflow.core.provenance import Run
from energyflow.core.registry import implementation
from energyflow.report import page, point, style
from energyflow.studies.registry import STUDIES


def run_check(study: str, check: str, subject: str, seed: int, text: str, inputs: Sequence[Path], out: Path) -> None:
    """Write rows.csv and run.json of one job of a check.

    Args:
        study: its name.
        check: name of the check.
        subject: what it is done on: an expert, or a task.
        seed: of the models.
        text: the check's section as JSON.
        inputs: files that it reads.
        out: folder of the outputs.

    Raises:
        UserError: no such check, or the section does not fit it.
    """
    checks = STUDIES[study].checks
    if check not in checks:
        raise UserError(f"unknown check '{check}'; {nearest(check, checks)}")
    params = parse_section(checks[check].params, text)
    record = params.model_dump(mode="json")
    with Run(f"{study}_check", out, params=record, inputs=list(inputs), check=check, subject=subject, seed=seed) as run:
        run.write_csv("rows.csv", import_module(checks[check].module).rows(subject, seed, params, inputs))


def write_point(study: str, name: str, inputs: Sequence[Path], text: str, outputs: Sequence[Path]) -> None:
    """Write one point in the format of each output's suffix; equal rows and section give equal bytes.

    Args:
        study: whose point it is.
        name: of the point.
        inputs: the files that it is made of.
        text: its section as JSON.
        outputs: .csv (all numbers), .md and .tex (the table), .json (the words), .png, .svg and .pdf (the figure).

    Raises:
        UserError: unknown point, an input is missing or contradictory, or the section does not fit.
    """
    found = STUDIES[study]
    section = parse_section(found.reads, text)
    with style.look():
        point.write(implementation(found.build)(name, inputs, section), section.model_dump()["dpi"], outputs)


def write_page(study: str, inputs: Sequence[Path], output: Path) -> None:
    """Write the README.md of a study from the files of its points; see `report.page.assemble`."""
    page.assemble(implementation(STUDIES[study].head), inputs, output)
