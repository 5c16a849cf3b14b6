"""Meta-World (v3) with the goal visible: true seeding, OOD levels, and the scripted expert.

The environment is the one inside `gymnasium.make("Meta-World/MT1", env_name=...)`: the same class with
`_partially_observable = False`, without the wrapper that restricts the initial states to 50 fixed ones and without
the 1.4 s that building those takes. `ML1` would hide the goal, and the scripted assembly expert would never succeed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from metaworld.policies import ENV_POLICY_MAP

from energyflow.config.sections import Level
from energyflow.core.errors import UserError
from energyflow.core.seeding import generator
from energyflow.envs.metaworld.control import controlled
from energyflow.envs.metaworld.tasks import SPECS
from energyflow.envs.perturb import displace, push_beyond
from energyflow.envs.simulator import Array, Expert

MAX_DRAWS = 100


class MetaWorldEnv:
    """One task. Observations [39]: hand, gripper, objects, the previous frame, goal. Actions [4] in [-1, 1]."""

    def __init__(self, task: str, obs_keys: Sequence[str] | None = None) -> None:
        """Build the simulator (about 0.2 s) of a task of `SPECS`; see `envs.tasks.make_env`."""
        self.obs_layout, self.obs_dim, self.action_dim = {"state": 39}, 39, 4
        self.grippers = (3,)
        if obs_keys is not None and tuple(obs_keys) != tuple(self.obs_layout):
            raise UserError(f"{task}: no observations {', '.join(obs_keys)}; Meta-World has one vector, 'state'")
        self.spec = SPECS[task]
        self._env = self._build()
        self._env._partially_observable = False
        # `step` clips observations to this space. Cached while the goal was hidden, it would zero the goal; rebuilt, it
        # would show an out-of-distribution goal inside the training range.
        self._env.__dict__.pop("sawyer_observation_space", None)
        shown = self._env.sawyer_observation_space
        shown.low[-3:], shown.high[-3:] = -np.inf, np.inf
        self._env._set_task_called = True
        self._env._freeze_rand_vec = True
        self._hand = np.asarray(self._env.hand_init_pos, dtype=np.float64).copy()
        space = self._env._random_reset_space
        assert space is not None  # every task of the registry randomises something
        self._low, self._high = space.low.astype(np.float64), space.high.astype(np.float64)

    def _build(self) -> Any:
        return controlled(self.spec.simulator_id)

    def initial_state(self, seed: int, level: Level | None) -> tuple[Array, Array]:
        """Draw the reset vector and the hand position of an initial state.

        The draw of the unperturbed state and the directions of the perturbation come from two generators, so that
        every level perturbs the same underlying state.

        Returns:
            reset vector [3 * components] and hand position [3], m.
        """
        low, high = self._low, self._high
        vector = generator(seed, "initial state").uniform(low, high)
        if level is None:
            return vector, self._hand
        rng = generator(seed, "perturbation")
        hand = displace(self._hand, level.hand, self._env.mocap_low, self._env.mocap_high, rng)
        distances = {"object": level.object, "goal": level.goal, "fixed": 0.0}
        for _ in range(MAX_DRAWS):
            moved = np.concatenate(
                [
                    push_beyond(vector[i : i + 3], low[i : i + 3], high[i : i + 3], distances[name], rng)
                    for i, name in zip(range(0, len(vector), 3), self.spec.components, strict=True)
                ]
            )
            if np.linalg.norm(moved[:2] - moved[-3:-1]) >= self.spec.min_separation:
                return moved, hand
        raise ValueError(
            f"{self.spec.name}: no initial state with object and goal {self.spec.min_separation} m apart"
            f" at object {level.object} m, goal {level.goal} m; choose smaller distances"
        )

    def reset(self, seed: int, level: Level | None = None) -> Array:
        """Start an episode. Equal (seed, level) give bit-equal observations, whatever came before.

        Args:
            seed: of the initial state.
            level: perturbation; None and all-zero are the training distribution.

        Returns:
            obs [39].
        """
        self._env._last_rand_vec, self._env.hand_init_pos = self.initial_state(seed, level)
        obs, _ = self._env.reset()
        return np.asarray(obs, dtype=np.float64)

    def step(self, action: Array) -> tuple[Array, float, bool]:
        """Advance one control step.

        Args:
            action: [4] in [-1, 1]: hand displacement xyz and gripper effort.

        Returns:
            obs [39], dense reward in [0, 10], success flag of this step.
        """
        obs, reward, _, _, info = self._env.step(np.asarray(action, dtype=np.float32))
        return obs, float(reward), bool(info["success"])

    def expert(self, style: int | None) -> Expert:
        """Meta-World's own scripted expert, clipped to the box; it has one style."""
        policy = ENV_POLICY_MAP[self.spec.simulator_id]()  # type: ignore[abstract]
        return lambda obs: np.clip(policy.get_action(obs), -1.0, 1.0)  # keeps state: one for each episode

    def env_args(self) -> dict[str, Any]:
        """See `Simulator.env_args`."""
        return {"env_name": self.spec.simulator_id, "type": "metaworld", "env_kwargs": {"goal_visible": True}}
