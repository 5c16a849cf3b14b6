"""Layers of a 1-D network whose time runs first, [T, B, C], with first and second derivatives written out.

Time first makes every tap of a convolution one matrix product over rows that lie together, x[t + k - p] W_k for all t
and B at once: nothing is copied, and what padding would multiply by zero (three tenths of a kernel of 5 over 4 steps)
is not computed. The derivatives of such a product are products of the same kind, also the second ones that the loss of
an energy needs; those of a normalisation are written out, as autograd's take a third of a training step.

Where a gradient is itself to be differentiated (`create_graph`), it is that of the inputs: the layers then compute none
of their weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from energyflow.networks.closed_form import Phi

EPSILON = 1e-5  # of the variance, as in PyTorch's group norm


def _taps(length: int, kernel: int, batch: int) -> Iterator[tuple[int, slice, slice]]:
    """Taps of a kernel, the middle one first, with the rows of input and of output [T B] that each connects."""
    middle = kernel // 2
    for tap in sorted(range(kernel), key=lambda k: abs(k - middle)):
        shift = tap - middle
        low, high = max(0, -shift) * batch, min(length, length - shift) * batch
        if high > low:
            yield tap, slice(low + shift * batch, high + shift * batch), slice(low, high)


def _forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve x [T, B, C] with weight [K, C, C']."""
    length, batch, _ = x.shape
    rows = x.reshape(length * batch, -1)
    middle = weight[len(weight) // 2]
    out = rows @ middle if bias is None else torch.addmm(bias, rows, middle)
    for tap, source, target in _taps(length, len(weight), batch):
        if tap != len(weight) // 2:
            out[target].addmm_(rows[source], weight[tap])
    return out.view(length, batch, -1)


def _pull(y: Tensor, weight: Tensor) -> Tensor:
    """The gradient in x of <y, conv(x)>."""
    length, batch, _ = y.shape
    rows = y.reshape(length * batch, -1)
    out = rows @ weight[len(weight) // 2].T
    for tap, source, target in _taps(length, len(weight), batch):
        if tap != len(weight) // 2:
            out[source].addmm_(rows[target], weight[tap].T)
    return out.view(length, batch, -1)


def _correlate(x: Tensor, y: Tensor, kernel: int) -> Tensor:
    """The gradient in the weight of <y, conv(x)>."""
    length, batch, _ = x.shape
    rows, outer = x.reshape(length * batch, -1), y.reshape(length * batch, -1)
    out = x.new_zeros(kernel, rows.shape[1], outer.shape[1])
    for tap, source, target in _taps(length, kernel, batch):
        torch.mm(rows[source].T, outer[target], out=out[tap])
    return out


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _forward(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, y: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        below = _ConvPull.apply(y, weight) if ctx.needs_input_grad[0] else None  # type: ignore[no-untyped-call]
        if torch.is_grad_enabled() or not ctx.needs_input_grad[1]:
            return below, None, None
        return below, _correlate(x, y, len(weight)), y.sum(dim=(0, 1))


class _ConvPull(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(y, weight)
        return _pull(y, weight)

    @staticmethod
    def backward(ctx: Any, v: Tensor) -> Any:
        y, weight = ctx.saved_tensors
        return _forward(v, weight, None), _correlate(v, y, len(weight)) if ctx.needs_input_grad[1] else None


class Conv(nn.Module):
    """Convolution over time with an odd kernel, padded to the same length: [T, B, C] -> [T, B, C']."""

    def __init__(self, inside: int, outside: int, kernel: int) -> None:
        """Initialised as `nn.Conv1d`; the weight is [kernel, inside, outside]."""
        super().__init__()
        plain = nn.Conv1d(inside, outside, kernel)
        self.weight = nn.Parameter(plain.weight.detach().permute(2, 1, 0).contiguous())
        self.bias = nn.Parameter(plain.bias.detach().clone())  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = _Conv.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return out


class Shrink(nn.Module):
    """Convolution of width 3 and stride 2, padded by 1, over an even number of steps: [T, B, C] -> [T / 2, B, C]."""

    def __init__(self, channels: int) -> None:
        """Initialised as `nn.Conv1d`; the weight is [3, channels, channels]."""
        super().__init__()
        start = Conv(channels, channels, 3)
        self.weight, self.bias = start.weight, start.bias

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        length, batch, channels = x.shape
        even, odd = (x[start::2].reshape(-1, channels) for start in (0, 1))
        here = torch.addmm(self.bias, even, self.weight[1]) + odd @ self.weight[2]
        before = F.pad(odd[:-batch] @ self.weight[0], (0, 0, batch, 0))
        return (here + before).view(length // 2, batch, channels)


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
