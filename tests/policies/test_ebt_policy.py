"""EBT-Policy against its update in closed form, and chunks that do not mind what else is in the batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from energyflow.config.params import Params
from energyflow.config.sections import MLPParams, NetworkParams
from energyflow.datasets.windows import Windows
from energyflow.learning.trainer import Trainer
from energyflow.networks.build import Spec
from energyflow.policies import ebt_policy
from energyflow.policies.checkpoint import build
from energyflow.policies.ebt_policy import EBTPolicy, descend

SPEC = Spec(obs_dim=2, action_dim=3, obs_horizon=1, pred_horizon=4, exec_horizon=2, obs_keys=("state",))
MU, SIZE, STIFFNESS = 0.9, 0.3, 0.05


def policy_of(params: Params, spec: Spec = SPEC, **own: float) -> EBTPolicy:
    section = params.train["ebt_policy"]
    section = section.model_copy(update={"method_params": section.method_params | own})
    torch.manual_seed(0)
    policy = build(spec, section)
    assert isinstance(policy, EBTPolicy)
    return policy


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Bowl(nn.Module):
    """E = stiffness / 2 |a - centre|^2, in place of the network."""

    def __init__(self, centre: Tensor, stiffness: float = STIFFNESS) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.stiffness = nn.Parameter(torch.tensor(stiffness))

    centre: Tensor

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        return 0.5 * self.stiffness * (chunk - self.centre).square().sum(dim=(1, 2))


def published(action: np.ndarray, velocity: np.ndarray, centre: np.ndarray, size: float) -> tuple[np.ndarray, ...]:
    """One step on the bowl, for one chunk: normalise, look ahead, scale by exp(E), move."""
    action = action / np.sqrt((action**2).mean())
    ahead = action + MU * velocity
    energy = 0.5 * STIFFNESS * ((ahead - centre) ** 2).sum()
    slope = STIFFNESS * (ahead - centre)
    velocity = MU * velocity - size * np.exp(energy) * slope
    return action + velocity, velocity, slope


def test_steps_equal_the_published_update_on_a_quadratic_energy(laptop: Params) -> None:
    """Chunks of different scale: a norm over the batch in place of each chunk's own would show."""
    policy = policy_of(laptop, step=0.3, min_grad=0.0)
    centre = 0.3 * draw(4, 3, seed=1)
    policy.potential = Bowl(centre)  # type: ignore[assignment]
    scale = torch.tensor([0.2, 1.0, 5.0])[:, None, None]
    start = scale * draw(3, 4, 3)
    found = {nfe: policy.settle(torch.zeros(3, 1, 2), start, nfe).numpy() for nfe in (1, 2, 3, 8)}
    for row, chunk in enumerate(start.numpy().astype(float)):
        velocity = np.zeros_like(chunk)
        for step in range(1, 9):
            chunk, velocity, _ = published(chunk, velocity, centre.numpy(), 0.3 * 12)
            if step in found:
                np.testing.assert_allclose(found[step][row], chunk, atol=1e-5)


def test_the_last_step_carries_both_gradients() -> None:
    """d/dk of -alpha exp(E) k (a - m) is -alpha exp(E) (a - m) (1 + E): through the slope, and through exp(E)."""
    centre, action, velocity = draw(4, 3, seed=1), 0.5 * draw(5, 4, 3), 0.5 * draw(5, 4, 3, seed=2)
    bowl, size = Bowl(centre), torch.full((5,), SIZE)

    def energy(a: Tensor) -> Tensor:
        return bowl(a, a, a)

    moved, _, _ = descend(energy, action, velocity, size, MU, differentiable=True)
    (found,) = torch.autograd.grad(moved.sum(), bowl.stiffness)
    ahead = action + MU * velocity - centre
    value = 0.5 * STIFFNESS * ahead.square().sum(dim=(1, 2))
    expected = -(SIZE * value.exp() * (1.0 + value))[:, None, None] * ahead
    torch.testing.assert_close(found, expected.sum(), rtol=1e-4, atol=1e-4)
    moved, velocity, slope = descend(energy, action, velocity, size, MU, differentiable=False)
    assert not any(tensor.requires_grad for tensor in (moved, velocity, slope))


