"""Scripted experts: privileged state in, OSC actions out, one style drawn for each episode."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from energyflow.envs.robomimic.experts.can import can
from energyflow.envs.robomimic.experts.lift import lift
from energyflow.envs.robomimic.experts.motion import Arm, Script
from energyflow.envs.robomimic.experts.square import square
from energyflow.envs.simulator import Array, Expert
from energyflow.sections import ParamsError
from energyflow.seeding import generator

if TYPE_CHECKING:
    from energyflow.envs.robomimic.simulator import RobomimicEnv

SCRIPTS: dict[str, tuple[Callable[[Arm, np.random.Generator], Script], ...]] = {
    "robomimic/lift": (lift,),
    "robomimic/can": (can,),
    "robomimic/square": (square,),
}


def make_expert(simulator: RobomimicEnv, seed: int) -> Expert:
    """The expert of a simulator that has just been reset; a script that has ended repeats its grip and stays.

    Raises:
        ParamsError: the task has no script.
    """
    if simulator.task not in SCRIPTS:
        raise ParamsError(f"{simulator.task}: no scripted expert yet; there are: {', '.join(SCRIPTS)}")
    rng = generator(seed, "style of the scripted expert")
    arms = [Arm(simulator, index) for index in range(len(simulator.env.robots))]
    running = [script(arm, rng) for arm, script in zip(arms, SCRIPTS[simulator.task], strict=True)]
    last = [np.zeros(7) for _ in arms]

    def act(obs: Array) -> Array:
        for index, script in enumerate(running):
            last[index] = next(script, np.array([*np.zeros(6), last[index][6]]))
        return np.clip(np.concatenate(last), -1.0, 1.0)

    return act
