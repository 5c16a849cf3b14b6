"""Sensors of robosuite that cost as much as a good part of the physics, asked only where their answer is open.

robosuite compares the names of all geoms in contact with lists of names. Here a part of its own condition that is a few
operations cheap comes first, or the numbers of the geoms are compared: the values are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from robosuite.utils.observables import sensor

Sensors = dict[str, Callable[[Any], list[float] | bool]]

HOLE, HOOK_START, HOOK_END = "tool_hole1_center", "frame_hang_site", "frame_intersection_site"
FOOT, BASE = "frame_tip_site", "stand_base"
INSERTED = 0.05  # m from the frame's foot to the stand's base, as robosuite has it


def _tool_hang(env: Any) -> Sensors:
    """Whether the frame stands and the tool hangs; both need a site to be near another."""
    data, sites, geoms = env.sim.data._data, env.obj_site_id, env.obj_geom_id
    foot, base = data.site_xpos[sites[FOOT]], data.geom_xpos[geoms[BASE]]
    hole, start, end = (data.site_xpos[sites[name]] for name in (HOLE, HOOK_START, HOOK_END))
    near = env.tool_args["inner_radius_1"]

    def inserted() -> bool:
        return bool(np.linalg.norm(foot - base) < INSERTED)

    def hooked() -> bool:
        """Whether the hole's centre is within its radius of the line through the hook."""
        hook, lever = end - start, hole - start
        away = lever - lever.dot(hook) / hook.dot(hook) * hook
        return bool(away.dot(away) < near**2)

    return {
        "frame_is_assembled": lambda cache: [float(inserted() and env._check_frame_assembled())],
        "tool_on_frame": lambda cache: [float(hooked() and env._check_tool_on_frame())],
    }


def _transport(env: Any) -> Sensors:
    """Whether hammer and trash touch the floors of their bins."""
    data, things = env.sim.data._data, env.transport

    def touching(container: Any, thing: Any) -> Callable[[Any], bool]:
        floor, body = np.zeros((2, env.sim.model.ngeom), dtype=bool)
        floor[[env.sim.model.geom_name2id(name) for name in container.base_geoms]] = True
        body[[env.sim.model.geom_name2id(name) for name in thing.contact_geoms]] = True

        def touches(cache: Any) -> bool:
            first, second = data.contact.geom.T
            return bool((floor[first] & body[second] | floor[second] & body[first]).any())

        return touches

    return {
        "payload_in_target_bin": touching(things.target_bin, things.payload),
        "trash_in_trash_bin": touching(things.trash_bin, things.trash),
    }


SENSORS = {"robomimic/tool_hang": _tool_hang, "robomimic/transport": _transport}


def quicken(task: str, env: Any) -> None:
    """Replace the costly sensors of a robosuite environment that has been built for a task."""
    for name, read in SENSORS.get(task, lambda env: {})(env).items():
        env.modify_observable(name, "sensor", sensor(modality="object")(read))
