"""Meta-World's tasks: what each is called, and what a level may move in it. Imports no simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from energyflow.core.errors import UserError
from energyflow.envs.registry import Suite


@dataclass(frozen=True)
class TaskSpec:
    """One task.

    Attributes:
        name: `metaworld/<task>`.
        simulator_id: the name that Meta-World knows it by.
        components: what the blocks of three numbers of the simulator's random reset vector move, in order. A
            block that no level may move is "fixed": a bin that is fixed in the scene, or an object whose training
            range already fills its bin, so that beyond it is the wall.
        min_separation: smallest allowed horizontal distance (m) between object and goal; the simulator loops for
            ever on a closer pair.
    """

    name: str
    simulator_id: str
    components: tuple[str, ...]
    min_separation: float = 0.0


SPECS = {
    spec.name: spec
    for spec in (
        TaskSpec("metaworld/button_press", "button-press-v3", ("object",)),
        TaskSpec("metaworld/drawer_open", "drawer-open-v3", ("object",)),
        TaskSpec("metaworld/assembly", "assembly-v3", ("object", "goal"), min_separation=0.1),
        TaskSpec("metaworld/bin_picking", "bin-picking-v3", ("fixed", "fixed")),
        TaskSpec("metaworld/hammer", "hammer-v3", ("object",)),
    )
}


def recorded(task: str, env_args: Mapping[str, Any]) -> None:
    """Check that a file shows what the simulator shows.

    Raises:
        UserError: its goal is hidden.
    """
    kwargs = env_args.get("env_kwargs")
    if isinstance(kwargs, dict) and not kwargs.get("goal_visible", True):
        raise UserError(f"env_args: goal_visible is false, but the simulator of {task} shows the goal")


SUITES = {
    "metaworld": Suite(
        "Meta-World",
        "energyflow.envs.metaworld.simulator:MetaWorldEnv",
        {task: spec.simulator_id for task, spec in SPECS.items()},
        extra="metaworld",
        published_on="scripted experts",
        widths=lambda _: ({"state": 39}, 4),
        recorded="energyflow.envs.metaworld.tasks:recorded",
        best_reward=10.0,
    ),
}
