"""Does a reward rank? Each source against the soft advantage of an agent that was trained on the dense reward.

    A(s, a) = min_i Q_i(s, a) - V(s),    V(s) = mean_j (min_i Q_i(s, a_j) - alpha log pi(a_j | s)),    a_j ~ pi(. | s)

That agent, the judge, is trained here, on a seed that no result shares: what it is asked about it has not learnt from
any of the sources. States are of mixed quality: rows of its replay from the first, the middle and the last third of its
training, and demonstrated ones. Within a state a source is asked about actions that were not taken, so that only one
that reads nothing but observation and action can answer; across states it is asked about what happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from energyflow.agents.agent import Agent
from energyflow.agents.learner import Learner
from energyflow.agents.mixed import demonstration_buffer
from energyflow.agents.relabel import RelabelBuffer
from energyflow.agents.sac import train_sac
from energyflow.core.seeding import generator, torch_generator
from energyflow.datasets.format import load_demos
from energyflow.envs.tasks import make_env
from energyflow.rewards.base import ChangingSource, RewardSource, Transitions
from energyflow.rewards.registry import SOURCES
from energyflow.rewards.sources import ends_at_success, make_source
from energyflow.rewards.windows import Index
from energyflow.studies.rewards import measures
from energyflow.studies.rewards.resolve import JUDGE, ORACLE
from energyflow.studies.rewards.sections import RankingParams

JUDGES = 1000  # what is added to the seed of a judge
PHASES = 3  # of its training
Floats = NDArray[np.float32]
Measured = tuple[float, int]  # value, and of how many


@dataclass(frozen=True)
class Asked:
    """What all sources are asked about; the demonstrated states are the last ones.

    Attributes:
        parts: buffers and the rows of them, S in all.
        obs: [S, Do].
        action: [S, K, Da], in each state the action taken, draws of the judge, and uniform ones.
        advantage: [S, K], of these by the judge.
        draws: how many of either kind.
        shown: how many states are demonstrated.
    """

    parts: Sequence[tuple[RelabelBuffer, Index]]
    obs: Tensor
    action: Tensor
    advantage: Floats
    draws: int
    shown: int

    def kinds(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        """Of [S, K]: of the action taken [S, 1], of those that the judge drew, and of the uniform ones."""
        return values[:, :1], values[:, 1 : 1 + self.draws], values[:, 1 + self.draws :]


def rows(subject: str, seed: int, params: RankingParams, inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """A row a source and measure that it has, and rows of the judge itself.

    success        of the judge at its end
    drawn          probability that the judge values an action of its own above a uniform one of the state
    surpassed      probability that it values one above the demonstrated action
    within         mean rank correlation with the advantage among the actions of a state
    uniform        likewise, among the uniform ones alone
    across         rank correlation with the advantage of what was done, over states
    demonstrated   probability that the demonstrated action is rewarded more than a uniform one of its state, of the
                   judge: is worth more
    trajectories   rank correlation of the mean reward of a training episode with its success

    Args:
        subject: suite and task.
        seed: of the reward models.
        params: the section.
        inputs: demonstrations, and the checkpoints of the reward models.
    """
    demos, *files = inputs
    models = {path.parents[1].name: path for path in files if path.suffix == ".safetensors"}
    section, episodes = params.judges[subject], load_demos(demos).episodes
    oracle = make_source(ORACLE, subject, section, seed, None, None)
    terminate = ends_at_success(ORACLE, section)
    learner, told = train_sac(
        lambda: make_env(subject),
        oracle,
        section,
        JUDGES + seed,
        terminate=terminate,
        demos=episodes if section.demo_share else None,
    )
    shown = demonstration_buffer(episodes, oracle, gamma=section.gamma, n_step=section.n_step, terminate=terminate)
    asked = ask(learner, shown, params, seed)
    last = [row["success"] for row in told["curve"] if row["step"] == section.steps]
    itself = {"success": (float(np.mean(last)), len(last))} | of_judge(asked)
    found = [{"source": JUDGE} | row for row in as_rows(itself)]
    for name, own in params.sources.items():
        model = models.get(SOURCES[name].model or "")
        source = make_source(name, subject, section.model_copy(update={"source_params": own}), seed, model, demos)
        if isinstance(source, ChangingSource):
            for _ in range(params.updates):
                source.update(learner.replay, learner.agent.log_density)
        found += [{"source": name} | row for row in as_rows(measured(source, asked, learner, params.episodes))]
    return [{"subject": subject, "seed": seed} | row for row in found]


def ask(learner: Learner, shown: RelabelBuffer, params: RankingParams, seed: int) -> Asked:
    """Draw states and actions, and let the judge value them."""
    rng, noise = generator(seed, "states of the ranking"), torch_generator(seed, "actions of the ranking")
    edges = np.linspace(0, learner.replay.size(), PHASES + 1).astype(int)
    spans = [(learner.replay, *edge) for edge in pairwise(edges)] + [(shown, 0, shown.size())]
    parts = [(buffer, rng.integers(low, high, size=params.states)) for buffer, low, high in spans]
    obs, taken = (
        torch.cat([torch.as_tensor(getattr(buffer.record, name)[index]) for buffer, index in parts])
        for name in ("obs", "action")
    )
    drawn, value = draws(learner.agent, obs, params.draws, noise)
    uniform = 2.0 * torch.rand(drawn.shape, generator=noise) - 1.0
    action = torch.cat([taken[:, None], drawn, uniform], dim=1)
    advantage = (
        quality(learner.agent, spread(obs, action), action.flatten(0, 1)).view(action.shape[:2]) - value[:, None]
    )
    return Asked(parts, obs, action, advantage.numpy(), params.draws, params.states)


def spread(obs: Tensor, action: Tensor) -> Tensor:
    """Each state [S, Do] as often as it has actions [S, K, Da]: [S K, Do]."""
    return obs.repeat_interleave(action.shape[1], dim=0)


@torch.no_grad()
def quality(agent: Agent, obs: Tensor, action: Tensor) -> Tensor:
    """The lesser of its critics [B] for actions [B, Da] in states [B, Do]."""
    return agent.critic.evaluate(torch.cat([obs, action], dim=1))[0].amin(dim=0)[:, 0].clone()


@torch.no_grad()
def draws(agent: Agent, obs: Tensor, count: int, noise: torch.Generator) -> tuple[Tensor, Tensor]:
    """Actions [S, K, Da] of an agent in states [S, Do], and their soft values [S]."""
    states = obs.repeat_interleave(count, dim=0)
    drawn = agent.draw(states, torch.randn(len(states), agent.action_dim, generator=noise))
    soft = quality(agent, states, drawn.action) - agent.log_alpha.exp() * drawn.log_density
    return drawn.action.view(len(obs), count, -1), soft.view(len(obs), count).mean(dim=1)


def as_rows(found: Mapping[str, Measured]) -> Iterator[dict[str, Any]]:
    """A row a measure that is defined."""
    for name, (value, count) in found.items():
        if np.isfinite(value):
            yield {"measure": name, "value": value, "n": count}


def of_judge(asked: Asked) -> dict[str, Measured]:
    """Whether the judge itself can be trusted about actions that it would not take; `n`: states."""
    taken, drawn, uniform = asked.kinds(asked.advantage)
    shown = slice(-asked.shown, None)
    return {
        "drawn": (measures.preferred(drawn, uniform), len(drawn)),
        "surpassed": (measures.preferred(drawn[shown], taken[shown]), asked.shown),
        "demonstrated": (measures.preferred(taken[shown], uniform[shown]), asked.shown),
    }


def measured(source: RewardSource, asked: Asked, learner: Learner, episodes: int) -> dict[str, Measured]:
    """The measures of one source that it can be asked for; `n`: states, or episodes."""
    found: dict[str, Measured] = {}
    own = of_actions(source, asked)
    if own is not None:
        taken, _, uniform = asked.kinds(own)
        found["within"] = measures.within(own, asked.advantage), len(own)
        found["uniform"] = measures.within(uniform, asked.kinds(asked.advantage)[2]), len(own)
        found["demonstrated"] = measures.preferred(taken[-asked.shown :], uniform[-asked.shown :]), asked.shown
    done = np.concatenate([rewards(source, buffer, index) for buffer, index in asked.parts])
    found["across"] = measures.across(done, asked.advantage[:, 0]), len(done)
    found["trajectories"] = trajectories(source, learner, episodes)
    return found


@torch.no_grad()
def of_actions(source: RewardSource, asked: Asked) -> Floats | None:
    """Reward [S, K] of every action; None of a source that reads more than one observation and action.

    What would have happened is not known: a source is asked with two different answers, and must not mind.
    """
    if source.window != (1, 1):
        return None
    obs, action = spread(asked.obs, asked.action), asked.action.flatten(0, 1)
    found = []
    for answer in (0.0, 1.0):
        told = torch.full((len(obs),), answer)
        found.append(source.reward(Transitions(obs[:, None], action[:, None], obs + answer, told, told)))
    reward = np.asarray(found[0], dtype=np.float32).reshape(asked.action.shape[:2])
    return reward if torch.equal(*found) else None


@torch.no_grad()
def rewards(source: RewardSource, buffer: RelabelBuffer, index: Index) -> Floats:
    """Reward [B] of some rows of a buffer, whose own source is another one."""
    return buffer.record.rewards(source, index, buffer.start[index])


def trajectories(source: RewardSource, learner: Learner, most: int) -> Measured:
    """Rank correlation of mean reward and success over episodes of the replay that ended, and of how many."""
    starts = np.unique(learner.replay.start[: learner.replay.size()])[: len(learner.episodes)]
    ends = np.append(starts[1:], learner.replay.size())
    chosen = np.unique(np.linspace(0, len(starts) - 1, min(most, len(starts))).astype(int)) if len(starts) else []
    means = [rewards(source, learner.replay, np.arange(starts[i], ends[i])).mean() for i in chosen]
    success = [float(learner.episodes[i]["success"]) for i in chosen]
    return (measures.across(np.array(means), np.array(success)) if len(means) > 1 else float("nan")), len(means)
