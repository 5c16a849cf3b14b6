"""Sources of reward. One line a file; what a source is stands at the top of its file, whose `make` builds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from energyflow.config.section import Section
from energyflow.core.registry import Registry
from energyflow.policies.registry import METHODS


class NoSettings(Section):
    """A source without numbers of its own."""


@dataclass(frozen=True)
class Source:
    """A source of reward, as its file declares it: `SOURCES = {"gail": Source(...)}`.

    Attributes:
        title: what readers see.
        description: one line for captions and help.
        settings: type of its own numbers, with their defaults; `source.<name>` of params.yaml changes them.
        model: the method of the reward model that it reads, if it reads one.
        demos: whether it reads demonstrations.
        terminal: whether success ends a training episode; else `shape.on_success` says so.
        oracle: whether it is told what no learner knows: no competitor, it is drawn in grey.
    """

    title: str
    description: str
    settings: type[Section] = NoSettings
    model: str | None = None
    demos: bool = True
    terminal: bool = False
    oracle: bool = False


SOURCES: Registry[Source] = Registry(
    "reward source",
    "energyflow.rewards",
    "SOURCES",
    (  # in the order of tables and legends
        "sparse",
        "energy",
        "likelihood",
        "ebil",
        "near",
        "iq_learn",
        "gail",
        "airl",
        "constant",
        "step_cost",
        "dense",
    ),
)


def models_of(sources: Iterable[str]) -> list[str]:
    """Methods of the reward models that some sources read, each once."""
    return list(dict.fromkeys(model for model in (SOURCES[name].model for name in sources) if model is not None))


def sources_of(methods: Iterable[str]) -> list[str]:
    """Sources that those of some methods learn from that are trained in the simulator."""
    return list(dict.fromkeys(online.source for online in (METHODS[name].online for name in methods) if online))
