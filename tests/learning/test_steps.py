"""One optimiser step in closed form: clipping, what is skipped, decay, and the average that is kept of the weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from energyflow.config.sections import TrainParams
from energyflow.datasets.windows import Windows
from energyflow.learning.trainer import Trainer, learning_rate
from energyflow.networks.build import Spec
from energyflow.pipeline.params import Params
from energyflow.policies.base import Model
from energyflow.policies.checkpoint import build

SPEC = Spec(obs_dim=2, action_dim=1, obs_horizon=1, pred_horizon=1, exec_horizon=1, obs_keys=("state",))
CPU = torch.device("cpu")
START, DIRECTION = torch.tensor([0.5, -0.2, 1.0, 0.0]), torch.tensor([0.5, -0.5, 0.5, 0.5])


class Pull(Model):
    """Step k has the gradient pulls[k] along one direction; keeps what it was asked."""

    def __init__(self, params: TrainParams, pulls: list[float]) -> None:
        super().__init__(SPEC, params)
        self.weight = nn.Parameter(START.clone())
        self.pulls, self.followed = list(pulls), 0
        self.batches: list[tuple[Tensor, Tensor]] = []
        self.draws: list[Tensor] = []

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        self.batches.append((obs, action))
        self.draws.append(self.noise(action, generator))
        return self.pulls.pop(0) * (self.weight * DIRECTION).sum()

    def after_step(self) -> None:
        self.followed += 1


@pytest.fixture
def section(smoke: Params) -> TrainParams:
    changed = {"lr": 0.1, "steps": 12, "warmup_steps": 3, "batch_size": 16, "weight_decay": 0.2, "ema_decay": 0.3}
    return smoke.train["energyflow"].model_copy(update=changed)


def trainer_of(section: TrainParams, pulls: list[float], seed: int = 0) -> Trainer:
    rows = torch.arange(40.0)
    windows = Windows(torch.stack([rows, 2 * rows], dim=1)[:, None], 3 * rows[:, None, None])
    model = Pull(section, pulls)
    model.normalizer.fit(np.array([[0.0, 0.0], [2.0, 4.0]]), np.array([[0.0], [6.0]]), standardize_obs=True)
    return Trainer(model, windows, seed, CPU)


def expected(section: TrainParams, pulls: list[float]) -> list[tuple[Tensor, Tensor]]:
    """Weights and averaged weights after each step: AdamW (arXiv 1711.05101) on clipped gradients, written out."""
    weight, average = START.double().clone(), START.double().clone()
    first, second, taken, states = torch.zeros(4).double(), torch.zeros(4).double(), 0, []
    for step, pull in enumerate(pulls):
        if math.isfinite(pull):
            gradient = DIRECTION.double() * min(pull, section.grad_clip)  # DIRECTION has length 1
            taken += 1
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            rate = learning_rate(step, section)
            move = (first / (1 - 0.9**taken)) / ((second / (1 - 0.999**taken)).sqrt() + 1e-8)
            weight = weight * (1 - rate * section.weight_decay) - rate * move
        decay = section.ema_decay
        if section.ema_warmup:
            decay = min(decay, (2 + step) / (11 + step))  # grows to its final value
        average = decay * average + (1 - decay) * weight
        states.append((weight, average))
    return states


@pytest.mark.parametrize("clip", [0.5, 100.0])
@pytest.mark.parametrize(("ema_decay", "ema_warmup"), [(0.3, True), (0.99, True), (0.99, False)])
def test_steps_are_those_of_adamw_on_clipped_gradients_and_the_average_follows(
    section: TrainParams, clip: float, ema_decay: float, ema_warmup: bool
) -> None:
    """Adam divides by the size of past gradients, so that clipping shows only where their size changes."""
    section = section.model_copy(update={"grad_clip": clip, "ema_decay": ema_decay, "ema_warmup": ema_warmup})
    pulls = [0.1, 7.0, 300.0, 0.7, 2.0, 0.2, 1.0]
    trainer = trainer_of(section, pulls)
    for pull, (weight, average) in zip(pulls, expected(section, pulls), strict=True):
        before = trainer.model.weight.detach().clone()
        loss, norm = trainer.advance()
        assert float(loss) == pytest.approx(pull * float((before * DIRECTION).sum()), rel=1e-5)
        assert not loss.requires_grad
        assert float(norm) == pytest.approx(pull, rel=1e-5)  # before clipping: what the log shows
        torch.testing.assert_close(trainer.model.weight.detach(), weight.float(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(trainer.average.weight.detach(), average.float(), rtol=1e-4, atol=1e-5)
    final = trainer.averaged()
    torch.testing.assert_close(final.weight.detach(), average.float(), rtol=1e-4, atol=1e-5)
    assert not final.training
    assert not final.weight.requires_grad
    assert trainer.step == trainer.model.followed == len(pulls)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_skipped_and_counted(section: TrainParams, bad: float) -> None:
    pulls = [1.0, bad, 0.5, bad, 2.0]
    trainer = trainer_of(section, pulls)
    for weight, average in expected(section, pulls):
        trainer.advance()
        torch.testing.assert_close(trainer.model.weight.detach(), weight.float(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(trainer.average.weight.detach(), average.float(), rtol=1e-4, atol=1e-5)
    assert int(trainer.skipped) == 2
    assert trainer.step == 5


def test_batches_are_windows_in_standardised_units_drawn_anew_each_step(section: TrainParams) -> None:
    trainer = trainer_of(section, [1.0] * 12)
    for _ in range(12):
        trainer.advance()
    rows = torch.arange(40.0)
    seen = set()
    for obs, action in trainer.model.batches:
        assert obs.shape == (16, 1, 2)
        assert action.shape == (16, 1, 1)
        row = obs[:, 0, 0] + 1.0  # (row - mean 1) / std 1
        torch.testing.assert_close(obs[:, 0, 1], (2 * row - 2.0) / 2.0)
        torch.testing.assert_close(action[:, 0, 0], (3 * row - 3.0) / 3.0)
        seen |= set(row.tolist())
    assert seen == set(rows.tolist())  # 192 draws of 40 rows: each one at least once, with this seed
    again, other = (trainer_of(section, [1.0], seed) for seed in (0, 1))
    for trainee in (again, other):
        trainee.advance()
    assert torch.equal(again.model.batches[0][0], trainer.model.batches[0][0])
    assert torch.equal(again.model.draws[0], trainer.model.draws[0])
    assert not torch.equal(other.model.batches[0][0], trainer.model.batches[0][0])
    assert not torch.equal(other.model.draws[0], trainer.model.draws[0])
    assert not torch.equal(trainer.model.draws[0], trainer.model.draws[1])


def test_the_learning_rate_in_closed_form(section: TrainParams) -> None:
    section = section.model_copy(update={"lr": 0.8, "steps": 50, "warmup_steps": 10})
    rates = [learning_rate(step, section) for step in range(51)]
    assert rates[:10] == pytest.approx([0.08 * (step + 1) for step in range(10)])
    assert rates[10:] == pytest.approx([0.4 * (1 + math.cos(math.pi * step / 40)) for step in range(41)])
    cold = section.model_copy(update={"warmup_steps": 0})
    assert learning_rate(0, cold) == pytest.approx(0.8)
    assert learning_rate(25, cold) == pytest.approx(0.4)
    only = section.model_copy(update={"warmup_steps": 50})
    assert learning_rate(50, only) == pytest.approx(0.8)  # nothing is left to decay over


def test_the_averaged_head_has_unit_spectral_norm(smoke: Params) -> None:
    """The estimate of the norm that came with the weights is not that of their average."""
    section = smoke.train["energyflow_paper"]
    section = section.model_copy(
        update={"lr": 0.03, "warmup_steps": 0, "method_params": section.method_params | {"spectral_norm": True}}
    )
    torch.manual_seed(0)
    model = build(Spec(2, 1, 1, 1, 1, ("state",)), section)
    generator = torch.Generator().manual_seed(0)
    windows = Windows(torch.randn(200, 1, 2, generator=generator), torch.randn(200, 1, 1, generator=generator))
    trainer = Trainer(model, windows, 0, CPU)
    for _ in range(15):
        trainer.advance()
    normed = [m for m in trainer.averaged().modules() if nn.utils.parametrize.is_parametrized(m)]
    assert len(normed) == 2
    for layer in normed:
        assert float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) == pytest.approx(1.0, abs=1e-3)
