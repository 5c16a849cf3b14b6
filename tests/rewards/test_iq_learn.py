"""IQ-Learn against the reward that its objective has in closed form, solved on a grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.datasets.windows import Windows
from energyflow.networks.build import Spec
from energyflow.policies import squashed
from energyflow.policies.iq_learn_offline import IQLearnOffline
from energyflow.rewards.base import Ingredients
from energyflow.rewards.sources import build_source

from .conftest import ACTION_DIM, OBS_DIM, as_demos, make_demos, transitions
from .test_densities import fitted, quick

TEMPERATURE, CHI = 0.2, 0.5
MEAN, LOG_STD = torch.tensor([[0.3]]), torch.tensor([[-0.9]])  # the expert: a squashed Gaussian in one state


def solved(action: Tensor) -> Tensor:
    """The reward of the optimum: pi = pi_E (1 - r / (2 c)) with pi = exp(r / alpha) / Z.

    Setting the derivative of the objective with respect to Q(a) to zero gives the first equation, whatever the
    discount; r at each action is then one root, and Z is such that pi is a density.
    """
    grid = torch.linspace(-0.999, 0.999, 1001, dtype=torch.float64)
    width = grid[1] - grid[0]

    def root(log_z: float, expert: Tensor) -> Tensor:
        low, high = torch.full_like(expert, -50.0), torch.full_like(expert, 2 * CHI)
        for _ in range(80):
            middle = 0.5 * (low + high)
            above = (middle / TEMPERATURE - log_z).exp() > expert * (1 - middle / (2 * CHI))
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return middle

    def expert(at: Tensor) -> Tensor:
        return squashed.log_density(MEAN, LOG_STD, at[:, None].float()).double().exp()

    low, high = -20.0, 20.0
    for _ in range(60):
        log_z = 0.5 * (low + high)
        mass = float(((root(log_z, expert(grid)) / TEMPERATURE - log_z).exp() * width).sum())
        low, high = (log_z, high) if mass > 1.0 else (low, log_z)
    return root(log_z, expert(action)).float()


def test_the_recovered_reward_is_that_of_the_solved_problem(every: Params) -> None:
    """One state that follows itself, demonstrations of a squashed Gaussian, discount 0.5."""
    torch.manual_seed(0)
    demonstrated, _ = squashed.sample(MEAN, LOG_STD, torch.randn(20_000, 1))
    section = quick(
        every.reward_model["iq_learn_offline"], 1000, temperature=TEMPERATURE, chi=CHI, discount=0.5, tau=0.05
    )
    model = IQLearnOffline(Spec(1, 1, 2, 2, 1, ("state",)), section)
    windows = Windows(torch.zeros(20_000, 2, 1), torch.stack([demonstrated, demonstrated.flip(0)], dim=1))
    found = fitted(model, windows)
    assert isinstance(found, IQLearnOffline)
    action = torch.linspace(-0.4, 0.8, 25)
    true = solved(action)
    noise = torch.randn(512, 1, generator=torch.Generator().manual_seed(0))
    state = torch.zeros(25, 1)
    with torch.no_grad():
        reward = found.recovered(state, action[:, None], state, noise)
    assert float(true.max() - true.min()) > 0.2  # there is something to recover
    assert float((reward - true).abs().mean()) < 0.04
    chunk = found.act(torch.zeros(3, 2, 1), torch.Generator().manual_seed(0), decoder="mean")
    assert chunk.shape == (3, 2, 1)
    assert float(chunk[0, 0, 0]) == pytest.approx(float(MEAN.tanh()), abs=0.1)


def model_of(every: Params) -> IQLearnOffline:
    torch.manual_seed(0)
    model = IQLearnOffline(Spec(OBS_DIM, ACTION_DIM, 2, 2, 1, ("state",)), every.reward_model["iq_learn_offline"])
    with torch.no_grad():
        model.normalizer.action_std.fill_(0.5)
        model.normalizer.action_mean.fill_(0.2)
    return model


def gradients(model: IQLearnOffline) -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    obs, action = torch.randn(16, 2, OBS_DIM, generator=generator), torch.randn(16, 2, ACTION_DIM, generator=generator)
    model.loss(obs, action, generator).backward()
    parts = {"actor": model.actor, "critic": model.critic, "target": model.target}
    return {k: sum(float(p.grad.abs().sum()) for p in m.parameters() if p.grad is not None) for k, m in parts.items()}


def test_each_loss_trains_its_own_network(every: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """The actor must not lower Q to please itself, nor the critic move the actor; the target gets no gradient."""
    model = model_of(every)
    found = gradients(model)
    assert found["actor"] > 0
    assert found["critic"] > 0
    assert found["target"] == 0
    critic = {name: parameter.grad.clone() for name, parameter in model.critic.named_parameters()}  # type: ignore[union-attr]
    model.zero_grad()
    monkeypatch.setattr("energyflow.policies.iq_learn_offline.functional_call", lambda *_: torch.zeros(16, 1))
    gradients(model)  # without the actor's view of Q
    for name, parameter in model.critic.named_parameters():
        torch.testing.assert_close(parameter.grad, critic[name])


def test_the_target_follows_slowly(every: Params) -> None:
    model = model_of(every)
    before = [p.clone() for p in model.target.parameters()]
    with torch.no_grad():
        for parameter in model.critic.parameters():
            parameter += 1.0
    model.after_step()
    for old, new in zip(before, model.target.parameters(), strict=True):
        torch.testing.assert_close(new - old, torch.full_like(old, model.own.tau), rtol=1e-3, atol=1e-6)


def test_the_source_is_q_minus_discounted_value_in_units_of_what_q_tells_apart(every: Params) -> None:
    model, demos = model_of(every), as_demos(make_demos())
    given = Ingredients("iq_learn", every.shape["iq_learn"], 0, model, demos)
    source = build_source(given)
    batch = transitions(torch.randn(8, OBS_DIM), 0.3 * torch.randn(8, ACTION_DIM), torch.randn(8, OBS_DIM))
    reward = source.reward(batch)
    assert torch.equal(reward, source.reward(batch))  # a function: no draw of its own
    norm = model.normalizer
    with torch.no_grad():
        q = model.critic(
            torch.cat([norm.standardize_obs(batch.obs[:, 0]), norm.standardize_action(batch.action[:, 0])], 1)
        )
        mean, log_std = model._gaussian(norm.standardize_obs(batch.next_obs))
        values = []
        for draw in source.noise:  # type: ignore[attr-defined]
            action, density = squashed.sample(mean, log_std, draw)
            pair = torch.cat([norm.standardize_obs(batch.next_obs), norm.standardize_action(action)], 1)
            values.append(model.critic(pair)[:, 0] - model.own.temperature * density)
    recovered = q[:, 0] - model.own.discount * torch.stack(values).mean(0)
    expected = (recovered - source.measured["random"]) / abs(source.measured["contrast"])
    torch.testing.assert_close(reward, expected, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        for parameter in list(model.critic.parameters())[-2:]:
            parameter *= -2.0
    turned = build_source(given)  # one that prefers random actions is a reward too, if a bad one
    assert turned.measured["contrast"] == pytest.approx(-2 * source.measured["contrast"])
    with torch.no_grad():
        for parameter in list(model.critic.parameters())[-2:]:
            parameter *= 0.0
    with pytest.raises(UserError, match="Q does not tell demonstrated from random actions"):
        build_source(given)


def test_training_windows_are_state_action_and_next_state(every: Params) -> None:
    from energyflow.datasets.windows import make_windows

    section, episodes = every.reward_model["iq_learn_offline"], make_demos()
    assert (section.obs_horizon, section.pred_horizon, section.exec_horizon) == (2, 2, 1)
    windows = make_windows(as_demos(episodes), 2, 2, sequences=IQLearnOffline.sequences)
    obs = torch.from_numpy(episodes[0].obs)
    length = len(obs)
    torch.testing.assert_close(windows.obs[:length, 0], obs)
    torch.testing.assert_close(windows.obs[: length - 1, 1], obs[1:])
    torch.testing.assert_close(windows.obs[length - 1, 1], obs[-1])  # the last one follows itself
    np.testing.assert_allclose(windows.actions[:length, 0], episodes[0].actions, atol=1e-6)
