"""Both decoders where the answer is known: a chunk that is Gaussian about a linear function of the observation.

The networks are replaced by what they would be after perfect training, so that nothing but the decoders is tested.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.networks.build import Spec
from energyflow.policies import karras
from energyflow.policies.base import Policy, TransportPolicy
from energyflow.policies.bc import BehaviourCloning
from energyflow.policies.checkpoint import build
from energyflow.policies.diffusion_policy import DiffusionPolicy
from energyflow.policies.ebt_policy import EBTPolicy
from energyflow.policies.energyflow_paper import EnergyFlowPaper
from energyflow.policies.flow_policy import FlowPolicy

SPEC = Spec(obs_dim=3, action_dim=2, obs_horizon=1, pred_horizon=2, exec_horizon=1, obs_keys=("state",))
WEIGHT = torch.tensor([[0.3, -0.2, 0.1], [0.1, 0.4, -0.3], [-0.2, 0.1, 0.2], [0.3, 0.1, 0.0]])
SPREAD = 0.1
METHODS = ["energyflow", "unconstrained", "energyflow_paper", "flow_policy", "diffusion_policy"]
Vector = Callable[[Tensor, Tensor, Tensor], Tensor]


def policy_of(params: Params, method: str, **own: object) -> Policy:
    section = params.train[method]
    network = section.network.model_copy(update={"mlp": section.network.mlp.model_copy(update={"hidden": [32, 32]})})
    torch.manual_seed(0)
    changed = {"method_params": section.method_params | own, "network": network}
    policy = build(SPEC, section.model_copy(update=changed)).eval()
    assert isinstance(policy, Policy)
    return policy


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def states(count: int) -> Tensor:
    return torch.randn(count, 1, 3, generator=generator(1)).clamp(-1.5, 1.5)


def centre(obs: Tensor) -> Tensor:
    """E[a | s]."""
    return (obs[:, 0] @ WEIGHT.T).reshape(-1, 2, 2)


def perfect(policy: Policy) -> Vector:
    """What the network of a method is for a | s ~ N(centre(s), SPREAD^2), from the method's own definition."""

    def denoiser(x: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        sigma = (4.0 * time[:, None, None]).exp()
        skip, out, into = karras.coefficients(sigma)
        action = x / into
        denoised = (sigma**2 * centre(obs) + SPREAD**2 * action) / (sigma**2 + SPREAD**2)
        return (denoised - skip * action) / out

    def slope(action: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        assert isinstance(policy, EnergyFlowPaper)
        return (action - centre(obs)) / (policy.sigma(time[:, None, None]) ** 2 + SPREAD**2)

    def velocity(action: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        t = time[:, None, None]
        towards = (t * SPREAD**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * SPREAD**2)
        return centre(obs) + towards * (action - t * centre(obs))

    def noise(action: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        assert isinstance(policy, DiffusionPolicy)
        signal = policy.alphas[(time * policy.own.train_steps).round().long()][:, None, None]
        away = action - signal.sqrt() * centre(obs)
        return (1 - signal).sqrt() * away / (signal * SPREAD**2 + 1 - signal)

    if isinstance(policy, karras.Preconditioned):
        return denoiser
    return {EnergyFlowPaper: slope, FlowPolicy: velocity, DiffusionPolicy: noise}[type(policy)]


@pytest.mark.parametrize("method", METHODS)
def test_the_mean_is_that_of_the_demonstrations_and_so_is_that_of_the_samples(laptop: Params, method: str) -> None:
    policy, obs = policy_of(laptop, method), states(5)
    assert isinstance(policy, TransportPolicy)
    field, calls = perfect(policy), list[Tensor]()

    def vector(chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        calls.append(time)
        return field(chunk, obs, time)

    policy.vector = vector  # type: ignore[method-assign]
    mean = policy.mean(obs, generator(), policy.nfe)
    # What is left of zero: a chunk of noise at the largest level still says 1 / sigma^2 of a, one of the flow nothing.
    off = {"flow_policy": 1e-6, "diffusion_policy": 2e-3}.get(method, 2 * SPREAD**2 / 10.0**2)
    assert float((mean / centre(obs) - 1).abs().max()) < off
    assert len(calls) == policy.evaluations("mean", policy.nfe) == (100 if method == "diffusion_policy" else 1)
    assert torch.equal(mean, policy.mean(obs, generator(9), policy.nfe))  # nothing is drawn
    calls.clear()
    many = 4000
    drawn = policy.sample(obs[:1].expand(many, -1, -1), generator(), policy.nfe)
    assert len(calls) == policy.evaluations("sample", policy.nfe) == policy.nfe
    torch.testing.assert_close(drawn.mean(dim=0), centre(obs[:1])[0], atol=0.02, rtol=0)
    assert float(drawn.std(dim=0).min()) > 0.2 * SPREAD  # the paper's coarse steps leave a third of it


@pytest.mark.parametrize("sigma_max", [1.0, 3.0])
@pytest.mark.parametrize("method", ["energyflow", "unconstrained", "energyflow_paper"])
def test_with_less_noise_the_mean_is_drawn_towards_zero(laptop: Params, method: str, sigma_max: float) -> None:
    """By sigma^2 / (sigma^2 + spread^2), the share of the prior's variance: why sigma_max has to be large."""
    policy, obs = policy_of(laptop, method, sigma_max=sigma_max), states(5)
    assert isinstance(policy, TransportPolicy)
    policy.vector = perfect(policy)  # type: ignore[method-assign]
    expected = sigma_max**2 / (sigma_max**2 + SPREAD**2) * centre(obs)
    torch.testing.assert_close(policy.mean(obs, generator(), 10), expected, atol=1e-5, rtol=1e-4)


class Bowl(nn.Module):
    """k / 2 |a - centre(s)|^2."""

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        return 0.05 * (chunk - centre(obs)).square().sum(dim=(1, 2))


def test_ebt_policy_descends_from_zero(laptop: Params) -> None:
    """a + v with v = -alpha exp(E) dE/da, at zero: alpha exp(k / 2 |c|^2) k c."""
    policy, obs = policy_of(laptop, "ebt_policy"), states(5)
    assert isinstance(policy, EBTPolicy)
    policy.potential = Bowl()  # type: ignore[assignment]
    height = (0.05 * centre(obs).square().sum(dim=(1, 2), keepdim=True)).exp()
    torch.testing.assert_close(policy.mean(obs, generator(), 1), policy.size * height * 0.1 * centre(obs))
    torch.testing.assert_close(policy.mean(obs, generator(), 4), policy.settle(obs, torch.zeros(5, 2, 2), 4))
    assert not torch.equal(policy.sample(obs, generator(), 1), policy.mean(obs, generator(), 1))
    assert policy.evaluations("mean", 4) == 4


def test_a_clone_learns_a_linear_map_through_the_noise_of_its_labels(laptop: Params) -> None:
    policy = policy_of(laptop, "bc").train()
    assert isinstance(policy, BehaviourCloning)
    optimizer, noise = torch.optim.Adam(policy.parameters(), 3e-3), generator(2)
    for _ in range(400):
        obs = torch.randn(256, 1, 3, generator=noise)
        action = centre(obs) + SPREAD * torch.randn(256, 2, 2, generator=noise)
        optimizer.zero_grad()
        loss = policy.loss(obs, action, generator())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(loss.detach()) == pytest.approx(SPREAD**2, rel=0.2)
    policy.eval().requires_grad_(False)
    obs = states(200)
    found = policy.mean(obs, generator(), 1)
    assert float((found - centre(obs)).square().mean().sqrt()) < 0.2 * SPREAD
    assert torch.equal(found, policy.sample(obs, generator(), 7))
    assert (policy.nfe, policy.evaluations("sample", 7), policy.evaluations("mean", 7)) == (1, 1, 1)


def test_the_clone_s_loss_is_the_mean_squared_error(laptop: Params) -> None:
    policy, obs = policy_of(laptop, "bc"), states(7)
    assert isinstance(policy, BehaviourCloning)
    action = torch.randn(7, 2, 2, generator=generator(3))
    found = policy.field(torch.zeros(7, 2, 2), obs, torch.zeros(7))
    torch.testing.assert_close(policy.loss(obs, action, generator()), (found - action).square().mean())


@pytest.mark.parametrize("method", ["flow_policy", "energyflow"])
def test_acting_by_the_mean_is_the_mean_in_the_units_of_the_environment(laptop: Params, method: str) -> None:
    policy, obs = policy_of(laptop, method), states(5)
    policy.normalizer.action_mean.copy_(torch.tensor([0.5, -0.2]))
    policy.normalizer.action_std.copy_(torch.tensor([0.3, 0.4]))
    mean = policy.mean(obs, generator(), 10).detach()
    expected = mean * torch.tensor([0.3, 0.4]) + torch.tensor([0.5, -0.2])
    torch.testing.assert_close(policy.act(obs, decoder="mean"), expected.clamp(-1, 1))
    assert not math.isclose(float(policy.act(obs)[0, 0, 0]), float(expected[0, 0, 0]), abs_tol=1e-4)
    with pytest.raises(UserError, match="unknown decoder 'men'; did you mean 'mean'"):
        policy.act(obs, decoder="men")  # type: ignore[arg-type]
