"""Critics against known values: a chain of states, an expectile, terminals and time-outs apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from energyflow.datasets.episodes import Episode
from energyflow.offline.critic import Critic, ExpectileCritic, SoftmaxCritic, expectile_loss, softmax_value
from energyflow.offline.methods.sections import CriticParams, LearnParams
from energyflow.offline.stage import Stage
from energyflow.offline.transitions import Transitions, prepare
from tests.offline.worlds import in_memory, numbers

BOX = np.array([[-1.0], [1.0]])
GAMMA, ALPHA = 0.9, 2.0


def chain(*, ends: str) -> Transitions:
    """States 0 -> 1 -> 2, of one-hot observations; actions -1 and 1 are worth 0 and 1 in each.

    The last step is terminal, or a time-out back in state 1, from where it goes on.
    """
    eye = np.eye(3)
    episodes = []
    for first in (-1.0, 1.0):
        for second in (-1.0, 1.0):
            actions = np.array([[first], [second]])
            last = eye[2] if ends == "terminal" else eye[1]
            obs = np.array([eye[0], eye[1], last])
            episodes.append(Episode(obs, actions, (actions[:, 0] + 1) / 2, ends == "terminal", ends != "terminal"))
    return prepare(in_memory(episodes), BOX, "as_recorded")


def quick(**changes: float) -> CriticParams:
    params: LearnParams = numbers()
    own = {"steps": 500, "lr": 1e-2, "gamma": GAMMA, "alpha": ALPHA, "ema_decay": 0.9, "batch_size": 64}
    return params.critic.model_copy(update=own | changes)


def both_actions(data: Transitions) -> Tensor:
    """-1 and 1 in standardised units."""
    return data.clip(torch.tensor([[-100.0], [100.0]]))


def trained(stage: Stage) -> Critic:
    while stage.step < stage.steps:
        stage.advance()
    found: Critic = stage.fit.average
    return found


def softmax_critic(data: Transitions, params: CriticParams) -> Critic:
    """Behaviour: -1 and 1 in turn, which is uniform over the support."""

    def behaviour(states: Tensor, _: torch.Generator) -> Tensor:
        return both_actions(data)[torch.arange(len(states)) % 2]

    critic = Critic(3, 1, params.hidden, 0, value=False)
    return trained(SoftmaxCritic(critic, data, params, 0, behaviour))


def q_of(critic: Critic, data: Transitions, transition: int) -> Tensor:
    """Q of both actions in the state before a transition."""
    obs = data.obs(torch.tensor([transition]))
    with torch.no_grad():
        return critic.q_of_support(obs, both_actions(data)[None])[0]


def soft(values: list[float]) -> float:
    return float(softmax_value(torch.tensor([values], dtype=torch.float64), ALPHA))


def test_softmax_values_of_a_chain_that_ends() -> None:
    data = chain(ends="terminal")
    critic = softmax_critic(data, quick())
    last = [0.0, 1.0]  # no value follows
    np.testing.assert_allclose(q_of(critic, data, 1), last, atol=0.03)
    np.testing.assert_allclose(q_of(critic, data, 0), [r + GAMMA * soft(last) for r in (0.0, 1.0)], atol=0.04)


def test_a_time_out_bootstraps_and_a_terminal_does_not() -> None:
    """State 1 leads back to itself: Q = r + gamma V with V = soft(Q), solved by iteration."""
    data, gamma = chain(ends="time-out"), 0.5
    assert data.terminal.sum() == 0
    assert data.timeout.sum() == 4
    value = 0.0
    for _ in range(100):
        value = soft([gamma * value, 1.0 + gamma * value])
    critic = softmax_critic(data, quick(gamma=gamma))
    assert value > 1.5
    np.testing.assert_allclose(q_of(critic, data, 1), [gamma * value, 1.0 + gamma * value], atol=0.08)


@pytest.mark.parametrize("expectile", [0.5, 0.9])
def test_the_expectile_of_a_known_distribution(expectile: float) -> None:
    """Of the uniform law on [0, 1]: t (1 - v)^2 = (1 - t) v^2, so v = sqrt(t) / (sqrt(t) + sqrt(1 - t))."""
    sample = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    values = torch.linspace(0, 1, 1001, dtype=torch.float64)
    losses = torch.stack([expectile_loss(sample - value, expectile).mean() for value in values])
    exact = expectile**0.5 / (expectile**0.5 + (1 - expectile) ** 0.5)
    assert float(values[losses.argmin()]) == pytest.approx(exact, abs=1.1e-3)


def test_the_expectile_critic_of_a_chain() -> None:
    """V of rewards 0 and 1, equally often, is that expectile of a coin: v = t, as t (1 - v) = (1 - t) v."""
    data, tau = chain(ends="terminal"), 0.8
    critic = trained(ExpectileCritic(Critic(3, 1, [32, 32], 0, value=True), data, quick(expectile=tau), 0))
    with torch.no_grad():
        value = float(critic.v(data.obs(torch.tensor([1]))))
    assert value == pytest.approx(tau, abs=0.04)
    np.testing.assert_allclose(q_of(critic, data, 0), [GAMMA * tau, 1 + GAMMA * tau], atol=0.06)


def test_softmax_value_lies_between_mean_and_maximum() -> None:
    q = torch.tensor([[0.0, 1.0, 4.0]])
    assert float(softmax_value(q, 0.0)) == pytest.approx(5 / 3)
    assert float(softmax_value(q, 50.0)) == pytest.approx(4.0)
