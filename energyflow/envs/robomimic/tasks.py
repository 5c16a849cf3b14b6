"""RoboMimic's tasks: robosuite's names of them, what a level moves, what is observed. Imports no simulator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from energyflow.envs.registry import Suite

ARM = {"eef_pos": 3, "eef_quat": 4, "gripper_qpos": 2}  # what is observed of an arm, and how many numbers it has
# What robomimic's low-dimensional policies observe, in its order; a file without these is read whole.
LOW_DIM = (*(f"robot{arm}_{part}" for arm in (0, 1) for part in ARM), "object")


@dataclass(frozen=True)
class TaskSpec:
    """One task.

    Attributes:
        env_name: robosuite's name.
        object_width: of the observation `object`, whose content differs from task to task.
        robots: one or two.
        objects: groups of objects that a level moves as "object", each group as a whole: the first one's placement
            range counts.
        goals: the same for "goal".
        env_kwargs: further arguments of the environment.
        success: observations that are all 1 exactly when the task is done, where robosuite has them: asking it costs a
            tenth of a step.
        camera: robosuite's name of the one that sees it all.
        staged: whether robosuite knows how far the task has come: reaching, grasping, lifting. Else, and where no
            reward is learned from, the reward is success alone.
    """

    env_name: str
    object_width: int
    robots: tuple[str, ...] = ("Panda",)
    objects: tuple[tuple[str, ...], ...] = ()
    goals: tuple[tuple[str, ...], ...] = ()
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    success: tuple[str, ...] = ()
    camera: str = "agentview"
    staged: bool = False


SPECS = {
    "robomimic/lift": TaskSpec("Lift", 10, objects=(("cube",),), staged=True),
    "robomimic/can": TaskSpec("PickPlaceCan", 14, objects=(("Can",),)),
    "robomimic/square": TaskSpec("NutAssemblySquare", 14, objects=(("SquareNut",),), staged=True),
    "robomimic/transport": TaskSpec(
        "TwoArmTransport",
        41,
        robots=("Panda", "Panda"),
        objects=(("transport_start_bin", "transport_start_bin_lid", "payload"),),
        goals=(("transport_target_bin", "trash"),),
        env_kwargs={"env_configuration": "opposed"},
        success=("payload_in_target_bin", "trash_in_trash_bin"),
        camera="shouldercamera0",
    ),
    "robomimic/tool_hang": TaskSpec(
        "ToolHang",
        44,
        objects=(("frame",), ("tool",)),
        goals=(("stand",),),
        success=("frame_is_assembled", "tool_on_frame"),
    ),
}


def widths(task: str) -> tuple[dict[str, int], int]:
    """Widths of a task's usual observations, by key, and of its action."""
    arms = len(SPECS[task].robots)
    layout = {f"robot{arm}_{part}": width for arm in range(arms) for part, width in ARM.items()}
    return layout | {"object": SPECS[task].object_width}, 7 * arms


EXPERTS = "energyflow.envs.robomimic.experts"  # of each task a module with its `SCRIPTS`: a generator for each arm
SUITES = {
    "robomimic": Suite(
        "RoboMimic",
        "energyflow.envs.robomimic.simulator:RobomimicEnv",
        {task: spec.env_name for task, spec in SPECS.items()},
        extra="robomimic",
        experts=EXPERTS,
        filmed=True,
        published_on="human demonstrations",
        widths=widths,
        recorded="energyflow.envs.robomimic.metadata:recorded",
    ),
}
