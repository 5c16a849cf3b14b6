"""Multi-layer perceptron on the flattened chunk: small enough that a laptop regenerates every table."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from energyflow.config.sections import MLPParams
from energyflow.networks.blocks import SMOOTH_ACTIVATIONS, TimeFeatures


class MLPTrunk(nn.Module):
    """(chunk [B, Tp, Da], obs [B, To, Do], time [B]) -> features [B, width]."""

    def __init__(self, chunk_dim: int, cond_dim: int, params: MLPParams, activation: str) -> None:
        """chunk_dim = Tp * Da, cond_dim = To * Do."""
        super().__init__()
        self.chunk_dim, self.time_dim = chunk_dim, params.time_dim
        self.time = TimeFeatures(params.time_dim)
        widths = [chunk_dim + cond_dim + params.time_dim, *params.hidden]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), SMOOTH_ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers)
        self.width = widths[-1]

    def inputs(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """What the first layer reads [B, Tp Da + To Do + time_dim], the chunk first."""
        return torch.cat([chunk.flatten(1), obs.flatten(1), self.time(time)], dim=-1)

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See the class."""
        features: Tensor = self.layers(self.inputs(chunk, obs, time))
        return features
