"""A small environment of one's own: a point moves to a goal in the plane. Registered as `Reach-v0` when imported."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

SIZE = 64  # of a picture


class Reach(gym.Env[dict[str, NDArray[np.float32]], NDArray[np.float32]]):
    """Position and goal in [-1, 1]^2; the action is a velocity; success within 0.1 of the goal."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None) -> None:
        """Set the spaces."""
        self.render_mode = render_mode
        plane = spaces.Box(-2.0, 2.0, (2,), np.float32)
        self.observation_space = spaces.Dict({"position": plane, "goal": plane})
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.position, self.goal = np.zeros(2), np.zeros(2)

    def _observed(self) -> dict[str, NDArray[np.float32]]:
        return {"position": self.position.astype(np.float32), "goal": self.goal.astype(np.float32)}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """Draw position and goal."""
        super().reset(seed=seed)
        self.position, self.goal = self.np_random.uniform(-1.0, 1.0, (2, 2))
        return self._observed(), {}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, NDArray[np.float32]], float, bool, bool, dict[str, Any]]:
        """Move by a tenth of the action."""
        self.position = np.clip(self.position + 0.1 * action, -2.0, 2.0)
        distance = float(np.linalg.norm(self.goal - self.position))
        success = distance < 0.1
        return self._observed(), -distance, success, False, {"success": success}

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """Draw the goal in green and the point in white."""
        if self.render_mode is None:
            return None
        picture = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
        for place, colour in ((self.goal, (0, 160, 0)), (self.position, (255, 255, 255))):
            x, y = ((place + 2.0) / 4.0 * (SIZE - 4)).astype(int)
            picture[y : y + 4, x : x + 4] = colour
        return picture


gym.register("Reach-v0", Reach, max_episode_steps=50)
