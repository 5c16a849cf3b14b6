"""Which task demonstrations are of: one that has a simulator here, or their owner's."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyflow.core.errors import UserError
from energyflow.envs.tasks import CUSTOM, check_recorded, check_widths, custom_task, named_task

if TYPE_CHECKING:
    from energyflow.datasets.format import Demos

log = logging.getLogger(__name__)


def recognised(path: Path, args: dict[str, Any], layout: dict[str, int], action_dim: int) -> tuple[str, str]:
    """The task that a file belongs to, and why it is not the one of ours that its `env_args` name, if it is not."""
    named, own = named_task(args), custom_task(path.stem)
    if named is None:
        return own, ""
    try:
        check_recorded(named, args, layout, action_dim)
    except UserError as error:
        log.warning("%s: taken as demonstrations of %s, not of %s: %s", path, own, named, error)
        return own, str(error)
    return named, ""


def check_fits(demos: Demos, task: str) -> None:
    """Check that demonstrations can be those of a task that was asked for.

    Raises:
        UserError: the task has a simulator, and they were recorded in another one.
    """
    named = named_task(demos.env_args)
    if task.startswith(f"{CUSTOM}/") or task == demos.task:
        return
    if demos.differs and named == task:
        raise UserError(f"{demos.path}: {demos.differs}; leave --task out, or give it a name of its own: {demos.task}")
    if named not in (None, task):
        raise UserError(f"{demos.path}: its env_args say {named}, asked for {task}; leave --task out, or pass that")
    try:
        check_widths(task, demos.layout, demos.action_dim)
    except UserError as error:
        raise UserError(f"{demos.path}: {error}") from None
