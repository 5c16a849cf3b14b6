"""Demonstration files of others, of random numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np


def write(
    path: Path,
    *,
    count: int = 3,
    length: int = 12,
    actions: int = 2,
    obs: dict[str, int] | None = None,
    env_args: dict[str, Any] | None = None,
    seed: int = 0,
) -> Path:
    """A file in robomimic's layout, of a task of its owner's."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps(env_args if env_args is not None else {"env_name": "Bench"})
        for index in range(count):
            demo = data.create_group(f"demo_{index}")
            demo["actions"] = rng.uniform(-0.9, 0.9, (length, actions))
            for key, width in (obs or {"joints": 3, "tool": 2}).items():
                demo[f"obs/{key}"] = rng.normal(size=(length, width))
    return path
