"""Linear-quadratic soft control, s' = A s + B a + w with quadratic costs, solved by the soft Riccati recursion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from energyflow.studies.theory.experts.base import DTYPE, Expert, normal

ITERATIONS = 2000
TIME_STEP = 0.5  # of the point mass, seconds


@dataclass(frozen=True)
class LinearQuadratic:
    """Reward -(s' Q s + a' R a) / 2, discount gamma, process noise covariance W, temperature alpha."""

    dynamics: Tensor  # A [Do, Do]
    control: Tensor  # B [Do, Da]
    state_cost: Tensor  # Q [Do, Do]
    action_cost: Tensor  # R [Da, Da]
    process_noise: Tensor  # W [Do, Do]
    gamma: float
    alpha: float


@dataclass(frozen=True)
class SoftRiccati:
    """Q*(s, a) = -[s; a]' H [s; a] / 2 + gamma (c - tr(P W) / 2) and V*(s) = -s' P s / 2 + c."""

    hessian: Tensor  # H [Do + Da, Do + Da]
    value: Tensor  # P [Do, Do]
    constant: float  # c


def riccati(task: LinearQuadratic) -> SoftRiccati:
    """Iterate the Riccati recursion to its fixed point; the entropy of the policy enters the constant alone."""
    a, b, gamma = task.dynamics, task.control, task.gamma
    joint = torch.cat([a, b], dim=1)
    cost = torch.block_diag(task.state_cost, task.action_cost)  # type: ignore[no-untyped-call]
    size = len(a)
    value = torch.zeros_like(task.state_cost)
    for _ in range(ITERATIONS):
        hessian = cost + gamma * joint.T @ value @ joint
        gain = torch.linalg.solve(hessian[size:, size:], hessian[size:, :size])
        value = hessian[:size, :size] - hessian[:size, size:] @ gain
    covariance = task.alpha * torch.linalg.inv(hessian[size:, size:])
    entropy = 0.5 * task.alpha * torch.logdet(2.0 * math.pi * covariance)
    constant = (entropy - 0.5 * gamma * torch.trace(value @ task.process_noise)) / (1.0 - gamma)
    return SoftRiccati(hessian, value, float(constant))


class ControlExpert(Expert):
    """The max-ent policy N(-K s, alpha H_aa^-1) of a linear-quadratic task; states are drawn from N(0, I)."""

    def __init__(self, task: LinearQuadratic) -> None:
        """Solve the task."""
        self.task, self.alpha = task, task.alpha
        self.obs_dim, self.action_dim = task.control.shape
        self.solution = riccati(task)
        size = self.obs_dim
        inner = self.solution.hessian[size:, size:]
        self.gain = torch.linalg.solve(inner, self.solution.hessian[size:, :size])
        self.covariance = self.alpha * torch.linalg.inv(inner)

    def states(self, count: int, generator: torch.Generator) -> Tensor:
        """Standard normal."""
        return normal((count, self.obs_dim), generator)

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """See `Expert.sample`."""
        eps = normal((len(states), self.action_dim), generator)
        drawn: Tensor = -states @ self.gain.T + eps @ torch.linalg.cholesky(self.covariance).T
        return drawn

    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """See `Expert.log_prob`."""
        covariance = self.covariance + torch.diag(noise**2)
        away = actions + states @ self.gain.T
        exponent = (away @ torch.linalg.inv(covariance) * away).sum(dim=-1)
        density: Tensor = -0.5 * (exponent + torch.logdet(2.0 * math.pi * covariance))
        return density

    def soft_q(self, actions: Tensor, states: Tensor) -> Tensor:
        """See `Expert.soft_q`."""
        both = torch.cat([states, actions], dim=1)
        ahead = self.solution.constant - 0.5 * torch.trace(self.solution.value @ self.task.process_noise)
        return -0.5 * (both @ self.solution.hessian * both).sum(dim=-1) + self.task.gamma * ahead

    def soft_value(self, states: Tensor) -> Tensor:
        """See `Expert.soft_value`."""
        return -0.5 * (states @ self.solution.value * states).sum(dim=-1) + self.solution.constant


def point_mass() -> LinearQuadratic:
    """A point mass in the plane: position and velocity, force; it is dearer to push in one direction."""
    eye, zero = torch.eye(2, dtype=DTYPE), torch.zeros(2, 2, dtype=DTYPE)
    step = TIME_STEP
    return LinearQuadratic(
        dynamics=torch.cat([torch.cat([eye, step * eye], dim=1), torch.cat([zero, 0.9 * eye], dim=1)]),
        control=torch.cat([0.5 * step**2 * eye, step * eye]),
        state_cost=torch.diag(torch.tensor([1.0, 1.0, 0.2, 0.2], dtype=DTYPE)),
        action_cost=torch.tensor([[0.2, 0.1], [0.1, 0.8]], dtype=DTYPE),
        process_noise=0.01 * torch.eye(4, dtype=DTYPE),
        gamma=0.95,
        alpha=0.4,
    )


def point_mass_expert() -> ControlExpert:
    """The max-ent expert of `point_mass`."""
    return ControlExpert(point_mass())
