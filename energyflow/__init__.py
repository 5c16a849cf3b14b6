"""EnergyFlow: hidden rewards recovered from diffusion-based policies (arXiv 2605.00623), reproduced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import gymnasium as gym
    import pandas as pd

    from energyflow.policies.base import Policy
    from energyflow.rewards.labeller import reward
    from energyflow.serving.runner import Runner

__all__ = ["Runner", "evaluate", "load", "reward"]

__version__ = "0.1.0"


def load(path: str | Path) -> Policy:
    """Load a trained policy from the folder of its run, or `model.safetensors` with `model.json` beside it.

    Raises:
        UserError: a file is missing, damaged, or of another format version.
    """
    from energyflow.policies.checkpoint import load as load_checkpoint  # torch only when it is needed

    return load_checkpoint(path)


def evaluate(
    policy: Policy | str | Path,
    env: gym.Env[Any, Any] | str,
    episodes: int = 50,
    *,
    seed: int = 0,
    horizon: int | None = None,
    decoder: Literal["sample", "mean"] = "sample",
    video: str | Path | None = None,
) -> pd.DataFrame:
    """Roll a policy out in any Gymnasium environment, and return one row an episode.

    Args:
        policy: or the folder of its run.
        env: or its id in Gymnasium's registry. Observations are one box, or a dictionary with the policy's keys.
        episodes: how many; episode i begins with `env.reset(seed=seed + i)`.
        seed: of the first initial state, and of the policy's noise.
        horizon: steps of an episode at most; by default what the environment was registered with.
        decoder: what plans are made by: `sample` or `mean`.
        video: film of the first episode: .gif, .webp or .mp4.

    Returns:
        Columns `success` (where `info["success"]` or `info["is_success"]` says it), `return`, `length`, `seconds`, and
        which episode it was.

    Raises:
        UserError: observations or actions do not fit, or an observation is not finite.
    """
    from energyflow.learning.own_env import evaluate as evaluate_in

    return evaluate_in(policy, env, episodes, seed=seed, horizon=horizon, decoder=decoder, video=video)


def __getattr__(name: str) -> Any:
    """What costs an import of torch, when it is asked for."""
    if name == "Runner":
        from energyflow.serving.runner import Runner

        return Runner
    if name == "reward":
        from energyflow.rewards.labeller import reward

        return reward
    raise AttributeError(f"module 'energyflow' has no attribute '{name}'")
