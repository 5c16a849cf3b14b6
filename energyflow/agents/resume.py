"""Resume points of SAC: everything the next step depends on, as safetensors with JSON (no pickle)."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from energyflow.core.files import atomic_path

log = logging.getLogger(__name__)


def save_state(path: Path, tensors: dict[str, Tensor], note: dict[str, Any], identity: dict[str, Any]) -> None:
    """Write a resume point.

    Raises:
        UserError: the disk is full.
    """
    text = json.dumps(note | {"identity": identity})
    with atomic_path(path) as temporary:
        save_file({name: value.contiguous() for name, value in tensors.items()}, temporary, metadata={"state": text})


def load_state(path: Path, identity: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and note of a resume point; None, with a warning, if it is damaged or of another run."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            note: dict[str, Any] = json.loads(file.metadata()["state"])
            tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        log.warning("%s: damaged resume point (%s); starting over", path, error)
        return None
    if note["identity"] != identity:
        log.warning("%s: resume point of another run (params or inputs differ); starting over", path)
        return None
    return tensors, note
