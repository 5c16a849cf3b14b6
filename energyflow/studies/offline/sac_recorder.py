"""Data sets made of one SAC run, its snapshots, and what some of them do: D4RL's recipe.

    expert         the agent at the end of the run
    medium         the first snapshot whose return is `share` of the way from a random policy's to the expert's
    medium-replay  everything that the agent lived through until that snapshot, the newest `transitions` of it
    medium-expert  half of the transitions of each of the two

Agents are recorded as they explore, by draws of their policy, and episodes are whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor
from tqdm import tqdm

from energyflow.agents.agent import Agent
from energyflow.agents.env import EpisodeEnv
from energyflow.agents.learner import Learner
from energyflow.agents.sac import EPISODES_PER_SEED, build_agent
from energyflow.config.sections import ShapeParams
from energyflow.core.errors import UserError
from energyflow.core.resume import ResumePoint
from energyflow.datasets.episodes import Episode
from energyflow.rewards.base import Transitions
from energyflow.studies.offline.gymnasium_env import GymnasiumSimulator
from energyflow.studies.offline.recorder import Recorder
from energyflow.studies.offline.sections import Recording


class AsRecorded:
    """The environment's own reward."""

    window = (1, 1)
    frozen = True

    def __init__(self) -> None:
        """Measure nothing."""
        self.measured: dict[str, float] = {}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return batch.env_reward.float()


def sac_section(params: Recording, horizon: int) -> ShapeParams:
    """The numbers of the agent."""
    return ShapeParams(
        steps=params.steps,
        eval_every=params.eval_every,
        eval_episodes=params.eval_episodes,
        horizon=horizon,
        on_success="terminate",
        hidden=params.hidden,
        ent_coef=params.ent_coef,
        learning_rate=params.learning_rate,
        batch_size=params.batch_size,
        gamma=params.gamma,
        train_freq=1,
        learning_starts=params.learning_starts,
        seed=params.seed,
        eval_seed=params.seed,
        source_params={},
    )


class SACRecorder(Recorder):
    """One SAC run with its snapshots, and the recordings made of it."""

    algorithm = "SAC"

    def __init__(self, env_id: str, params: Recording, seed: int) -> None:
        """Set up a run; see `Recorder`."""
        super().__init__(env_id, params, seed)
        section = sac_section(params, self.simulator.horizon)
        first = params.seed + EPISODES_PER_SEED * (seed + 1)  # the first so many are for evaluation and recording
        env = EpisodeEnv(GymnasiumSimulator(env_id), horizon=self.simulator.horizon, first_seed=first, terminate=True)
        self.learner = Learner(build_agent(self.simulator, section, seed), env, AsRecorded(), section, seed)
        self.snapshots: list[Tensor] = []

    @property
    def agent(self) -> Agent:
        """The agent of the run."""
        return self.learner.agent

    def run(self, point: ResumePoint) -> None:
        """Train to the end, from a resume point if there is one; a point is stored between two episodes."""
        learner, params = self.learner, self.params
        if (stored := point.load()) is not None:
            tensors, note = stored
            learner.restore(tensors, note)
            self.curve = note["curve"]
            self.snapshots = [tensors[f"snapshot/{number}"] for number in range(len(self.curve))]
            print(f"resuming at step {learner.step}", flush=True)
        due = False
        with tqdm(total=params.steps, initial=learner.step, unit="step", mininterval=5.0) as bar:
            while learner.step < params.steps:
                learner.advance()
                bar.update()
                if learner.step % params.eval_every == 0 or learner.step == params.steps:
                    self.look()
                    bar.set_postfix({"return": round(self.curve[-1]["return"], 1)})
                    due = True
                if due and learner.obs is None and learner.step < params.steps:
                    kept = {f"snapshot/{number}": vector for number, vector in enumerate(self.snapshots)}
                    point.store(learner.tensors() | kept, learner.note() | {"curve": self.curve})
                    due = False

    def look(self) -> None:
        """Keep the actor, and the mean return of its most likely actions."""
        self.snapshots.append(self.agent.actor.vector.clone())
        mean = self.mean_return(lambda obs: self.agent.mode(obs[None].astype(np.float32))[0].astype(np.float64))
        self.curve.append({"step": self.learner.step, "return": mean})

    def medium(self, random: float) -> int:
        """Number of the medium snapshot.

        Raises:
            UserError: the run learned nothing, so that there is no way from random to expert.
        """
        expert = self.curve[-1]["return"]
        if expert <= random:
            raise UserError(
                f"{self.simulator.env_id}: the agent returns {expert:.1f} in the end and a random one {random:.1f}:"
                f" nothing to record; raise offline.recording.steps ({self.params.steps})"
            )
        wanted = random + self.params.share * (expert - random)
        return next(number for number, row in enumerate(self.curve) if row["return"] >= wanted)

    def episodes_of(self, snapshot: int, transitions: int, first_seed: int) -> Iterator[Episode]:
        """Whole episodes of a snapshot's draws, until there are so many transitions."""
        agent = build_agent(self.simulator, self.learner.params, self.seed)
        agent.actor.vector.copy_(self.snapshots[snapshot])
        count = 0
        while count < transitions:
            episode = self.simulator.record(
                lambda obs: agent.act(obs.astype(np.float32)).astype(np.float64), first_seed
            )
            count, first_seed = count + len(episode), first_seed + 1
            yield episode

    def replay(self, stop: int, transitions: int) -> list[Episode]:
        """What the agent lived through in its first `stop` steps: the newest whole episodes, and the one at work."""
        buffer, units = self.learner.replay, self.simulator.in_box
        record, found, count = buffer.record, list[Episode](), 0
        while stop > 0 and count < transitions:
            start = int(buffer.start[stop - 1])
            rows = slice(start, stop)
            obs = np.concatenate([record.obs[rows], record.next_obs[stop - 1 : stop]]).astype(np.float64)
            terminated = bool(buffer.discount[stop - 1] == 0.0)
            truncated = stop - start == self.simulator.horizon and not terminated
            rewards = record.env_reward[rows].astype(np.float64)
            found.append(Episode(obs, units(record.action[rows].astype(np.float64)), rewards, terminated, truncated))
            count, stop = count + stop - start, start
        return found[::-1]

    def sets(self, random: float) -> Iterator[tuple[str, list[Episode]]]:
        """See the module."""
        count, medium, last = self.params.transitions, self.medium(random), len(self.curve) - 1
        yield "medium", list(self.episodes_of(medium, count, self.first))
        yield "medium-replay", self.replay(int(self.curve[medium]["step"]), count)
        halves = [self.episodes_of(snapshot, count // 2, self.first) for snapshot in (medium, last)]
        yield "medium-expert", [episode for half in halves for episode in half]

    def note(self, random: float) -> dict[str, Any]:
        """When the medium agent was taken."""
        return {"medium_step": self.curve[self.medium(random)]["step"]}
