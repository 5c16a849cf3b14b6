"""The centred potential: exactly a gradient, what its slope is made of, and what it starts as."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.networks.build import Potential, ScalarPotential, Spec
from energyflow.networks.centred import CentredPotential
from tests.networks.differences import assert_gradients

SPEC = Spec(obs_dim=5, action_dim=3, obs_horizon=2, pred_horizon=4, exec_horizon=2, obs_keys=("state",))
SMALL_UNET = {"down_dims": [8, 16], "kernel_size": 3, "groups": 4, "cond_dim": 16}
BATCH = 6
Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, Loss] = {
    "slope": lambda value, slope: (slope - 1.0).square().mean(),
    "both": lambda value, slope: (value.tanh()[:, None, None] * slope).square().mean(),
}


@pytest.fixture(params=["mlp", "unet"])
def potential(request: pytest.FixtureRequest, laptop: Params, paper: Params) -> CentredPotential:
    """A small one on either trunk, in double precision; m and k are as large as what g adds."""
    network = (laptop if request.param == "mlp" else paper).train["energyflow"].network
    if network.mlp is not None and request.param == "mlp":
        network = network.model_copy(update={"mlp": network.mlp.model_copy(update={"hidden": [24, 17], "time_dim": 8})})
    if network.unet is not None and request.param == "unet":
        network = network.model_copy(update={"unet": network.unet.model_copy(update=SMALL_UNET)})
    torch.manual_seed(0)
    found = CentredPotential(ScalarPotential(SPEC, network, "silu", spectral=False), SPEC).double().eval()
    torch.nn.init.normal_(found.out.weight, std=0.2)
    torch.nn.init.normal_(found.out.bias)
    return found


def inputs(batch: int = BATCH) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = ((batch, 4, 3), (batch, 2, 5), (batch,))
    chunk, obs, time = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return chunk, obs, time


def test_the_slope_has_no_curl(potential: CentredPotential) -> None:
    chunk, obs, time = inputs(1)

    def slope(flat: Tensor) -> Tensor:
        return potential.slope(flat.reshape(chunk.shape), obs, time).flatten()

    jacobian = torch.autograd.functional.jacobian(slope, chunk.flatten())
    assert isinstance(jacobian, Tensor)
    assert float((jacobian - jacobian.T).abs().max()) <= 1e-13 * float(jacobian.abs().max())
    _, bend = potential.centre(chunk, obs, time)
    plain = torch.autograd.functional.jacobian(
        lambda flat: potential.curved.slope(flat.reshape(chunk.shape), obs, time).flatten(), chunk.flatten()
    )
    assert isinstance(plain, Tensor)
    torch.testing.assert_close(jacobian, plain - torch.diag(bend.flatten()))  # k bends, m does not
    assert float(bend.abs().min()) > 1e-3


def test_the_slope_is_the_gradient_of_the_value(potential: CentredPotential) -> None:
    chunk, obs, time = inputs()
    value, slope = potential.value_and_slope(chunk, obs, time)
    torch.testing.assert_close(value, potential(chunk, obs, time))
    torch.testing.assert_close(slope, Potential.value_and_slope(potential, chunk, obs, time)[1])
    torch.testing.assert_close(slope, potential.slope(chunk, obs, time))
    with torch.no_grad():
        torch.testing.assert_close(potential.value_and_slope(chunk, obs, time), (value.detach(), slope.detach()))
    step, (batch, *index) = 1e-6, (1, 2, 1)
    shift = torch.zeros_like(chunk)
    shift[batch, index[0], index[1]] = step
    change = potential(chunk + shift, obs, time) - potential(chunk - shift, obs, time)
    assert float(change[batch]) / (2 * step) == pytest.approx(float(slope[batch, index[0], index[1]]), rel=1e-6)


def test_the_parabola_is_the_one_that_is_said(potential: CentredPotential) -> None:
    """F - g = <x, m> - 1/2 sum k x^2: from three points along one coordinate."""
    chunk, obs, time = inputs()
    tilt, bend = potential.centre(chunk, obs, time)

    def added(x: Tensor) -> Tensor:
        return potential(x, obs, time) - potential.curved(x, obs, time)

    torch.testing.assert_close(added(torch.zeros_like(chunk)), torch.zeros(BATCH, dtype=torch.float64))
    axis = torch.zeros_like(chunk)
    axis[:, 2, 1] = 1.0
    torch.testing.assert_close((added(axis) - added(-axis)) / 2, tilt[:, 2, 1])
    torch.testing.assert_close(added(axis) + added(-axis), -bend[:, 2, 1])
    moved = potential.centre(chunk + 1.0, obs, time)
    torch.testing.assert_close(moved, (tilt, bend))  # of observation and time alone


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_a_loss_equal_finite_differences(potential: CentredPotential, name: str) -> None:
    def loss() -> Tensor:
        return LOSSES[name](*potential.value_and_slope(*inputs()))

    assert_gradients(potential, loss, 1e-6, rel=1e-5, abs=1e-7)


def test_it_starts_as_the_potential_that_it_is_put_on(potential: CentredPotential) -> None:
    curved = potential.curved
    fresh = CentredPotential(curved, SPEC).double()
    value, slope = fresh.value_and_slope(*inputs())
    expected = curved.value_and_slope(*inputs())
    assert torch.equal(value, expected[0])
    assert torch.equal(slope, expected[1])
    gradients = torch.autograd.grad(slope.square().mean(), list(fresh.out.parameters()))
    assert all(bool((gradient != 0).all()) for gradient in gradients)  # and nothing keeps it there
