"""What every offline method shares: its networks by name, the stages that train them, and who acts in the end.

behaviour   mu(a | s), a field on a path: the warm-up               unless the method has no path
critic      Q(s, a), frozen afterwards                              unless it asks for none
policy      what the method makes of both                           unless one of them acts already
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from energyflow.core.errors import UserError
from energyflow.core.registry import implementation
from energyflow.offline.actors import Actor, Clip, drawn_from
from energyflow.offline.critic import Critic, ExpectileCritic, SoftmaxCritic
from energyflow.offline.losses import matching_loss
from energyflow.offline.methods.registry import METHODS, OfflineMethod
from energyflow.offline.methods.sections import LearnParams
from energyflow.offline.network import Field
from energyflow.offline.paths import PATHS, ProbabilityPath
from energyflow.offline.stage import Stage
from energyflow.offline.transitions import Transitions

Parts = Mapping[str, nn.Module]  # finished networks by name


@dataclass(frozen=True)
class Sizes:
    """Widths of observation and action."""

    obs_dim: int
    action_dim: int


class BehaviourStage(Stage):
    """Plain matching on the data: flow matching on `ot`, denoising score matching on `vp`."""

    def __init__(
        self, network: Field, path: ProbabilityPath, data: Transitions, params: LearnParams, seed: int
    ) -> None:
        """Take the path and the data."""
        super().__init__("behaviour", network, data, params.behaviour, seed)
        self.path = path

    def loss(self, network: Field, generator: torch.Generator) -> Tensor:
        """Unweighted; see `matching_loss`."""
        rows = self.rows(generator)
        return matching_loss(network, self.path, self.data.action[rows], generator, self.data.obs(rows))


class Learner(ABC):
    """A method with its numbers.

    Attributes:
        keeps: names of the networks that act, which a checkpoint holds.
        improves: whether there is a stage `policy`.
    """

    keeps: ClassVar[tuple[str, ...]] = ("policy",)
    improves: ClassVar[bool] = True

    def __init__(self, method: OfflineMethod, sizes: Sizes, params: LearnParams, seed: int) -> None:
        """Nothing is built yet."""
        self.method, self.sizes, self.params, self.seed = method, sizes, params, seed

    @property
    def path(self) -> ProbabilityPath:
        """Of the behaviour model."""
        assert self.method.path is not None
        return PATHS[self.method.path]

    @property
    def critic_kind(self) -> str | None:
        """The kind of its critic: what the numbers say, or its own."""
        return self.method.critic and (self.params.critic.kind or self.method.critic)

    @property
    def order(self) -> list[str]:
        """Names of the networks, in the order in which they are trained."""
        wanted = {"behaviour": self.method.path, "critic": self.method.critic, "policy": self.improves}
        return [name for name, needed in wanted.items() if needed]

    # --- networks and stages, by name

    def network(self, name: str) -> nn.Module:
        """A network with its first weights, which depend on seed and name alone."""
        if name == "behaviour":
            return self.field("behaviour")
        if name == "critic":
            value = self.critic_kind == "expectile"
            sizes, hidden = self.sizes, self.params.critic.hidden
            return Critic(sizes.obs_dim, sizes.action_dim, hidden, self.seed, value=value)
        return self.policy()

    def field(self, purpose: str) -> Field:
        """A field over actions, on states."""
        obs_dim, action_dim = self.sizes.obs_dim, self.sizes.action_dim
        params = self.params
        return Field(
            action_dim, params.hidden, params.time_dim, self.seed, condition_dim=obs_dim, purpose=f"offline {purpose}"
        )

    def policy(self) -> nn.Module:
        """The network of the stage `policy`."""
        return self.field("policy")

    def stage(self, name: str, data: Transitions, parts: Parts) -> Stage:
        """The training of a network, given those before it."""
        network: Any = self.network(name)
        if name == "behaviour":
            return BehaviourStage(network, self.path, data, self.params, self.seed)
        if name == "critic":
            if self.critic_kind == "expectile":
                return ExpectileCritic(network, data, self.params.critic, self.seed)
            return SoftmaxCritic(network, data, self.params.critic, self.seed, self.behaviour(parts))
        return self.improvement(data, parts)

    def improvement(self, data: Transitions, parts: Parts) -> Stage:
        """The stage `policy`, of the methods that have one (`improves`)."""
        raise AssertionError(f"{type(self).__name__} improves nothing: its behaviour model or critic acts")

    # --- acting

    def drawn(self, network: Any) -> Actor:
        """Draw from a field on the method's path."""
        acting = self.params.acting
        solver = acting.ot if self.method.path == "ot" else acting.vp
        return drawn_from(network, self.path, self.sizes.action_dim, solver)

    def behaviour(self, parts: Parts) -> Actor:
        """Draw from mu."""
        return self.drawn(parts["behaviour"])

    @abstractmethod
    def actor(self, parts: Parts, clip: Clip) -> Actor:
        """Who acts, with the networks that the method keeps; `clip` is for what asks a critic."""


def learner_of(name: str, sizes: Sizes, params: LearnParams, seed: int) -> Learner:
    """A method by name.

    Raises:
        UserError: there is no such method, or it cannot have that kind of critic.
    """
    method = METHODS[name]
    found: Learner = implementation(f"{METHODS.module(name)}:{method.learner}")(method, sizes, params, seed)
    if found.critic_kind == "softmax" and method.path is None:
        raise UserError(f"critic.kind = softmax needs a behaviour model, and method '{name}' has none; use expectile")
    return found
