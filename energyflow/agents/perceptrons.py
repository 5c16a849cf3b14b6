"""Perceptrons of one shape side by side, with the gradient written out: few large operations, and no graph to build.

    h_0 = x,    u_l = W_l h_{l-1} + b_l,    h_l = max(n(u_l), 0),    out = u_L

n is the identity, or layer normalisation (Ba et al. 2016): n(u) = scale * (u - mean u) / std u + shift. With
G_l = dJ/du_l:

    dJ/dW_l = G_l^T h_{l-1},    dJ/db_l = sum over rows of G_l,    dJ/dh_{l-1} = G_l W_l
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator

relu_slope = torch.ops.aten.threshold_backward.default  # (dJ/dh, h, 0) -> dJ/du: 0 where the unit was off
LAYER_NORM_EPS = 1e-5  # as in torch


@dataclass(frozen=True)
class Layer:
    """One linear map of every copy, and what follows it: weight [N, out, in], all others [N, 1, out].

    A map to one number is written as sums of products: oneDNN takes three times as long for such narrow matrices.
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor | None = None
    shift: Tensor | None = None

    def apply(self, h: Tensor) -> Tensor:
        """W h + b, [N, B, out]."""
        if self.weight.shape[1] == 1:
            return (h * self.weight).sum(dim=-1, keepdim=True).add_(self.bias)
        return torch.baddbmm(self.bias, h, self.weight.transpose(1, 2))

    def pull(self, slope: Tensor) -> Tensor:
        """dJ/dh [N, B, in] from dJ/du [N, B, out]."""
        return slope * self.weight if self.weight.shape[1] == 1 else torch.bmm(slope, self.weight)

    def collect(self, slope: Tensor, h: Tensor) -> None:
        """Become the gradient of a layer, from dJ/du [N, B, out] and its inputs h [N, B, in]."""
        if self.weight.shape[1] == 1:
            torch.sum(slope * h, dim=1, keepdim=True, out=self.weight)
        else:
            torch.bmm(slope.transpose(1, 2), h, out=self.weight)
        torch.sum(slope, dim=1, keepdim=True, out=self.bias)


@dataclass(frozen=True)
class Tape:
    """What the gradient of an evaluation needs.

    Attributes:
        inputs: of each layer, [N, B, in].
        normed: (u - mean u) / std u of each hidden layer [N, B, out], and 1 / std u [N, B, 1]; empty without
            layer normalisation.
    """

    inputs: list[Tensor]
    normed: list[tuple[Tensor, Tensor]]

    def first(self, rows: int) -> Tape:
        """That of the first rows alone."""
        return Tape([x[:, :rows] for x in self.inputs], [(x[:, :rows], y[:, :rows]) for x, y in self.normed])


