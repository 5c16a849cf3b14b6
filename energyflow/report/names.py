"""What a reader sees for each name in params.yaml, and in which order: titles stand in the file of each name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from energyflow.config.sections import DECODERS
from energyflow.envs.registry import SUITES
from energyflow.policies.registry import METHODS, policies
from energyflow.rewards.registry import SOURCES

Kind = Literal["method", "source"]

AVERAGE = "average"
EXPERT = "expert"
REFERENCE = "energyflow"  # paired differences are taken against it
SAMPLE, MEAN = DECODERS
BASE_LEVEL = "0"

NETWORKS = {"mlp": "MLP", "unet": "U-Net", "recurrent": "LSTM"}
LEVELS = ("0", "XS", "S", "M", "L", "XL")  # params travel as sorted JSON, so the order of a file says nothing


def method_name(name: str) -> str:
    """Display name of a method."""
    return "Scripted expert" if name == EXPERT else item_name(name, "method")


def source_name(name: str) -> str:
    """Display name of a source of reward."""
    return item_name(name, "source")


def item_name(name: str, kind: Kind) -> str:
    """Display name of a method or a source."""
    registry = METHODS if kind == "method" else SOURCES
    return registry[name].title if name in registry else plain(name)


def order(kind: Kind) -> list[str]:
    """Every policy, or every source: the order of tables, legends and looks. One that is appended changes no other."""
    return policies() if kind == "method" else list(SOURCES)


def published_as(method: str) -> str:
    """The method of the paper whose numbers stand beside ours: two rows of ours may stand for one of the paper's."""
    return (METHODS[method].published or method) if method in METHODS else method


def variants() -> dict[str, str]:
    """Methods as published -> the variant of ours beside it."""
    return {of: name for name in policies() if (of := METHODS[name].variant_of) is not None}


def in_order(names: Iterable[str], kind: Kind) -> list[str]:
    """Distinct names: those of `order` first, the others as they appear."""
    found = list(dict.fromkeys(names))
    known = order(kind)
    return [n for n in known if n in found] + [n for n in found if n not in known]


def is_oracle(name: str, kind: Kind) -> bool:
    """Whether a source is told what no learner knows; it is no competitor of the others."""
    return kind == "source" and name in SOURCES and SOURCES[name].oracle


def said_of(methods: Sequence[str], sources: Sequence[str], tasks: Sequence[str]) -> list[str]:
    """All that this module says of some names: when it changes, what is drawn of them is out of date."""
    kinds: dict[Kind, Sequence[str]] = {"method": methods, "source": sources}
    placed = [f"{order(kind).index(name)} {item_name(name, kind)}" for kind, names in kinds.items() for name in names]
    measured = [f"{name} as {published_as(name)}" for name in methods]
    return [*placed, *measured, *map(suite_name, dict.fromkeys(map(suite, tasks)))]


def suite(task: str) -> str:
    """Suite of a task: `metaworld` of `metaworld/hammer`."""
    return task.split("/")[0]


def suite_name(suite: str) -> str:
    """Display name of a suite."""
    return SUITES[suite].title if suite in SUITES else plain(suite)


def is_average(task: str) -> bool:
    """Whether a row is about the average over a suite."""
    return task.endswith(f"/{AVERAGE}")


def task_name(task: str) -> str:
    """Display name of a task, or of the average over a suite."""
    head, _, tail = task.rpartition("/")
    return f"Average ({suite_name(head)})" if is_average(task) else plain(tail)


def task_label(task: str) -> str:
    """Short display name, for panels and axes."""
    return "Average" if is_average(task) else task_name(task)


def level_key(level: str) -> tuple[int, str]:
    """Sort key of perturbation levels: known ones by size, others by name."""
    return (LEVELS.index(level), "") if level in LEVELS else (len(LEVELS), level)


def plain(name: str) -> str:
    """A name of params.yaml in words."""
    return name.replace("_", " ").capitalize()
