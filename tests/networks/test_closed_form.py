"""The written-out derivatives against autograd's and against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from energyflow.config.params import Params
from energyflow.networks.blocks import SMOOTH_ACTIVATIONS
from energyflow.networks.build import Potential, ScalarPotential, Spec
from energyflow.networks.closed_form import KNOWN, climb, perceptron_of
from tests.networks.differences import assert_gradients

SPEC = Spec(obs_dim=5, action_dim=3, obs_horizon=2, pred_horizon=4, exec_horizon=2, obs_keys=("state",))
BATCH = 7
Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, Loss] = {
    "slope": lambda value, slope: (slope - 1.0).square().mean(),
    "value": lambda value, slope: value.square().mean(),
    "both": lambda value, slope: (value.exp()[:, None, None] * slope).square().mean(),
}


def potential_of(params: Params, activation: str, *, spectral: bool = False) -> ScalarPotential:
    network = params.train["energyflow"].network
    assert network.mlp is not None
    small = network.mlp.model_copy(update={"hidden": [24, 17], "time_dim": 8})
    torch.manual_seed(0)
    network = network.model_copy(update={"mlp": small})
    return ScalarPotential(SPEC, network, activation, spectral=spectral).double().eval()


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = ((BATCH, 4, 3), (BATCH, 2, 5), (BATCH,))
    chunk, obs, time = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return chunk, obs, time


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("activation", SMOOTH_ACTIVATIONS)
def test_losses_and_gradients_equal_autograds(laptop: Params, activation: str, name: str, spectral: bool) -> None:
    potential = potential_of(laptop, activation, spectral=spectral)
    found = []
    for evaluate in (potential.value_and_slope, super(ScalarPotential, potential).value_and_slope):
        chunk, obs, time = inputs()
        chunk.requires_grad_()
        loss = LOSSES[name](*evaluate(chunk, obs, time))
        gradients = torch.autograd.grad(loss, [*potential.parameters(), chunk], materialize_grads=True)
        found.append((loss, *gradients))
    assert potential.perceptron() is not None
    for ours, reference in zip(*found, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-12)


def test_gradients_equal_finite_differences(laptop: Params) -> None:
    potential = potential_of(laptop, "silu")

    def loss() -> Tensor:
        return LOSSES["both"](*potential.value_and_slope(*inputs()))

    assert_gradients(potential, loss, 1e-5, rel=1e-6, abs=1e-9)


def test_slopes_are_the_same_without_a_graph(laptop: Params) -> None:
    potential = potential_of(laptop, "mish")
    with torch.no_grad():
        value, slope = potential.value_and_slope(*inputs())
    assert not slope.requires_grad
    torch.testing.assert_close((value, slope), potential.value_and_slope(*inputs()))


def test_single_precision_agrees_with_double(laptop: Params) -> None:
    potential = potential_of(laptop, "silu")
    double = potential.slope(*inputs())
    single = potential.float().slope(*(x.float() for x in inputs()))
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KNOWN)
def test_activations_and_their_derivatives(kind: type[nn.Module]) -> None:
    z = torch.linspace(-12.0, 12.0, 101, dtype=torch.float64, requires_grad=True)
    value = kind()(z)
    (first,) = torch.autograd.grad(value.sum(), z, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), z)
    expected = [x.detach() for x in (value, first, second)]
    for order in range(3):
        found = KNOWN[kind](z.detach(), order)
        assert len(found) == order + 1
        torch.testing.assert_close(list(found), expected[: order + 1], rtol=1e-7, atol=1e-9)
    for order in range(2):
        arrays = KNOWN[kind](z.detach().numpy(), order)
        for ours, reference in zip(arrays, expected, strict=False):
            np.testing.assert_allclose(ours, reference.numpy(), rtol=1e-7, atol=1e-9)


def test_only_linear_layers_and_one_activation_are_read() -> None:
    linear, act = nn.Linear(3, 3), nn.SiLU()
    assert perceptron_of([linear, act, linear, act]) is not None
    for other in ([linear], [linear, nn.ReLU()], [linear, act, linear, nn.Tanh()], [linear, act, nn.RMSNorm(3), act]):
        assert perceptron_of(other) is None
    assert perceptron_of([]) is None


def test_a_network_of_other_layers_is_left_to_autograd(laptop: Params) -> None:
    potential = potential_of(laptop, "silu")
    potential.head.layers.insert(0, nn.RMSNorm(17).double())
    assert potential.perceptron() is None
    value, slope = potential.value_and_slope(*inputs())
    expected = Potential.value_and_slope(potential, *inputs())
    torch.testing.assert_close((value, slope), expected)


def test_a_pass_keeps_every_hidden_layer(laptop: Params) -> None:
    layers = potential_of(laptop, "tanh").perceptron()
    assert layers is not None
    found = climb(layers, torch.zeros(BATCH, layers.weights[0].shape[1], dtype=torch.float64), order=1)
    assert [len(value.T) for value, _ in found] == [24, 17, 128]
