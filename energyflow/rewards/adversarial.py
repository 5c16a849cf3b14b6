"""What GAIL and AIRL share: a discriminator of demonstrated against lived transitions that learns beside the agent.

Before each gradient step of the agent: one step of Adam on the binary cross-entropy of a batch of demonstrations
(label 1) and a batch of the whole replay (label 0), logits clamped, plus a penalty that pulls the slope of the score
towards 1 between the two. The whole replay, as in off-policy practice (DAC): the agent's side is the mixture of its
policies so far.

The unit is that of rewards/unit.py, measured anew with every batch: the reward is divided by how far demonstrated
actions lie above random ones, as a running mean. Not by less than `FLOOR`: a discriminator that tells nothing apart yet
is not amplified.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from energyflow.config.section import Section
from energyflow.config.sections import Activation, Widths
from energyflow.core.seeding import integer_seed, torch_generator
from energyflow.core.tensors import optimizer_tensors, restore_optimizer, within
from energyflow.datasets.format import Demos
from energyflow.networks.blocks import SMOOTH_ACTIVATIONS
from energyflow.networks.normalizer import Normalizer
from energyflow.policies.layers import perceptron
from energyflow.rewards.base import ChangingSource, LogDensity, Replay, Transitions

FLOOR = 0.1  # nats
RATE = 0.01  # of the running mean: a hundred updates


class AdversarySettings(Section):
    """A discriminator and its optimiser: EBIL's published numbers of GAIL and AIRL."""

    hidden: Widths = Field([128, 128])  # [code]
    activation: Activation = "tanh"  # [code]
    learning_rate: float = Field(3.0e-4, gt=0, le=1)  # [code] Adam
    beta1: float = Field(0.0, ge=0, lt=1)  # [code]
    batch_size: int = Field(256, ge=1, le=10**6)  # [code] of the demonstrations, and as many of the agent
    gradient_penalty: float = Field(8.0, ge=0, le=1e6)  # [code] 4 to 8, towards a slope of 1 per standard deviation
    clip: float = Field(10.0, gt=0, le=1e6)  # [code] bound of the logits