def test_only_the_last_training_step_is_differentiated(laptop: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, counts = policy_of(laptop), set()
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        seen: list[bool] = []

        def spy(*args: object, differentiable: bool, seen: list[bool] = seen) -> tuple[Tensor, Tensor, Tensor]:
            assert not any(isinstance(arg, Tensor) and arg.requires_grad for arg in args)
            seen.append(differentiable)
            return descend(*args, differentiable=differentiable)  # type: ignore[arg-type]

        monkeypatch.setattr(ebt_policy, "descend", spy)
        policy.loss(draw(8, 1, 2), draw(8, 4, 3, seed=1), generator).backward()  # type: ignore[no-untyped-call]
        assert seen == [False] * (len(seen) - 1) + [True]
        counts.add(len(seen))
    assert counts == {6, 7, 8, 9, 10}
    assert all(bool(p.grad.abs().sum() > 0) for p in policy.parameters() if p.grad is not None)


def count_steps(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> int:
    calls = []

    def spy(*args: object, **kwargs: bool) -> tuple[Tensor, Tensor, Tensor]:
        calls.append(None)
        return descend(*args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ebt_policy, "descend", spy)
        call()
    return len(calls)


def test_a_small_gradient_ends_the_descent_with_one_more_step(laptop: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    obs, start = draw(4, 1, 2), draw(4, 4, 3)
    for min_grad, steps in ((0.0, 20), (1e6, 2)):
        policy = policy_of(laptop, min_grad=min_grad)
        assert count_steps(monkeypatch, lambda policy=policy: policy.settle(obs, start, 20)) == steps  # type: ignore[misc]


def test_a_chunk_does_not_depend_on_the_rest_of_the_batch(laptop: Params) -> None:
    obs, start = draw(6, 1, 2), draw(6, 4, 3) * torch.logspace(-1, 1, 6)[:, None, None]
    slopes = []
    policy = policy_of(laptop)
    for chunk, seen in zip(start[:, None], obs[:, None], strict=True):
        size, still = torch.full((1,), policy.size), torch.zeros(1, 4, 3)
        normal = ebt_policy.normalized(chunk)
        slopes.append(
            descend(lambda a, o=seen: policy.energy(a, o), normal, still, size, MU, differentiable=False)[2].norm()  # type: ignore[misc]
        )
    middle = float(torch.stack(slopes).sort().values[2:4].mean())  # between two: on one of them, rounding decides
    policy = policy_of(laptop, min_grad=middle)  # some chunks stop at once, others go on
    together = policy.settle(obs, start, 20)
    alone = torch.cat([policy.settle(obs[i : i + 1], start[i : i + 1], 20) for i in range(6)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)
    assert float((together - policy_of(laptop, min_grad=0.0).settle(obs, start, 20)).abs().max()) > 1e-2


@pytest.mark.parametrize("preset", ["laptop", "paper"])
@pytest.mark.parametrize("action_dim", [4, 7, 14])
def test_first_steps_are_of_order_one(request: pytest.FixtureRequest, preset: str, action_dim: int) -> None:
    spec = Spec(obs_dim=20, action_dim=action_dim, obs_horizon=2, pred_horizon=16, exec_horizon=8, obs_keys=("state",))
    policy = policy_of(request.getfixturevalue(preset), spec)
    obs, start = draw(16, 2, 20), ebt_policy.normalized(draw(16, 16, action_dim))
    moves = policy.settle(obs, start, 1) - start
    assert 0.2 < float(moves.square().mean().sqrt()) < 5.0


def test_a_function_of_the_observation_is_learned(laptop: Params) -> None:
    obs = draw(2000, 1, 2)
    shape = torch.linspace(0.5, 1.5, 12).reshape(4, 3)
    action = (obs[:, :, :1].sin() + 0.5 * obs[:, :, 1:]) * shape
    network = NetworkParams(kind="mlp", mlp=MLPParams(hidden=[64, 64], time_dim=2))
    section = laptop.train["ebt_policy"].model_copy(
        update={"network": network, "steps": 400, "batch_size": 64, "warmup_steps": 20, "lr": 3e-3, "ema_decay": 0.99}
    )
    torch.manual_seed(0)
    policy = build(SPEC, section)
    trainer = Trainer(policy, Windows(obs, action), 0, torch.device("cpu"))
    for _ in range(section.steps):
        trainer.advance()
    trained = trainer.averaged()
    assert isinstance(trained, EBTPolicy)
    sampled = trained.sample(obs[:200], torch.Generator().manual_seed(1), trained.nfe).detach()
    assert float((sampled - action[:200]).square().mean()) < 0.05 * float(action.square().mean())
