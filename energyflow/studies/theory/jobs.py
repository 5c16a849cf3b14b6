"""What the command line calls: train one model, run one check, make one point, write the page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from energyflow.config.section import Section, parse_section
from energyflow.core.errors import UserError, nearest
from energyflow.core.files import write_csv
from energyflow.core.provenance import Run
from energyflow.studies.theory import sections

SECTIONS: dict[str, type[Section]] = {
    "recovery": sections.Recovery,
    "baseline": sections.Baseline,
    "bound": sections.Bound,
    "circulation": sections.Circulation,
    "robots": sections.Circulation,
    "generalisation": sections.Generalisation,
    "lipschitz": sections.Lipschitz,
    "modes": sections.Modes,
    "misfit": sections.Misfit,
}


def run_check(name: str, subject: str, seed: int, text: str, inputs: Sequence[Path], out: Path) -> None:
    """Write rows.csv and run.json of one job of a check.

    Args:
        name: of the check, a module of energyflow/theory/checks.
        subject: the expert, or a task.
        seed: of the models.
        text: the check's section as JSON.
        inputs: model.safetensors files, and of `robots` the demonstrations.
        out: folder of the outputs.

    Raises:
        UserError: no such check, or the section does not fit it.
    """
    if name not in SECTIONS:
        raise UserError(f"unknown check '{name}'; {nearest(name, list(SECTIONS))}")
    params = parse_section(SECTIONS[name], text)
    module = import_module(f"energyflow.studies.theory.checks.{name}")
    record = params.model_dump(mode="json")
    with Run("theory_check", out, params=record, inputs=list(inputs), check=name, subject=subject, seed=seed):
        write_csv(out / "rows.csv", module.rows(subject, seed, params, inputs))
