"""Perceptrons with Fourier time features: a vector, or one number, at (x_t, t) and, if wanted, a condition."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from energyflow.config.sections import MLPParams
from energyflow.core.seeding import integer_seed
from energyflow.networks.mlp import MLPTrunk

ACTIVATION = "silu"


class _Conditional(nn.Module):
    """Trunk that reads x [B, D], t [B] and a condition [B, C], and a linear map of its features."""

    def __init__(
        self, dim: int, condition_dim: int, hidden: Sequence[int], time_dim: int, outputs: int, seed: int, purpose: str
    ) -> None:
        super().__init__()
        self.condition_dim = condition_dim
        with torch.random.fork_rng(devices=[]):  # initialisers only know the global generator
            torch.manual_seed(integer_seed(seed, f"initial weights {purpose}"))
            self.trunk = MLPTrunk(dim, condition_dim, MLPParams(hidden=list(hidden), time_dim=time_dim), ACTIVATION)
            self.last = nn.Linear(self.trunk.width, outputs)

    def features(self, x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        """[B, outputs]; without a condition, zeros stand for it."""
        if condition is None:
            condition = x.new_zeros(len(x), self.condition_dim)
        out: Tensor = self.last(self.trunk(x, condition, t))
        return out


class Field(_Conditional):
    """A velocity, or noise: (x [B, D], t [B], condition [B, C] or None) -> [B, D]."""

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int],
        time_dim: int,
        seed: int,
        *,
        condition_dim: int = 0,
        purpose: str = "field",
    ) -> None:
        """Draw the first weights from (seed, purpose).

        Args:
            dim: D.
            hidden: widths.
            time_dim: time features.
            seed: of the weights.
            condition_dim: C.
            purpose: makes the weights of networks of one seed independent.
        """
        super().__init__(dim, condition_dim, hidden, time_dim, dim, seed, purpose)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """See the class."""
        return self.features(x, t, condition)


class Energy(_Conditional):
    """An intermediate energy E_t: (x [B, D], t [B], condition [B, C] or None) -> [B]."""

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int],
        time_dim: int,
        seed: int,
        *,
        condition_dim: int = 0,
        purpose: str = "energy",
    ) -> None:
        """As `Field`."""
        super().__init__(dim, condition_dim, hidden, time_dim, 1, seed, purpose)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """See the class."""
        return self.features(x, t, condition).squeeze(-1)


def parameters(*modules: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())
