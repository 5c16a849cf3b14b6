"""The statistics that standardise observations and actions."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# A coordinate that moves less than this (m, or box units) over the demonstrations is centred, not scaled: dividing by
# its tiny deviation would turn a harmless offset at test time into an enormous input.
MIN_STD = 1e-3


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

    def fit(self, obs: NDArray[np.float64], actions: NDArray[np.float64], *, standardize_obs: bool) -> None:
        """Set the statistics from every transition of the demonstrations (each once, without padding).

        Args:
            obs: [N, Do], environment units.
            actions: [N, Da], environment units.
            standardize_obs: whether observations are standardised as well.
        """
        parts = {"action": actions} | ({"obs": obs} if standardize_obs else {})
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
