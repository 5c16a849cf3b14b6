"""The variant is `energyflow` until a switch is turned, and each switch does what it says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.networks.build import ScalarPotential, Spec
from energyflow.networks.centred import CentredPotential
from energyflow.pipeline.sections import numbers
from energyflow.policies import karras
from energyflow.policies.base import EnergyPolicy, Policy
from energyflow.policies.checkpoint import build, load, save
from energyflow.policies.energyflow_variant import (
    EnergyFlowVariant,
    VariantParams,
    heun,
    heun_steps,
    uniform_schedule,
)

SPEC = Spec(obs_dim=5, action_dim=3, obs_horizon=2, pred_horizon=4, exec_horizon=2, obs_keys=("state",))
SMALL = {"kind": "mlp", "mlp": {"hidden": [16, 16], "time_dim": 8}}


def make(p: Params, method: str, **changes: Any) -> Policy:
    section = p.train[method if method in p.train else "energyflow"]
    network = section.network.model_validate(SMALL)
    own = section.method_params | changes
    torch.manual_seed(0)
    found = build(SPEC, section.model_copy(update={"method": method, "method_params": own, "network": network}))
    assert isinstance(found, Policy)
    return found


def inputs(batch: int = 3, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(batch, 2, 5, generator=generator, dtype=dtype),
        torch.randn(batch, 4, 3, generator=generator, dtype=dtype),
    )


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(2)


@pytest.mark.parametrize("network", ["mlp", "unet"])
def test_without_a_switch_it_is_energyflow_bit_for_bit(
    laptop: Params, paper: Params, tmp_path: Path, network: str
) -> None:
    section = (laptop if network == "mlp" else paper).train["energyflow"]
    torch.manual_seed(0)
    plain = build(SPEC, section)
    torch.manual_seed(0)
    numbers = VariantParams(**section.method_params).model_dump()
    variant = build(SPEC, section.model_copy(update={"method": "energyflow_variant", "method_params": numbers}))
    assert isinstance(plain, EnergyPolicy)
    assert isinstance(variant, EnergyFlowVariant)
    own = variant.state_dict()
    assert all(torch.equal(value, own[key]) for key, value in plain.state_dict().items())
    obs, action = inputs()
    assert torch.equal(plain.loss(obs, action, seeded()), variant.loss(obs, action, seeded()))
    sigma = torch.full((3,), 0.1)
    assert torch.equal(plain.energy(action, obs, sigma), variant.energy(action, obs, sigma))
    for nfe in (1, 2, 5):
        assert torch.equal(plain.act(obs, seeded(), nfe), variant.act(obs, seeded(), nfe))
    save(variant, tmp_path / "model.safetensors", {"task": "custom/x", "seed": 0, "demos": {"demos": 1}})
    again = load(tmp_path / "model.safetensors")
    again.load_state_dict(plain.state_dict())
    assert torch.equal(plain.act(obs, seeded(), 3), again.act(obs, seeded(), 3))


@pytest.mark.parametrize("changes", [{"sampler": "heun"}, {"sampler": "euler"}, {"gamma": 0.3}])
def test_a_switch_of_the_sampler_changes_samples_and_no_loss(laptop: Params, changes: dict[str, Any]) -> None:
    plain, variant = make(laptop, "energyflow"), make(laptop, "energyflow_variant", **changes)
    obs, action = inputs()
    assert torch.equal(plain.loss(obs, action, seeded()), variant.loss(obs, action, seeded()))
    assert not torch.equal(plain.act(obs, seeded(), 5), variant.act(obs, seeded(), 5))


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("changes", [{"head": "inner_product"}, {"spectral_norm": True}, {"activation": "relu"}, {}])
def test_the_field_is_the_gradient_of_the_energy(laptop: Params, changes: dict[str, Any], centred: bool) -> None:
    policy = make(laptop, "energyflow_variant", centred=centred, **changes).double().eval()
    assert isinstance(policy, EnergyFlowVariant)
    if centred:
        assert isinstance(policy.potential, CentredPotential)
        torch.nn.init.normal_(policy.potential.out.weight, std=0.2)
    obs, action = inputs(dtype=torch.float64)
    sigma = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    field = (policy.denoise(action, obs, sigma) - action) / sigma[:, None, None] ** 2
    step = 1e-6
    for index in ((0, 0), (1, 2), (3, 1)):
        shift = torch.zeros_like(action)
        shift[:, index[0], index[1]] = step
        slope = (policy.energy(action + shift, obs, sigma) - policy.energy(action - shift, obs, sigma)) / (2 * step)
        torch.testing.assert_close(-slope, field[:, index[0], index[1]], rtol=1e-5, atol=1e-5)


def test_the_inner_product_is_linear_in_the_network_and_zero_at_the_origin(laptop: Params) -> None:
    policy = make(laptop, "energyflow_variant", head="inner_product", centred=False)
    obs, action = inputs()
    time = torch.zeros(3)
    found = policy.potential(action, obs, time)  # type: ignore[operator]
    torch.testing.assert_close(found, (action * policy.potential.field(action, obs, time)).sum(dim=(1, 2)))  # type: ignore[union-attr,operator]
    assert torch.equal(policy.potential(torch.zeros_like(action), obs, time), torch.zeros(3))  # type: ignore[operator]


def zero_share(policy: Policy) -> dict[str, float]:
    """Share of each parameter's entries on which the gradient of the loss is exactly zero."""
    obs, action = inputs(256)
    policy.loss(obs, action, seeded()).backward()  # type: ignore[no-untyped-call]
    return {
        name: 1.0 if value.grad is None else float((value.grad == 0).double().mean())
        for name, value in policy.named_parameters()
    }


