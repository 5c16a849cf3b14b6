"""From a name such as `metaworld/hammer` to what its suite declares, and to its simulator, imported only when built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from energyflow.core.errors import UserError, nearest
from energyflow.core.registry import PACKAGE, implementation
from energyflow.envs.registry import SUITES, Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from energyflow.config.sections import EnvironmentParams
    from energyflow.envs.simulator import Simulator

CUSTOM = "custom"  # suite of users' own demonstrations: they train, and have no simulator here
OWN = f"{PACKAGE}.envs.own:OwnSimulator"  # what rolls policies out in an environment of theirs


def every_task() -> dict[str, str]:
    """Every task that has a simulator, suite by suite -> what a file's `env_args` call it."""
    return {task: theirs for suite in SUITES for task, theirs in SUITES[suite].tasks.items()}


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
    known = every_task()
    if name not in known:
        own = f"; {name} has demonstrations only" if str(name).startswith(f"{CUSTOM}/") else ""
        raise UserError(f"unknown task '{name}'; {nearest(str(name), known)}{own}")
    return name.split("/")[0]


def has_simulator(name: str) -> bool:
    """Whether a task can be simulated; raises as `check_task`."""
    return check_task(name) != CUSTOM


def suite_of(name: str) -> Suite:
    """What is declared of the suite of a task; raises as `check_simulated`."""
    return SUITES[check_simulated(name)]


def custom_task(name: str) -> str:
    """The task of demonstrations that no simulator here belongs to, from the name of their file."""
    return f"{CUSTOM}/{re.sub(r'[^A-Za-z0-9_.-]+', '_', name).strip('.-') or 'demos'}"


def named_task(env_args: Mapping[str, Any]) -> str | None:
    """The task that a demonstration file's `env_args` name, if it is one of ours. Imports no simulator."""
    named = {theirs: task for task, theirs in every_task().items()}
    return named.get(str(env_args.get("env_name")))


def check_widths(task: str, layout: Mapping[str, int], action_dim: int) -> None:
    """Compare the widths of a file or of a policy with those of a task's simulator, where they are known beforehand.

    Raises:
        UserError: an observation or the action is wider or narrower than the simulator's.
    """
    widths = suite_of(task).widths
    if widths is None:
        return
    known, acts = widths(task)
    for key, width in layout.items():
        if key in known and width != known[key]:
            total = (
                f" ({sum(layout.values())} and {sum(known.values())} in all)" if layout.keys() == known.keys() else ""
            )
            raise UserError(f"obs/{key} has {width} numbers, but {known[key]} in the simulator of {task}{total}")
    if len(known) == 1 and layout.keys() != known.keys():
        (only,) = known
        raise UserError(f"the observations are {', '.join(layout)}, but the simulator of {task} has only '{only}'")
    if action_dim != acts:
        raise UserError(f"actions have {action_dim} numbers, but {acts} in the simulator of {task}")


def check_recorded(task: str, env_args: Mapping[str, Any], layout: Mapping[str, int], action_dim: int) -> None:
    """Check that recorded actions and observations mean the same in a task's simulator.

    Args:
        task: a simulated one.
        env_args: of the file.
        layout: widths of the file's observations, by key.
        action_dim: width of its actions.

    Raises:
        UserError: a width differs, or what the suite compares, such as robot, controller and control rate; or it
            compares with a simulator that is not installed.
    """
    check_widths(task, layout, action_dim)
    compare = suite_of(task).recorded
    if compare is not None:
        _imported(task, compare)(task, env_args)


def simulator_of(name: str) -> Callable[[str, Sequence[str] | None], Simulator]:
    """What builds a task's simulator, imported.

    Raises:
        UserError: no such task, or its simulator is not installed; the message says how to.
    """
    build: Callable[[str, Sequence[str] | None], Simulator] = _imported(name, _simulator(name))
    return build


def make_env(name: str, obs_keys: Sequence[str] | None = None, env: EnvironmentParams | None = None) -> Simulator:
    """Build a task's simulator; `reset` must come before `step`.

    Args:
        name: of the task.
        obs_keys: what to observe, in this order; by default the suite's usual observations.
        env: a Gymnasium environment in its place.

    Raises:
        UserError: no such task, no such observation, or the simulator is not installed.
    """
    if env is not None:
        own: Simulator = implementation(OWN)(env, obs_keys)
        return own
    return simulator_of(name)(name, obs_keys)


def modules(name: str, *, expert: bool) -> list[str]:
    """Modules of a task's simulator and, if it acts, of its scripted expert."""
    if check_task(name) == CUSTOM:
        return [OWN.partition(":")[0]]
    experts, simulator = suite_of(name).experts, _simulator(name).partition(":")[0]
    return [simulator, f"{experts}.{name.split('/')[1]}"] if expert and experts else [simulator]


def _imported(name: str, where: str) -> Any:
    """`module:attribute` of a task's suite, which may need what is installed with its simulator alone."""
    try:
        return implementation(where)
    except ModuleNotFoundError as error:
        missing, extra = str(error.name).partition(".")[0], suite_of(name).extra
        if missing == PACKAGE:
            raise
        how = f"pip install '.[{extra}]' in a checkout of {PACKAGE}, or make setup" if extra else "install it"
        raise UserError(f"{name}: its simulator needs '{missing}', which is not installed: {how}") from None


def _simulator(name: str) -> str:
    """`module:Class` of a task's simulator."""
    suite = check_simulated(name)
    where = SUITES[suite].simulator
    return where if ":" in where else f"{SUITES.module(suite)}:{where}"
