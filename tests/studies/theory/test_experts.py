"""The closed forms of the experts against numerical integration, finite differences and brute-force planning."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from energyflow.core.errors import UserError
from energyflow.core.seeding import torch_generator
from energyflow.studies.theory.experts import navigation
from energyflow.studies.theory.experts.bandits import EDGE, Bandit
from energyflow.studies.theory.experts.base import DTYPE, Expert
from energyflow.studies.theory.experts.control import ControlExpert, LinearQuadratic, point_mass, riccati
from energyflow.studies.theory.experts.navigation import NavigationExpert
from energyflow.studies.theory.experts.registry import check_expert, make_expert

MAX_ENT = ("gaussian1", "gaussian2", "mixture1", "mixture2", "modes8", "control", "navigation", "sound")
MISFITS = ("hot", "biased", "contaminated", "trimmed", "mixed", "labelled", "deterministic", "jittered")
REACH = 9.0  # of the integration grids: everything of weight lies within


def states_of(expert: Expert, count: int) -> Tensor:
    return expert.test_states(count, torch_generator(7, "test states"))


def box(expert: Expert, points: int) -> tuple[Tensor, float]:
    """Midpoints [points^Da, Da] of a grid on the actions, and the volume of a cell."""
    reach = expert.box or REACH
    step = 2.0 * reach / points
    axis = (torch.arange(points, dtype=DTYPE) + 0.5) * step - reach
    grid = torch.cartesian_prod(*[axis] * expert.action_dim).reshape(-1, expert.action_dim)
    return grid, step**expert.action_dim


@pytest.mark.parametrize("name", MAX_ENT)
def test_soft_value_is_the_integral_over_actions(name: str) -> None:
    expert = make_expert(name)
    actions, volume = box(expert, 400 if name == "navigation" else 240)
    for state in states_of(expert, 3):
        q = expert.soft_q(actions, state.expand(len(actions), -1))
        value = expert.alpha * (torch.logsumexp(q / expert.alpha, dim=0) + math.log(volume))
        assert float(value) == pytest.approx(float(expert.soft_value(state[None])), abs=1e-6)


@pytest.mark.parametrize("name", [*MAX_ENT, "gaussian8", "gaussian16", "mixture8", "mixture16"])
def test_a_max_ent_expert_acts_by_its_advantage(name: str) -> None:
    """log pi = (Q* - V*) / alpha: the assumption of Theorem 3.3."""
    expert = make_expert(name)
    states = states_of(expert, 50)
    actions = expert.sample(states, torch_generator(1, "test actions"))
    log_pi = expert.log_prob(actions, states, torch.zeros(expert.action_dim, dtype=DTYPE))
    torch.testing.assert_close(log_pi, expert.advantage(actions, states) / expert.alpha, atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", [*MAX_ENT, *MISFITS])
def test_the_noised_density_is_that_of_noised_samples(name: str) -> None:
    """It integrates to one, and its first two moments are those of samples plus noise."""
    expert = make_expert(name)
    noise = torch.linspace(0.3, 0.2, expert.action_dim, dtype=DTYPE)
    actions, volume = box(expert, 300)
    if expert.box:  # noise leaves the box
        actions, volume = actions * 3.0, volume * 3.0**expert.action_dim
    state = states_of(expert, 1)
    density = expert.log_prob(actions, state.expand(len(actions), -1), noise).exp() * volume
    assert float(density.sum()) == pytest.approx(1.0, abs=1e-3)
    count = 40_000
    generator = torch_generator(2, "test actions")
    drawn = expert.sample(state.expand(count, -1), generator)
    drawn = drawn + noise * torch.randn(drawn.shape, generator=generator, dtype=DTYPE)
    for power in (1, 2):
        sampled, exact = drawn**power, (density[:, None] * actions**power).sum(dim=0)
        error = (sampled.mean(dim=0) - exact) / (sampled.std(dim=0) / math.sqrt(count))
        assert float(error.abs().max()) < 4.5


@pytest.mark.parametrize("name", [*MAX_ENT, *MISFITS, "mixture16"])
def test_scores_are_finite_differences(name: str) -> None:
    expert = make_expert(name)
    states = states_of(expert, 20)
    noise = torch.full((expert.action_dim,), 0.25, dtype=DTYPE)
    actions = expert.sample(states, torch_generator(3, "test actions")).requires_grad_()
    (score,) = torch.autograd.grad(expert.log_prob(actions, states, noise).sum(), actions)
    step = 1e-5
    for axis in range(expert.action_dim):
        shift = torch.zeros(expert.action_dim, dtype=DTYPE)
        shift[axis] = step
        with torch.no_grad():
            ends = [expert.log_prob(actions + sign * shift, states, noise) for sign in (1.0, -1.0)]
        torch.testing.assert_close(score[:, axis], (ends[0] - ends[1]) / (2 * step), atol=1e-5, rtol=1e-5)


def test_soft_riccati_solves_the_bellman_equation() -> None:
    """V of the next state averaged over sigma points, which is exact for a quadratic; V as an integral over actions."""
    task = point_mass()
    expert = ControlExpert(task)
    state = states_of(expert, 1)
    actions = expert.sample(state.expand(5, -1), torch_generator(4, "test actions"))
    root = torch.linalg.cholesky(task.process_noise) * math.sqrt(len(task.dynamics))
    for action in actions:
        mean = state[0] @ task.dynamics.T + action @ task.control.T
        ahead = torch.cat([mean + root.T, mean - root.T])
        reward = -0.5 * (state[0] @ task.state_cost @ state[0] + action @ task.action_cost @ action)
        expected = reward + task.gamma * expert.soft_value(ahead).mean()
        assert float(expert.soft_q(action[None], state)) == pytest.approx(float(expected), abs=1e-8)


def test_soft_riccati_agrees_with_brute_force_planning() -> None:
    """One dimension, value iteration on a grid of states and actions."""
    one = torch.ones(1, 1, dtype=DTYPE)
    task = LinearQuadratic(0.9 * one, 0.5 * one, one, 0.3 * one, 0.0 * one, gamma=0.8, alpha=0.3)
    states = torch.linspace(-6, 6, 481, dtype=DTYPE)
    actions = torch.linspace(-8, 8, 641, dtype=DTYPE)
    landing = (0.9 * states[:, None] + 0.5 * actions).clamp(-6, 6)
    place = (landing + 6) / 12 * 480
    low = place.floor().long().clamp(max=479)
    share = place - low
    reward = -0.5 * (states[:, None] ** 2 + 0.3 * actions**2)
    value = torch.zeros_like(states)
    for _ in range(80):
        q = reward + 0.8 * ((1 - share) * value[low] + share * value[low + 1])
        value = 0.3 * (torch.logsumexp(q / 0.3, dim=1) + math.log(16 / 640))
    solution = riccati(task)
    inner = states.abs() <= 2
    exact = -0.5 * solution.value[0, 0] * states**2 + solution.constant
    torch.testing.assert_close(value[inner], exact[inner], atol=5e-3, rtol=0)


def test_navigation_value_is_the_soft_return_of_its_own_rollouts() -> None:
    """E[sum gamma^t (r_t - alpha log pi)] = V*, by Monte Carlo with rewards and transitions by their definitions."""
    expert = make_expert("navigation")
    assert isinstance(expert, NavigationExpert)
    generator = torch_generator(5, "test rollouts")
    places, moves = navigation.grid(navigation.axis_nodes()), navigation.grid(navigation.cell_centres())
    cost = torch.linalg.norm(places - torch.tensor(navigation.GOAL, dtype=DTYPE), dim=1)
    cost = cost + navigation.WALL_COST * navigation.in_wall(places)
    shares = expert.shares.reshape(len(places), -1)
    for start in states_of(expert, 2):
        node = expert.node(start.expand(2000, -1))
        total, discount = torch.zeros(2000, dtype=DTYPE), 1.0
        for _ in range(70):
            cell = torch.multinomial(shares[node], 1, generator=generator)[:, 0]
            target = (places[node] + navigation.REACH * moves[cell]).clamp(-1, 1)
            # bilinear weights by definition: independent steps to the lower or upper node along each axis
            scaled = (target + 1) / 2 * (navigation.NODES - 1)
            up = torch.rand(scaled.shape, generator=generator, dtype=DTYPE) < scaled - scaled.floor()
            index = scaled.floor().long() + up.long()
            after = index[:, 0] * navigation.NODES + index[:, 1]
            log_pi = shares[node, cell].log() - 2 * math.log(2 / navigation.CELLS)
            effort = navigation.EFFORT * moves[cell].square().sum(dim=1)
            total += discount * (-cost[after] - effort - navigation.ALPHA * log_pi)
            node, discount = after, discount * navigation.GAMMA
        error = float(total.mean() - expert.soft_value(start[None])) / (float(total.std()) / math.sqrt(2000))
        assert abs(error) < 4


def test_navigation_goes_round_either_end_of_the_wall() -> None:
    expert = make_expert("navigation")
    assert isinstance(expert, NavigationExpert)
    in_front = torch.tensor([[-1 / 3, 0.0]], dtype=DTYPE)
    drawn = expert.sample(in_front.expand(2000, -1), torch_generator(6, "test actions"))
    shares = [float((drawn[:, 1] * sign > 0.3).double().mean()) for sign in (1, -1)]
    assert min(shares) > 0.4


def test_shifted_states_surround_the_training_range() -> None:
    expert = make_expert("gaussian2")
    assert isinstance(expert, Bandit)
    radius = expert.shifted_states(2000, torch_generator(0, "test states")).abs().amax(dim=1)
    assert float(radius.min()) >= 1.0
    assert float(radius.max()) <= EDGE
    inner = float((radius < math.sqrt((1 + EDGE**2) / 2)).double().mean())  # half of the frame's area
    assert inner == pytest.approx(0.5, abs=0.04)


def test_an_unknown_expert_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'gaussian2'"):
        check_expert("gausian2")
