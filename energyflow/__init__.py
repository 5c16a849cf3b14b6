"""EnergyFlow: hidden rewards recovered from diffusion-based policies (arXiv 2605.00623), reproduced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from energyflow.policies.base import Policy
    from energyflow.rewards.labeller import reward
    from energyflow.serving.runner import Runner

__all__ = ["Runner", "load", "reward"]

__version__ = "0.1.0"


def load(path: str | Path) -> Policy:
    """Load a trained policy from the folder of its run, or `model.safetensors` with `model.json` beside it.

    Raises:
        UserError: a file is missing, damaged, or of another format version.
    """
    from energyflow.policies.checkpoint import load as load_checkpoint  # torch only when it is needed

    return load_checkpoint(path)


def __getattr__(name: str) -> Any:
    """What costs an import of torch, when it is asked for."""
    if name == "Runner":
        from energyflow.serving.runner import Runner

        return Runner
    if name == "reward":
        from energyflow.rewards.labeller import reward

        return reward
    raise AttributeError(f"module 'energyflow' has no attribute '{name}'")
