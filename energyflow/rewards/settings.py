"""The numbers of each source of reward (sub-sections of `shape` in params.yaml) and online method, light to import."""

from __future__ import annotations

from pydantic import Field

from energyflow.config.section import Section


class NoSettings(Section):
    """A source without numbers of its own."""


class EnergySettings(Section):
    """Read-out of an energy: noise level in standardised action units, and how many reference actions."""

    sigma: float = Field(gt=0)
    references: int = Field(ge=1)


class SparseEnergySettings(EnergySettings):
    """As above, and the weight of the success flag."""

    sparse_weight: float = Field(ge=0)


class AdversarySettings(Section):
    """A discriminator and its optimiser."""

    hidden: list[int] = Field(min_length=1)
    activation: str
    learning_rate: float = Field(gt=0)
    beta1: float = Field(ge=0, lt=1)
    batch_size: int = Field(ge=1)
    gradient_penalty: float = Field(ge=0)
    clip: float = Field(gt=0)


class AIRLSettings(AdversarySettings):
    """As above, and whether the reward term g sees the state alone."""

    state_only: bool


class NEARSettings(Section):
    """Annealing of the noise level at which the energy is read."""

    batch: int = Field(ge=1)
    memory: int = Field(ge=1)
    rise: float = Field(ge=0)
    scale: float = Field(gt=0)


class IQLearnSettings(Section):
    """How many actions the value of a state is averaged over."""

    references: int = Field(ge=1)


class LikelihoodSettings(Section):
    """Steps of the integration of the flow's divergence, and the bound of the reward."""

    steps: int = Field(ge=1)
    clip: float = Field(gt=0)


class IQLearnOnlineSettings(Section):
    """Fixed temperature alpha, c of the chi-squared term, and the actor's learning rate over the critic's."""

    temperature: float = Field(gt=0)
    chi: float = Field(gt=0)
    actor_rate: float = Field(gt=0)
