"""The written-out gradients against torch's own, side by side with torch's layers; Adam against torch's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from energyflow.agents.perceptrons import Adam, Layer, Perceptrons
from energyflow.learning.kernels import exact, fastest, using

WIDTHS, ROWS = [5, 16, 12, 3], 7
CRITIC = [5, 16, 12, 1]  # maps to one number are computed otherwise


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def built(copies: int, widths: list[int] = WIDTHS, *, layer_norm: bool) -> Perceptrons:
    found = Perceptrons(copies, widths, layer_norm=layer_norm)
    found.vector.copy_(torch.randn(found.vector.shape, generator=torch.Generator().manual_seed(0)))
    return found


def as_modules(found: Perceptrons, copy: int) -> nn.Sequential:
    """The same perceptron in torch's layers."""
    layers: list[nn.Module] = []
    for layer in found.layers:
        linear = nn.Linear(*reversed(layer.weight.shape[1:]))
        linear.weight.data.copy_(layer.weight[copy])
        linear.bias.data.copy_(layer.bias[copy, 0])
        layers.append(linear)
        if layer.scale is not None and layer.shift is not None:
            norm = nn.LayerNorm(layer.weight.shape[1])
            norm.weight.data.copy_(layer.scale[copy, 0])
            norm.bias.data.copy_(layer.shift[copy, 0])
            layers.append(norm)
        layers.append(nn.ReLU())
    return nn.Sequential(*layers[:-1])


def inputs() -> Tensor:
    return torch.randn(ROWS, WIDTHS[0], generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize(("copies", "widths"), [(1, WIDTHS), (2, WIDTHS), (2, CRITIC)])
def test_values_and_gradients_are_those_of_torch(copies: int, widths: list[int], layer_norm: bool) -> None:
    found, x = built(copies, widths, layer_norm=layer_norm), inputs().requires_grad_()
    slope = torch.randn(copies, ROWS, widths[-1], generator=torch.Generator().manual_seed(2))
    modules = [as_modules(found, copy) for copy in range(copies)]
    expected = torch.stack([module(x) for module in modules])
    (expected * slope).sum().backward()
    out, tape = found.evaluate(x.detach())
    torch.testing.assert_close(out, expected)
    found.differentiate(tape, slope)
    for copy, module in enumerate(modules):
        parts = [getattr(layer, name) for layer in found.slopes for name in ("weight", "bias", "scale", "shift")]
        mine = [part[copy] for part in parts if part is not None]
        theirs = [parameter.grad for parameter in module.parameters()]
        for own, other in zip(mine, theirs, strict=True):
            torch.testing.assert_close(own.reshape(other.shape), other)
    columns = slice(2, None)
    torch.testing.assert_close(found.input_slope(tape, slope, columns), x.grad[:, columns])


@pytest.mark.parametrize("layer_norm", [False, True])
def test_the_gradient_is_the_slope_of_the_loss(layer_norm: bool) -> None:
    """By central differences, along a direction that moves every parameter."""
    found, x = built(2, layer_norm=layer_norm), inputs()

    def loss() -> float:
        return float(found.evaluate(x)[0].square().sum())

    out, tape = found.evaluate(x)
    found.differentiate(tape, 2.0 * out)
    start, direction, step = found.vector.clone(), torch.randn(found.vector.shape), 1e-6
    ends = []
    for sign in (1, -1):
        found.vector.copy_(start + sign * step * direction)
        ends.append(loss())
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(found.gradient @ direction), rel=1e-6)


def test_the_tape_of_the_first_rows_gives_their_gradient() -> None:
    found, x = built(2, layer_norm=True), inputs()
    slope = torch.ones(2, 4, WIDTHS[-1])
    found.differentiate(found.evaluate(x[:4])[1], slope)
    alone = found.gradient.clone()
    found.differentiate(found.evaluate(x)[1].first(4), slope)
    torch.testing.assert_close(found.gradient, alone)


def test_views_share_one_vector_without_gaps() -> None:
    found = Perceptrons(2, WIDTHS, layer_norm=True, spare=2)
    for layer in (*found.layers, Layer(found.spare, torch.zeros(0))):
        for part in (layer.weight, layer.bias, layer.scale, layer.shift):
            if part is not None:
                part += 1.0
    assert (found.vector == 1.0).all()


def test_initial_weights_follow_the_law_of_torch_and_the_seed() -> None:
    one, same, other = (Perceptrons(2, [50, 400, 1], layer_norm=True) for _ in range(3))
    for found, seed in ((one, 0), (same, 0), (other, 1)):
        found.initialize(seed, "test")
    assert one.vector.equal(same.vector)
    assert not one.vector.equal(other.vector)
    assert not one.layers[0].weight[0].equal(one.layers[0].weight[1])
    first = one.layers[0]
    assert first.scale is not None
    assert (first.scale == 1.0).all()
    for values in (first.weight, first.bias):
        assert float(values.abs().max()) <= 50**-0.5
        assert float(values.std()) == pytest.approx((50 * 3) ** -0.5, rel=0.1)


def test_adam_is_that_of_torch() -> None:
    mine, theirs = torch.randn(40), nn.Parameter(torch.zeros(40))
    theirs.data.copy_(mine)
    gradient = torch.zeros(40)
    own, other = Adam(mine, gradient, 1e-2), torch.optim.Adam([theirs], lr=1e-2)
    for step in range(50):
        gradient.copy_(torch.randn(40, generator=torch.Generator().manual_seed(step)) * 10.0 ** (step % 7 - 5))
        theirs.grad = gradient.clone()
        own.step()
        other.step()
        torch.testing.assert_close(mine, theirs.data, rtol=1e-10, atol=1e-12)


def test_batched_products_keep_their_precision_on_the_kernels_in_use() -> None:
    torch.set_default_dtype(torch.float32)
    zero = torch.zeros(())
    with using(fastest(torch.device("cpu"))):
        assert exact(lambda x, y: torch.bmm(x[None], y[None])[0])
        assert exact(lambda x, y: torch.baddbmm(zero, x[None], y[None])[0])
