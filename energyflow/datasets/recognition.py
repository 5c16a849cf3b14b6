"""Which task demonstrations are of: one that has a simulator here, or their owner's."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from energyflow.core.errors import UserError
from energyflow.envs.tasks import check_recorded, custom_task, named_task

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
