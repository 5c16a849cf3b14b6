"""What the rest of the project asks of a simulator, whatever its suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from energyflow.config.sections import Level

if TYPE_CHECKING:
    import mujoco

Array = NDArray[np.float64]
Expert = Callable[[Array], Array]  # obs [Do] -> action [Da] in the box, for the episode that it was made for


class Simulator(Protocol):
    """One task. Observations are vectors in metres and the like; actions are in [-1, 1]."""

    obs_layout: dict[str, int]  # observation keys and their widths, in the order in which they are concatenated
    obs_dim: int
    action_dim: int
    grippers: tuple[int, ...]  # which actions close fingers; the others move hands

    def reset(self, seed: int, level: Level | None = None) -> Array:
        """Start an episode: obs [Do]. Equal (seed, level) give bit-equal observations, whatever came before."""

    def step(self, action: Array) -> tuple[Array, float, bool]:
        """Advance one control step: obs [Do], dense reward, success flag of this step."""

    def expert(self, style: int | None) -> Expert:
        """A scripted expert for the episode that `reset` has just started.

        Its style (speeds, detours, grasps) is drawn from the seed `style`, or, without one, is always the same.
        """

    def env_args(self) -> dict[str, Any]:
        """How to build this simulator, as robomimic files say it: `env_name`, `type`, `env_kwargs`."""


@runtime_checkable
class Ending(Protocol):
    """A simulator whose episodes can be over before success and horizon, as in environments of others."""

    over: bool  # whether the last step ended the episode


@runtime_checkable
class Filmable(Protocol):
    """A simulator on MuJoCo whose stored states can be drawn."""

    mujoco_model: mujoco.MjModel

    def draw(self, state: Array, renderer: mujoco.Renderer) -> None:
        """Put a stored state [Ds] before the camera that sees it all."""
