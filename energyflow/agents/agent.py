"""Soft actor-critic with a learned temperature (Haarnoja et al. 2018, arXiv 1812.05905).

    pi(a | s):  a = tanh(u),  u = mean(s) + std(s) * noise,  noise ~ N(0, I)
    y   = r + discount * (min_i Q_target_i(s', a') - alpha log pi(a' | s')),    a' ~ pi(. | s')
    J_Q = sum_i E [(Q_i(s, a) - y)^2] / 2                                       eq. 5 and 6, twin critics
    J_pi = E [alpha log pi(a | s) - min_i Q_i(s, a)],    a ~ pi(. | s)          eq. 9
    J_alpha = -log alpha E [log pi(a | s) + target entropy]                     eq. 18 in log alpha
    Q_target <- Q_target + tau (Q - Q_target)

All gradients are written out: the networks are small, and building graphs of them takes longer than their arithmetic.
Order and constants of one update are those of Stable-Baselines3, which the tests hold it against.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from energyflow.agents.perceptrons import Adam, Perceptrons, Tape
from energyflow.agents.relabel import Batch
from energyflow.config.sections import ShapeParams
from energyflow.core.seeding import torch_generator
from energyflow.networks.normalizer import Normalizer
from energyflow.policies import squashed

Floats = NDArray[np.float32]

EDGE = 1e-6  # keeps the log-density of an action at the edge of the box finite
TAU = 0.005


@dataclass(frozen=True)
class Draw:
    """Actions [B, Da] that the actor drew, their log-density [B], and what their gradient needs."""

    action: Tensor
    log_density: Tensor
    mean: Tensor  # of the Gaussian before tanh, [B, Da]
    spread: Tensor  # std * noise [B, Da]
    inside: Tensor  # 1 - a^2, [B, Da]
    free: Tensor  # whether log std was within its bounds, [B, Da]
    tape: Tape

    def first(self, rows: int) -> Draw:
        """The first rows alone."""
        each = (self.action, self.log_density, self.mean, self.spread, self.inside, self.free)
        action, log_density, mean, spread, inside, free = (x[:rows] for x in each)
        return Draw(action, log_density, mean, spread, inside, free, self.tape.first(rows))


class Agent:
    """Actor, twin critics, their targets and the temperature."""

    critics = 2
    acts_at_once = False  # whether the first `learning_starts` steps are the actor's, not random

    def __init__(
        self,
        obs_dim: int,
        action_dim: int,
        params: ShapeParams,
        seed: int,
        normalizer: Normalizer | None = None,
        temperature: float | None = None,
        actor_rate: float = 1.0,
    ) -> None:
        """Draw the initial networks: equal seeds give equal ones.

        Args:
            obs_dim: Do.
            action_dim: Da.
            params: widths, rates and options.
            seed: of networks and noise.
            normalizer: what standardises observations before any network sees them.
            temperature: alpha, if it is fixed; by default it is learned, from `params.ent_coef`.
            actor_rate: learning rate of the actor over `params.learning_rate`.
        """
        self.action_dim, self.normalizer = action_dim, normalizer
        shape = (self.critics, [obs_dim + action_dim, *params.hidden, 1])
        self.actor = Perceptrons(1, [obs_dim, *params.hidden, 2 * action_dim], spare=1)  # log alpha
        self.critic = Perceptrons(*shape, layer_norm=params.layer_norm)
        self.target = Perceptrons(*shape, layer_norm=params.layer_norm)
        self.actor.initialize(seed, "actor")
        self.critic.initialize(seed, "critic")
        self.target.vector.copy_(self.critic.vector)
        self.learns_alpha = temperature is None
        self.log_alpha, self.log_alpha_gradient = self.actor.spare, self.actor.spare_slope
        self.log_alpha.fill_(math.log(temperature or params.ent_coef))
        rate = params.learning_rate
        self.optimizers = {
            "actor": Adam(self.actor.vector, self.actor.gradient, rate * actor_rate),
            "critic": Adam(self.critic.vector, self.critic.gradient, rate),
        }
        self.noise = torch_generator(seed, "actions of the agent")
        self.losses: list[float] = []  # of the critic, since `mean_loss` was last asked

    # --- acting

    def act(self, obs: Floats) -> Floats:
        """One action [Da] drawn in a state [Do]."""
        mean, log_std = self._heads(self._seen(torch.from_numpy(obs)[None]))
        noise = torch.randn(mean.shape, generator=self.noise)
        action: Floats = torch.addcmul(mean, log_std.clamp_(*squashed.LOG_STD).exp_(), noise).tanh_().numpy()[0]
        return action

    def mode(self, obs: Floats) -> Floats:
        """The most likely actions, tanh(mean): [B, Da] in states [B, Do]. Draws nothing."""
        mean, _ = self._heads(self._seen(torch.from_numpy(obs)))
        action: Floats = mean.tanh().numpy()
        return action

    def log_density(self, obs: Tensor, action: Tensor) -> Tensor:
        """Log-density [B] of actions [B, Da] under the present policy in states [B, Do], environment units."""
        mean, log_std = self._heads(self._seen(obs))
        return squashed.log_density(mean, log_std.clamp(*squashed.LOG_STD), action)

    def _seen(self, obs: Tensor) -> Tensor:
        return obs if self.normalizer is None else self.normalizer.standardize_obs(obs)

    def _heads(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.actor.evaluate(seen)[0][0].chunk(2, dim=-1)
        return mean, log_std

    # --- learning

    def learn(self, batch: Batch) -> None:
        """One step of temperature, critics, actor and targets on a batch, with fresh noise."""
        self.update(batch, torch.randn(2 * len(batch), self.action_dim, generator=self.noise))

    def update(self, batch: Batch, noise: Tensor) -> None:
        """As `learn`, with given noise [2 B, Da]: first that of the states, then that of the states after them."""
        rows = len(batch)
        obs, next_obs = self._seen(batch.obs), self._seen(batch.next_obs)
        both = self.draw(torch.cat([obs, next_obs]), noise)
        here = both.first(rows)
        alpha = float(self.log_alpha.exp())
        following = torch.cat([next_obs, both.action[rows:]], dim=1)
        soft = self.target.evaluate(following)[0].amin(dim=0)[:, 0].sub_(both.log_density[rows:], alpha=alpha)
        self.losses.append(self.critic_gradient(obs, here, batch, soft.mul_(batch.discount), alpha))
        self.optimizers["critic"].step()
        self.improve(obs, here, batch, alpha)
        self.target.vector.lerp_(self.critic.vector, TAU)

    def improve(self, obs: Tensor, here: Draw, batch: Batch, alpha: float) -> None:
        """One step of the actor and the temperature; arguments as of `critic_gradient`."""
        self.actor_gradient(obs, here, batch, alpha)
        if self.learns_alpha:
            self.log_alpha_gradient.fill_(self.action_dim - float(here.log_density.mean()))
        self.optimizers["actor"].step()

    def draw(self, seen: Tensor, noise: Tensor) -> Draw:
        """Actions in standardised states [B, Do] from standard normal noise [B, Da].

        log pi(a | s) = sum over coordinates of -noise^2 / 2 - log std - log(2 pi) / 2 - log(1 - a^2 + EDGE).
        """
        out, tape = self.actor.evaluate(seen)
        mean, log_std = out[0].chunk(2, dim=-1)
        bounded = log_std.clamp(*squashed.LOG_STD)
        spread = bounded.exp() * noise
        action = (mean + spread).tanh_()
        inside = 1.0 - action * action
        terms = torch.addcmul(bounded, noise, noise, value=0.5).add_((inside + EDGE).log_())
        log_density = -0.5 * math.log(2.0 * math.pi) * self.action_dim - terms.sum(dim=-1)
        return Draw(action, log_density, mean, spread, inside, bounded == log_std, tape)

    def critic_gradient(self, obs: Tensor, here: Draw, batch: Batch, later: Tensor, alpha: float) -> float:
        """Leave dJ_Q in `critic.gradient`.

        Args:
            obs: [B, Do], standardised states.
            here: actions drawn in them.
            batch: what happened in them.
            later: [B], discounted soft value of the states after them.
            alpha: temperature.

        Returns:
            J_Q.
        """
        q, tape = self.critic.evaluate(torch.cat([obs, batch.action], dim=1))
        error = q.sub_((batch.reward + later)[:, None])
        self.critic.differentiate(tape, error / len(obs))
        return 0.5 * float(torch.linalg.vector_norm(error)) ** 2 / len(obs)

    def actor_gradient(self, obs: Tensor, here: Draw, batch: Batch, alpha: float) -> None:
        """Leave dJ_pi in `actor.gradient`; arguments as of `critic_gradient`.

        With d log pi / du = 2 a (1 - a^2) / (1 - a^2 + EDGE) at fixed noise, and du / d log std = std noise:

            dJ/du = (alpha d log pi / du - (1 - a^2) dQ/da) / B,    dJ/d mean = dJ/du
            dJ/d log std = std noise dJ/du - alpha / B              where log std is within its bounds
        """
        share = 1.0 / len(obs)
        q, tape = self.critic.evaluate(torch.cat([obs, here.action], dim=1))
        least = torch.zeros_like(q).scatter_(0, q.min(dim=0, keepdim=True).indices, -share)
        slope = self.critic.input_slope(tape, least, slice(obs.shape[1], None))
        entropy = (here.action * (2.0 * alpha * share)).div_(here.inside + EDGE)
        mean = here.inside * slope.add_(entropy)
        pull = self.pull(here, batch, q)
        mean = mean if pull is None else mean.add_(pull)
        log_std = (here.spread * mean).sub_(alpha * share).mul_(here.free)
        self.actor.differentiate(here.tape, torch.cat([mean, log_std], dim=1)[None])

    def pull(self, here: Draw, batch: Batch, q: Tensor) -> Tensor | None:
        """What a further term of the actor's loss adds to dJ_pi / d mean [B, Da]: none.

        Args:
            here: actions drawn in the states of the batch.
            batch: what happened in them.
            q: [N, B, 1], what the critics think of those actions.
        """
        return None

    # --- what is told and kept

    @property
    def updates(self) -> int:
        """How many there were."""
        return int(self.optimizers["critic"].steps)

    def mean_loss(self) -> float | None:
        """Mean loss of the critics since this was last asked; None if there was no update."""
        losses, self.losses = self.losses, []
        return sum(losses) / len(losses) if losses else None

    def state(self) -> dict[str, Tensor]:
        """Everything that the next action and update depend on, by name."""
        found = {"target": self.target.vector}
        for name, adam in self.optimizers.items():
            found |= {f"{name}/{key}": getattr(adam, key) for key in ("vector", "moment", "square", "steps")}
        losses = torch.tensor(self.losses, dtype=torch.float64)
        return found | {"losses": losses, "noise": self.noise.get_state()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Continue where `state` was taken."""
        self.losses = tensors["losses"].tolist()
        self.noise.set_state(tensors["noise"])
        for name, own in self.state().items():
            own.copy_(tensors[name])
