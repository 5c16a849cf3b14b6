"""The first demonstrations of a file, in a file of their own."""

from __future__ import annotations

from pathlib import Path

import h5py

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path, read_json, sha256
from energyflow.datasets.manifest import write_manifest


def write_subset(demos: Path, count: int, out: Path) -> None:
    """Write `demos.hdf5` with the first `count` demonstrations, bit for bit, and `manifest.json` that says so.

    Args:
        demos: the file, with its manifest beside it.
        count: how many.
        out: folder of the outputs.

    Raises:
        UserError: the file holds fewer.
    """
    with h5py.File(demos, "r") as whole:
        held = len(whole["data"])
        if count > held:
            raise UserError(f"{demos}: holds {held} demonstrations, {count} were asked for")
        with atomic_path(out / "demos.hdf5") as temporary, h5py.File(temporary, "w") as part:
            group = part.create_group("data")
            for key, value in whole["data"].attrs.items():
                group.attrs[key] = value
            for index in range(count):
                whole.copy(f"data/demo_{index}", group)
            transitions = sum(int(episode.attrs["num_samples"]) for episode in group.values())
            group.attrs["total"] = transitions
    manifest = read_json(demos.with_name("manifest.json"))
    own = {"demos": count, "transitions": transitions, "first_of": sha256(demos)}
    write_manifest(out / "demos.hdf5", manifest | own)