class Perceptrons:
    """N perceptrons with ReLU whose parameters are views of one vector.

    Attributes:
        vector: [P], every parameter.
        gradient: [P], of the last `differentiate`.
        layers: the parameters, and `slopes` their gradients, layer by layer.
        spare: the last entries of `vector`, which belong to no network, and `spare_slope` their gradients.
    """

    def __init__(self, copies: int, widths: list[int], *, layer_norm: bool = False, spare: int = 0) -> None:
        """Allocate them, all zero.

        Args:
            copies: N.
            widths: of input, hidden layers and output.
            layer_norm: whether hidden layers are normalised.
            spare: how many further numbers are learned beside the networks.
        """
        self.copies, self.widths, self.layer_norm = copies, widths, layer_norm
        per_hidden = 3 if layer_norm else 1
        size = sum(high * (low + per_hidden) for low, high in pairwise(widths))
        size -= widths[-1] * (per_hidden - 1)
        self.vector, self.gradient = (torch.zeros(copies * size + spare) for _ in range(2))
        self.spare, self.spare_slope = (x[copies * size :] for x in (self.vector, self.gradient))
        self.layers, self.slopes = self._views(self.vector), self._views(self.gradient)

    def _views(self, vector: Tensor) -> list[Layer]:
        layers: list[Layer] = []
        taken = 0

        def take(*shape: int) -> Tensor:
            nonlocal taken
            taken += math.prod(shape)
            return vector[taken - math.prod(shape) : taken].view(shape)

        for low, high in pairwise(self.widths):
            normed = self.layer_norm and len(layers) < len(self.widths) - 2
            row = (self.copies, 1, high)
            layers.append(Layer(take(self.copies, high, low), take(*row), *(take(*row) for _ in range(2 * normed))))
        return layers

    def initialize(self, seed: int, purpose: str) -> None:
        """Draw weights and biases as torch's linear layers do: uniform within 1 / sqrt(inputs)."""
        generator = torch_generator(seed, purpose)
        for layer in self.layers:
            bound = layer.weight.shape[-1] ** -0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.uniform_(-bound, bound, generator=generator)
            if layer.scale is not None:
                layer.scale.fill_(1.0)

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tape]:
        """Outputs [N, B, out] of every copy at x [B, in], and the tape."""
        h, inputs, normed = x.expand(self.copies, *x.shape), [], []
        for layer in self.layers[:-1]:
            inputs.append(h)
            h = layer.apply(h)
            if layer.scale is not None and layer.shift is not None:
                normed.append(normalize(h))
                h = torch.addcmul(layer.shift, normed[-1][0], layer.scale)
            h = h.relu_()
        return self.layers[-1].apply(h), Tape([*inputs, h], normed)

    def differentiate(self, tape: Tape, slope: Tensor) -> None:
        """Write dJ/d parameters into `gradient`, from dJ/d out [N, B, out]."""
        self._back(tape, slope, parameters=True)

    def input_slope(self, tape: Tape, slope: Tensor, columns: slice) -> Tensor:
        """dJ/dx [B, columns], summed over copies, from dJ/d out [N, B, out]."""
        slope = self._back(tape, slope, parameters=False)
        return torch.bmm(slope, self.layers[0].weight[:, :, columns]).sum(dim=0)

    def _back(self, tape: Tape, slope: Tensor, *, parameters: bool) -> Tensor:
        """Walk down to dJ/du_1 [N, B, H]."""
        for number in reversed(range(len(self.layers))):
            if parameters:
                self.slopes[number].collect(slope, tape.inputs[number])
            if number == 0:
                break
            below, into = self.layers[number - 1], self.slopes[number - 1]
            slope = relu_slope(self.layers[number].pull(slope), tape.inputs[number], 0)
            if below.scale is not None:
                normed, inverse = tape.normed[number - 1]
                if parameters:
                    assert into.scale is not None
                    assert into.shift is not None
                    torch.sum(slope * normed, dim=1, keepdim=True, out=into.scale)
                    torch.sum(slope, dim=1, keepdim=True, out=into.shift)
                slope = normalize_slope(slope * below.scale, normed, inverse)
        return slope


def normalize(u: Tensor) -> tuple[Tensor, Tensor]:
    """(u - mean) / std over the last axis, and 1 / std."""
    centred = u - u.mean(dim=-1, keepdim=True)
    inverse = (centred * centred).mean(dim=-1, keepdim=True).add_(LAYER_NORM_EPS).rsqrt_()
    return centred.mul_(inverse), inverse


def normalize_slope(slope: Tensor, normed: Tensor, inverse: Tensor) -> Tensor:
    """dJ/du from dJ/dn, n = `normalize`(u): what moves mean or spread alone has no effect."""
    spread = (slope * normed).mean(dim=-1, keepdim=True)
    return inverse * (slope - slope.mean(dim=-1, keepdim=True) - normed * spread)


class Adam:
    """Adam (Kingma and Ba 2015, the form at the end of their section 2) on one vector.

        m <- m + (1 - beta1) (g - m),    v <- beta2 v + (1 - beta2) g^2,    c_i = 1 - beta_i^t
        theta <- theta - rate sqrt(c_2) / c_1 * m / (sqrt(v) + eps sqrt(c_2))

    torch's own would do, but for the second that importing its optimisers takes.
    """

    BETA1, BETA2, EPS = 0.9, 0.999, 1e-8

    def __init__(self, vector: Tensor, gradient: Tensor, rate: float) -> None:
        """Minimise over `vector`, in place, by what each step finds in `gradient`."""
        self.vector, self.gradient, self.rate = vector, gradient, rate
        self.moment, self.square = torch.zeros_like(vector), torch.zeros_like(vector)
        self.steps = torch.zeros((), dtype=torch.int64)

    def step(self) -> None:
        """Take one step."""
        self.steps += 1
        count = int(self.steps)
        known, spread = 1.0 - self.BETA1**count, (1.0 - self.BETA2**count) ** 0.5
        self.moment.lerp_(self.gradient, 1.0 - self.BETA1)
        self.square.mul_(self.BETA2).addcmul_(self.gradient, self.gradient, value=1.0 - self.BETA2)
        size = self.square.sqrt().add_(self.EPS * spread)
        self.vector.addcdiv_(self.moment, size, value=-self.rate * spread / known)
