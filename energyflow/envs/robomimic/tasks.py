"""RoboMimic's tasks: robosuite's names of them, what a level moves, what is observed. Imports no simulator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from energyflow.envs.registry import Suite

# What robomimic's low-dimensional policies observe, in its order; a file without these is read whole.
LOW_DIM = (
    *(f"robot{arm}_{part}" for arm in (0, 1) for part in ("eef_pos", "eef_quat", "gripper_qpos")),
    "object",
)


@dataclass(frozen=True)
class TaskSpec:
    """One task.

    Attributes:
        env_name: robosuite's name.
        robots: one or two.
        objects: groups of objects that a level moves as "object", each group as a whole: the first one's placement
            range counts.
        goals: the same for "goal".
        env_kwargs: further arguments of the environment.
        success: observations that are all 1 exactly when the task is done, where robosuite has them: asking it costs a
            tenth of a step.
        camera: robosuite's name of the one that sees it all.
    """

    env_name: str
    robots: tuple[str, ...] = ("Panda",)
    objects: tuple[tuple[str, ...], ...] = ()
    goals: tuple[tuple[str, ...], ...] = ()
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    success: tuple[str, ...] = ()
    camera: str = "agentview"


SPECS = {
    "robomimic/lift": TaskSpec("Lift", objects=(("cube",),)),
    "robomimic/can": TaskSpec("PickPlaceCan", objects=(("Can",),)),
    "robomimic/square": TaskSpec("NutAssemblySquare", objects=(("SquareNut",),)),
    "robomimic/transport": TaskSpec(
        "TwoArmTransport",
        robots=("Panda", "Panda"),
        objects=(("transport_start_bin", "transport_start_bin_lid", "payload"),),
        goals=(("transport_target_bin", "trash"),),
        env_kwargs={"env_configuration": "opposed"},
        success=("payload_in_target_bin", "trash_in_trash_bin"),
        camera="shouldercamera0",
    ),
    "robomimic/tool_hang": TaskSpec(
        "ToolHang",
        objects=(("frame",), ("tool",)),
        goals=(("stand",),),
        success=("frame_is_assembled", "tool_on_frame"),
    ),
}
SUITES = {
    "robomimic": Suite(
        "RoboMimic",
        "energyflow.envs.robomimic.simulator:RobomimicEnv",
        {task: spec.env_name for task, spec in SPECS.items()},
        experts="energyflow.envs.robomimic.experts",
        filmed=True,
        published_on="human demonstrations",
    ),
}
