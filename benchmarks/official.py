"""The published model at its published size, from its description, on PyTorch's own layers: the reference of speed.

U-Net over the chunk with widths 64, 128, 256, kernels of 5, group norm of 8, FiLM of 128 + 128 numbers, two blocks a
level, no skip at full length; mean over time, head 64-256-128-1 with spectral norm; Softplus everywhere. AdamW,
clipping at 1, average of the weights. For 39 observations and 4 actions it has the published 4 812 032 parameters.
"""

from __future__ import annotations

import copy
import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

WIDTHS, KERNEL, GROUPS, COND = (64, 128, 256), 5, 8, 128
SIGMA_MIN, SIGMA_MAX = 0.01, 10.0


def _convolution(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inside, outside, KERNEL, padding=KERNEL // 2), nn.GroupNorm(GROUPS, outside), nn.Softplus()
    )


class Block(nn.Module):
    """Two convolutions with a condition in between, and a shortcut."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(inside, outside), _convolution(outside, outside)
        self.film = nn.Linear(2 * COND, 2 * outside)
        self.shortcut = nn.Conv1d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        """X [B, C, T] -> [B, C', T]."""
        scale, bias = self.film(cond)[..., None].chunk(2, dim=1)
        found: Tensor = self.second((1.0 + scale) * self.first(x) + bias) + self.shortcut(x)
        return found


class Energy(nn.Module):
    """E(a, s, t)."""

    def __init__(self, obs_dim: int, action_dim: int) -> None:
        super().__init__()
        low, middle, high = WIDTHS
        self.state = nn.Sequential(nn.Linear(obs_dim, COND), nn.Softplus(), nn.Linear(COND, COND), nn.Softplus())
        self.time = nn.Sequential(nn.Linear(COND, COND), nn.Softplus(), nn.Linear(COND, COND))
        sizes = [(action_dim, low), (low, low), (low, middle), (middle, middle), (middle, high), *3 * [(high, high)]]
        self.down = nn.ModuleList(Block(*size) for size in sizes)
        self.shrink = nn.ModuleList(nn.Conv1d(width, width, 3, stride=2, padding=1) for width in (low, middle))
        self.up = nn.ModuleList(
            Block(*size) for size in [(2 * high, middle), (middle, middle), (2 * middle, low), (low, low)]
        )
        self.grow = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2.0), nn.Conv1d(width, width, 3, padding=1))
            for width in (middle, low)
        )
        self.head = nn.Sequential(
            *(spectral_norm(nn.Linear(low, 256)), nn.Softplus(), spectral_norm(nn.Linear(256, 128)), nn.Softplus()),
            spectral_norm(nn.Linear(128, 1, bias=False)),
        )
        self.register_buffer("rates", torch.exp(-math.log(1e4) * torch.arange(COND // 2) / (COND // 2)))

    rates: Tensor

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """Energy [B]."""
        phase = time[:, None] * self.rates
        cond = torch.cat([self.state(obs.flatten(1)), self.time(torch.cat([phase.sin(), phase.cos()], dim=1))], dim=1)
        x, skips = chunk.transpose(1, 2), []
        for index, block in enumerate(self.down):
            x = block(x, cond)
            if index in (3, 5):
                skips.append(x)
            if index in (1, 3):
                x = self.shrink[index // 2](x)
        for index, grow in enumerate(self.grow):
            x = torch.cat([x, skips.pop()], dim=1)
            x = grow(self.up[2 * index + 1](self.up[2 * index](x, cond), cond))
        energy: Tensor = self.head(x.mean(dim=-1)).squeeze(-1)
        return energy

    def slope(self, chunk: Tensor, obs: Tensor, time: Tensor, *, create_graph: bool) -> Tensor:
        """Its gradient in the chunk."""
        inputs = chunk.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self(inputs, obs, time).sum(), inputs, create_graph=create_graph)
        return slope

    def plan(self, obs: Tensor, shape: tuple[int, ...], nfe: int = 20) -> Tensor:
        """Probability flow in `nfe` Euler steps."""
        action = SIGMA_MAX * torch.randn(shape)
        rate = math.log(SIGMA_MAX / SIGMA_MIN)
        times = torch.linspace(1.0, 1e-3, nfe + 1).tolist()
        for now, after in itertools.pairwise(times):
            sigma = SIGMA_MIN ** (1.0 - now) * SIGMA_MAX**now
            slope = self.slope(action, obs, torch.full((len(action),), now), create_graph=False)
            action = action + (after - now) * rate * sigma**2 * slope
        return action


class Training:
    """One optimiser step a call, on a batch that stays the same."""

    def __init__(self, energy: Energy, obs: Tensor, actions: Tensor) -> None:
        self.energy, self.obs, self.actions = energy, obs, actions
        self.average = copy.deepcopy(energy)
        self.optimizer = torch.optim.AdamW(energy.parameters(), lr=1e-4, weight_decay=1e-6)

    def __call__(self) -> None:
        """One step."""
        time, noise = torch.rand(len(self.obs)), torch.randn_like(self.actions)
        sigma = (SIGMA_MIN ** (1.0 - time) * SIGMA_MAX**time)[:, None, None]
        slope = self.energy.slope(self.actions + sigma * noise, self.obs, time, create_graph=True)
        loss = (noise - sigma * slope).square().mean()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.energy.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.energy.parameters()), 1e-4)
