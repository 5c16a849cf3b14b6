"""The task registry: from a name such as `metaworld/hammer` to its simulator. Imports none before it is asked for."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from energyflow.core.errors import UserError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from energyflow.envs.simulator import Simulator

SUITES = {
    "metaworld": "energyflow.envs.metaworld:MetaWorldEnv",
    "robomimic": "energyflow.envs.robomimic.simulator:RobomimicEnv",
}
TASKS = {  # and what the suite, and a file's `env_args`, call each of them
    "metaworld/button_press": "button-press-v3",
    "metaworld/drawer_open": "drawer-open-v3",
    "metaworld/assembly": "assembly-v3",
    "metaworld/bin_picking": "bin-picking-v3",
    "metaworld/hammer": "hammer-v3",
    "robomimic/lift": "Lift",
    "robomimic/can": "PickPlaceCan",
    "robomimic/square": "NutAssemblySquare",
    "robomimic/transport": "TwoArmTransport",
    "robomimic/tool_hang": "ToolHang",
}
# Width of robomimic's observation `object`, whose content differs from task to task.
OBJECT = {
    "robomimic/lift": 10,
    "robomimic/can": 14,
    "robomimic/square": 14,
    "robomimic/transport": 41,
    "robomimic/tool_hang": 44,
}
ARM = {"eef_pos": 3, "eef_quat": 4, "gripper_qpos": 2}
# What robomimic's low-dimensional policies observe, in its order.
LOW_DIM = (*(f"robot{arm}_{part}" for arm in (0, 1) for part in ARM), "object")

CUSTOM = "custom"  # suite of users' own demonstrations: they train, and have no simulator here


def check_task(name: str) -> str:
    """Return the suite of a task that can be trained on.

    Raises:
        UserError: no such task; the message suggests the nearest name.
    """
    if re.fullmatch(rf"{CUSTOM}/\w[\w.-]*", str(name)):
        return CUSTOM
    return check_simulated(name)


def check_simulated(name: str) -> str:
    """Return the suite of a task that has a simulator; raises as `check_task`."""
    if name not in TASKS:
        own = f"; {name} has demonstrations only" if str(name).startswith(f"{CUSTOM}/") else ""
        raise UserError(f"unknown task '{name}'; {nearest(str(name), list(TASKS))}{own}")
    return name.split("/")[0]


def custom_task(name: str) -> str:
    """The task of demonstrations that no simulator here belongs to, from the name of their file."""
    return f"{CUSTOM}/{re.sub(r'[^A-Za-z0-9_.-]+', '_', name).strip('.-') or 'demos'}"


def named_task(env_args: dict[str, Any]) -> str | None:
    """The task that a demonstration file's `env_args` name, if it is one of ours. Imports no simulator."""
    named = {theirs: task for task, theirs in TASKS.items()}
    return named.get(str(env_args.get("env_name")))


def widths(task: str) -> tuple[dict[str, int], int]:
    """Widths of a simulated task's usual observations, by key, and of its action, without building the simulator."""
    if check_simulated(task) == "metaworld":
        return {"state": 39}, 4
    arms = 2 if task == "robomimic/transport" else 1
    layout = {f"robot{arm}_{part}": width for arm in range(arms) for part, width in ARM.items()}
    return layout | {"object": OBJECT[task]}, 7 * arms


def check_widths(task: str, layout: Mapping[str, int], action_dim: int) -> None:
    """Compare the widths of a file or of a policy with those of a task's simulator, where they are known beforehand.

    Raises:
        UserError: an observation or the action is wider or narrower than the simulator's.
    """
    known, acts = widths(task)
    for key, width in layout.items():
        if key in known and width != known[key]:
            total = (
                f" ({sum(layout.values())} and {sum(known.values())} in all)" if layout.keys() == known.keys() else ""
            )
            raise UserError(f"obs/{key} has {width} numbers, but {known[key]} in the simulator of {task}{total}")
    if task.startswith("metaworld/") and layout.keys() != known.keys():
        raise UserError(f"the observations are {', '.join(layout)}, but the simulator of {task} has only 'state'")
    if action_dim != acts:
        raise UserError(f"actions have {action_dim} numbers, but {acts} in the simulator of {task}")


def check_recorded(task: str, env_args: dict[str, Any], layout: Mapping[str, int], action_dim: int) -> None:
    """Check that recorded actions and observations mean the same in a task's simulator.

    Args:
        task: a simulated one.
        env_args: of the file.
        layout: widths of the file's observations, by key.
        action_dim: width of its actions.

    Raises:
        UserError: robot, controller, control rate or a width differ.
    """
    check_widths(task, layout, action_dim)
    kwargs = env_args.get("env_kwargs")
    if task.startswith("robomimic/"):
        metadata = import_module("energyflow.envs.robomimic.metadata")  # only for such a file: it imports the simulator
        metadata.check(task, metadata.convert(env_args)[0], strict=False)
    elif isinstance(kwargs, dict) and not kwargs.get("goal_visible", True):
        raise UserError(f"env_args: goal_visible is false, but the simulator of {task} shows the goal")


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
