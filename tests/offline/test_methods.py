"""Every method on a behaviour of two modes, the rarer of which is the better: it must end there, and stay in range.

A wrong sign of the weight, of the velocity or of beta leaves the worse mode, or no mode at all.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energyflow.core.seeding import torch_generator
from energyflow.datasets.episodes import Episodes, Floats
from energyflow.offline.checkpoint import load
from energyflow.offline.methods.registry import METHODS
from energyflow.offline.train import train
from tests.offline.worlds import MODES, numbers, two_modes

Shared = tuple[Episodes, list[Path]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """The data, and runs whose behaviour models and softmax critic the others start from."""
    place = tmp_path_factory.mktemp("bandit")
    data, folders = two_modes(place / "data"), [place / "flow", place / "diffusion"]
    train(data, "best_of", numbers(), 0, folders[0])
    train(data, "ed", numbers(improvement__steps=100), 0, folders[1], parts=folders[:1])
    return data, folders


def actions_of(method: str, shared: Shared, out: Path, **changes: object) -> Floats:
    """512 actions of a trained policy in the one state."""
    data, folders = shared
    train(data, method, numbers(**changes), 0, out, parts=[] if method == "iql" else folders)
    return load(out).act(np.zeros((512, 1)), torch_generator(1, "test"))[:, 0]


def shares(actions: Floats) -> tuple[float, float]:
    """How much of them is near the worse and near the better mode."""
    worse, better = (float((np.abs(actions - mode) < 0.35).mean()) for mode in MODES)
    return worse, better


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("bc", "bc_diff", "iql")])
def test_each_method_ends_on_the_better_mode(method: str, shared: Shared, tmp_path: Path) -> None:
    worse, better = shares(actions_of(method, shared, tmp_path))
    assert better > 0.75
    assert worse < 0.05


@pytest.mark.parametrize("method", ["bc", "bc_diff"])
def test_cloning_keeps_both_modes_and_their_shares(method: str, shared: Shared, tmp_path: Path) -> None:
    worse, better = shares(actions_of(method, shared, tmp_path))
    assert worse == pytest.approx(0.65, abs=0.12)
    assert better == pytest.approx(0.3, abs=0.12)


def test_iql_moves_its_one_mode_to_the_better_side(shared: Shared, tmp_path: Path) -> None:
    """A Gaussian: between two modes it regresses to the weighted mean, exp(8 A) of the better one's."""
    actions = actions_of("iql", shared, tmp_path)
    assert np.ptp(actions) == 0.0  # its mean is taken
    assert actions[0] == pytest.approx(MODES[1], abs=0.15)


def test_every_support_action_counted_is_the_same_in_expectation(shared: Shared, tmp_path: Path) -> None:
    worse, better = shares(actions_of("qipo_ot", shared, tmp_path, improvement__draw="all", improvement__batch_size=32))
    assert better > 0.75
    assert worse < 0.05
