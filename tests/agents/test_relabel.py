"""What the critic is given: rewards computed at sampling, ends of episodes, windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from energyflow.agents.relabel import RelabelBuffer
from energyflow.rewards.base import Transitions
from energyflow.rewards.dense import Dense
from energyflow.rewards.energy import CenteredEnergy
from energyflow.rewards.readout import Readout
from energyflow.rewards.sparse import Sparse
from tests.rewards.conftest import ACTION_DIM, OBS_DIM, box, fill


class Probe:
    """Reports which observations and actions it was given; not frozen unless asked."""

    def __init__(self, window: tuple[int, int], frozen: bool) -> None:
        self.window, self.frozen, self.rows = window, frozen, 0
        self.gain = 1.0
        self.measured: dict[str, float] = {}
        self.seen: list[Transitions] = []

    def reward(self, batch: Transitions) -> Tensor:
        self.rows += len(batch)
        self.seen.append(batch)
        return self.gain * batch.env_reward


def test_truncation_is_not_termination_and_the_next_observation_is_the_true_one() -> None:
    buffer, _ = fill(Sparse(), terminate=False, horizon=10, steps=40)
    assert buffer.dones[[9, 19, 29, 39], 0].tolist() == [1.0] * 4  # the episodes did end
    batch = buffer._get_samples(np.arange(40))
    assert float(batch.dones.abs().max()) == 0.0  # but no step was a terminal one
    moved = buffer.observations[9, 0, :ACTION_DIM] + 0.2 * buffer.actions[9, 0]
    np.testing.assert_allclose(batch.next_observations[9, :ACTION_DIM], moved, atol=1e-6)
    assert not np.allclose(batch.next_observations[9], buffer.observations[10, 0])  # not the reset observation
    assert [first for first, _ in buffer.finished] == [0, 10, 20, 30]


def test_termination_at_success_reaches_the_critic() -> None:
    buffer, _ = fill(Sparse(), terminate=True, horizon=100, steps=60)
    batch = buffer._get_samples(np.arange(60))
    assert buffer.success[:60].sum() >= 3
    assert batch.dones[:, 0].tolist() == buffer.success[:60].tolist()
    assert batch.rewards[:, 0].tolist() == buffer.success[:60].tolist()


def test_success_on_the_last_step_of_the_horizon_terminates() -> None:
    buffer, _ = fill(Sparse(), terminate=True, horizon=100, steps=60)
    horizon = int(buffer.finished[0][1])  # the first episode reaches its goal exactly now
    buffer, _ = fill(Sparse(), terminate=True, horizon=horizon, steps=horizon)
    assert float(buffer._get_samples(np.array([horizon - 1])).dones[0, 0]) == 1.0


def test_chunks_never_cross_the_boundary_of_an_episode() -> None:
    source = Probe((2, 4), frozen=False)
    buffer, _ = fill(source, terminate=False, horizon=10, steps=30)
    rows = np.arange(30)
    buffer.rewards_of(rows)
    obs, action = source.seen[-1].obs, source.seen[-1].action
    for row in rows:
        first = row - row % 10
        inside_obs, inside_actions = buffer.observations[first : row + 1, 0], buffer.actions[first : row + 1, 0]
        for frame in obs[row].numpy():
            assert (frame == inside_obs).all(axis=1).any()
        for taken in action[row].numpy():
            assert (taken == inside_actions).all(axis=1).any()
        assert (action[row, -1].numpy() == buffer.actions[row, 0]).all()


def test_the_next_observation_is_the_true_one_also_where_an_episode_ends() -> None:
    source = Probe((1, 1), frozen=False)
    buffer, _ = fill(source, terminate=False, horizon=10, steps=30)
    buffer.rewards_of(np.arange(30))
    seen = source.seen[-1]
    moved = seen.obs[:, 0, :ACTION_DIM] + 0.2 * seen.action[:, 0]
    torch.testing.assert_close(seen.next_obs[:, :ACTION_DIM], moved, rtol=0, atol=1e-6)
    assert not np.allclose(seen.next_obs[9], buffer.observations[10, 0])


def test_a_changing_source_is_asked_again_and_a_frozen_one_only_once() -> None:
    rows = np.array([3, 7, 7, 21])
    changing, frozen = Probe((1, 1), frozen=False), Probe((1, 1), frozen=True)
    buffer, _ = fill(changing, terminate=False, horizon=10, steps=30)
    before = buffer.rewards_of(rows)
    changing.gain = 2.0
    np.testing.assert_array_equal(buffer.rewards_of(rows), 2.0 * before)
    buffer, _ = fill(frozen, terminate=False, horizon=10, steps=30)
    np.testing.assert_array_equal(buffer.rewards_of(rows), before)
    buffer.rewards_of(np.arange(30))
    assert frozen.rows == 30


def test_rewards_kept_for_a_frozen_source_equal_rewards_computed_at_sampling(
    make_readout: Callable[..., Readout],
) -> None:
    for window in ((1, 1), (2, 4)):
        source = CenteredEnergy(make_readout(window=window), 2.0, sparse_weight=3.0)
        buffer, _ = fill(source, terminate=False, horizon=10, steps=50)
        for rows in (np.array([4, 2]), np.array([49, 4, 2]), np.arange(50)):
            np.testing.assert_allclose(buffer.rewards_of(rows), buffer._compute(rows), rtol=1e-5, atol=1e-5)


def test_dense_is_the_stored_simulator_reward() -> None:
    buffer, _ = fill(Dense(), terminate=False, horizon=10, steps=20)
    np.testing.assert_allclose(buffer.rewards_of(np.arange(20)), buffer.rewards[:20, 0] / 10, rtol=1e-6)


def test_limits_are_errors() -> None:
    buffer, env = fill(Sparse(), terminate=False, horizon=10, steps=20)
    zeros = np.zeros((1, OBS_DIM), dtype=np.float32)
    last = (zeros, zeros, np.zeros((1, ACTION_DIM)), np.zeros(1), np.zeros(1, dtype=bool), [{"success": False}])
    buffer.add(*last)
    with pytest.raises(ValueError, match="is full"):
        buffer.add(*last)
    with pytest.raises(ValueError, match=r"actions in \[-1, 1\]"):
        RelabelBuffer(5, env.observation_space, box(-2, 2, ACTION_DIM), source=Sparse())
    with pytest.raises(ValueError, match="one environment"):
        RelabelBuffer(5, env.observation_space, env.action_space, n_envs=2, source=Sparse())


def test_batches_are_torch_tensors_of_the_right_shape() -> None:
    buffer, _ = fill(Sparse(), terminate=False, horizon=10, steps=20)
    batch = buffer.sample(8)
    assert batch.rewards.shape == batch.dones.shape == (8, 1)
    assert batch.rewards.dtype == torch.float32
