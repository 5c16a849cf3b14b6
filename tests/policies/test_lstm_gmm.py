"""The recurrent mixture: observations beside their own actions, and a plan that needs no memory between calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import energyflow
from energyflow.config.params import Params
from energyflow.config.sections import TrainParams
from energyflow.datasets.format import Demonstration, write_demos
from energyflow.learning.trainer import train
from energyflow.networks.build import Spec
from energyflow.policies.checkpoint import build
from energyflow.policies.lstm_gmm import LSTMGMM

HORIZON = 10
SPEC = Spec(obs_dim=3, action_dim=2, obs_horizon=HORIZON, pred_horizon=HORIZON, exec_horizon=1, obs_keys=("state",))


@pytest.fixture
def one_mode(laptop: Params) -> TrainParams:
    """A single mode: no draw decides what is done."""
    section = laptop.train["lstm_gmm"]
    return section.model_copy(update={"method_params": section.method_params | {"hidden": 32, "modes": 1}})


def act(policy: LSTMGMM, obs: Tensor, elapsed: Tensor | None) -> Tensor:
    return policy.act(obs, torch.Generator(), elapsed=elapsed, decoder="mean")[:, 0]


def test_every_row_acts_on_what_it_saw_since_its_own_reset(one_mode: TrainParams) -> None:
    """Rows of a batch are at different steps; the reference steps one observation at a time and keeps the state."""
    torch.manual_seed(0)
    policy = build(SPEC, one_mode)
    assert isinstance(policy, LSTMGMM)
    policy.normalizer.obs_mean.fill_(0.5)
    policy.normalizer.action_std.fill_(0.3)
    with torch.no_grad():
        policy.means.weight.mul_(5.0)
    obs = torch.randn(27, HORIZON, 3, generator=torch.Generator().manual_seed(1))
    elapsed = torch.arange(27)
    expected = []
    with torch.no_grad():
        for history, count in zip(obs - 0.5, elapsed.tolist(), strict=True):
            state: tuple[Tensor, Tensor] | None = None
            for frame in history[HORIZON - 1 - count % HORIZON :]:
                hidden, state = policy.lstm(frame[None, None], state)
            expected.append(policy.means(hidden[0, 0]).tanh())
    torch.testing.assert_close(act(policy, obs, elapsed), torch.stack(expected), atol=1e-3, rtol=0)
    torch.testing.assert_close(act(policy, obs[9:10], None), expected[9][None], atol=1e-3, rtol=0)
    sampled = policy.mean(obs[9:10] - 0.5, torch.Generator(), 1)[:, 0].detach()
    torch.testing.assert_close(policy.normalizer.unstandardize_action(sampled), expected[9][None], atol=1e-3, rtol=0)


def test_actions_stand_beside_their_own_observations(one_mode: TrainParams, tmp_path: Path) -> None:
    """a_t = f(o_t) with observations that say nothing of one another: one step off, and nothing can be learned."""
    rng = np.random.default_rng(0)

    def f(obs: np.ndarray) -> np.ndarray:
        return np.stack([0.6 * obs[..., 0], -0.5 * obs[..., 1] + 0.3 * obs[..., 2]], axis=-1)

    episodes = []
    for _ in range(20):
        obs = rng.uniform(-1.0, 1.0, (40, 3))
        episodes.append(Demonstration(obs=obs, actions=f(obs), rewards=np.zeros(40), success=np.zeros(40)))
    write_demos(tmp_path / "toy.hdf5", episodes, {}, {"state": 3})
    section = one_mode.model_copy(update={"steps": 400, "batch_size": 64, "warmup_steps": 20, "lr": 1e-2})
    train("custom/toy", 0, section, tmp_path / "toy.hdf5", tmp_path, torch.device("cpu"))
    policy = energyflow.load(tmp_path / "model.safetensors")
    assert isinstance(policy, LSTMGMM)
    obs = rng.uniform(-1.0, 1.0, (200, HORIZON, 3))
    acted = act(policy, torch.from_numpy(obs).float(), torch.arange(200)).numpy()
    assert np.abs(acted - f(obs[:, -1])).mean() < 0.1 * np.abs(f(obs[:, -1])).mean()
