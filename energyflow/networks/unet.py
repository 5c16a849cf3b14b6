"""Conditional 1-D U-Net over the action chunk, as in the official EnergyFlow code (written from its description).

Inside, time runs first: see `networks/convolution.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from energyflow.config.sections import UNetParams
from energyflow.networks.blocks import SMOOTH_ACTIVATIONS, Rates, TimeFeatures
from energyflow.networks.closed_form import KNOWN
from energyflow.networks.convolution import Conv, Shrink
from energyflow.networks.temporal import NormActivation


class FiLMBlock(nn.Module):
    """Two convolutions with group norm; the condition scales and shifts in between: (1 + scale) * h + bias."""

    def __init__(self, inside: int, outside: int, cond_dim: int, params: UNetParams, activation: str) -> None:
        """`inside` and `outside` are channel counts."""
        super().__init__()
        phi = KNOWN[type(SMOOTH_ACTIVATIONS[activation]())]

        def convolution(channels: int) -> nn.Sequential:
            return nn.Sequential(
                Conv(channels, outside, params.kernel_size), NormActivation(params.groups, outside, phi)
            )

        self.first, self.second = convolution(inside), convolution(outside)
        self.film = nn.Linear(cond_dim, 2 * outside)
        self.shortcut = Conv(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        """X [T, B, C], cond [B, cond_dim] -> [T, B, C']."""
        scale, bias = self.film(cond).chunk(2, dim=1)
        h = torch.addcmul(bias, 1 + scale, self.first(x))
        out: Tensor = self.second(h) + self.shortcut(x)
        return out


class UNetTrunk(nn.Module):
    """(chunk [B, Tp, Da], obs [B, To, Do], time [B]) -> features [B, Tp, width]."""

    def __init__(self, action_dim: int, cond_dim: int, params: UNetParams, activation: str, rates: Rates) -> None:
        """Two residual blocks per level, stride-2 down, nearest-neighbour up; Tp must be divisible by 2^(levels-1).

        As published, what a level skips is joined where its length is met again before the chunk is doubled, so that
        the first level's features, at full length, are skipped nowhere.
        """
        super().__init__()
        act, width = SMOOTH_ACTIVATIONS[activation], params.cond_dim
        self.time = nn.Sequential(TimeFeatures(width, rates), nn.Linear(width, width), act(), nn.Linear(width, width))
        self.state = nn.Sequential(nn.Linear(cond_dim, width), act(), nn.Linear(width, width), act())
        dims = [action_dim, *params.down_dims]

        def pair(inside: int, outside: int) -> nn.ModuleList:
            return nn.ModuleList(FiLMBlock(each, outside, 2 * width, params, activation) for each in (inside, outside))

        self.down = nn.ModuleList(pair(a, b) for a, b in itertools.pairwise(dims))
        self.shrink = nn.ModuleList(Shrink(d) for d in dims[1:-1])
        self.middle = pair(dims[-1], dims[-1])
        rises = list(itertools.pairwise(reversed(dims[1:])))
        self.up = nn.ModuleList(pair(2 * a, b) for a, b in rises)
        self.grow = nn.ModuleList(Conv(b, b, 3) for _, b in rises)
        self.width = dims[1]

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See the class."""
        cond = torch.cat([self.state(obs.flatten(1)), self.time(time)], dim=-1)
        x, skips = chunk.transpose(0, 1).contiguous(), []
        for level, blocks in enumerate(self.down):
            x = _through(blocks, x, cond)  # type: ignore[arg-type]
            skips.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x)
        x = _through(self.middle, x, cond)
        for blocks, grow in zip(self.up, self.grow, strict=True):
            x = _through(blocks, torch.cat([x, skips.pop()], dim=-1), cond)  # type: ignore[arg-type]
            x = grow(x.repeat_interleave(2, dim=0))
        return x.transpose(0, 1)


def _through(blocks: Iterable[nn.Module], x: Tensor, cond: Tensor) -> Tensor:
    for block in blocks:
        x = block(x, cond)
    return x
