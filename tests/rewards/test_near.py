"""NEAR: windows of training and of reading, and the rule by which the noise level falls."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.datasets.format import Demonstration
from energyflow.datasets.windows import make_windows
from energyflow.networks.build import Spec
from energyflow.networks.normalizer import Normalizer
from energyflow.policies.near_energy import NEAREnergy
from energyflow.rewards.near import AnnealedEnergy, NEARSettings

from .conftest import OBS_DIM, as_demos, fill, no_density, transitions


class FirstCoordinate:
    """E(x, sigma) = the first coordinate of s; remembers the pairs that it was asked for."""

    sigmas = torch.tensor([4.0, 2.0, 1.0])

    def __init__(self) -> None:
        self.normalizer = Normalizer(OBS_DIM, 2)
        self.pairs: list[Tensor] = []
        self.levels: list[float] = []

    def energy(self, pair: Tensor, sigma: Tensor) -> Tensor:
        self.pairs.append(pair)
        self.levels.append(float(sigma[0]))
        return pair[:, 0]


def source(**update: Any) -> AnnealedEnergy:
    own = NEARSettings(**{"batch": 20, "memory": 3, "rise": 0.02, "scale": 10.0} | update)
    return AnnealedEnergy(FirstCoordinate(), own)  # type: ignore[arg-type]


def observed(reading: AnnealedEnergy, *energies: float) -> list[int]:
    """The level after each batch of these mean energies."""
    levels = []
    for energy in energies:
        obs = torch.zeros(4, OBS_DIM)
        obs[:, 0] = energy
        reading.observe(transitions(obs, torch.zeros(4, 2)))
        levels.append(reading.level)
    return levels


def test_training_windows_are_transitions_of_one_episode_and_the_padded_first_is_left_out(
    every: Params, expert_demos: list[Demonstration]
) -> None:
    section = every.reward_model["near_energy"]
    assert (section.obs_horizon, section.pred_horizon, section.network.kind) == (2, 1, "mlp")
    pairs = make_windows(as_demos(expert_demos), section.obs_horizon, section.pred_horizon).obs
    first = 0
    for episode in expert_demos:
        obs = torch.from_numpy(episode.obs)
        torch.testing.assert_close(pairs[first : first + len(obs), 1], obs)
        torch.testing.assert_close(pairs[first + 1 : first + len(obs), 0], obs[:-1])
        assert torch.equal(pairs[first, 0], pairs[first, 1])  # no transition
        first += len(obs)

    torch.manual_seed(0)
    model = NEAREnergy(Spec(OBS_DIM, 2, 2, 1, 1, ("state",)), section)

    def loss(windows: Tensor) -> float:
        return float(
            model.loss(windows.float(), torch.zeros(len(windows), 1, 2), torch.Generator().manual_seed(0)).detach()
        )

    moved = pairs[:8].clone()
    moved[0] = 5.0  # the padded one: another observation, again repeated
    assert loss(moved) == loss(pairs[:8])
    moved[3] = 5.0
    assert loss(moved) != loss(pairs[:8])


def test_the_reward_reads_the_observation_before_and_the_true_one_after() -> None:
    reading = source()
    buffer = fill(reading, terminate=False, horizon=10, steps=30)
    buffer.rewards_of(np.arange(30))
    pair = reading.model.pairs[-1]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(pair[:, :OBS_DIM].numpy(), buffer.record.obs[:30])
    np.testing.assert_array_equal(pair[:, OBS_DIM:].numpy(), buffer.record.next_obs[:30])
    assert not np.allclose(pair[9, OBS_DIM:], buffer.record.obs[10])


def test_the_level_advances_when_the_running_mean_has_risen_by_two_percent_and_never_before() -> None:
    assert observed(source(), 1.0, 1.01, 1.0, 1.02, 1.03) == [0, 0, 0, 0, 0]  # mean of the last three: 1.0167
    reading = source()
    assert observed(reading, 1.0, 1.01, 1.0, 1.02, 1.05) == [0, 0, 0, 0, 1]  # 1.0233
    assert reading.recent == pytest.approx([1.05])  # memory and beginning are those of the new level
    assert reading.model.levels[-1] == 2.0  # type: ignore[attr-defined]


def test_negative_energies_must_rise_too() -> None:
    """The published product initial * 1.02 lies below a negative initial: it would advance without any rise."""
    assert observed(source(), -1.0, -1.0, -1.0, -0.99) == [0, 0, 0, 0]
    assert observed(source(), -1.0, -1.01, -1.01) == [0, 0, 0]
    assert observed(source(), -1.0, -0.95, -0.95) == [0, 1, 1]
    assert observed(source(), 0.0, 0.0, 0.0, 0.01) == [0, 0, 0, 1]


def test_the_level_never_goes_back_and_stops_at_the_last() -> None:
    reading = source()
    assert observed(reading, 1.0, 2.0, 0.1, -5.0, -5.0, -5.0) == [0, 1, 1, 1, 1, 1]
    assert observed(reading, 0.0, 5.0, 5.0, 9.0, 99.0, 999.0)[-1] == 2
    assert reading.level == len(reading.model.sigmas) - 1


def test_the_reward_is_the_bounded_distance_to_the_running_mean() -> None:
    reading = source()
    obs = torch.zeros(1, OBS_DIM)
    obs[:, 0] = 7.0
    batch = transitions(obs, torch.zeros(1, 2))
    assert float(reading.reward(batch)) == pytest.approx(math.tanh(0.7))  # nothing seen: mean 0
    observed(reading, 3.0, 3.01)
    assert float(reading.reward(batch)) == pytest.approx(math.tanh((7.0 - 3.005) / 10.0))
    report = reading.report()
    assert report["level"] == 0.0
    assert report["sigma"] == 4.0


@pytest.mark.parametrize("scale", [10.0, 10_000.0])
def test_the_reward_has_the_same_size_however_small_the_energies_are(scale: float) -> None:
    """Else soft actor-critic sees its entropy alone."""
    reading = source(scale=scale)
    buffer = fill(reading, terminate=False, horizon=10, steps=55)
    reading.update(buffer, no_density)
    assert float(buffer.rewards_of(np.arange(reading.seen)).std(ddof=1)) == pytest.approx(1.0, abs=1e-3)


def test_each_step_is_taken_in_once_in_whole_batches() -> None:
    reading = source(batch=20)
    buffer = fill(reading, terminate=False, horizon=10, steps=50)
    reading.update(buffer, no_density)
    reading.update(buffer, no_density)
    pairs = reading.model.pairs  # type: ignore[attr-defined]
    taken = [pair for pair in pairs if len(pair) == 20]  # a batch, not the whole replay
    assert reading.seen == 40
    assert torch.equal(taken[0][:, :OBS_DIM], torch.as_tensor(buffer.record.obs[:20]))
    assert torch.equal(taken[-1][:, :OBS_DIM], torch.as_tensor(buffer.record.obs[20:40]))


def test_state_survives(every: Params) -> None:
    reading, other = source(), source()
    observed(reading, 1.0, 1.01, 2.0, 0.5)
    reading.seen, reading.spread = 80, 0.25
    other.load({name: value.clone() for name, value in reading.tensors().items()})
    for name in ("level", "seen", "recent", "initial", "spread"):
        assert getattr(other, name) == getattr(reading, name)
    assert other.report() == reading.report()
    fresh = source()
    fresh.load(source().tensors())
    assert (fresh.level, fresh.initial, fresh.recent) == (0, None, [])


def test_levels_are_geometric_from_the_largest_to_the_smallest(every: Params) -> None:
    model = NEAREnergy(Spec(OBS_DIM, 2, 2, 1, 1, ("state",)), every.reward_model["near_energy"])
    own = every.reward_model["near_energy"].method_params
    assert len(model.sigmas) == own["levels"]
    assert float(model.sigmas[0]) == pytest.approx(own["sigma_max"])
    assert float(model.sigmas[-1]) == pytest.approx(own["sigma_min"])
    ratio = model.sigmas[1:] / model.sigmas[:-1]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
    pair = torch.randn(3, 2 * OBS_DIM)
    one, ten = (model.energy(pair, torch.full((3,), sigma)) for sigma in (1.0, 10.0))
    torch.testing.assert_close(one, 10.0 * ten)
    assert bool((one >= -1.0).all())


def test_every_noise_level_weighs_the_same_in_the_loss(every: Params) -> None:
    """An energy that is flat misses the noise itself, whose size in standard deviations is the same at all levels."""
    losses = []
    for sigma in (0.01, 10.0):
        section = every.reward_model["near_energy"]
        own = section.method_params | {"sigma_min": 0.999999 * sigma, "sigma_max": sigma}
        model = NEAREnergy(Spec(OBS_DIM, 2, 2, 1, 1, ("state",)), section.model_copy(update={"method_params": own}))
        for parameter in model.parameters():
            torch.nn.init.zeros_(parameter)
        obs = torch.randn(4096, 2, OBS_DIM, generator=torch.Generator().manual_seed(0))
        losses.append(float(model.loss(obs, torch.zeros(4096, 1, 2), torch.Generator().manual_seed(1)).detach()))
    assert losses == pytest.approx([OBS_DIM, OBS_DIM], rel=0.05)  # half of 2 OBS_DIM squared normal numbers
