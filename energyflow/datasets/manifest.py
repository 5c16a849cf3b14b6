"""`manifest.json` beside demonstrations that were collected here: what they are, and that they still are."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from energyflow.core.errors import UserError
from energyflow.core.files import sha256, write_json
from energyflow.envs.tasks import every_task

log = logging.getLogger(__name__)

OURS = {"task", "source", "sha256", "transitions"}  # a manifest without these is another program's


def content_sha256(path: Path) -> str:
    """Hash of `env_args` and of every array below `data`, whatever else the file holds or how it is stored."""
    found = hashlib.sha256()

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            values = np.asarray(item[()])
            found.update(f"{name} {values.dtype.str} {values.shape}".encode() + values.tobytes())

    with h5py.File(path, "r") as file:
        found.update(str(file["data"].attrs["env_args"]).encode())
        file["data"].visititems(add)
    return found.hexdigest()


def write_manifest(demos: Path, description: dict[str, Any]) -> None:
    """Write `manifest.json` beside a file: a description, and the hashes that a reader compares."""
    own = {"sha256": sha256(demos), "content_sha256": content_sha256(demos)}
    write_json(demos.with_name("manifest.json"), description | own)


def _same_content(demos: Path, manifest: dict[str, Any]) -> bool:
    try:
        return manifest.get("content_sha256") == content_sha256(demos)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):  # what h5py raises on a damaged file
        return False


def collected_task(demos: Path) -> str | None:
    """Compare a file with its manifest, and return the task that it was collected on; None if it has none of ours.

    Raises:
        UserError: the demonstrations are not those that the manifest describes.
    """
    path = demos.with_name("manifest.json")
    try:
        manifest = json.loads(path.read_bytes()) if path.is_file() and demos.is_file() else {}
    except (OSError, ValueError, RecursionError):
        log.warning("%s: cannot be read, so %s is not compared with it", path, demos.name)
        return None
    if not isinstance(manifest, dict) or not manifest.keys() >= OURS or manifest["task"] not in every_task():
        return None
    digest = sha256(demos)
    if manifest["sha256"] != digest:
        if not _same_content(demos, manifest):
            raise UserError(
                f"{demos}: sha256 is {digest[:12]}..., but {path} says {str(manifest['sha256'])[:12]}...:"
                " it was changed since it was collected, or damaged. If the change is meant, move the file to a folder"
                " without this manifest; otherwise collect again, or `dvc checkout`"
            )
        log.warning("%s: changed since it was collected (filter keys?); the demonstrations are the same", demos)
    return str(manifest["task"])
