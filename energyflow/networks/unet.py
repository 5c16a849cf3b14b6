"""Conditional 1-D U-Net over the action chunk, as in the official EnergyFlow code (written from its description).

Inside, time runs first: see `networks/temporal.py`.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from energyflow.config.sections import UNetParams
from energyflow.networks.blocks import SMOOTH_ACTIVATIONS, TimeFeatures
from energyflow.networks.closed_form import KNOWN
from energyflow.networks.temporal import Conv, NormActivation, Shrink


class FiLMBlock(nn.Module):
    """Two convolutions with group norm; the condition scales and shifts in between: (1 + scale) * h + bias."""

    def __init__(self, inside: int, outside: int, cond_dim: int, params: UNetParams, activation: str) -> None:
        """`inside` and `outside` are channel counts."""
        super().__init__()
        act = SMOOTH_ACTIVATIONS[activation]()

        def convolution(channels: int) -> nn.Sequential:
            return nn.Sequential(
                Conv(channels, outside, params.kernel_size), NormActivation(params.groups, outside, KNOWN[type(act)])
            )

        self.first, self.second = convolution(inside), convolution(outside)
        self.film = nn.Sequential(act, nn.Linear(cond_dim, 2 * outside))
        self.shortcut = Conv(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        """X [T, B, C], cond [B, cond_dim] -> [T, B, C']."""
        scale, bias = self.film(cond).chunk(2, dim=1)
        h = torch.addcmul(bias, 1 + scale, self.first(x))
        out: Tensor = self.second(h) + self.shortcut(x)
        return out


class UNetTrunk(nn.Module):
    """(chunk [B, Tp, Da], obs [B, To, Do], time [B]) -> features [B, Tp, width]."""

    def __init__(self, action_dim: int, cond_dim: int, params: UNetParams, activation: str) -> None:
        """Two residual blocks per level, stride-2 down, nearest-neighbour up; Tp must be divisible by 2^(levels-1)."""
        super().__init__()
        act = SMOOTH_ACTIVATIONS[activation]
        self.time = nn.Sequential(
            TimeFeatures(params.cond_dim),
            nn.Linear(params.cond_dim, 4 * params.cond_dim),
            act(),
            nn.Linear(4 * params.cond_dim, params.cond_dim),
        )
        self.state = nn.Sequential(
            nn.Linear(cond_dim, params.cond_dim), act(), nn.Linear(params.cond_dim, params.cond_dim)
        )
        cond, dims = 2 * params.cond_dim, [action_dim, *params.down_dims]

        def pair(inside: int, outside: int) -> nn.ModuleList:
            return nn.ModuleList(
                [
                    FiLMBlock(inside, outside, cond, params, activation),
                    FiLMBlock(outside, outside, cond, params, activation),
                ]
            )

        self.down = nn.ModuleList(pair(a, b) for a, b in itertools.pairwise(dims))
        self.shrink = nn.ModuleList(Shrink(d) for d in dims[1:-1])
        self.middle = pair(dims[-1], dims[-1])
        self.up = nn.ModuleList(
            pair(2 * b, a) for a, b in zip(reversed([dims[1], *dims[1:-1]]), reversed(dims[1:]), strict=True)
        )
        self.width = dims[1]

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See the class."""
        cond = torch.cat([self.state(obs.flatten(1)), self.time(time)], dim=-1)
        x, skips = chunk.transpose(0, 1).contiguous(), []
        for level, blocks in enumerate(self.down):
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, cond)
            skips.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x)
        for block in self.middle:
            x = block(x, cond)
        for level, blocks in enumerate(self.up):
            x = torch.cat([x, skips.pop()], dim=-1)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, cond)
            if level < len(self.up) - 1:
                x = x.repeat_interleave(2, dim=0)
        return x.transpose(0, 1)
