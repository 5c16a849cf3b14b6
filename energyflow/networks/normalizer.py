"""The statistics that standardise observations and actions, and the box that actions are in."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# A coordinate whose range is below this share of its magnitude does not move: what is left is rounding. By how its
# values are held, for clocks in seconds since 1970 move by 1e-8 of their magnitude, and are exact in double precision.
ROUNDING = {np.float32: 1e-6, np.float64: 1e-12}
ACTION_FLOOR = 1e-6  # [code] least standard deviation that an action is divided by


def moves(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which coordinates of [N, D] move by more than rounding: [D]."""
    with np.errstate(over="ignore"):
        single = (values == values.astype(np.float32)).all(axis=0)
    share = np.where(single, ROUNDING[np.float32], ROUNDING[np.float64])
    found: NDArray[np.bool_] = values.max(axis=0) - values.min(axis=0) > share * np.abs(values).max(axis=0)
    return found


class Normalizer(nn.Module):
    """Zero mean and unit variance per coordinate, from demonstration statistics; saved inside the checkpoint.

    Observations: environment units -> standardised. Actions: environment units -> the box [-1, 1] (`Demos.box`; the
    same numbers wherever a simulator takes actions in that box) -> standardised. Policies, rewards and simulators speak
    of actions in the box; `from_box` is for what leaves a policy. Arithmetic is in double precision, results have the
    type of the input.
    """

    def __init__(self, obs_dim: int, action_dim: int) -> None:
        """Start as the identity; `fit` or a checkpoint fills the statistics."""
        super().__init__()
        for name, dim in (("obs", obs_dim), ("action", action_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(dim, dtype=torch.float64))
            self.register_buffer(f"{name}_std", torch.ones(dim, dtype=torch.float64))
        self.register_buffer("action_low", -torch.ones(action_dim, dtype=torch.float64))
        self.register_buffer("action_high", torch.ones(action_dim, dtype=torch.float64))

    obs_mean: Tensor
    obs_std: Tensor
    action_mean: Tensor
    action_std: Tensor
    action_low: Tensor
    action_high: Tensor

    def fit(
        self,
        obs: NDArray[np.float64],
        actions: NDArray[np.float64],
        *,
        standardize_obs: bool,
        box: NDArray[np.float64] | None = None,
    ) -> None:
        """Set the statistics from every transition of the demonstrations (each once, without padding).

        A coordinate that does not move is centred, and not scaled; an action is never divided by less than 1e-6.

        Args:
            obs: [N, Do], environment units.
            actions: [N, Da], in the box.
            standardize_obs: whether observations are standardised as well.
            box: [2, Da], environment units of -1 and 1; by default the same numbers.
        """
        parts = {"action": actions} | ({"obs": obs} if standardize_obs else {})
        for name, values in parts.items():
            scale = np.ldexp(1.0, np.frexp(np.abs(values).max(axis=0))[1])  # a power of 2: squares stay finite
            moving, scaled = moves(values), values / scale
            std = scaled.std(axis=0) * scale
            if name == "action":
                std = np.maximum(std, ACTION_FLOOR)
            std = np.where(moving, std, 1.0)
            mean = np.where(moving, scaled.mean(axis=0) * scale, values[0])
            getattr(self, f"{name}_mean").copy_(torch.from_numpy(mean))
            getattr(self, f"{name}_std").copy_(torch.from_numpy(std))
        if box is not None:
            self.action_low.copy_(torch.from_numpy(box[0]))
            self.action_high.copy_(torch.from_numpy(box[1]))

    def standardize_obs(self, obs: Tensor) -> Tensor:
        """Environment units [..., Do] to standardised units."""
        return ((obs.double() - self.obs_mean) / self.obs_std).to(obs.dtype)

    def standardize_action(self, action: Tensor) -> Tensor:
        """Actions [..., Da] of the box to standardised units."""
        return ((action.double() - self.action_mean) / self.action_std).to(action.dtype)

    def unstandardize_action(self, action: Tensor) -> Tensor:
        """Standardised units [..., Da] to actions of the box."""
        return (action.double() * self.action_std + self.action_mean).to(action.dtype)

    def from_box(self, action: Tensor) -> Tensor:
        """Actions [..., Da] of the box, clipped to it, to environment units, in double precision."""
        middle, half = (self.action_low + self.action_high) / 2, (self.action_high - self.action_low) / 2
        return (middle + half * action.double().clamp(-1.0, 1.0)).clamp(self.action_low, self.action_high)
