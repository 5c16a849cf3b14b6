"""The task registry: from a name such as `metaworld/hammer` to its simulator. Imports none before it is asked for."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from energyflow.core.errors import UserError, nearest
from energyflow.envs.metaworld import tasks as metaworld
from energyflow.envs.robomimic import tasks as robomimic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from energyflow.envs.simulator import Simulator

SUITES = {
    "metaworld": "energyflow.envs.metaworld.simulator:MetaWorldEnv",
    "robomimic": "energyflow.envs.robomimic.simulator:RobomimicEnv",
}
TASKS = (*metaworld.SPECS, *robomimic.SPECS)
CUSTOM = "custom"  # suite of users' own demonstrations: they train, and have no simulator here


def check_task(name: str) -> str:
    """Return the suite of a task that can be trained on.

    Raises:
        UserError: no such task; the message suggests the nearest name.
    """
    if re.fullmatch(rf"{CUSTOM}/[\w.-]+", str(name)):
        return CUSTOM
    return check_simulated(name)


def check_simulated(name: str) -> str:
    """Return the suite of a task that has a simulator; raises as `check_task`."""
    if name not in TASKS:
        own = f"; {name} has demonstrations only" if str(name).startswith(f"{CUSTOM}/") else ""
        raise UserError(f"unknown task '{name}'; {nearest(str(name), list(TASKS))}{own}")
    return name.split("/")[0]


def task_of(env_args: dict[str, Any], name: str) -> str:
    """The task that a demonstration file belongs to: ours if its `env_args` name one, else `custom/<name>`."""
    ours = {spec.simulator_id: task for task, spec in metaworld.SPECS.items()}
    ours |= {spec.env_name: task for task, spec in robomimic.SPECS.items()}
    plain = re.sub(r"[^\w.-]+", "_", name)
    return ours.get(str(env_args.get("env_name")), f"{CUSTOM}/{plain}")


def make_env(name: str, obs_keys: Sequence[str] | None = None) -> Simulator:
    """Build a task's simulator; `reset` must come before `step`.

    Args:
        name: of the task.
        obs_keys: what to observe, in this order; by default the suite's usual observations.

    Raises:
        UserError: no such task, or no such observation.
    """
    module, cls = SUITES[check_simulated(name)].split(":")
    build: Callable[[str, Sequence[str] | None], Simulator] = getattr(import_module(module), cls)
    return build(name, obs_keys)


def modules(name: str, *, expert: bool) -> list[str]:
    """Modules of a task's simulator and, if it acts, of its scripted expert."""
    suite, short = check_simulated(name), name.split("/")[1]
    found = [SUITES[suite].split(":")[0]]
    return [*found, f"energyflow.envs.robomimic.experts.{short}"] if expert and suite == "robomimic" else found
