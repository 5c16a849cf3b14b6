"""Demonstrations of a task of one's own, brought into the workflow: `data/<preset>/custom/<name>`."""

from __future__ import annotations

import shutil
from pathlib import Path

from energyflow.core.files import atomic_path
from energyflow.datasets.format import load_demos
from energyflow.datasets.formats import as_demos, format_of, found
from energyflow.datasets.manifest import write_manifest


def adopt(task: str, demos: Path, out: Path) -> None:
    """Write `demos.hdf5` in the one layout, and `manifest.json`, which says where they came from.

    Args:
        task: `custom/<name>`.
        demos: file, folder or name of any format that is read.
        out: folder of the outputs.

    Raises:
        UserError: they are missing or damaged, or cannot be trained on.
    """
    source = found(demos)
    read = as_demos(source)
    data = load_demos(read)
    with atomic_path(out / "demos.hdf5") as temporary:
        shutil.copyfile(read, temporary)
    origin = {"task": task, "source": "own", "origin": demos.as_posix(), "format": format_of(source)}
    counts = {"demos": len(data.episodes), "transitions": sum(len(each.actions) for each in data.episodes)}
    write_manifest(out / "demos.hdf5", origin | counts)
