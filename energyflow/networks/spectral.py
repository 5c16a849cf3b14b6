"""Convolution over a short time axis as few products of channels, by a Fourier transform of time.

A kernel of K taps over T steps, padded to the same length, is the middle of a cyclic convolution of length
n = T + (K - 1) / 2: what wraps around falls on outputs that nobody asks for. In frequencies it is one product of
channels for each, real at 0 and n / 2, complex and so three real ones (Gauss) at the others. For five taps that are 8
products instead of 14 at 4 steps, 14 instead of 34 at 8, and 26 instead of 74 at 16. With matrices X [P, T], W [P, K]
and Y [P, T] of sines and cosines,

    <y, conv(x; w)> = sum_j <(Y y)_j, (X x)_j (W w)_j>

so that the convolution and both its derivatives are the same three steps: transform two of x, w and y, multiply P
times, transform back. Transforms are small products over time, errors those of float32 sums.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

TRANSFORM = 3.0  # what a number of a transform costs, in those of a product of channels: it reads more than it computes


class Scheme(NamedTuple):
    """The matrices X [P, T], W [P, K] and Y [P, T]."""

    x: Tensor
    w: Tensor
    y: Tensor


def products(length: int, kernel: int) -> int:
    """P, of T steps and K taps."""
    size = length + kernel // 2
    return 3 * (size // 2) - 1 if size % 2 == 0 else 3 * (size // 2) + 1


def direct_products(length: int, kernel: int) -> int:
    """How many pairs of an input and an output a kernel of K taps connects over T steps."""
    return sum(max(0, length - abs(tap - kernel // 2)) for tap in range(kernel))


def pays(length: int, kernel: int, batch: int, inside: int, outside: int) -> bool:
    """Whether the transforms of inputs, outputs and weights cost less than the products that they save."""
    count = products(length, kernel)
    saved = (direct_products(length, kernel) - count) * batch * inside * outside
    moved = count * (length * batch * (inside + outside) + kernel * inside * outside)
    return saved > TRANSFORM * moved


@cache
def scheme(length: int, kernel: int, dtype: torch.dtype, device: torch.device) -> Scheme:
    """The matrices for T steps and K taps, K odd."""
    size, middle = length + kernel // 2, kernel // 2
    rows: list[tuple[list[float], list[float], list[float]]] = []
    for frequency in range(size // 2 + 1):
        turn = 2.0 * math.pi * frequency / size
        cos_x, sin_x = ([f(turn * t) for t in range(length)] for f in (math.cos, math.sin))
        # the kernel reversed, as a convolution has it
        cos_w, sin_w = ([f(turn * (kernel - 1 - k)) for k in range(kernel)] for f in (math.cos, math.sin))
        cos_y, sin_y = ([f(turn * (t + middle)) / size for t in range(length)] for f in (math.cos, math.sin))
        if 2 * frequency in (0, size):
            rows.append((cos_x, cos_w, cos_y))
            continue
        # (a - i b)(c - i d), with b and d the sums of sines: k1 = c (a + b), k2 = a (d - c), k3 = b (c + d)
        rows += [
            (_sum(cos_x, sin_x), cos_w, _sum(cos_y, sin_y, 2.0, 2.0)),
            (cos_x, _sum(sin_w, cos_w, 1.0, -1.0), [2.0 * s for s in sin_y]),
            (sin_x, _sum(cos_w, sin_w), [-2.0 * c for c in cos_y]),
        ]
    return Scheme(*(torch.tensor(part, dtype=torch.float64).to(device, dtype) for part in zip(*rows, strict=True)))


def _sum(one: list[float], two: list[float], a: float = 1.0, b: float = 1.0) -> list[float]:
    return [a * x + b * y for x, y in zip(one, two, strict=True)]


def transform(matrix: Tensor, x: Tensor) -> Tensor:
    """Matrix [P, T] times x [T, A, B] -> [P, A, B]."""
    return (matrix @ x.reshape(len(x), -1)).view(len(matrix), *x.shape[1:])
