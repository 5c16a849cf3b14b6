"""Methods: policies, and models that a reward reads. One line a file, at whose top stands what the method is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from energyflow.config.section import Section
from energyflow.core.errors import UserError
from energyflow.core.registry import Registry, implementation

if TYPE_CHECKING:
    from energyflow.policies.base import Model


class NoParams(Section):
    """A method without numbers of its own."""


@dataclass(frozen=True)
class Online:
    """How a method is trained in the simulator, beside the demonstrations.

    Attributes:
        source: of the reward that the agent is given.
        cloned: whether the actor starts as a clone of the demonstrations.
        mixed: whether each batch holds demonstrations.
        agent: `module:Class` of the agent, unless it is the usual one.
    """

    source: str
    cloned: bool = False
    mixed: bool = False
    agent: str | None = None


@dataclass(frozen=True)
class Method:
    """A method, as its file declares it: `METHODS = {"flow_policy": Method(...)}`.

    Attributes:
        title: what readers see.
        params: type of its own numbers, with their defaults; `method.<name>` of params.yaml changes them.
        model: its class in the same file, or `module:Class`.
        lr: learning rate by the preset's network.
        train: what it needs of the section `train` otherwise, such as horizons.
        network: the preset's, or always a perceptron, or its own recurrent one.
        transitions: (To, Tp) of a model of single transitions, whatever the horizons of the others; it is a perceptron.
        role: a policy; a model that a reward reads; or a variant of a method for a study, which nothing else lists.
        published: the method whose published numbers its own are measured against, if it is not its own name.
        variant_of: the method that it is a variant of, which stands beside it in tables.
        online: how it is trained in the simulator; None if it learns from demonstrations alone.
    """

    title: str
    params: type[Section]
    model: str
    lr: Mapping[str, float] = field(default_factory=lambda: {"mlp": 2.0e-3, "unet": 1.0e-4})
    train: Mapping[str, Any] = field(default_factory=dict)
    network: Literal["preset", "recurrent"] = "preset"
    transitions: tuple[int, int] | None = None
    role: Literal["policy", "reward model", "variant"] = "policy"
    published: str | None = None
    variant_of: str | None = None
    online: Online | None = None


METHODS: Registry[Method] = Registry(
    "method",
    "energyflow.policies",
    "METHODS",
    (  # in the order of tables and legends
        "energyflow",
        "energyflow_paper",
        "unconstrained",
        "diffusion_policy",
        "flow_policy",
        "bc",
        "lstm_gmm",
        "implicit_bc",
        "ebt_policy",
        "iq_learn",
        "iq_learn_offline",
        "ebil",
        "near",
        "ebil_energy",
        "near_energy",
        "energyflow_variant",
    ),
)


def check_policy(name: str) -> Method:
    """Look up a method that can act.

    Raises:
        UserError: no such method, or one that is only a model which a reward reads.
    """
    found = METHODS[name]
    if found.role == "reward model":
        raise UserError(f"method '{name}' is no policy but a model that a reward reads")
    return found


def policies(*, online: bool | None = None) -> list[str]:
    """Every policy, in order; with `online`, those that are, or are not, trained in the simulator."""
    every = [name for name in METHODS if METHODS[name].role == "policy"]
    return [name for name in every if online is None or (METHODS[name].online is not None) == online]


def class_of(name: str) -> type[Model]:
    """Import the class of a method."""
    model = METHODS[name].model
    found: type[Model] = implementation(model if ":" in model else f"{METHODS.module(name)}:{model}")
    return found
