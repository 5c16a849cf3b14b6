"""Suites of tasks. One line a file, at whose top stands which tasks there are and what simulates them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from energyflow.core.registry import Registry


@dataclass(frozen=True)
class Suite:
    """A suite, as its file declares it: `SUITES = {"metaworld": Suite(...)}`.

    Attributes:
        title: what readers see.
        simulator: its class in the same file, or `module:Class`; called with a task's name and the observation keys.
        tasks: name, `<suite>/<task>` -> what `env_args` of demonstration files call the task.
        extra: of pyproject.toml, that installs what the simulator needs.
        experts: package whose module of a task's name holds its scripted expert; None: it comes with the simulator.
        filmed: whether its simulator is `Filmable`: then the report shows a demonstration of each task.
        published_on: what the paper's policies were trained on, if it has numbers on the suite.
        widths: task -> widths of its usual observations, by key, and of its action, without building the simulator.
        recorded: `module:function` of (task, env_args) that raises UserError where a file's actions or observations
            mean something else than in the simulator here.
        best_reward: the largest dense reward of a step.
    """

    title: str
    simulator: str
    tasks: Mapping[str, str]
    extra: str | None = None
    experts: str | None = None
    filmed: bool = False
    published_on: str = ""
    widths: Callable[[str], tuple[dict[str, int], int]] | None = None
    recorded: str | None = None
    best_reward: float = 1.0


SUITES: Registry[Suite] = Registry(
    "suite",
    "energyflow.envs",
    "SUITES",
    (  # in the order of tables
        "metaworld.tasks",
        "robomimic.tasks",
    ),
)