def test_relu_trains_no_bias_and_none_of_what_reads_the_observation(laptop: Params) -> None:
    rough, smooth = (
        zero_share(make(laptop, "energyflow_variant", activation=name, centred=False)) for name in ("relu", "silu")
    )
    biases = [name for name in rough if name.endswith("bias")]
    assert len(biases) == 3
    assert all(rough[name] == 1.0 for name in biases)
    assert max(smooth.values()) == 0.0
    first = make(laptop, "energyflow_variant", activation="relu", centred=False)
    obs, action = inputs(256)
    first.loss(obs, action, seeded()).backward()  # type: ignore[no-untyped-call]
    weight = first.potential.trunk.layers[0].weight  # type: ignore[union-attr]
    assert bool((weight.grad[:, 12:] == 0).all())  # after the 4 x 3 numbers of the chunk: observation, noise level
    assert bool((weight.grad[:, :12] != 0).any())


@pytest.mark.parametrize("changes", [{"head": "inner_product"}, {"spectral_norm": True}, {"activation": "relu"}])
def test_switches_act_on_what_is_centred(laptop: Params, changes: dict[str, Any]) -> None:
    bare, centred = (make(laptop, "energyflow_variant", centred=centred, **changes) for centred in (False, True))
    own = {name.removeprefix("potential."): tuple(value.shape) for name, value in bare.named_parameters()}
    found = {name.removeprefix("potential."): tuple(value.shape) for name, value in centred.named_parameters()}
    assert {name.removeprefix("curved."): shape for name, shape in found.items() if name.startswith("curved.")} == own
    assert len(found) == len(own) + 6  # three linear layers for m and k
    relus = [name for name, module in centred.named_modules() if isinstance(module, torch.nn.ReLU)]
    assert all(name.startswith("potential.curved.") for name in relus)
    assert bool(relus) is ("activation" in changes)
    obs, action = inputs()
    assert torch.equal(bare.loss(obs, action, seeded()), centred.loss(obs, action, seeded()))  # m and k start at zero


