"""Convolutions over a chunk whose time runs first, [T, B, C], with first and second derivatives written out.

Time first makes every tap of a kernel one matrix product over rows that lie together, x[t + k - p] W_k for all t and B
at once: nothing is copied, and what padding would multiply by zero (three tenths of a kernel of 5 over 4 steps) is not
computed. Where a batch is large, a transform of time saves half of the products (`networks/spectral.py`). The
derivatives of such products are products of the same kind, also the second ones that the loss of an energy needs.

Where a gradient is itself to be differentiated (`create_graph`), it is that of the inputs: the layers then compute none
of their weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from energyflow.networks.spectral import Scheme, pays, scheme, transform


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


class _Direct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _forward(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, y: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        below = _DirectPull.apply(y, weight) if ctx.needs_input_grad[0] else None  # type: ignore[no-untyped-call]
        if torch.is_grad_enabled() or not ctx.needs_input_grad[1]:
            return below, None, None
        return below, _correlate(x, y, len(weight)), y.sum(dim=(0, 1))


class _DirectPull(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(y, weight)
        return _pull(y, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> Any:
        y, weight = ctx.saved_tensors
        return _forward(v, weight, None), _correlate(v, y, len(weight)) if ctx.needs_input_grad[1] else None


class _Spectral(torch.autograd.Function):
    """What is transformed is kept: `seen` of x, `turned` of the weight, `wanted` of a gradient y."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, by: Scheme) -> Tensor:
        seen, turned = transform(by.x, x), transform(by.w, weight)
        ctx.save_for_backward(weight, seen, turned)
        ctx.by = by
        return transform(by.y.T, torch.bmm(seen, turned)).add_(bias)

    @staticmethod
    def backward(ctx: Any, y: Tensor) -> Any:
        weight, seen, turned = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _SpectralPull.apply(y, weight, turned, ctx.by), None, None, None  # type: ignore[no-untyped-call]
        wanted, below, of_weight, of_bias = transform(ctx.by.y, y), None, None, None
        if ctx.needs_input_grad[0]:
            below = transform(ctx.by.x.T, torch.bmm(wanted, turned.mT))
        if ctx.needs_input_grad[1]:
            of_weight, of_bias = transform(ctx.by.w.T, torch.bmm(seen.mT, wanted)), y.sum(dim=(0, 1))
        return below, of_weight, of_bias, None


class _SpectralPull(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, weight: Tensor, turned: Tensor, by: Scheme) -> Tensor:
        wanted = transform(by.y, y)
        ctx.save_for_backward(wanted, turned)
        ctx.by = by
        return transform(by.x.T, torch.bmm(wanted, turned.mT))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> Any:
        wanted, turned = ctx.saved_tensors
        seen = transform(ctx.by.x, v)
        of_weight = transform(ctx.by.w.T, torch.bmm(seen.mT, wanted)) if ctx.needs_input_grad[1] else None
        return transform(ctx.by.y.T, torch.bmm(seen, turned)), of_weight, None, None


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
        length, batch, inside = x.shape
        kernel, _, outside = self.weight.shape
        out: Tensor
        if pays(length, kernel, batch, inside, outside):
            by = scheme(length, kernel, x.dtype, x.device)
            out = _Spectral.apply(x, self.weight, self.bias, by)  # type: ignore[no-untyped-call]
        else:
            out = _Direct.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
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
