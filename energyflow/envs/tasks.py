"""From a name such as `metaworld/hammer` to what its suite declares, and to its simulator, imported only when built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from energyflow.core.errors import UserError, nearest
from energyflow.core.registry import implementation
from energyflow.envs.registry import SUITES, Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from energyflow.envs.simulator import Simulator

CUSTOM = "custom"  # suite of users' own demonstrations: they train, and have no simulator here


def every_task() -> dict[str, str]:
    """Every task that has a simulator, suite by suite -> what a file's `env_args` call it."""
    return {task: theirs for suite in SUITES for task, theirs in SUITES[suite].tasks.items()}


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
    known = every_task()
    if name not in known:
        own = f"; {name} has demonstrations only" if str(name).startswith(f"{CUSTOM}/") else ""
        raise UserError(f"unknown task '{name}'; {nearest(str(name), known)}{own}")
    return name.split("/")[0]


def suite_of(name: str) -> Suite:
    """What is declared of the suite of a task; raises as `check_simulated`."""
    return SUITES[check_simulated(name)]


def task_of(env_args: dict[str, Any], name: str) -> str:
    """The task that a demonstration file belongs to: ours if its `env_args` name one, else `custom/<name>`."""
    ours = {theirs: task for task, theirs in every_task().items()}
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
    build: Callable[[str, Sequence[str] | None], Simulator] = implementation(_simulator(name))
    return build(name, obs_keys)


def modules(name: str, *, expert: bool) -> list[str]:
    """Modules of a task's simulator and, if it acts, of its scripted expert."""
    experts, simulator = suite_of(name).experts, _simulator(name).partition(":")[0]
    return [simulator, f"{experts}.{name.split('/')[1]}"] if expert and experts else [simulator]


def _simulator(name: str) -> str:
    """`module:Class` of a task's simulator."""
    suite = check_simulated(name)
    where = SUITES[suite].simulator
    return where if ":" in where else f"{SUITES.module(suite)}:{where}"
