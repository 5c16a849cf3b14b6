"""Windows cut from demonstrations, and the statistics that standardise them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from energyflow.demos.format import Demos

# A coordinate that moves less than this (m, or box units) over the demonstrations is centred, not scaled: dividing by
# its tiny deviation would turn a harmless offset at test time into an enormous input.
MIN_STD = 1e-3


@dataclass(frozen=True)
class Windows:
    """All training windows: obs [N, To, Do] and actions [N, Tp, Da], float32, environment units."""

    obs: Tensor
    actions: Tensor


def make_windows(demos: Demos, obs_horizon: int, pred_horizon: int, *, sequences: bool = False) -> Windows:
    """Cut one window per transition.

        time      t-1    t    t+1   ...  t+Tp-1
        obs        o      o                          To = 2: the first observation is repeated at the start
        action            a     a   ...    a         Tp: the last action is repeated at the end

    With `sequences`, for recurrent policies, an observation stands beside each action (To = Tp):

        obs               o     o   ...    o         the last observation is repeated at the end
        action            a     a   ...    a

    Returns:
        Windows in the order of the file.
    """
    obs, actions = [], []
    for episode in demos.episodes:
        steps = np.arange(len(episode.actions))
        back = steps[:, None] + (np.arange(obs_horizon) if sequences else np.arange(1 - obs_horizon, 1))[None]
        ahead = steps[:, None] + np.arange(pred_horizon)[None]
        obs.append(episode.obs[np.clip(back, 0, steps[-1])])
        actions.append(episode.actions[np.clip(ahead, None, steps[-1])])
    return Windows(
        torch.from_numpy(np.concatenate(obs).astype(np.float32)),
        torch.from_numpy(np.concatenate(actions).astype(np.float32)),
    )


class Normalizer(nn.Module):
    """Zero mean and unit variance per coordinate, from demonstration statistics; saved inside the checkpoint."""

    def __init__(self, obs_dim: int, action_dim: int) -> None:
        """Start as the identity; `fit` or a checkpoint fills the statistics."""
        super().__init__()
        for name, dim in (("obs", obs_dim), ("action", action_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(dim))
            self.register_buffer(f"{name}_std", torch.ones(dim))

    obs_mean: Tensor
    obs_std: Tensor
    action_mean: Tensor
    action_std: Tensor

    def fit(self, demos: Demos, *, standardize_obs: bool) -> None:
        """Set the statistics from every transition of the demonstrations (each once, without padding)."""
        parts = {"action": np.concatenate([e.actions for e in demos.episodes])}
        if standardize_obs:
            parts["obs"] = np.concatenate([e.obs for e in demos.episodes])
        for name, values in parts.items():
            std = values.std(axis=0)
            std[std < MIN_STD] = 1.0
            getattr(self, f"{name}_mean").copy_(torch.from_numpy(values.mean(axis=0)))
            getattr(self, f"{name}_std").copy_(torch.from_numpy(std))

    def standardize_obs(self, obs: Tensor) -> Tensor:
        """Environment units [..., Do] to standardised units."""
        return (obs - self.obs_mean) / self.obs_std

    def standardize_action(self, action: Tensor) -> Tensor:
        """Environment units [..., Da] to standardised units."""
        return (action - self.action_mean) / self.action_std

    def unstandardize_action(self, action: Tensor) -> Tensor:
        """Standardised units [..., Da] to environment units."""
        return action * self.action_std + self.action_mean
