"""EnergyFlow: hidden rewards recovered from diffusion-based policies (arXiv 2605.00623), reproduced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energyflow.policies.base import Policy

__version__ = "0.1.0"


def load(path: str | Path) -> Policy:
    """Load a trained policy from the folder of its run, or `model.safetensors` with `model.json` beside it.

    Raises:
        UserError: a file is missing, damaged, or of another format version.
    """
    from energyflow.policies.checkpoint import load as load_checkpoint  # torch only when it is needed

    return load_checkpoint(path)
