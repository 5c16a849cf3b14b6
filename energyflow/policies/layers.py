"""A plain multi-layer perceptron, for the models and discriminators of single transitions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from torch import nn


def perceptron(inside: int, hidden: Sequence[int], outside: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    """[B, inside] -> [B, outside], with an activation after each hidden layer and none after the last."""
    widths = [inside, *hidden]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outside))
