"""From the name of a task to its demonstrations: of the scripted expert, or of people."""

from __future__ import annotations

from pathlib import Path

from energyflow.config.sections import CollectParams
from energyflow.datasets import human, scripted


def collect(task: str, params: CollectParams, out: Path) -> None:
    """Write `demos.hdf5` and `manifest.json` into `out`; see the module of the source, `params.source`.

    Raises:
        UserError: the expert fails too often, or the recordings cannot be had or do not fit the simulator.
    """
    {"scripted": scripted, "human": human}[params.source].collect(task, params, out)
