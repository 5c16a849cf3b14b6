"""What the critic is given: rewards computed at sampling, ends of episodes, windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from energyflow.rewards.base import Transitions
from energyflow.rewards.dense import Dense
from energyflow.rewards.energy import CenteredEnergy
from energyflow.rewards.readout import Readout
from energyflow.rewards.sparse import Sparse
from tests.rewards.conftest import ACTION_DIM, OBS_DIM, fill


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
    buffer = fill(Sparse(), terminate=False, horizon=10, steps=40)
    kept = buffer.record
    assert np.unique(buffer.start[:40]).tolist() == [0, 10, 20, 30]  # the episodes did end
    batch = buffer.batch(np.arange(40))
    torch.testing.assert_close(batch.discount, torch.full((40,), 0.99))  # but no step was a terminal one
    moved = kept.obs[9, :ACTION_DIM] + 0.2 * kept.action[9]
    np.testing.assert_allclose(batch.next_obs[9, :ACTION_DIM], moved, atol=1e-6)
    assert not np.allclose(batch.next_obs[9], kept.obs[10])  # not the reset observation


def test_termination_at_success_reaches_the_critic() -> None:
    buffer = fill(Sparse(), terminate=True, horizon=100, steps=60)
    batch, success = buffer.batch(np.arange(60)), buffer.record.success[:60]
    assert success.sum() >= 3
    np.testing.assert_allclose(batch.discount, 0.99 * (1.0 - success))
    assert batch.reward.tolist() == success.tolist()


def test_success_on_the_last_step_of_the_horizon_terminates() -> None:
    buffer = fill(Sparse(), terminate=True, horizon=100, steps=60)
    horizon = int(np.unique(buffer.start[:60])[1])  # the first episode reaches its goal exactly now
    buffer = fill(Sparse(), terminate=True, horizon=horizon, steps=horizon)
    assert float(buffer.batch(np.array([horizon - 1])).discount[0]) == 0.0


@pytest.mark.parametrize("n_step", [1, 3])
def test_the_agent_sees_rewards_in_its_own_unit_and_reports_them_in_theirs(n_step: int) -> None:
    rows = np.arange(20)
    plain, halved = (
        fill(Dense(10.0), terminate=False, horizon=10, steps=20, n_step=n_step, unit=unit) for unit in (1.0, 0.5)
    )
    torch.testing.assert_close(halved.batch(rows).reward, 0.5 * plain.batch(rows).reward)
    np.testing.assert_array_equal(halved.rewards_of(rows), plain.rewards_of(rows))


@pytest.mark.parametrize("terminate", [False, True])
def test_returns_of_several_steps_are_the_sums_of_the_text(terminate: bool) -> None:
    """Row by row, as one would by hand: to the third step, the end of the episode or the newest step."""
    gamma, n_step, steps = 0.9, 3, 45
    buffer = fill(Dense(10.0), terminate=terminate, horizon=10, steps=steps, gamma=gamma, n_step=n_step)
    single = buffer.rewards_of(np.arange(steps))
    batch = buffer.batch(np.arange(steps))
    lasts = []
    for row in range(steps):
        last = row
        while last + 1 < min(row + n_step, steps) and buffer.start[last + 1] == buffer.start[row]:
            last += 1
        expected = sum(gamma**k * float(single[row + k]) for k in range(last - row + 1))
        assert float(batch.reward[row]) == pytest.approx(expected, rel=1e-5)
        ends = terminate and buffer.record.success[last] > 0
        assert float(batch.discount[row]) == pytest.approx(0.0 if ends else gamma ** (last - row + 1), rel=1e-5)
        np.testing.assert_array_equal(batch.next_obs[row], buffer.record.next_obs[last])
        lasts.append(last - row)
    assert set(lasts) == {0, 1, 2}
    assert batch.obs.equal(torch.from_numpy(buffer.record.obs[:steps]))


def test_chunks_never_cross_the_boundary_of_an_episode() -> None:
    source = Probe((2, 4), frozen=False)
    buffer = fill(source, terminate=False, horizon=10, steps=30)
    rows = np.arange(30)
    buffer.rewards_of(rows)
    obs, action = source.seen[-1].obs, source.seen[-1].action
    for row in rows:
        first = row - row % 10
        inside_obs, inside_actions = buffer.record.obs[first : row + 1], buffer.record.action[first : row + 1]
        for frame in obs[row].numpy():
            assert (frame == inside_obs).all(axis=1).any()
        for taken in action[row].numpy():
            assert (taken == inside_actions).all(axis=1).any()
        assert (action[row, -1].numpy() == buffer.record.action[row]).all()


def test_the_next_observation_is_the_true_one_also_where_an_episode_ends() -> None:
    source = Probe((1, 1), frozen=False)
    buffer = fill(source, terminate=False, horizon=10, steps=30)
    buffer.rewards_of(np.arange(30))
    seen = source.seen[-1]
    moved = seen.obs[:, 0, :ACTION_DIM] + 0.2 * seen.action[:, 0]
    torch.testing.assert_close(seen.next_obs[:, :ACTION_DIM], moved, rtol=0, atol=1e-6)
    assert not np.allclose(seen.next_obs[9], buffer.record.obs[10])


def test_a_changing_source_is_asked_again_and_a_frozen_one_only_once() -> None:
    rows = np.array([3, 7, 7, 21])
    changing, frozen = Probe((1, 1), frozen=False), Probe((1, 1), frozen=True)
    buffer = fill(changing, terminate=False, horizon=10, steps=30)
    before = buffer.rewards_of(rows)
    changing.gain = 2.0
    np.testing.assert_array_equal(buffer.rewards_of(rows), 2.0 * before)
    buffer = fill(frozen, terminate=False, horizon=10, steps=30)
    np.testing.assert_array_equal(buffer.rewards_of(rows), before)
    buffer.rewards_of(np.arange(30))
    assert frozen.rows == 30


def test_rewards_kept_for_a_frozen_source_equal_rewards_computed_at_sampling(
    make_readout: Callable[..., Readout],
) -> None:
    for window in ((1, 1), (2, 4)):
        source = CenteredEnergy(make_readout(window=window), 2.0, sparse_weight=3.0)
        buffer = fill(source, terminate=False, horizon=10, steps=50)
        for rows in (np.array([4, 2]), np.array([49, 4, 2]), np.arange(50)):
            np.testing.assert_allclose(buffer.rewards_of(rows), buffer._compute(rows), rtol=1e-5, atol=1e-5)


def test_dense_is_the_stored_simulator_reward() -> None:
    buffer = fill(Dense(10.0), terminate=False, horizon=10, steps=20)
    np.testing.assert_allclose(buffer.rewards_of(np.arange(20)), buffer.record.env_reward[:20] / 10, rtol=1e-6)


def test_a_full_buffer_is_an_error() -> None:
    buffer = fill(Sparse(), terminate=False, horizon=10, steps=20)
    zeros, flags = np.zeros(OBS_DIM, np.float32), {"success": False, "terminal": False, "truncated": False}
    last = (zeros, np.zeros(ACTION_DIM, np.float32), zeros)
    buffer.add(*last, env_reward=0.0, **flags)
    with pytest.raises(ValueError, match="is full"):
        buffer.add(*last, env_reward=0.0, **flags)


@pytest.mark.parametrize("n_step", [1, 3])
def test_batches_are_float_tensors_drawn_from_every_row(n_step: int) -> None:
    buffer, rng = fill(Sparse(), terminate=False, horizon=10, steps=20, n_step=n_step), np.random.default_rng(0)
    batch = buffer.sample(8, rng)
    assert batch.obs.shape == batch.next_obs.shape == (8, OBS_DIM)
    assert batch.reward.shape == batch.discount.shape == (8,)
    assert {x.dtype for x in vars(batch).values()} == {torch.float32}
    seen = {tuple(row) for _ in range(40) for row in buffer.sample(8, rng).obs.tolist()}
    assert seen == {tuple(row) for row in buffer.record.obs[:20].tolist()}
