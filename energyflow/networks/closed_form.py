"""Slope of a multi-layer perceptron's number, and the derivatives of a loss of that slope, written out.

    h_0 = x,      z_l = W_l h_{l-1} + b_l,   h_l = phi(z_l),         f = w h_L
    u_L = w,      p_l = u_l phi'(z_l),       u_{l-1} = p_l W_l,      df/dx = u_0

A loss that hands back c = dL/df and v = dL/d(df/dx) has the same derivatives as c f + v df/dx, with the tangent of x
along v, marked by a dash:

    h'_0 = v,     z'_l = W_l h'_{l-1},       h'_l = phi'(z_l) z'_l
    q_L = phi''(z_L) u_L z'_L,               q_l = phi''(z_l) u_l z'_l + phi'(z_l) (q_{l+1} W_{l+1})
    dL/dW_l = p_l (h'_{l-1} + c h_{l-1}) + q_l h_{l-1},    dL/db_l = q_l + c p_l,    dL/dw = h'_L + c h_L

That is six matrix products a layer, the least that a second differentiation needs; autograd takes as many and retraces
each sum and activation around them. The first two lines run on PyTorch's tensors and on NumPy's arrays alike, so that
training and the plans of `policies/plan.py` share them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import special
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Array = Any  # a Tensor, or a NumPy array: never both in one call
# z and an order -> phi, phi', phi'' at z, up to that order; the second one of tensors alone.
Phi = Callable[[Array, int], tuple[Array, ...]]


def _sigmoid(z: Array) -> Array:
    return torch.sigmoid(z) if isinstance(z, Tensor) else special.expit(z)


def _softplus(z: Array) -> Array:
    return F.softplus(z) if isinstance(z, Tensor) else -special.log_expit(-z)


def _tanh(z: Array) -> Array:
    return torch.tanh(z) if isinstance(z, Tensor) else np.tanh(z)


def silu(z: Array, order: int) -> tuple[Array, ...]:
    """Phi = z sigmoid(z)."""
    gate = _sigmoid(z)
    value = z * gate
    if order == 0:
        return (value,)
    if order == 1:
        return value, gate + value - value * gate
    shut = 1.0 - gate
    first = torch.addcmul(gate, value, shut)
    return value, first, torch.sub(first, value, alpha=0.5).mul_(shut).mul_(2.0)


def softplus(z: Array, order: int) -> tuple[Array, ...]:
    """Phi = log(1 + exp(z))."""
    value = _softplus(z)
    if order == 0:
        return (value,)
    gate = _sigmoid(z)
    return (value, gate) if order == 1 else (value, gate, gate * (1.0 - gate))


def tanh(z: Array, order: int) -> tuple[Array, ...]:
    """Phi is the hyperbolic tangent."""
    value = _tanh(z)
    first = 1.0 - value * value
    return (value, first, -2.0 * value * first)[: order + 1]


def mish(z: Array, order: int) -> tuple[Array, ...]:
    """Phi = z tanh(log(1 + exp(z)))."""
    inner = _tanh(_softplus(z))
    if order == 0:
        return (z * inner,)
    gate = _sigmoid(z)
    steep = gate * (1.0 - inner * inner)
    found = (z * inner, inner + z * steep)
    return found if order == 1 else (*found, steep * (2.0 + z * (1.0 - gate - 2.0 * inner * gate)))


KNOWN: dict[type[nn.Module], Phi] = {nn.SiLU: silu, nn.Softplus: softplus, nn.Tanh: tanh, nn.Mish: mish}


class Perceptron(NamedTuple):
    """Weights W_l [out, in] and biases b_l [out] or [B, out] of the hidden layers, and their activation."""

    weights: Sequence[Array]
    biases: Sequence[Array]
    phi: Phi


def perceptron_of(hidden: Sequence[nn.Module]) -> Perceptron | None:
    """Read linear layers and activations in turn, or None where the sequence is anything else.

    A parametrised weight (spectral norm) is read once, as a forward pass reads it.
    """
    linear, between = hidden[::2], {type(module) for module in hidden[1::2]}
    plain = len(hidden) % 2 == 0 and all(isinstance(module, nn.Linear) for module in linear)
    if not plain or len(between) != 1 or (kind := between.pop()) not in KNOWN:
        return None
    return Perceptron([layer.weight for layer in linear], [layer.bias for layer in linear], KNOWN[kind])


def _affine(h: Array, weight: Array, bias: Array) -> Array:
    return torch.addmm(bias, h, weight.T) if isinstance(h, Tensor) else h @ weight.T + bias


def climb(net: Perceptron, x: Array, order: int) -> list[tuple[Array, ...]]:
    """Of each hidden layer, h = phi(z) and derivatives up to `order`, at inputs x [B, in]."""
    found, h = [], x
    for weight, bias in zip(net.weights, net.biases, strict=True):
        found.append(net.phi(_affine(h, weight, bias), order))
        h = found[-1][0]
    return found


def descend(
    net: Perceptron, last: Array, firsts: Sequence[Array], width: int
) -> tuple[Array, list[Array], list[Array]]:
    """From f = h_L last [1, out] back to the first `width` inputs.

    Returns:
        u_0 [B, width], the slope; u_l and p_l of each hidden layer, first layer first.
    """
    u, p = [last], []
    for index in reversed(range(len(firsts))):
        weight = net.weights[index] if index else net.weights[0][:, :width]
        p.append(u[-1] * firsts[index])
        u.append(p[-1] @ weight)
    return u[-1], u[-2::-1], p[::-1]


class _ValueAndSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, width: int, phi: Phi, last: Tensor, *layers: Tensor) -> Any:
        net = Perceptron(layers[::2], layers[1::2], phi)
        values, firsts, seconds = zip(*climb(net, x, order=2), strict=True)
        slope, u, p = descend(net, last, firsts, width)
        bends = [second * above for second, above in zip(seconds, u, strict=True)]
        ctx.width, ctx.depth = width, len(values)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, *values, *firsts, *bends, *p, *net.weights)
        return (values[-1] @ last.T).squeeze(-1), slope

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, c: Tensor | None, v: Tensor | None) -> Any:
        depth, saved = ctx.depth, ctx.saved_tensors
        h, rest = saved[: depth + 1], saved[depth + 1 :]
        firsts, bends, p, weights = (rest[start : start + depth] for start in range(0, 4 * depth, depth))
        if v is None:
            v = h[0].new_zeros(len(h[0]), ctx.width)
        dash, q_own = [v], []
        for index in range(depth):
            z_dash = dash[-1] @ (weights[index] if index else weights[0][:, : ctx.width]).T
            q_own.append(bends[index] * z_dash)
            dash.append(firsts[index] * z_dash)
        if c is not None:
            dash[1:] = [torch.addcmul(d, c[:, None], value) for d, value in zip(dash[1:], h[1:], strict=True)]
        grads: list[Tensor] = []
        q = q_own[-1]
        for index in reversed(range(depth)):
            if index < depth - 1:
                q = torch.addcmul(q_own[index], firsts[index], q @ weights[index + 1])
            whole = q if c is None else torch.addcmul(q, c[:, None], p[index])
            if index:
                weight = (q.T @ h[index]).addmm_(p[index].T, dash[index])
            else:
                weight = whole.T @ h[0]
                weight[:, : ctx.width] += p[0].T @ v
            grads = [weight, whole.sum(dim=0), *grads]
        x = whole @ weights[0] if ctx.needs_input_grad[0] else None
        return x, None, None, dash[-1].sum(dim=0, keepdim=True), *grads


def value_and_slope(net: Perceptron, last: Tensor, x: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """F [B] and its slope [B, width] with respect to the first `width` inputs.

    Args:
        net: hidden layers.
        last: [1, out] weights of the one output, which has no bias.
        x: [B, in].
        width: inputs that the slope is taken of.

    Returns:
        Where gradients are enabled, both are differentiable once, with respect to the weights and x.
    """
    if torch.is_grad_enabled():
        layers = [tensor for pair in zip(net.weights, net.biases, strict=True) for tensor in pair]
        value, slope = _ValueAndSlope.apply(x, width, net.phi, last, *layers)  # type: ignore[no-untyped-call]
        return value, slope
    values, firsts = zip(*climb(net, x, order=1), strict=True)
    return (values[-1] @ last.T).squeeze(-1), descend(net, last, firsts, width)[0]
