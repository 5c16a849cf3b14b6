"""Reward sources, and methods that learn in the simulator, by name and with their needs. Light: imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from energyflow.config.section import Section, describe
from energyflow.core.errors import UserError, nearest
from energyflow.rewards.settings import (
    AdversarySettings,
    AIRLSettings,
    EnergySettings,
    IQLearnOnlineSettings,
    IQLearnSettings,
    LikelihoodSettings,
    NEARSettings,
    NoSettings,
    SparseEnergySettings,
)


@dataclass(frozen=True)
class SourceSpec:
    """One named source of reward.

    Attributes:
        name: the name in params.yaml and in the paths of results.
        description: one line for captions and `--help`.
        modules: its files in energyflow/rewards; `make` of the first one builds it.
        model: the method of the reward model that it reads, if it reads one.
        settings: type of its own numbers.
        sections: sub-sections of `shape` that hold them.
        needs_demos: whether it reads demonstrations.
        paper: whether the paper runs it (then `shape.on_success` applies to it).
    """

    name: str
    description: str
    modules: tuple[str, ...]
    model: str | None = None
    settings: type[Section] = NoSettings
    sections: tuple[str, ...] = ()
    needs_demos: bool = True
    paper: bool = True

    def own(self, shape: dict[str, Any]) -> dict[str, Any]:
        """The source's own numbers, validated, from the section `shape` of params.yaml.

        Raises:
            UserError: an unknown, missing or mistyped key.
        """
        merged: dict[str, Any] = {}
        for section in self.sections:
            if not isinstance(shape[section], dict):
                raise UserError(f"shape.{section}: expected a mapping, got {type(shape[section]).__name__}")
            merged |= shape[section]
        try:
            return self.settings.model_validate(merged).model_dump()
        except ValidationError as error:
            raise UserError(f"params.yaml: shape.{' + '.join(self.sections)}: {describe(error)}") from None


def _energy(
    name: str, description: str, *more: str, settings: type[Section] = EnergySettings, paper: bool = True
) -> SourceSpec:
    """A source that reads the energy of an `energyflow` model; `more` are further sections of its numbers."""
    return SourceSpec(
        name,
        description,
        ("energy", "readout", "demonstrations"),
        "energyflow",
        settings,
        ("energy", *more),
        paper=paper,
    )


_SOURCES = (
    SourceSpec("sparse", "1 at success, else 0", ("task",), needs_demos=False),
    SourceSpec("dense", "the task's own dense reward / 10 (oracle)", ("task",), needs_demos=False),
    _energy("raw_energy", "minus the energy, scaled, not centred"),
    _energy("centered_energy", "minus the energy, centred by M reference actions"),
    _energy(
        "centered_energy_sparse",
        "centered_energy plus weighted success",
        "centered_energy_sparse",
        settings=SparseEnergySettings,
    ),
    _energy(
        "centered_energy_bounded",
        "regret against the energy's own best action, bounded; success ends the episode",
        paper=False,
    ),
    SourceSpec(
        "gail",
        "log D of a discriminator of (s, a) that learns beside the agent",
        ("gail", "adversarial", "demonstrations"),
        settings=AdversarySettings,
        sections=("gail",),
    ),
    SourceSpec(
        "airl",
        "f = g(s, a) + gamma h(s') - h(s) of a discriminator with logit f - log pi",
        ("airl", "adversarial", "demonstrations"),
        settings=AIRLSettings,
        sections=("airl",),
    ),
    SourceSpec(
        "ebil",
        "1 - E of a joint energy of (s, a) at one noise level",
        ("ebil", "demonstrations"),
        model="ebil_energy",
    ),
    SourceSpec(
        "near",
        "energy of (s, s') at a noise level that falls as the agent improves",
        ("near",),
        model="near_energy",
        settings=NEARSettings,
        sections=("near",),
        needs_demos=False,
    ),
    SourceSpec(
        "iq_learn",
        "Q(s, a) - gamma V(s') of a soft Q-function learnt from the demonstrations alone",
        ("iq_learn", "demonstrations"),
        model="iq_learn_offline",
        settings=IQLearnSettings,
        sections=("iq_learn",),
    ),
    SourceSpec(
        "likelihood",
        "log-density of the action under the flow policy, standardised by the demonstrations",
        ("likelihood", "demonstrations"),
        model="flow_policy",
        settings=LikelihoodSettings,
        sections=("likelihood",),
    ),
)
SOURCES: dict[str, SourceSpec] = {spec.name: spec for spec in _SOURCES}
SECTIONS = tuple(dict.fromkeys(section for spec in _SOURCES for section in spec.sections))  # of `shape`


def check_source(name: str) -> SourceSpec:
    """Return the source called `name`.

    Raises:
        UserError: there is no such source; the message suggests the nearest name.
    """
    if name not in SOURCES:
        raise UserError(f"unknown reward source {name!r}; {nearest(name, list(SOURCES))}")
    return SOURCES[name]


def models_of(sources: list[str]) -> list[str]:
    """Methods of the reward models that some sources read, each once."""
    return list(dict.fromkeys(spec.model for spec in map(check_source, sources) if spec.model is not None))


@dataclass(frozen=True)
class OnlineSpec:
    """A method that is trained in the simulator, beside the demonstrations.

    Attributes:
        source: of the reward that SAC is given.
        cloned: whether the actor starts as a clone of the demonstrations.
        mixed: whether each batch holds demonstrations.
        modules: its files in energyflow/rewards beside those of every such method.
        settings: type of its own numbers, section `method.<name>`.
    """

    source: str
    cloned: bool = False
    mixed: bool = False
    modules: tuple[str, ...] = ()
    settings: type[Section] = NoSettings

    def own(self, method: str, section: Any) -> dict[str, Any]:
        """The method's own numbers, validated.

        Raises:
            UserError: an unknown, missing or mistyped key.
        """
        try:
            return self.settings.model_validate(section).model_dump()
        except ValidationError as error:
            raise UserError(f"params.yaml: method.{method}: {describe(error)}") from None


ONLINE = {
    # its critic reads no reward: the success flag is what the rows report
    "iq_learn": OnlineSpec("sparse", mixed=True, modules=("iq_learn_online",), settings=IQLearnOnlineSettings),
    "ebil": OnlineSpec("ebil"),
    "ebil_bc": OnlineSpec("ebil", cloned=True, mixed=True),
    "near": OnlineSpec("near"),
    "near_bc": OnlineSpec("near", cloned=True, mixed=True),
}


def sources_of(methods: list[str]) -> list[str]:
    """Sources that the online ones among some methods learn from."""
    return list(dict.fromkeys(ONLINE[method].source for method in methods if method in ONLINE))
