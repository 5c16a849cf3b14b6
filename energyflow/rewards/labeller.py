"""A reward for somebody's own agent: of whole episodes, or step by step in environments that run side by side.

What a step is worth is what the relabelling buffer says it is worth (`agents.relabel`): the same source, the same
windows inside the episode, the observation after the step also where the episode ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from energyflow.config.section import describe
from energyflow.config.sections import ShapeParams
from energyflow.core.errors import UserError
from energyflow.datasets.box import into_box
from energyflow.datasets.format import Demos, load_demos
from energyflow.policies.base import Model
from energyflow.policies.checkpoint import load_model
from energyflow.rewards.base import ChangingSource, Ingredients, RewardSource, Transitions
from energyflow.rewards.registry import SOURCES
from energyflow.rewards.sources import build_source
from energyflow.rewards.windows import window_indices

Floats = NDArray[np.float32]
Observation = ArrayLike | Mapping[str, ArrayLike]


class Reward:
    """A source of reward in the units of an environment.

    Attributes:
        source: what computes it; actions in the box [-1, 1].
        keys: observation keys, in the order in which the source reads them; empty: it reads vectors alone.
        box: [2, Da] what -1 and 1 stand for in the environment's units; None: for themselves.
    """

    def __init__(self, source: RewardSource, keys: Sequence[str] = (), box: NDArray[np.float64] | None = None) -> None:
        self.source, self.keys, self.box = source, tuple(keys), box

    def __call__(
        self,
        obs: Observation,
        action: ArrayLike,
        next_obs: Observation | None = None,
        success: ArrayLike | None = None,
        env_reward: ArrayLike | None = None,
    ) -> Floats:
        """Reward [T] of each step of one episode, from its beginning; more is better.

        Args:
            obs: [T, Do] before each step, or by key.
            action: [T, Da], environment units.
            next_obs: [T, Do] after each step; by default that before the next one, and the last one twice.
            success: [T], 1 where the step reached the goal; only sources that are told read it.
            env_reward: [T], the environment's own reward; likewise.

        Raises:
            UserError: a key is missing.
        """
        before, actions = self.vectors(obs), self.boxed(action)
        after = np.concatenate([before[1:], before[-1:]]) if next_obs is None else self.vectors(next_obs)
        steps = np.arange(len(actions))
        rows, columns = window_indices(steps, np.zeros_like(steps), *self.source.window)
        flags = (np.zeros(len(actions), np.float32) if x is None else _floats(x) for x in (success, env_reward))
        return self.of(before[rows], actions[columns], after, *flags)

    def of(self, obs: Floats, action: Floats, next_obs: Floats, success: Floats, env_reward: Floats) -> Floats:
        """Reward [B] of windows as `Transitions` has them: vectors, and actions in the box."""
        batch = Transitions(*map(torch.as_tensor, (obs, action, next_obs, success, env_reward)))
        return np.asarray(self.source.reward(batch), dtype=np.float32)

    def vectors(self, obs: Observation) -> Floats:
        """Observations [..., Do] as the source reads them.

        Raises:
            UserError: a key is missing, or this source knows no keys.
        """
        if not isinstance(obs, Mapping):
            return _floats(obs)
        if not self.keys:
            raise UserError("this reward reads observations as one vector: flatten them (FlattenObservation)")
        if missing := [key for key in self.keys if key not in obs]:
            raise UserError(f"no observation '{missing[0]}'; this reward reads {', '.join(self.keys)}")
        parts = [_floats(obs[key]) for key in self.keys]
        rank = max(part.ndim for part in parts)
        return np.concatenate([part[..., None] if part.ndim < rank else part for part in parts], axis=-1)

    def boxed(self, action: ArrayLike) -> Floats:
        """Actions [T, Da] of the environment in the box, clipped to it."""
        return into_box(np.asarray(action, np.float64), self.box).astype(np.float32)


class Streams:
    """The running episodes of N environments, and what their steps are worth.

    Attributes:
        shaped: [N], sum of the rewards of each running episode.
        true: [N], sum of the environment's own.
        length: [N], steps.
    """

    def __init__(self, reward: Reward, count: int) -> None:
        """Wait for `begin` of each."""
        self.reward = reward
        self.shaped, self.true = np.zeros(count), np.zeros(count)
        self.length = np.zeros(count, dtype=np.int64)
        self._obs: list[list[Floats]] = [[] for _ in range(count)]
        self._actions: list[list[Floats]] = [[] for _ in range(count)]

    def begin(self, place: int, obs: Observation) -> None:
        """An episode of one environment begins with an observation [Do], or by key."""
        self._obs[place], self._actions[place] = [self.reward.vectors(obs)], []
        self.shaped[place] = self.true[place] = self.length[place] = 0

    def step(
        self, action: ArrayLike, next_obs: Sequence[Observation], success: Sequence[bool], env_reward: ArrayLike
    ) -> Floats:
        """Reward [N] of one step of all.

        Args:
            action: [N, Da], environment units.
            next_obs: of each environment after the step, also where its episode ended.
            success: of each.
            env_reward: [N].
        """
        width = self.reward.source.window
        observations, actions = [], []
        for place, boxed in enumerate(self.reward.boxed(action)):
            self._actions[place].append(boxed)
            now = np.array([len(self._actions[place]) - 1])
            rows, columns = window_indices(now, np.zeros_like(now), *width)
            observations.append([self._obs[place][row] for row in rows[0]])
            actions.append([self._actions[place][column] for column in columns[0]])
        following = [self.reward.vectors(each) for each in next_obs]
        true = _floats(env_reward)
        flags = np.array(success, dtype=np.float32)
        found = self.reward.of(np.array(observations), np.array(actions), np.array(following), flags, true)
        for place, each in enumerate(following):
            self._obs[place].append(each)
        self.shaped, self.true, self.length = self.shaped + found, self.true + true, self.length + 1
        return found

    def returns(self, place: int) -> dict[str, float]:
        """What a finished episode is told as."""
        return {
            "shaped_return": float(self.shaped[place]),
            "true_return": float(self.true[place]),
            "episode_length": int(self.length[place]),
        }


def succeeded(info: Mapping[str, Any]) -> bool:
    """Whether a step reached its goal, as environments say it; none of them has to."""
    return bool(info.get("success", info.get("is_success", False)))


def reward(
    model_or_demos: str | Path | Model | Demos | None = None,
    demos: str | Path | Demos | None = None,
    *,
    source: str = "centered_energy",
    seed: int = 0,
    **settings: Any,
) -> Reward:
    """A reward from a trained model, from demonstrations, or, as the scale of most sources, from both.

    Args:
        model_or_demos: the model that the source reads, or its checkpoint; or the demonstrations, if it reads none.
        demos: the demonstrations, or their file.
        source: its name, as in docs/rewards.
        seed: of reference actions.
        settings: the source's own numbers, such as `sigma` and `references` of an energy.

    Raises:
        UserError: there is no such source, it learns beside the agent, it needs a model or demonstrations that are not
            given, or a number of its own is wrong; or a file is missing or damaged.
    """
    spec = SOURCES[source]
    model = model_or_demos
    if isinstance(model, Demos) or (isinstance(model, str | Path) and Path(model).suffix in (".hdf5", ".h5")):
        model, demos = None, model if demos is None else demos
    if _learns(source):
        raise UserError(f"source '{source}' learns beside its agent: energyflow job shape; choose another for your own")
    if spec.model is not None and model is None:
        raise UserError(f"source '{source}' reads a model of method '{spec.model}': energyflow train --as reward")
    if spec.demos and demos is None:
        raise UserError(f"source '{source}' reads demonstrations: give them as well")
    trained = load_model(model) if isinstance(model, str | Path) else model
    keys = trained.spec.obs_keys if isinstance(trained, Model) else None
    shown = load_demos(Path(demos), keys) if isinstance(demos, str | Path) else demos
    try:
        own = spec.settings(**settings)
    except ValidationError as error:
        raise UserError(f"source.{source}: {describe(error)}") from None
    numbers: dict[str, Any] = {"source_params": own.model_dump()}  # the rest of the section is an agent's
    params = ShapeParams.model_construct(None, **numbers)
    assert trained is None or isinstance(trained, Model)
    built = build_source(
        Ingredients(source, params, seed, trained if spec.model else None, shown if spec.demos else None)
    )
    if trained is not None:
        ends = trained.normalizer.action_low, trained.normalizer.action_high
        return Reward(built, trained.spec.obs_keys, np.stack([end.cpu().numpy() for end in ends]))
    return Reward(built, shown.obs_keys, shown.box) if shown is not None else Reward(built)


def _learns(source: str) -> bool:
    """Whether a source changes while its agent learns."""
    module = import_module(SOURCES.module(source))
    own = (value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__)
    return any(issubclass(value, ChangingSource) for value in own)


def _floats(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float32)
