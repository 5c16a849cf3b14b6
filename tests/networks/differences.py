"""Gradients against finite differences, for any potential."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn


def assert_gradients(module: nn.Module, loss: Callable[[], Tensor], step: float, *, rel: float, abs: float) -> None:
    """Compare the gradient of a loss in each parameter, along a random way, with a central difference.

    Args:
        module: in double precision.
        loss: of its parameters as they are.
        step: of the difference.
        rel: tolerance.
        abs: tolerance.
    """
    parameters = list(module.parameters())
    gradients = torch.autograd.grad(loss(), parameters, materialize_grads=True)
    generator = torch.Generator().manual_seed(2)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        way = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        ends = []
        for sign in (1.0, -1.0):
            with torch.no_grad():
                parameter.add_(sign * step * way)
            ends.append(float(loss().detach()))
            with torch.no_grad():
                parameter.sub_(sign * step * way)
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float((gradient * way).sum()), rel=rel, abs=abs)
