"""Mixed data: of which shares, of what quality, with which labels, from which initial states."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.envs.tasks import make_env
from energyflow.studies.weighting import mixture, resolve
from energyflow.studies.weighting.sections import Imitation

TASK = "metaworld/button_press"


@pytest.fixture(scope="module")
def params(smoke: Params) -> Imitation:
    own = resolve.imitation(smoke)
    counts = {"expert": 2, "noisy": 1, "random": 1, "demos": 2, "horizon": 150, "noisy_noise": 1.0}
    collect = {TASK: own.collect[TASK].model_copy(update={"horizon": 150})}
    return own.model_copy(update={"mixture": own.mixture.model_copy(update=counts), "collect": collect})


@pytest.fixture(scope="module")
def mixed(params: Imitation) -> mixture.Mixture:
    return mixture.mix(TASK, 1, params)


def test_every_share_is_there_in_its_number(mixed: mixture.Mixture) -> None:
    lengths = [len(episode) for episode in mixed.data.episodes]
    assert len(lengths) == 4
    assert len(mixed.shares) == sum(lengths)
    counts = [int(mixed.of(share).sum()) for share in mixture.SHARES]
    assert counts == [lengths[0] + lengths[1], lengths[2], lengths[3]]
    assert mixed.success[:2].all()
    assert not mixed.success[3]


def test_labels_are_what_was_executed(mixed: mixture.Mixture, params: Imitation) -> None:
    """The recorded actions, executed again from the same state, lead to the recorded observations."""
    env, own = make_env(TASK), params.mixture
    for index, episode in enumerate(mixed.data.episodes):
        seen = [env.reset(own.seed + own.states + index)]
        seen += [env.step(action)[0] for action in episode.actions]
        np.testing.assert_array_equal(np.array(seen), episode.observations)
        assert episode.truncated
        assert not episode.terminated


def test_the_noisy_share_is_farther_from_what_the_expert_intends(mixed: mixture.Mixture) -> None:
    env, apart = make_env(TASK), {}
    for share, episode in zip(("expert", "expert", "noisy", "random"), mixed.data.episodes, strict=True):
        expert = env.expert(None)
        intended = np.array([expert(obs) for obs in episode.observations[:-1]])
        apart[share] = float(np.abs(episode.actions - intended).mean())
    assert apart["expert"] < 0.1 < 3 * apart["expert"] < apart["noisy"]
    assert apart["noisy"] < apart["random"]


def test_no_initial_state_is_shared(mixed: mixture.Mixture, params: Imitation) -> None:
    demos = mixture.demonstrations(TASK, 1, params)
    other = mixture.mix(TASK, 2, params)
    starts = [episode.observations[0] for each in (mixed.data, demos, other.data) for episode in each.episodes]
    assert len(np.unique(np.array(starts), axis=0)) == 4 + 2 + 4
    assert len(demos.episodes) == 2


def test_an_expert_that_fails_is_no_demonstrator(params: Imitation) -> None:
    short = {TASK: params.collect[TASK].model_copy(update={"horizon": 3})}
    with pytest.raises(UserError, match=r"the scripted expert succeeded 0 times of 2"):
        mixture.demonstrations(TASK, 0, params.model_copy(update={"collect": short}))


def test_equal_seeds_give_equal_data(mixed: mixture.Mixture, params: Imitation) -> None:
    again = mixture.mix(TASK, 1, params)
    assert torch.equal(again.shares, mixed.shares)
    for one, two in zip(again.data.episodes, mixed.data.episodes, strict=True):
        np.testing.assert_array_equal(one.actions, two.actions)
