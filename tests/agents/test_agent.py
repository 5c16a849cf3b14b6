"""One update: its gradients against those that torch derives from the losses, and against Stable-Baselines3's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import Env, spaces
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor
from torch.distributions import Normal

from energyflow.agents.agent import EDGE, TAU, Agent
from energyflow.agents.relabel import Batch
from energyflow.config.sections import ShapeParams
from energyflow.policies import squashed

OBS_DIM, ACTION_DIM, ROWS = 6, 3, 32
GAMMA = 0.99


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def agent_of(shape: ShapeParams, **update: Any) -> Agent:
    return Agent(OBS_DIM, ACTION_DIM, shape.model_copy(update={"hidden": [24, 16], **update}), 0)


def randn(*size: int, seed: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def batch_of(rows: int = ROWS, seed: int = 0) -> Batch:
    ended = (torch.arange(rows) % 5 == 0).to(torch.get_default_dtype())
    return Batch(
        obs=randn(rows, OBS_DIM, seed=seed),
        action=randn(rows, ACTION_DIM, seed=seed + 1).tanh(),
        next_obs=randn(rows, OBS_DIM, seed=seed + 2),
        reward=randn(rows, seed=seed + 3),
        discount=GAMMA * (1.0 - ended),
    )


def noise_of(rows: int = ROWS, seed: int = 9) -> Tensor:
    return randn(2 * rows, ACTION_DIM, seed=seed)


def losses(agent: Agent, batch: Batch, noise: Tensor) -> dict[str, Tensor]:
    """The losses of the module's docstring as torch can differentiate them, of the parameters as they are."""

    def policy(vector: Tensor, obs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = network(agent.actor, vector, obs)[0].chunk(2, dim=-1)
        std = log_std.clamp(*squashed.LOG_STD).exp()
        raw = mean + std * noise
        action = raw.tanh()
        density = Normal(mean, std).log_prob(raw) - (1.0 - action.square() + EDGE).log()
        return action, density.sum(dim=-1)

    actor, critic, log_alpha = (
        x.clone().requires_grad_() for x in (agent.actor.vector, agent.critic.vector, agent.log_alpha)
    )
    alpha = float(agent.log_alpha.exp())
    with torch.no_grad():
        following, density = policy(actor, batch.next_obs, noise[len(batch) :])
        pair = torch.cat([batch.next_obs, following], dim=1)
        soft = network(agent.target, agent.target.vector, pair).amin(dim=0)[:, 0] - alpha * density
        y = batch.reward + batch.discount * soft
    q = network(agent.critic, critic, torch.cat([batch.obs, batch.action], dim=1))[..., 0]
    chosen, density = policy(actor, batch.obs, noise[: len(batch)])
    judged = network(agent.critic, agent.critic.vector, torch.cat([batch.obs, chosen], dim=1)).amin(dim=0)[:, 0]
    found = {
        "critic": 0.5 * (q - y).square().mean(dim=1).sum(),
        "actor": (alpha * density - judged).mean(),
        "log_alpha": -(log_alpha * (density.detach() - ACTION_DIM)).mean(),
    }
    slopes = {
        name: torch.autograd.grad(found[name], of)[0]
        for name, of in (("critic", critic), ("actor", actor), ("log_alpha", log_alpha))
    }
    return found | {f"{name}/slope": slope for name, slope in slopes.items()}


def network(shape: Any, vector: Tensor, x: Tensor) -> Tensor:
    """A set of perceptrons with other parameters, for torch to differentiate."""
    layers, h = shape._views(vector), x.expand(shape.copies, *x.shape)
    for layer in layers[:-1]:
        h = h @ layer.weight.transpose(1, 2) + layer.bias
        if layer.scale is not None:
            h = torch.nn.functional.layer_norm(h, h.shape[-1:]) * layer.scale + layer.shift
        h = h.relu()
    out: Tensor = h @ layers[-1].weight.transpose(1, 2) + layers[-1].bias
    return out


@pytest.mark.parametrize("layer_norm", [False, True])
def test_gradients_are_those_of_the_losses(shape: ShapeParams, double: None, layer_norm: bool) -> None:
    agent, batch, noise = agent_of(shape, layer_norm=layer_norm), batch_of(), noise_of()
    agent.actor.vector.mul_(2.0)
    agent.actor.layers[-1].bias[0, 0, ACTION_DIM] = 3.0  # a log std beyond its bound: no gradient
    agent.actor.layers[-1].bias[0, 0, 0] = 4.0  # an action near the edge
    expected = losses(agent, batch, noise)
    still = agent.critic.vector.clone()
    agent.optimizers["critic"].rate = 0.0  # so that the actor meets the critics that the expectation was formed with
    agent.update(batch, noise)
    assert agent.critic.vector.equal(still)
    torch.testing.assert_close(agent.critic.gradient, expected["critic/slope"])
    torch.testing.assert_close(agent.actor.gradient[:-1], expected["actor/slope"][:-1])  # the last one is alpha's
    torch.testing.assert_close(agent.log_alpha_gradient, expected["log_alpha/slope"])
    assert agent.mean_loss() == pytest.approx(float(expected["critic"]))
    assert agent.mean_loss() is None
    assert float(agent.actor.gradient.abs().max()) > 1e-3


def test_the_actor_follows_the_critics_as_they_are_after_their_step(shape: ShapeParams, double: None) -> None:
    agent, batch, noise = agent_of(shape, learning_rate=1e-2), batch_of(), noise_of()
    before = losses(agent, batch, noise)
    alpha, actor = agent.log_alpha.clone(), agent.actor.vector.clone()
    agent.update(batch, noise)
    assert not torch.allclose(agent.actor.gradient[:-1], before["actor/slope"][:-1], rtol=1e-3)
    assert not agent.log_alpha.equal(alpha)
    agent.log_alpha.copy_(alpha)
    agent.actor.vector.copy_(actor)
    torch.testing.assert_close(agent.actor.gradient[:-1], losses(agent, batch, noise)["actor/slope"][:-1])


def test_targets_move_towards_the_critics(shape: ShapeParams) -> None:
    agent = agent_of(shape)
    before = agent.target.vector.clone()
    assert before.equal(agent.critic.vector)
    agent.learn(batch_of())
    torch.testing.assert_close(agent.target.vector, before + TAU * (agent.critic.vector - before))


def test_a_fixed_temperature_stays(shape: ShapeParams) -> None:
    agent = Agent(OBS_DIM, ACTION_DIM, shape, 0, temperature=0.05)
    agent.learn(batch_of())
    assert float(agent.log_alpha.exp()) == pytest.approx(0.05)
    learned = agent_of(shape, ent_coef=0.2)
    assert float(learned.log_alpha.exp()) == pytest.approx(0.2)
    learned.learn(batch_of())
    assert float(learned.log_alpha.exp()) != pytest.approx(0.2, abs=1e-6)


def test_acting_draws_from_the_policy_and_the_mode_is_its_centre(shape: ShapeParams) -> None:
    agent = agent_of(shape)
    obs = randn(1, OBS_DIM, seed=4)
    drawn = np.stack([agent.act(obs[0].numpy()) for _ in range(4000)])
    mean, log_std = agent.actor.evaluate(obs)[0][0, 0].chunk(2)
    raw = np.arctanh(drawn)
    np.testing.assert_allclose(raw.mean(axis=0), mean.numpy(), atol=0.08)
    np.testing.assert_allclose(raw.std(axis=0), log_std.exp().numpy(), rtol=0.08)
    np.testing.assert_allclose(agent.mode(obs.numpy())[0], mean.tanh().numpy(), rtol=1e-6)


def test_a_restored_agent_is_the_same_one(shape: ShapeParams) -> None:
    one, other = agent_of(shape), Agent(OBS_DIM, ACTION_DIM, shape.model_copy(update={"hidden": [24, 16]}), 1)
    for seed in range(5):
        one.learn(batch_of(seed=seed))
    other.restore({name: value.clone() for name, value in one.state().items()})
    for agent in (one, other):
        agent.learn(batch_of(seed=7))
    for name, value in one.state().items():
        assert value.equal(other.state()[name]), name
    np.testing.assert_array_equal(*(agent.act(np.ones(OBS_DIM, np.float32)) for agent in (one, other)))


# --- the reference implementation ---


class Box(Env[Any, Any]):
    observation_space = spaces.Box(-np.inf, np.inf, (OBS_DIM,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (ACTION_DIM,), np.float32)


class Given:
    """A replay buffer that knows one batch."""

    def __init__(self, batch: Batch) -> None:
        ended = 1.0 - batch.discount / GAMMA
        columns = (batch.obs, batch.action, batch.next_obs, ended[:, None], batch.reward[:, None])
        self.samples = ReplayBufferSamples(*columns)

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        return self.samples


def reference(agent: Agent, learning_rate: float) -> SAC:
    """Stable-Baselines3's agent with the same weights."""
    sac = SAC(
        "MlpPolicy",
        Box(),
        learning_rate=learning_rate,
        gamma=GAMMA,
        ent_coef=f"auto_{math.exp(float(agent.log_alpha))}",
        policy_kwargs={"net_arch": [24, 16]},
        device="cpu",
    )
    sac.set_logger(Logger(folder=None, output_formats=[]))
    for name, value in as_reference(agent).items():
        named(sac)[name].data.copy_(value)
    return sac


def named(sac: SAC) -> dict[str, Tensor]:
    return dict(sac.policy.named_parameters()) | {"log_ent_coef": sac.log_ent_coef}


def as_reference(agent: Agent, *, slopes: bool = False) -> dict[str, Tensor]:
    """Our parameters, or their gradients, by Stable-Baselines3's names."""
    found = {"log_ent_coef": agent.log_alpha_gradient if slopes else agent.log_alpha}
    *hidden, last = agent.actor.slopes if slopes else agent.actor.layers
    layers = [(f"actor.latent_pi.{2 * i}", layer.weight[0], layer.bias[0, 0]) for i, layer in enumerate(hidden)]
    heads = zip(("actor.mu", "actor.log_std"), last.weight[0].chunk(2), last.bias[0, 0].chunk(2), strict=True)
    layers += list(heads)
    for name, networks in (("critic", agent.critic), ("critic_target", agent.target)):
        if slopes and name == "critic_target":
            continue
        for i, layer in enumerate(networks.slopes if slopes else networks.layers):
            layers += [(f"{name}.qf{k}.{2 * i}", layer.weight[k], layer.bias[k, 0]) for k in (0, 1)]
    for name, weight, bias in layers:
        found |= {f"{name}.weight": weight, f"{name}.bias": bias}
    return found


def gradients_of(sac: SAC) -> dict[str, Tensor]:
    """Fills with each optimiser's gradients as it meets them: the actor's loss leaves its own on the critics later."""
    found: dict[str, Tensor] = {}
    for optimizer in (sac.actor.optimizer, sac.critic.optimizer, sac.ent_coef_optimizer):
        mine = {id(p) for group in optimizer.param_groups for p in group["params"]}
        own = {name: p for name, p in named(sac).items() if id(p) in mine}
        optimizer.register_step_pre_hook(
            lambda *_, own=own: found.update({name: p.grad.clone() for name, p in own.items()})
        )
    return found


def test_updates_are_those_of_stable_baselines3(shape: ShapeParams, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses, gradients and parameters of ten updates on the same batches with the same noise, but for rounding."""
    rate = 1e-3
    agent = agent_of(shape, learning_rate=rate, ent_coef=0.3)
    start = {name: value.clone() for name, value in as_reference(agent).items()}
    sac = reference(agent, rate)
    theirs, slopes = named(sac), gradients_of(sac)
    assert (sac.target_entropy, sac.tau) == (-ACTION_DIM, TAU)
    for step in range(10):
        batch, noise = batch_of(64, seed=10 * step), noise_of(64, seed=10 * step + 5)
        pending = list(noise.split(64))
        monkeypatch.setattr(Normal, "rsample", lambda self, *_, p=pending: self.loc + self.scale * p.pop(0))
        sac.replay_buffer = Given(batch)
        sac.train(1, 64)
        assert pending == []
        agent.update(batch, noise)
        assert agent.mean_loss() == pytest.approx(sac.logger.name_to_value["train/critic_loss"], rel=1e-4)
        for name, value in as_reference(agent, slopes=True).items():
            same = torch.allclose(value, slopes[name], rtol=1e-3, atol=1e-5)
            assert same, f"gradient of {name} in update {step}: {float((value - slopes[name]).abs().max())} apart"
        for name, value in as_reference(agent).items():
            assert torch.allclose(value, theirs[name].data, rtol=0, atol=5e-5), (name, step)
    for name, value in as_reference(agent).items():
        assert float((value - start[name]).abs().max()) > 1e-3 * (TAU if "target" in name else 1.0), name
