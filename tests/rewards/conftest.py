"""An expert in closed form: a* = W s with Gaussian noise, so its energy, advantage and regret are known exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from energyflow.agents.env import EpisodeEnv
from energyflow.agents.relabel import RelabelBuffer
from energyflow.config.params import Params
from energyflow.config.sections import ShapeParams, TrainParams
from energyflow.datasets.format import Demonstration, Demos
from energyflow.networks.build import Spec
from energyflow.pipeline.params import resolve
from energyflow.policies.base import EnergyPolicy
from energyflow.rewards.base import RewardSource, Transitions
from energyflow.rewards.readout import Readout
from energyflow.rewards.registry import SOURCES
from tests.conftest import ROOT

OBS_DIM, ACTION_DIM = 3, 2
NOISE = 0.2  # standard deviation of the expert's actions
WEIGHT = torch.tensor([[0.3, -0.2, 0.1], [0.0, 0.4, -0.3]])


class GaussianExpert(EnergyPolicy):
    """E = |a - W s|^2 / (2 (NOISE^2 + sigma^2)) + c(s): exact for a_t ~ N(W s, NOISE^2) noised by sigma."""

    def __init__(self, params: TrainParams, window: tuple[int, int], offset: Callable[[Tensor], Tensor]) -> None:
        super().__init__(Spec(OBS_DIM, ACTION_DIM, window[0], window[1], 1, ("state",)), params)
        self.offset = offset

    def energy(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        mean = obs[:, -1:] @ WEIGHT.T
        squares = (action - mean).square().sum(dim=(1, 2))
        return squares / (2 * (NOISE**2 + sigma**2)) + self.offset(obs[:, -1])

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        raise AssertionError("never trained")

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        raise AssertionError("never sampled")

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        raise AssertionError("never asked for")


def no_offset(state: Tensor) -> Tensor:
    return torch.zeros(len(state))


def wild_offset(state: Tensor) -> Tensor:
    return 5.0 * torch.sin(3.0 * state[:, 0]) + 2.0 * state[:, 1].square()


@pytest.fixture(scope="session")
def shape(smoke: Params) -> ShapeParams:
    """Of a source without numbers of its own."""
    return smoke.shape["sparse"]


@pytest.fixture(scope="session")
def every() -> Params:
    """The smoke preset with all sources, hence with all models that rewards read."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["presets"]["smoke"]["run"]["sources"] = list(SOURCES)
    return resolve(raw, "smoke")


@pytest.fixture(scope="session")
def make_readout(smoke: Params) -> Callable[..., Readout]:
    def make(offset: Callable[[Tensor], Tensor] = no_offset, window: tuple[int, int] = (1, 1)) -> Readout:
        return Readout(GaussianExpert(smoke.train["energyflow"], window, offset), 0.1, 16, seed=0)

    return make


def transitions(obs: Tensor, action: Tensor, next_obs: Tensor | None = None) -> Transitions:
    """Steps [B, Do], [B, Da] (or windows) of which nothing else is known."""
    obs, action = (x if x.dim() == 3 else x[:, None] for x in (obs, action))
    zeros = torch.zeros(len(obs))
    return Transitions(obs, action, obs[:, -1] if next_obs is None else next_obs, zeros, zeros)


def no_density(obs: Tensor, action: Tensor) -> Tensor:
    raise AssertionError("this source does not read the agent's density")


def as_demos(episodes: list[Demonstration]) -> Demos:
    return Demos(Path("none"), "", {}, ("state",), episodes)


@pytest.fixture(scope="session")
def expert_demos() -> list[Demonstration]:
    return make_demos()


def make_demos() -> list[Demonstration]:
    rng = np.random.default_rng(0)
    demos = []
    for length in (30, 20):
        obs = rng.normal(size=(length, OBS_DIM))
        actions = obs @ WEIGHT.numpy().T.astype(np.float64) + NOISE * rng.normal(size=(length, ACTION_DIM))
        zeros = np.zeros(length)
        demos.append(Demonstration(obs, actions.clip(-1, 1), zeros, zeros))
    return demos


class PointSimulator:
    """A point on a line that must come near zero: cheap, deterministic, and ends in a few steps."""

    obs_dim = OBS_DIM
    action_dim = ACTION_DIM

    def reset(self, seed: int) -> np.ndarray:
        self.position = np.random.default_rng(seed).uniform(-1, 1, OBS_DIM)
        return self.position.copy()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
        self.position[:ACTION_DIM] += 0.2 * np.asarray(action, dtype=np.float64)
        distance = float(np.abs(self.position[:ACTION_DIM]).max())
        return self.position.copy(), 10.0 / (1.0 + distance), distance < 0.3


def fill(
    source: RewardSource,
    *,
    terminate: bool,
    horizon: int,
    steps: int,
    gamma: float = 0.99,
    pull: float = 2.0,
    noise: float = 0.3,
    **returns: Any,
) -> RelabelBuffer:
    """What a clumsy expert lives through, or without a pull towards the goal a random actor; room for one step more."""
    env = EpisodeEnv(PointSimulator(), horizon=horizon, first_seed=0, terminate=terminate)
    buffer = RelabelBuffer(steps + 1, OBS_DIM, ACTION_DIM, source, gamma=gamma, **returns)
    rng = np.random.default_rng(0)
    obs, _ = env.reset()
    for _ in range(steps):
        wanted = np.clip(-pull * obs[:ACTION_DIM] + noise * rng.normal(size=ACTION_DIM), -1, 1)
        action = wanted.astype(np.float32)
        following, reward, terminal, truncated, info = env.step(action)
        buffer.add(
            obs,
            action,
            following,
            success=info["success"],
            env_reward=reward,
            terminal=terminal,
            truncated=truncated,
        )
        obs = env.reset()[0] if terminal or truncated else following
    return buffer
