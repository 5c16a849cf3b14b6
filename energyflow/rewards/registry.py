"""The reward sources by name, and what each one needs. Light: checking a name imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from energyflow.rewards.settings import (
    AdversarySettings,
    AIRLSettings,
    EnergySettings,
    IQLearnSettings,
    LikelihoodSettings,
    NEARSettings,
    NoSettings,
    SparseEnergySettings,
)
from energyflow.sections import ParamsError, Section, describe, nearest


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
            ParamsError: an unknown, missing or mistyped key.
        """
        merged: dict[str, Any] = {}
        for section in self.sections:
            if not isinstance(shape[section], dict):
                raise ParamsError(f"shape.{section}: expected a mapping, got {type(shape[section]).__name__}")
            merged |= shape[section]
        try:
            return self.settings.model_validate(merged).model_dump()
        except ValidationError as error:
            raise ParamsError(f"params.yaml: shape.{' + '.join(self.sections)}: {describe(error)}") from None


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
    SourceSpec("ebil", "1 - E of a joint energy of (s, a) at one noise level", ("ebil", "demonstrations"), "ebil"),
    SourceSpec(
        "near",
        "energy of (s, s') at a noise level that falls as the agent improves",
        ("near",),
        model="near",
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
        ParamsError: there is no such source; the message suggests the nearest name.
    """
    if name not in SOURCES:
        raise ParamsError(f"unknown reward source {name!r}; {nearest(name, list(SOURCES))}")
    return SOURCES[name]


def models_of(sources: list[str]) -> list[str]:
    """Methods of the reward models that some sources read, each once."""
    return list(dict.fromkeys(spec.model for spec in map(check_source, sources) if spec.model is not None))
