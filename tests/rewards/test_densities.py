"""Learnt energies and densities against Gaussians in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from energyflow.config.params import Params
from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.datasets.windows import Windows
from energyflow.learning.trainer import Trainer
from energyflow.networks.build import Spec
from energyflow.policies.base import Model
from energyflow.policies.ebil_energy import EBILEnergy
from energyflow.policies.flow_policy import FlowPolicy
from energyflow.policies.near_energy import NEAREnergy
from energyflow.rewards.base import Ingredients
from energyflow.rewards.ebil import JointEnergy
from energyflow.rewards.likelihood import log_density
from energyflow.rewards.sources import build_source

from .conftest import ACTION_DIM, OBS_DIM, as_demos, make_demos, transitions

COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.8]])
SIGMA = 0.7
SMOOTHED = MultivariateNormal(torch.zeros(2), COVARIANCE + SIGMA**2 * torch.eye(2))


def quick(section: TrainParams, steps: int, **method_params: object) -> TrainParams:
    assert section.network.mlp is not None
    mlp = section.network.mlp.model_copy(update={"hidden": [64, 64]})
    return section.model_copy(
        update={
            "steps": steps,
            "batch_size": 512,
            "lr": 3e-3,
            "ema_decay": 0.99,
            "network": section.network.model_copy(update={"mlp": mlp}),
            "method_params": section.method_params | method_params,
        }
    )


def fitted(model: Model, windows: Windows) -> Model:
    trainer = Trainer(model, windows, 0, torch.device("cpu"))
    for _ in range(model.params.steps):
        trainer.advance()
    return trainer.averaged()


def score(points: Tensor) -> Tensor:
    """Gradient of the log-density of the smoothed Gaussian."""
    return -points @ torch.linalg.inv(SMOOTHED.covariance_matrix)


def slope(energy: Tensor, points: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(energy.sum(), points)
    return found


def close(found: Tensor, true: Tensor) -> None:
    assert float((found - true).square().sum(1).mean() / true.square().sum(1).mean()) < 0.02


class Unbounded(EBILEnergy):
    """Without the sigmoid, which cannot tell more than one nat: the loss alone is under test."""

    def bound(self, raw: Tensor) -> Tensor:
        return raw


def test_the_slope_of_deen_is_that_of_the_smoothed_gaussian(every: Params) -> None:
    torch.manual_seed(0)
    data = MultivariateNormal(torch.zeros(2), COVARIANCE).sample((20_000,))
    model = Unbounded(Spec(1, 1, 1, 1, 1, ("state",)), quick(every.reward_model["ebil_energy"], 500, sigma=SIGMA))
    found = fitted(model, Windows(data[:, None, :1], data[:, None, 1:]))
    points = SMOOTHED.sample((500,)).requires_grad_()
    close(-slope(found.pair_energy(points), points), score(points.detach()))


def test_the_slope_of_ncsn_is_that_of_the_smoothed_gaussian_and_higher_is_better(every: Params) -> None:
    torch.manual_seed(0)
    data = MultivariateNormal(torch.zeros(2), COVARIANCE).sample((20_000,))
    section = quick(every.reward_model["near_energy"], 500, levels=1, sigma_max=SIGMA, energy_weight=0.0)
    found = fitted(
        NEAREnergy(Spec(1, 1, 2, 1, 1, ("state",)), section), Windows(data[:, :, None], torch.zeros(20_000, 1, 1))
    )
    points = SMOOTHED.sample((500,)).requires_grad_()
    energy = found.energy(points, found.sigmas.expand(500))
    close(slope(energy, points), score(points.detach()))


def test_the_weight_of_ncsn_on_the_size_of_its_energy_leaves_it_a_score_to_learn(every: Params) -> None:
    """With the published weight, 1, the loss is least at E = 0, which rewards nothing."""
    torch.manual_seed(0)
    section = quick(every.reward_model["near_energy"], 500)
    data = torch.randn(20_000, 1) * torch.linspace(-1.0, 1.0, 12)  # a line in twelve dimensions
    pairs = data.reshape(-1, 2, 6)
    found = fitted(NEAREnergy(Spec(6, 1, 2, 1, 1, ("state",)), section), Windows(pairs, torch.zeros(20_000, 1, 1)))
    assert isinstance(found, NEAREnergy)
    sigma, noise = torch.tensor(0.1), torch.randn(1000, 12)
    points = (data[:1000] + sigma * noise).requires_grad_()
    missed = sigma * slope(found.energy(points, sigma.expand(1000)), points) + noise
    assert float(missed.square().sum()) < 0.5 * float(noise.square().sum())


def test_the_published_energy_lies_between_zero_and_one_and_its_reward_has_the_unit(every: Params) -> None:
    torch.manual_seed(0)
    model, episodes = (
        EBILEnergy(Spec(OBS_DIM, ACTION_DIM, 1, 1, 1, ("state",)), every.reward_model["ebil_energy"]),
        make_demos(),
    )
    source = build_source(Ingredients("ebil", every.shape["ebil"], 0, model, as_demos(episodes)))
    assert isinstance(source, JointEnergy)
    obs = torch.cat([torch.from_numpy(e.obs) for e in episodes]).float()
    action = torch.cat([torch.from_numpy(e.actions) for e in episodes]).float()
    reward = source.reward(transitions(obs, action))
    assert abs(float(reward.mean())) == pytest.approx(1.0, abs=1e-4)  # -1, if it prefers random actions
    published = 1 - model.energy(obs, action)
    torch.testing.assert_close(reward * abs(source.unit.contrast) + source.unit.zero, published, rtol=1e-4, atol=1e-5)
    assert bool(((published > 0) & (published < 1)).all())
    assert source.measured == {"random": source.unit.zero, "contrast": source.unit.contrast}
    with torch.no_grad():
        list(model.parameters())[-1].fill_(1e6)  # E = 1 everywhere
    with pytest.raises(UserError, match="the energy does not tell demonstrated from random actions"):
        build_source(Ingredients("ebil", every.shape["ebil"], 0, model, as_demos(episodes)))


class Exact(FlowPolicy):
    """The velocity that carries N(0, I) to N(mean, covariance) along straight paths, in closed form."""

    mean = torch.tensor([0.3, -0.2, 0.5])
    covariance = torch.tensor([[0.5, 0.3, 0.0], [0.3, 0.4, -0.1], [0.0, -0.1, 0.2]])

    def __init__(self, params: TrainParams) -> None:
        super().__init__(Spec(1, 3, 1, 1, 1, ("state",)), params)
        del self.field
        self.field = self.velocity  # type: ignore[assignment]

    def velocity(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        t = time[:, None, None]
        eye = torch.eye(3)
        mixed = (1 - t) ** 2 * eye + t**2 * self.covariance
        gain = (t * self.covariance - (1 - t) * eye) @ torch.linalg.inv(mixed)
        centred = chunk.transpose(1, 2) - t * self.mean[:, None]
        return (self.mean[:, None] + gain @ centred).transpose(1, 2)


def test_likelihood_of_a_gaussian_is_its_log_density(every: Params) -> None:
    model = Exact(every.reward_model["flow_policy"])
    steps = every.shape["likelihood"].source_params["steps"]
    truth = MultivariateNormal(Exact.mean, Exact.covariance)
    points = truth.sample((200,))
    found = log_density(model, torch.zeros(200, 1, 1), points[:, None], steps)
    torch.testing.assert_close(found, truth.log_prob(points), rtol=0, atol=0.01)


def test_likelihood_of_any_flow_integrates_to_one(every: Params) -> None:
    torch.manual_seed(1)
    model = FlowPolicy(Spec(1, 2, 1, 1, 1, ("state",)), quick(every.reward_model["flow_policy"], 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 2.5  # far from the identity
    axis = torch.linspace(-8, 8, 101)
    cell = float(axis[1] - axis[0]) ** 2
    grid = torch.cartesian_prod(axis, axis)
    obs = torch.full((len(grid), 1, 1), 0.4)
    density = log_density(model, obs, grid[:, None], 20).exp()
    normal = (-0.5 * grid.square().sum(1)).exp() / (2 * math.pi)
    assert float(density.sum()) * cell == pytest.approx(1.0, abs=0.01)
    assert float((density - normal).abs().sum()) * cell > 0.2  # it did go somewhere


def test_likelihood_has_the_unit_and_no_bound(every: Params) -> None:
    torch.manual_seed(0)
    model, episodes = (
        FlowPolicy(Spec(OBS_DIM, ACTION_DIM, 1, 1, 1, ("s",)), every.reward_model["flow_policy"]),
        make_demos(),
    )
    source = build_source(Ingredients("likelihood", every.shape["likelihood"], 0, model, as_demos(episodes)))
    obs = torch.cat([torch.from_numpy(e.obs) for e in episodes]).float()
    action = torch.cat([torch.from_numpy(e.actions) for e in episodes]).float()
    reward = source.reward(transitions(obs, action))
    assert abs(float(reward.mean())) == pytest.approx(1.0, abs=1e-3)
    far, farther = (source.reward(transitions(obs[:8], action[:8] + d)) for d in (100.0, 200.0))
    assert bool((farther < far).all())
    assert source.frozen
    assert list(source.measured) == ["random", "contrast"]
