"""The task registry: from a name such as `metaworld/hammer` to its simulator. Imports none before it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from energyflow.sections import ParamsError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from energyflow.envs.simulator import Simulator

SUITES = {
    "metaworld": "energyflow.envs.metaworld:MetaWorldEnv",
    "robomimic": "energyflow.envs.robomimic.simulator:RobomimicEnv",
}
TASKS = (
    "metaworld/button_press",
    "metaworld/drawer_open",
    "metaworld/assembly",
    "metaworld/bin_picking",
    "metaworld/hammer",
    "robomimic/lift",
    "robomimic/can",
    "robomimic/square",
    "robomimic/transport",
    "robomimic/tool_hang",
)


def check_task(name: str) -> str:
    """Return the task's suite.

    Raises:
        ParamsError: no such task; the message suggests the nearest name.
    """
    if name not in TASKS:
        raise ParamsError(f"unknown task '{name}'; {nearest(str(name), list(TASKS))}")
    return name.split("/")[0]


def make_env(name: str, obs_keys: Sequence[str] | None = None) -> Simulator:
    """Build a task's simulator; `reset` must come before `step`.

    Args:
        name: of the task.
        obs_keys: what to observe, in this order; by default the suite's usual observations.

    Raises:
        ParamsError: no such task, or no such observation.
    """
    module, cls = SUITES[check_task(name)].split(":")
    build: Callable[[str, Sequence[str] | None], Simulator] = getattr(import_module(module), cls)
    return build(name, obs_keys)
