"""Circulation, cycles and curl: zero for gradients, known for rotations; the flow's likelihood on a known density."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.core.seeding import torch_generator
from energyflow.networks.build import Spec
from energyflow.policies.checkpoint import build
from energyflow.studies.theory import lines, study
from energyflow.studies.theory.checks.circulation import measured
from energyflow.studies.theory.experts.base import DTYPE, normal, normal_log_prob
from energyflow.studies.theory.experts.registry import make_expert
from energyflow.studies.theory.flow import flow_log_prob
from energyflow.studies.theory.readings import Reading

GENERATOR = "test triangles"


def rotation(actions: Tensor, _states: Tensor) -> Tensor:
    """A hand-made field (-y, x) in the first two coordinates: circulation = 2 x area."""
    return torch.stack([-actions[:, 1], actions[:, 0], *actions[:, 2:].unbind(1)], dim=1)


def corners(count: int, dim: int) -> tuple[Tensor, Tensor]:
    generator = torch_generator(0, GENERATOR)
    return normal((count, 3, dim), generator), normal((count, 2), generator)


def test_circulation_of_a_rotation_is_twice_the_area() -> None:
    triangles, states = corners(50, 3)
    edges = lines.triangle_work(rotation, triangles, states, nodes=4)
    a, b, c = triangles[:, 0, :2], triangles[:, 1, :2], triangles[:, 2, :2]
    area = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    torch.testing.assert_close(edges.sum(dim=1), 2.0 * area, atol=1e-12, rtol=0)


def test_work_of_a_score_is_the_difference_of_log_densities() -> None:
    expert = make_expert("mixture2")
    generator = torch_generator(1, GENERATOR)
    states = expert.states(40, generator)
    start, end = expert.sample(states, generator), expert.sample(states, generator)
    noise = torch.full((2,), 0.1, dtype=DTYPE)

    def score(actions: Tensor, where: Tensor) -> Tensor:
        inputs = actions.detach().requires_grad_()
        return torch.autograd.grad(expert.log_prob(inputs, where, noise).sum(), inputs)[0]

    exact = expert.log_prob(end, states, noise) - expert.log_prob(start, states, noise)
    torch.testing.assert_close(lines.work(score, start, end, states, nodes=40), exact, atol=1e-8, rtol=0)


@pytest.mark.parametrize("kind", ["energyflow", "energyflow_paper"])
def test_an_energy_has_no_circulation_and_a_vector_field_has(laptop: Params, kind: str) -> None:
    """Untrained networks: what holds of them does not depend on training."""
    spec = Spec(2, 8, 1, 1, 1, ("state",))
    found = {}
    for name in (kind, "unconstrained"):
        torch.manual_seed(0)
        model = build(spec, study.train_section(laptop, name, 1)).double().eval()
        reading = Reading(model, make_expert("mixture8"), 1.0)  # type: ignore[arg-type]
        found[name] = measured(reading.score, reading.differentiable_score, *corners(64, 8))
    assert found[kind]["circulation_max"] < 1e-9
    assert found[kind]["rotational"] < 1e-12
    assert found[kind]["cyclic"] == 0
    assert found["unconstrained"]["circulation_max"] > 1e-4
    assert found["unconstrained"]["rotational"] > 1e-4


def test_cycles_are_found_and_counted() -> None:
    """Corners on a circle around the centre of a rotation are a cycle; far to one side, an unequal triangle is none."""
    angles = torch.tensor([0.0, 2.0, 4.0], dtype=DTYPE)
    around = torch.stack([angles.cos(), angles.sin()], dim=1)
    aside = torch.tensor([[5.0, 0.0], [5.0, 1.0], [6.0, 1.0]], dtype=DTYPE)
    triangles, states = torch.stack([around, around.flip(0), aside]), torch.zeros(3, 2, dtype=DTYPE)
    edges = lines.triangle_work(rotation, triangles, states, nodes=8)
    assert lines.cyclic(edges, 1e-3).tolist() == [True, True, False]
    assert float(lines.relative_circulation(edges)[0]) == pytest.approx(1.0)


def test_rotational_share() -> None:
    actions, states = normal((5, 2), torch_generator(2, GENERATOR)), torch.zeros(5, 2, dtype=DTYPE)
    jacobian = lines.jacobians(rotation, actions, states)
    torch.testing.assert_close(jacobian[0], torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=DTYPE))
    torch.testing.assert_close(lines.rotational_share(jacobian), torch.ones(5, dtype=DTYPE))
    symmetric = lines.jacobians(lambda a, s: a**3, actions, states)
    assert float(lines.rotational_share(symmetric).max()) == 0.0


@pytest.mark.parametrize("dim", [1, 2])
def test_flow_likelihood_weighs_separated_modes(dim: int) -> None:
    """With the exact score of two modes, unit variance, 20 widths apart: the log ratio 1.1 of their weights."""
    width, place, ratio = 0.1, math.sqrt(1.0 - 0.1**2), 1.1
    weights = torch.tensor([0.0, ratio], dtype=DTYPE).log_softmax(0)
    modes = torch.stack([torch.full((dim,), -place, dtype=DTYPE), torch.full((dim,), place, dtype=DTYPE)])

    def log_prob(actions: Tensor, sigma: float) -> Tensor:
        variance = torch.full((dim,), width**2 + sigma**2, dtype=DTYPE)
        return torch.logsumexp(weights + normal_log_prob(actions[:, None], modes, variance), dim=1)

    def score(actions: Tensor, sigma: float) -> Tensor:
        return torch.autograd.grad(log_prob(actions, sigma).sum(), actions, create_graph=True)[0]

    read = flow_log_prob(score, lambda actions: log_prob(actions, 10.0), modes, 0.05, 10.0, steps=200)
    torch.testing.assert_close(read, log_prob(modes, 0.05), atol=0.005, rtol=0)
