"""Scores are gradients: finite differences, zero curl for energies and non-zero curl for vector fields."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.networks.blocks import TimeFeatures
from energyflow.networks.build import Spec
from energyflow.policies.base import EnergyPolicy, Policy
from energyflow.policies.checkpoint import build

SPEC = Spec(obs_dim=5, action_dim=3, obs_horizon=2, pred_horizon=4, exec_horizon=2, obs_keys=("state",))
ENERGIES = ("energyflow", "energyflow_paper")
SMALL_UNET = {"down_dims": [8, 16], "kernel_size": 3, "groups": 4, "cond_dim": 16}


def policy_of(params: Params, method: str, network: str) -> Policy:
    section = params.train[method]
    if network == "unet":
        changed = section.network.model_copy(
            update={"unet": section.network.unet.model_copy(update=SMALL_UNET)}  # type: ignore[union-attr]
        )
        section = section.model_copy(update={"network": changed})
    torch.manual_seed(0)
    policy = build(SPEC, section).double().eval()
    with torch.no_grad():
        for parameter in policy.parameters():  # what starts at zero, such as m and k, would not be seen
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    assert isinstance(policy, Policy)
    return policy


@pytest.fixture(params=["mlp", "unet"])
def network(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(laptop: Params, paper: Params, network: str) -> Callable[[str], Policy]:
    return lambda method: policy_of(laptop if network == "mlp" else paper, method, network)


def sample_inputs(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    action = torch.randn(batch, 4, 3, generator=generator, dtype=torch.float64)
    obs = torch.randn(batch, 2, 5, generator=generator, dtype=torch.float64)
    return action, obs, torch.tensor([2.0, 0.05], dtype=torch.float64)[:batch]


def field_of(policy: Policy, obs: Tensor, sigma: Tensor) -> Callable[[Tensor], Tensor]:
    """The learned field over actions [B, Tp, Da], whatever the method calls it."""
    if isinstance(policy, EnergyPolicy):

        def score(action: Tensor) -> Tensor:
            action = action.requires_grad_() if action.is_leaf else action
            (slope,) = torch.autograd.grad(policy.energy(action, obs, sigma).sum(), action, create_graph=True)
            return -slope

        return score
    if hasattr(policy, "denoise"):
        return lambda action: policy.denoise(action, obs, sigma)  # type: ignore[no-any-return]
    return lambda action: policy.field(action, obs, sigma)  # type: ignore[operator,no-any-return]


@pytest.mark.parametrize("method", ENERGIES)
def test_score_equals_finite_differences_of_the_energy(make: Callable[[str], Policy], method: str) -> None:
    policy = make(method)
    assert isinstance(policy, EnergyPolicy)
    action, obs, sigma = sample_inputs()
    score = field_of(policy, obs, sigma)(action.clone()).detach()
    step = 1e-5
    for index in ((0, 0), (1, 2), (3, 1)):
        shift = torch.zeros_like(action)
        shift[:, index[0], index[1]] = step
        slope = (policy.energy(action + shift, obs, sigma) - policy.energy(action - shift, obs, sigma)) / (2 * step)
        torch.testing.assert_close(-slope, score[:, index[0], index[1]], rtol=1e-5, atol=1e-6)


def test_score_is_the_denoiser_in_disguise(make: Callable[[str], Policy]) -> None:
    policy = make("energyflow")
    action, obs, sigma = sample_inputs()
    score = field_of(policy, obs, sigma)(action.clone())
    denoised = policy.denoise(action, obs, sigma)  # type: ignore[operator]
    torch.testing.assert_close(score, (denoised - action) / sigma[:, None, None] ** 2)


def curl(field: Callable[[Tensor], Tensor], action: Tensor) -> float:
    """Largest entry of the antisymmetric part of the Jacobian, relative to the largest entry of the Jacobian."""
    jacobian = torch.autograd.functional.jacobian(lambda a: field(a.reshape(action.shape)).flatten(), action.flatten())
    return float((jacobian - jacobian.T).abs().max() / jacobian.abs().max())


@pytest.mark.parametrize("method", ENERGIES)
def test_energies_have_no_curl(make: Callable[[str], Policy], method: str) -> None:
    action, obs, sigma = sample_inputs(batch=1)
    assert curl(field_of(make(method), obs, sigma), action) < 1e-12


@pytest.mark.parametrize("method", ["unconstrained", "diffusion_policy", "flow_policy"])
def test_vector_fields_have_curl(make: Callable[[str], Policy], method: str) -> None:
    action, obs, sigma = sample_inputs(batch=1)
    assert curl(field_of(make(method), obs, sigma), action) > 1e-3


@pytest.mark.parametrize(
    "method", ["energyflow", "energyflow_paper", "unconstrained", "diffusion_policy", "flow_policy"]
)
def test_elements_of_a_batch_do_not_mix(make: Callable[[str], Policy], method: str) -> None:
    policy = make(method)
    action, obs, sigma = sample_inputs()
    together = field_of(policy, obs, sigma)(action.clone())
    alone = field_of(policy, obs[:1], sigma[:1])(action[:1].clone())
    torch.testing.assert_close(together[:1], alone)


def test_time_features_tell_times_apart() -> None:
    features = TimeFeatures(64)(torch.linspace(0, 1, 101))
    distances = (features[1:] - features[:-1]).norm(dim=1)
    assert float(distances.min()) > 0.1