class Adversary(ChangingSource):
    """A score f of transitions, trained as a discriminator; subclasses say what f reads and what the reward is."""

    columns = (
        "discriminator_loss",
        "expert_accuracy",
        "policy_accuracy",
        "gradient_penalty",
        "reward_mean",
        "contrast",
    )

    def __init__(self, own: AdversarySettings, expert: Transitions, normalizer: Normalizer, seed: int) -> None:
        """Build the networks.

        Args:
            own: every number.
            expert: the demonstrated transitions, To = Tp = 1.
            normalizer: statistics of the demonstrations, which standardise what f reads.
            seed: of the networks and of every batch.
        """
        super().__init__()
        self.own, self.expert, self.normalizer = own, expert, normalizer
        self.generator = torch_generator(seed, "discriminator batches")
        self.contrast = torch.zeros(())  # running mean, before it is bounded
        with torch.random.fork_rng(devices=[]):  # initialisers only know the global generator
            torch.manual_seed(integer_seed(seed, "discriminator"))
            self.networks = nn.ModuleDict(
                {
                    name: perceptron(width, own.hidden, 1, SMOOTH_ACTIVATIONS[own.activation])
                    for name, width in self.widths(expert.obs.shape[-1], expert.action.shape[-1]).items()
                }
            )
        self.optimizer = torch.optim.Adam(self.networks.parameters(), lr=own.learning_rate, betas=(own.beta1, 0.999))

    @abstractmethod
    def widths(self, obs_dim: int, action_dim: int) -> dict[str, int]:
        """Names of the networks and how many numbers each one reads."""

    @abstractmethod
    def inputs(self, batch: Transitions) -> Tensor:
        """What f reads [B, D], standardised."""

    @abstractmethod
    def score(self, inputs: Tensor) -> Tensor:
        """The score f [B] of what `inputs` gave."""

    @abstractmethod
    def logits(self, batch: Transitions, score: Tensor, log_density: LogDensity) -> Tensor:
        """Logit [B] of being demonstrated, from the score."""

    @abstractmethod
    def reward_of(self, score: Tensor) -> Tensor:
        """Reward [B] of transitions with these scores."""

    @torch.no_grad()
    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return self.reward_of(self.score(self.inputs(batch))) / self.contrast.clamp(min=FLOOR)

    def update(self, replay: Replay, log_density: LogDensity) -> None:
        """One step of the discriminator."""
        expert = self.expert[self._draw(len(self.expert))]
        policy = replay.transitions(self._draw(replay.size()).numpy())
        self.learn(expert, policy, log_density)

    def learn(self, expert: Transitions, policy: Transitions, log_density: LogDensity) -> None:
        """One step of the discriminator on given batches."""
        true, false = self.inputs(expert), self.inputs(policy)
        score_true, score_false = self.score(true), self.score(false)
        logits_true = self.logits(expert, score_true, log_density)
        logits_false = self.logits(policy, score_false, log_density)
        loss = self.entropy(logits_true, logits_false)
        penalty = self.penalty(true, false) if self.own.gradient_penalty else torch.zeros(())
        self.optimizer.zero_grad()
        (loss + self.own.gradient_penalty * penalty).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        with torch.no_grad():
            correct = (logits_true > 0).float().mean(), (logits_false < 0).float().mean()
            reward = self.reward_of(score_false).mean()
            self.contrast.lerp_(self.reward_of(score_true).mean() - self.random(expert), RATE)
        self.record(*(float(x.detach()) for x in (loss, *correct, penalty, reward, self.contrast)))

    def random(self, expert: Transitions) -> Tensor:
        """Mean reward, in nats, of random actions in demonstrated states."""
        drawn = torch.randn(expert.action.shape, generator=self.generator)
        batch = replace(expert, action=self.normalizer.unstandardize_action(drawn))
        return self.reward_of(self.score(self.inputs(batch))).mean()

    def entropy(self, logits_true: Tensor, logits_false: Tensor) -> Tensor:
        """Binary cross-entropy of clamped logits: -log D of demonstrations, -log(1 - D) of the agent."""
        bound = self.own.clip
        true, false = logits_true.clamp(-bound, bound), logits_false.clamp(-bound, bound)
        return 0.5 * (F.softplus(-true).mean() + F.softplus(false).mean())

    def penalty(self, true: Tensor, false: Tensor) -> Tensor:
        """(|grad f| - 1)^2 on random points between demonstrations and the agent."""
        count = min(len(true), len(false))
        weight = torch.rand(count, 1, generator=self.generator)
        between = (weight * true[:count] + (1.0 - weight) * false[:count]).requires_grad_()
        (slope,) = torch.autograd.grad(self.score(between).sum(), between, create_graph=True)
        penalty: Tensor = (slope.norm(dim=-1) - 1.0).square().mean()
        return penalty

    def state(self) -> dict[str, Tensor]:
        """See `ChangingSource.state`."""
        found = {f"networks/{k}": v.detach().clone() for k, v in self.networks.state_dict().items()}
        found |= {f"normalizer/{k}": v.clone() for k, v in self.normalizer.state_dict().items()}
        found |= {f"optimizer/{k}": v for k, v in optimizer_tensors(self.optimizer).items()}
        return found | {"generator": self.generator.get_state(), "contrast": self.contrast.clone()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """See `ChangingSource.restore`."""
        self.networks.load_state_dict(within(tensors, "networks/"))
        self.normalizer.load_state_dict(within(tensors, "normalizer/"))
        restore_optimizer(self.optimizer, within(tensors, "optimizer/"))
        self.generator.set_state(tensors["generator"])
        self.contrast.copy_(tensors["contrast"])

    def _draw(self, count: int) -> Tensor:
        return torch.randint(count, (self.own.batch_size,), generator=self.generator)


def statistics(demos: Demos) -> Normalizer:
    """Means and standard deviations of the demonstrations."""
    normalizer = Normalizer(demos.obs_dim, demos.action_dim)
    normalizer.fit(demos.observations, demos.actions, standardize_obs=True)
    return normalizer
