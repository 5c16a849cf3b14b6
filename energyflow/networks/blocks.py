"""Small parts that both networks share: activations, time features, scalar head, score."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

# The loss of an energy differentiates it twice, so its activations must be C2.
SMOOTH_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "mish": nn.Mish,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}

MAX_FREQUENCY = 64.0
# wide: from 1 to 64, so that inputs in [-1, 1] have distinct features; published: from 1 downwards [code], where t in
# [0, 1] has nearly constant ones
Rates = Literal["wide", "published"]


class TimeFeatures(nn.Module):
    """Sines and cosines of a time-like number of order one: [B] -> [B, dim]."""

    def __init__(self, dim: int, rates: Rates = "wide") -> None:
        """Frequencies are geometric; see `Rates`."""
        super().__init__()
        count = dim // 2
        if rates == "wide":
            exponent = torch.linspace(0.0, math.log(MAX_FREQUENCY), count)
        else:
            exponent = -math.log(1e4) * torch.arange(count) / count
        self.register_buffer("frequencies", exponent.exp(), persistent=False)

    frequencies: Tensor

    def forward(self, time: Tensor) -> Tensor:
        """[B] -> [B, dim]."""
        phase = time[:, None] * self.frequencies
        return torch.cat([phase.sin(), phase.cos()], dim=-1)


class ScalarHead(nn.Module):
    """Features [B, dim] -> one number [B], without a last bias: an energy has no meaningful offset."""

    def __init__(self, dim: int, hidden: Sequence[int], activation: str, *, spectral: bool) -> None:
        """With `spectral`, the linear layers carry spectral norm as in the official code."""
        super().__init__()
        wrap: Callable[[nn.Module], nn.Module] = spectral_norm if spectral else lambda layer: layer
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise([dim, *hidden]):
            layers += [wrap(nn.Linear(before, after)), SMOOTH_ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers, wrap(nn.Linear(hidden[-1], 1, bias=False)))

    @property
    def last(self) -> Tensor:
        """Weight [1, width] of the last layer."""
        weight: Tensor = self.layers[-1].weight  # type: ignore[assignment]
        return weight

    def forward(self, features: Tensor) -> Tensor:
        """[B, dim] -> [B]."""
        out: Tensor = self.layers(features)
        return out.squeeze(-1)


def expand(sigma: Tensor) -> Tensor:
    """[B] -> [B, 1, 1], to multiply chunks."""
    return sigma[:, None, None]


def value_and_gradient(value: Callable[[Tensor], Tensor], at: Tensor, *, create_graph: bool) -> tuple[Tensor, Tensor]:
    """A batch of scalars, and its gradient with respect to the batch of inputs they come from, by autograd.

    Args:
        value: maps [B, ...] to [B]; element b depends on input b alone.
        at: [B, ...] where to differentiate.
        create_graph: keep the graph, for a loss that differentiates again.

    Returns:
        [B] and the exact gradient [B, ...]; a gradient field has no curl by construction.
    """
    with torch.enable_grad():
        inputs = at if create_graph and at.requires_grad else at.detach().requires_grad_()
        found = value(inputs)
        (slope,) = torch.autograd.grad(found.sum(), inputs, create_graph=create_graph)
    return (found if create_graph else found.detach()), slope


def gradient(value: Callable[[Tensor], Tensor], at: Tensor, *, create_graph: bool) -> Tensor:
    """The gradient alone; see `value_and_gradient`."""
    return value_and_gradient(value, at, create_graph=create_graph)[1]
