"""Layers with time first against PyTorch's own: values, gradients, and gradients of a loss of the gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from energyflow.networks import convolution
from energyflow.networks.closed_form import silu, softplus
from energyflow.networks.convolution import Conv, Shrink
from energyflow.networks.temporal import NormActivation

LENGTH, BATCH = 6, 3
Layer = Callable[[Tensor], Tensor]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def reference(layer: nn.Module) -> Layer:
    """The same layer as PyTorch has it, on [B, C, T]."""

    def run(x: Tensor) -> Tensor:
        x = x.permute(1, 2, 0)
        if isinstance(layer, NormActivation):
            x = F.silu(F.group_norm(x, layer.groups, layer.gamma, layer.beta))
        else:
            assert isinstance(layer, Conv | Shrink)
            weight = layer.weight.permute(2, 1, 0)
            stride = 2 if isinstance(layer, Shrink) else 1
            x = F.conv1d(x, weight, layer.bias, stride=stride, padding=weight.shape[2] // 2)
        return x.permute(2, 0, 1)

    return run


LAYERS: dict[str, Callable[[], nn.Module]] = {
    **{f"conv{k}": lambda k=k: Conv(4, 5, k) for k in (1, 3, 5)},
    "wider than the chunk": lambda: Conv(4, 5, 15),
    "shrink": lambda: Shrink(4),
    "norm": lambda: NormActivation(2, 4, silu),
}


@pytest.fixture(params=["direct", "spectral"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every convolution take one of its two ways, whatever pays."""
    monkeypatch.setattr(convolution, "pays", lambda *_: request.param == "spectral")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_both_derivatives_equal_pytorchs(name: str) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]().double()
    for parameter in layer.parameters():
        parameter.data += 0.3 * draw(*parameter.shape, seed=9)
    found = []
    for run in (layer, reference(layer)):
        x = draw(LENGTH, BATCH, 4, seed=1).requires_grad_()
        y = run(x)
        (slope,) = torch.autograd.grad((y * y.sin()).sum(), x, create_graph=True)
        loss = slope.square().mean() + y.cos().mean()
        found.append((y, slope, *torch.autograd.grad(loss, [x, *layer.parameters()])))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.usefixtures("way")
def test_derivatives_equal_finite_differences() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(Conv(4, 6, 5), NormActivation(2, 6, softplus), Conv(6, 2, 3)).double()

    def loss() -> Tensor:
        x = draw(LENGTH, BATCH, 4, seed=1).requires_grad_()
        (slope,) = torch.autograd.grad(net(x).square().sum(), x, create_graph=True)
        return (slope - 1.0).square().mean()

    parameters = list(net.parameters())
    for index, gradient in enumerate(torch.autograd.grad(loss(), parameters)):
        way, ends = draw(*gradient.shape, seed=index), []
        for step in (1e-5, -2e-5):
            parameters[index].data += step * way
            ends.append(float(loss()))
        parameters[index].data += 1e-5 * way
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(float((gradient * way).sum()), rel=1e-5, abs=1e-8)


def test_a_convolution_starts_with_the_law_of_pytorchs() -> None:
    torch.manual_seed(0)
    ours = Conv(4, 5, 3)
    torch.manual_seed(0)
    theirs = nn.Conv1d(4, 5, 3)
    assert torch.equal(ours.weight, theirs.weight.permute(2, 1, 0))
    assert torch.equal(ours.bias, theirs.bias)


@pytest.mark.usefixtures("way")
def test_inputs_and_weights_that_need_no_gradient_get_none() -> None:
    layer = Conv(4, 5, 5).requires_grad_(False)
    x = torch.randn(LENGTH, BATCH, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    slope.square().sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert layer.weight.grad is None
    layer.requires_grad_()
    layer(x.detach()).sum().backward()
    assert layer.weight.grad is not None


@pytest.mark.usefixtures("way")
def test_a_third_derivative_is_refused() -> None:
    x = torch.randn(LENGTH, BATCH, 4, requires_grad=True)
    value = Conv(4, 5, 5)(x).pow(3).sum()
    (first,) = torch.autograd.grad(value, x, create_graph=True)
    (second,) = torch.autograd.grad(first.pow(2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        second.sum().backward()  # type: ignore[no-untyped-call]


def test_nothing_is_recorded_without_gradients() -> None:
    layer = NormActivation(2, 4, silu)
    x = torch.randn(LENGTH, BATCH, 4)
    with torch.no_grad():
        found = layer(x)
    assert found.grad_fn is None
    torch.testing.assert_close(found, layer(x))
