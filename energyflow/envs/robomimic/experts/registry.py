"""Which scripts move the arms of each task; imports none before it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from energyflow.envs.robomimic.experts.motion import play
from energyflow.envs.simulator import Expert

SCRIPTS = {  # task -> one generator of actions for each arm, in a module of the task's name
    "robomimic/lift": ("lift",),
    "robomimic/can": ("can",),
    "robomimic/square": ("square",),
    "robomimic/transport": ("giver", "taker"),
    "robomimic/tool_hang": ("tool_hang",),
}


def make_expert(task: str, env: Any, seed: int) -> Expert:
    """The expert of a robosuite environment that has just been reset, with the style of a seed."""
    module = import_module(f"energyflow.envs.robomimic.experts.{task.split('/')[1]}")
    return play(env, [getattr(module, name) for name in SCRIPTS[task]], seed)
