"""Small worlds with known answers, as data sets; and the numbers of a run that trains in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from energyflow.datasets.episodes import Episode, Episodes
from energyflow.offline.methods.sections import LearnParams

MODES = (-0.6, 0.6)
FIT: dict[str, Any] = {"steps": 500, "batch_size": 256, "lr": 1e-2, "warmup_steps": 20, "ema_decay": 0.97}


def numbers(**changes: Any) -> LearnParams:
    """Of a run; a change is `improvement__beta=1.0`."""
    values: dict[str, Any] = {
        "rewards": "as_recorded",
        "hidden": [64, 64],
        "time_dim": 16,
        "behaviour": dict(FIT),
        "critic": {
            **FIT,
            "steps": 300,
            "kind": None,
            "hidden": [32, 32],
            "gamma": 0.9,
            "alpha": 10.0,
            "support": 8,
            "expectile": 0.7,
        },
        "improvement": {
            **FIT,
            "steps": 400,
            "beta": 8.0,
            "support": 16,
            "renew_every": 100,
            "states": 256,
            "draw": "one",
            "clip": 100.0,
        },
        "acting": {
            "ot": {"solver": "euler", "steps": 10},
            "vp": {"solver": "heun", "steps": 8},
            "candidates": 16,
            "guidance": 1.0,
        },
        "evaluate": {"episodes": 4, "seed": 0, "confidence": 0.95},
        "log_every": 50,
        "resume_every": 50,
    }
    for key, value in changes.items():
        section, _, name = key.rpartition("__")
        (values[section] if section else values)[name] = value
    return LearnParams.model_validate(values)


def worth(action: np.ndarray) -> np.ndarray:
    """Reward, and so Q, of an action: 1 at the better mode, 0 at the worse."""
    return np.exp(-(((action - MODES[1]) / 0.3) ** 2))


class Bandit(gym.Env[np.ndarray, np.ndarray]):
    """One state, one step, and `worth` as reward."""

    observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """The state is 0."""
        return np.zeros(1, np.float32), {}

    def step(self, action: np.ndarray) -> Any:
        """The end."""
        return np.zeros(1, np.float32), float(worth(action[0])), True, False, {}


if "test/Bandit-v0" not in gym.registry:
    gym.register("test/Bandit-v0", entry_point="tests.offline.worlds:Bandit")


def in_memory(episodes: list[Episode], env: str = "test/Bandit-v0", path: Path = Path("bandit.hdf5")) -> Episodes:
    """Episodes as a reader would give them."""
    dims = episodes[0].observations.shape[1]
    return Episodes(path, "0" * 64, episodes, {"observations": dims}, {"id": env}, name="bandit")


def two_modes(path: Path, count: int = 1024, seed: int = 0) -> Episodes:
    """One-step episodes of a behaviour with two modes, of which the rarer is the better, and actions from everywhere.

    Without the last, the critic would have to guess what lies between and beyond.
    """
    rng = np.random.default_rng(seed)
    actions = rng.choice(MODES, count, p=(0.7, 0.3)) + 0.12 * rng.normal(size=count)
    anywhere = rng.random(count) < 0.1
    actions[anywhere] = rng.uniform(-1.0, 1.0, anywhere.sum())
    path.write_bytes(b"the episodes are in memory")
    return in_memory(
        [
            Episode(np.zeros((2, 1)), np.array([[action]]), np.array([reward]), terminated=True, truncated=False)
            for action, reward in zip(actions, worth(actions), strict=True)
        ],
        path=path,
    )