def test_with_both_off_it_is_the_former_method(laptop: Params) -> None:
    """One pooled scalar, noise levels uniform in log sigma."""
    policy = make(laptop, "energyflow_variant", centred=False, law="log_uniform")
    assert isinstance(policy.potential, ScalarPotential)
    obs, action = inputs()
    generator = seeded()
    sigma = karras.log_uniform(3, 0.01, 10.0, generator)[:, None, None]
    eps = torch.randn(action.shape, generator=generator)
    error = policy.denoise(action + sigma * eps, obs, sigma.flatten()) - action  # type: ignore[operator]
    expected = ((sigma**2 + 1) / sigma**2 * error.square()).mean()
    torch.testing.assert_close(policy.loss(obs, action, seeded()), expected, rtol=1e-4, atol=1e-6)


def test_relu_has_no_second_derivative_and_silu_has(laptop: Params) -> None:
    for name, curved in (("relu", False), ("silu", True)):
        policy = make(laptop, "energyflow_variant", activation=name)
        obs, action = inputs()
        time, direction = torch.zeros(3), torch.ones_like(action)

        def potential(a: Tensor, policy: Policy = policy, obs: Tensor = obs, time: Tensor = time) -> Tensor:
            return policy.potential(a, obs, time).sum()  # type: ignore[operator,no-any-return]

        _, product = torch.autograd.functional.hvp(potential, action, direction)
        assert bool((product != 0).any()) is curved, name


def flow_error(nfe: int, sampler: str) -> float:
    """Distance from the exact end of the flow of N(0, s^2) data, whose denoiser is a s^2 / (s^2 +"
    " sigma^2)."""
    s, high, low = 0.5, 10.0, 0.1
    start = torch.full((1, 1, 1), 3.0, dtype=torch.float64)

    def denoise(a: Tensor, sigma: float) -> Tensor:
        return a * s**2 / (s**2 + sigma**2)

    exact = 3.0 * math.sqrt((s**2 + low**2) / (s**2 + high**2))
    sigmas = karras.schedule(nfe, low, high, 7.0)[:-1]  # down to `low`: the step to zero is Euler's in both
    end = (heun if sampler == "heun" else karras.euler)(denoise, start, sigmas)
    return abs(float(end) - exact)


def test_heun_is_of_second_order_and_euler_of_first() -> None:
    for sampler, order in (("euler", 1), ("heun", 2)):
        coarse, fine = (flow_error(steps + 1, sampler) for steps in (64, 128))
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.15), sampler


@pytest.mark.parametrize(("nfe", "steps"), [(1, 1), (2, 1), (3, 2), (5, 3), (10, 5), (20, 10)])
def test_heun_spends_no_more_evaluations_than_it_may(nfe: int, steps: int) -> None:
    calls = 0

    def denoise(a: Tensor, _sigma: float) -> Tensor:
        nonlocal calls
        calls += 1
        return a * 0.5

    heun(denoise, torch.ones(1, 1, 1), karras.schedule(heun_steps(nfe), 0.01, 10.0, 7.0))
    assert (heun_steps(nfe), calls) == (steps, 2 * steps - 1)
    assert calls <= nfe


def test_the_uniform_schedule_has_equal_ratios() -> None:
    sigmas = uniform_schedule(4, 0.01, 10.0)
    assert sigmas == pytest.approx([10.0, 1.0, 0.1, 0.01, 0.0])
    assert uniform_schedule(1, 0.01, 10.0) == [10.0, 0.0]


def test_gamma_is_the_time_of_the_last_noise_level(laptop: Params) -> None:
    policy = make(laptop, "energyflow_variant", gamma=0.5)
    assert isinstance(policy, EnergyFlowVariant)
    assert policy.own.last_sigma == pytest.approx(math.sqrt(0.1))
    assert make(laptop, "energyflow_variant").own.last_sigma == 0.01  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "sillu"}, "did you mean 'silu'"),
        ({"head": "mean"}, "head"),
        ({"haed": "pooled"}, "did you mean 'head'"),
        ({"head": "inner_product", "spectral_norm": True}, "the inner product has none"),
        ({"gamma": 1.0}, "gamma"),
    ],
)
def test_a_wrong_switch_is_named(laptop: Params, changes: dict[str, Any], message: str) -> None:
    values = laptop.train["energyflow"].method_params | changes
    with pytest.raises(UserError, match=message):
        numbers("method", "energyflow_variant", VariantParams, values)
