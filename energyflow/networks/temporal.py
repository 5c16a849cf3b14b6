"""Group norm over time and an activation, [T, B, C], with first and second derivatives written out.

Those of a normalisation are short, and autograd's take a third of a training step of an energy.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from energyflow.networks.closed_form import Phi

EPSILON = 1e-5  # of the variance, as in PyTorch's group norm


def _means(x: Tensor, groups: int) -> Tensor:
    """Mean over time and the channels of a group, repeated for each channel: [T, B, C] -> [B, C]."""
    length, batch, channels = x.shape
    each = x.sum(dim=0).view(batch, groups, -1).mean(dim=-1, keepdim=True) / length
    return each.expand(batch, groups, channels // groups).reshape(batch, channels)


def _project(v: Tensor, n: Tensor, scale: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """P v = scale (v - mean(v) - n mean(v n)), the normaliser's own and its transposed Jacobian, and mean(v n)."""
    along = _means(v * n, groups)
    return torch.addcmul(-scale * _means(v, groups), scale, v).addcmul_(n, -scale * along), along


class _Normalize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, groups: int) -> Tensor:
        n = x - _means(x, groups)
        scale = (_means(n * n, groups) + EPSILON).rsqrt()
        n.mul_(scale)
        ctx.save_for_backward(x, n, scale)
        ctx.groups = groups
        return n

    @staticmethod
    def backward(ctx: Any, v: Tensor) -> Any:
        return _NormalizePull.apply(v, *ctx.saved_tensors, ctx.groups), None  # type: ignore[no-untyped-call]


class _NormalizePull(torch.autograd.Function):
    """P(x) v; its derivative along w uses that P is symmetric, and that a mean over a group passes through it."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, x: Tensor, n: Tensor, scale: Tensor, groups: int) -> Tensor:
        found, along = _project(v, n, scale, groups)
        ctx.save_for_backward(found, n, scale, along)
        ctx.groups = groups
        return found

    @staticmethod
    def backward(ctx: Any, w: Tensor) -> Any:
        found, n, scale, along = ctx.saved_tensors
        v, other = _project(w, n, scale, ctx.groups)
        both = _means(w * found, ctx.groups)
        x = (v * (-scale * along)).addcmul_(found, -scale * other).addcmul_(n, -scale * both)
        return v, x, None, None, None


class _Activate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, phi: Phi) -> Any:
        value, first, second = phi(z, 2)
        ctx.save_for_backward(z, first, second)
        return value

    @staticmethod
    def backward(ctx: Any, v: Tensor) -> Any:
        return v * _Slope.apply(*ctx.saved_tensors), None  # type: ignore[no-untyped-call]


class _Slope(torch.autograd.Function):
    """phi'(z), which the forward pass has found already."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, first: Tensor, second: Tensor) -> Tensor:
        ctx.save_for_backward(second)
        return first.view_as(first)

    @staticmethod
    def backward(ctx: Any, w: Tensor) -> Any:
        (second,) = ctx.saved_tensors
        return w * second, None, None


class NormActivation(nn.Module):
    """phi(gamma n + beta), n standardised over time and a group of channels: [T, B, C] -> [T, B, C]."""

    def __init__(self, groups: int, channels: int, phi: Phi) -> None:
        """Starts with gamma = 1 and beta = 0."""
        super().__init__()
        self.groups, self.phi = groups, phi
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        z = torch.addcmul(self.beta, self.gamma, _Normalize.apply(x, self.groups))  # type: ignore[no-untyped-call]
        if torch.is_grad_enabled():
            value: Tensor = _Activate.apply(z, self.phi)  # type: ignore[no-untyped-call]
            return value
        return self.phi(z, 0)[0]  # type: ignore[no-any-return]
