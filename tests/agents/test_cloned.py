"""An actor that starts as a clone stands still while its critics learn, and is let go bit by bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from energyflow.agents.cloned import ClonedAgent
from energyflow.config.params import Params
from energyflow.config.sections import OnlineParams
from energyflow.networks.normalizer import Normalizer

from .test_agent import ACTION_DIM, OBS_DIM, batch_of, noise_of


def agent_of(every: Params, **update: object) -> ClonedAgent:
    online: OnlineParams = every.online["ebil_bc"].model_copy(update={"demo_share": 0.5} | update)
    shape = online.shape.model_copy(update={"hidden": [16, 16]})
    return ClonedAgent(OBS_DIM, ACTION_DIM, shape, 0, Normalizer(OBS_DIM, ACTION_DIM), online=online)


def test_the_actor_stands_still_while_the_critics_learn(every: Params) -> None:
    agent = agent_of(every, frozen_updates=3)
    actor, critic = agent.actor.vector.clone(), agent.critic.vector.clone()
    for _ in range(3):
        agent.update(batch_of(), noise_of())
    assert agent.actor.vector.equal(actor)
    assert not agent.critic.vector.equal(critic)
    agent.update(batch_of(), noise_of())
    assert not agent.actor.vector.equal(actor)


def test_the_pull_is_the_gradient_of_the_text(every: Params) -> None:
    """weight * mean |Q| * E_demo |tanh(mean) - a|^2 by automatic differentiation; none outside the demonstrations."""
    agent, batch, noise = agent_of(every, frozen_updates=0, clone_weight=0.7), batch_of(), noise_of()
    here = agent.draw(agent._seen(batch.obs), noise[: len(batch)])
    q = torch.randn(2, len(batch), 1, generator=torch.Generator().manual_seed(1))
    found = agent.pull(here, batch, q)
    mean, half = here.mean.clone().requires_grad_(), len(batch) // 2
    squares = (mean[-half:].tanh() - batch.action[-half:]).square().sum(dim=1).mean()
    expected: Tensor = torch.autograd.grad(0.7 * q.abs().mean() * squares, mean)[0]
    assert found is not None
    torch.testing.assert_close(found, expected)
    assert not bool(found[:half].any())


def test_the_pull_enters_the_gradient_of_the_actor(every: Params) -> None:
    agents = [agent_of(every, frozen_updates=0, clone_weight=weight) for weight in (0.0, 0.7)]
    for agent in agents:
        agent.update(batch_of(), noise_of())
    plain, pulled = (agent.actor.gradient for agent in agents)
    assert not torch.allclose(plain, pulled, rtol=1e-3)


def test_the_weight_falls_to_nothing(every: Params) -> None:
    agent = agent_of(every, frozen_updates=2, clone_weight=0.4, clone_updates=4)
    weights = []
    for _ in range(8):
        agent.update(batch_of(), noise_of())
        weights.append(agent.weight)
    assert weights[2:] == pytest.approx([0.3, 0.2, 0.1, 0.0, 0.0, 0.0])
