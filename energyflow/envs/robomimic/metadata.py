"""`env_args` of recorded files: converted from robosuite 1.4, and compared with the simulator that is used here."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from typing import Any

from energyflow.core.errors import UserError, nearest
from energyflow.envs.robomimic.simulator import env_kwargs
from energyflow.envs.robomimic.tasks import SPECS

log = logging.getLogger(__name__)

# What gives an action its meaning; a name of robosuite 1.4 stands after the one of 1.5.
CONTROLLER = (
    ("type",),
    ("input_max",),
    ("input_min",),
    ("output_max",),
    ("output_min",),
    ("kp",),
    ("damping_ratio", "damping"),
    ("impedance_mode",),
    ("uncouple_pos_ori",),
)


def _object(value: Any) -> dict[str, Any]:
    """A JSON object as it is; of anything else, which files of others may hold, nothing."""
    return value if isinstance(value, dict) else {}


def convert(env_args: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Bring `env_args` of robosuite 1.4 (files named v141) into the form of 1.5; say whether that was needed.

    Actions of 1.4 are deltas in the world frame. 1.5 reads a configuration that does not say so as one in the frame of
    each robot's base, which turns the actions of Transport's two arms by 90 degrees without an error.
    """
    old = _object(env_args.get("env_kwargs")).get("controller_configs")
    if not isinstance(old, dict) or not old or "body_parts" in old:
        return env_args, False
    arm = {key: value for key, value in old.items() if key not in ("damping", "damping_limits", "control_delta")}
    arm |= {"damping_ratio": old.get("damping", 1), "damping_ratio_limits": old.get("damping_limits", [0, 10])}
    arm |= {"input_type": "delta" if old.get("control_delta", True) else "absolute"}
    arm |= {"input_ref_frame": "world", "gripper": {"type": "GRIP"}}
    converted = copy.deepcopy(env_args)
    converted["env_kwargs"]["controller_configs"] = {"type": "BASIC", "body_parts": {"right": arm}}
    return converted, True


def check(task: str, env_args: dict[str, Any], *, strict: bool = True) -> None:
    """Compare a file's converted `env_args` with the simulator of a task.

    Args:
        task: of the suite robomimic.
        env_args: of the file.
        strict: whether a setting that is not stated is an error; otherwise it is said aloud.

    Raises:
        UserError: it names the first setting that differs, with both values.
    """
    name, wanted = env_args.get("env_name"), SPECS[task].env_name
    if name != wanted:
        raise UserError(f"env_args: env_name is '{name}', not '{wanted}'; {nearest(str(name), list(SPECS))}")
    unstated = []
    for setting, value, expected in _settings(task, _object(env_args.get("env_kwargs"))):
        if value is None and not strict:
            unstated.append(setting.removeprefix("controller: "))
        elif not _equal(value, expected):
            raise UserError(
                f"env_args: {setting} is {value!r}, but the simulator of {task} has {expected!r}: the recorded actions"
                " mean something else here"
            )
    if unstated:
        log.warning("env_args does not state %s: taken as those of %s", ", ".join(unstated), task)


def _settings(task: str, theirs: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """What gives the actions their meaning: name, what the file states (None: nothing), what is used here."""
    ours, robots = env_kwargs(task), theirs.get("robots")
    settings = [
        ("robots", [robots] if isinstance(robots, str) else robots, ours["robots"]),
        ("control_freq", theirs.get("control_freq"), ours["control_freq"]),
    ]
    configs = theirs.get("controller_configs")
    parts = _object(_object(configs).get("body_parts"))
    arm = _object(parts.get("right", _object(parts.get("arms")).get("right")))
    if configs and not arm:  # something else than one arm's controller: none of it is understood
        settings.append(("controller_configs", configs, ours["controller_configs"]))
    mine = ours["controller_configs"]["body_parts"]["right"]
    for known in CONTROLLER:
        value = next((arm[key] for key in known if key in arm), None)
        settings.append((f"controller: {known[0]}", value, mine[known[0]]))
    settings.append(("controller: input_type", arm.get("input_type", "delta"), "delta"))
    if arm and len(ours["robots"]) == 2:  # one arm's base has the world's orientation
        settings.append(("controller: input_ref_frame", arm.get("input_ref_frame", "base"), "world"))
    return settings


def _equal(value: Any, expected: Any) -> bool:
    """Compare settings; a number stands for a list of equal ones."""
    if isinstance(expected, list) or isinstance(value, list):
        lists = [part if isinstance(part, list) else [part] for part in (value, expected)]
        size = max(map(len, lists))
        full = [part * size if len(part) == 1 else part for part in lists]
        return full[0] == full[1]
    return bool(value == expected)


def recorded(task: str, env_args: Mapping[str, Any]) -> None:
    """Check that the actions of a file mean the same here; see `check`."""
    check(task, convert(dict(env_args))[0], strict=False)
