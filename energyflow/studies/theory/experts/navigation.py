"""Way-finding in the plane around a wall: a finite Markov decision process, solved by soft value iteration.

States are the nodes of a grid on [-1, 1]^2. An action in the box [-1, 1]^2 belongs to one cell of a grid of actions
and moves by the cell's centre; the landing point is a draw among the four nodes around it, with bilinear weights. So
soft Q is constant on each cell, the policy is piecewise uniform, and both are exact: no interpolation anywhere.
In front of the wall the expert goes round either end: two modes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from energyflow.studies.theory.experts.base import DTYPE, Expert

NODES = 13  # per axis
CELLS = 20  # of the action grid, per axis
REACH = 0.4  # of the longest move along one axis
GOAL = (0.85, 0.0)
WALL = (0.18, 0.55)  # half-width and half-height of the wall, around the origin
WALL_COST = 2.0
EFFORT = 0.1
GAMMA = 0.9
ALPHA = 0.06
ITERATIONS = 250


@dataclass(frozen=True)
class Plan:
    """Solution on nodes [S] and action cells [C]: soft Q [S, C] and soft value [S]."""

    q: Tensor
    value: Tensor


def axis_nodes() -> Tensor:
    """Coordinates of the nodes along one axis."""
    return torch.linspace(-1.0, 1.0, NODES, dtype=DTYPE)


def grid(axis: Tensor) -> Tensor:
    """All pairs of coordinates, [len^2, 2], the second one fastest."""
    return torch.cartesian_prod(axis, axis)


def cell_centres() -> Tensor:
    """Centres of the action cells along one axis."""
    return (torch.arange(CELLS, dtype=DTYPE) + 0.5) * (2.0 / CELLS) - 1.0


def in_wall(points: Tensor) -> Tensor:
    """Whether points [..., 2] lie in the wall."""
    return (points[..., 0].abs() <= WALL[0]) & (points[..., 1].abs() <= WALL[1])


def landing(points: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes [..., 4] around points [..., 2] of the square, and their bilinear weights [..., 4]."""
    scaled = (points.clamp(-1.0, 1.0) + 1.0) * 0.5 * (NODES - 1)
    low = scaled.floor().clamp(max=NODES - 2)
    share = scaled - low
    x, y = low[..., 0].long(), low[..., 1].long()
    wx, wy = share[..., 0], share[..., 1]
    nodes = torch.stack([x * NODES + y, x * NODES + y + 1, (x + 1) * NODES + y, (x + 1) * NODES + y + 1], dim=-1)
    weights = torch.stack([(1 - wx) * (1 - wy), (1 - wx) * wy, wx * (1 - wy), wx * wy], dim=-1)
    return nodes, weights


def rewards(nodes: Tensor, weights: Tensor, moves: Tensor) -> Tensor:
    """Expected reward [S, C]: distance of the landing node to the goal, the wall, and the effort of a move [C, 2]."""
    places = grid(axis_nodes())
    cost = torch.linalg.norm(places - torch.tensor(GOAL, dtype=DTYPE), dim=1) + WALL_COST * in_wall(places)
    expected: Tensor = -(weights * cost[nodes]).sum(dim=-1) - EFFORT * moves.square().sum(dim=-1)
    return expected


def solve() -> Plan:
    """Soft value iteration: V = alpha log of the integral of exp(Q / alpha) over the box of actions."""
    moves = grid(cell_centres())
    nodes, weights = landing(grid(axis_nodes())[:, None] + REACH * moves[None])
    reward = rewards(nodes, weights, moves)
    area = (2.0 / CELLS) ** 2
    value = torch.zeros(NODES**2, dtype=DTYPE)
    for _ in range(ITERATIONS):
        q = reward + GAMMA * (weights * value[nodes]).sum(dim=-1)
        value = ALPHA * (torch.logsumexp(q / ALPHA, dim=1) + math.log(area))
    return Plan(q, value)


class NavigationExpert(Expert):
    """The max-ent policy of the solved process; states are uniform on the nodes outside the wall."""

    obs_dim = action_dim = 2
    alpha = ALPHA
    box = 1.0

    def __init__(self) -> None:
        """Solve the process."""
        self.plan = solve()
        self.places = grid(axis_nodes())
        self.free = torch.nonzero(~in_wall(self.places))[:, 0]
        self.shares = torch.softmax(self.plan.q / ALPHA, dim=1).reshape(-1, CELLS, CELLS)
        self.edges = torch.linspace(-1.0, 1.0, CELLS + 1, dtype=DTYPE)

    def states(self, count: int, generator: torch.Generator) -> Tensor:
        """Free nodes, uniformly."""
        return self.places[self.free[torch.randint(len(self.free), (count,), generator=generator)]]

    def node(self, states: Tensor) -> Tensor:
        """Index [N] of the node at each state [N, 2]."""
        x, y = ((states + 1.0) * 0.5 * (NODES - 1)).round().long().unbind(dim=1)
        return x * NODES + y

    def cell(self, actions: Tensor) -> Tensor:
        """Index [N] of the action cell that holds each action [N, 2]."""
        x, y = ((actions + 1.0) * 0.5 * CELLS).floor().long().clamp(0, CELLS - 1).unbind(dim=1)
        return x * CELLS + y

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """A cell by its share, then a point in it."""
        shares = self.shares.reshape(len(self.places), -1)[self.node(states)]
        chosen = torch.multinomial(shares, 1, generator=generator)[:, 0]
        within = torch.rand(len(states), 2, generator=generator, dtype=DTYPE) - 0.5
        return grid(cell_centres())[chosen] + within * (2.0 / CELLS)

    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """See `Expert.log_prob`; under noise, each cell contributes differences of the normal distribution function."""
        if not bool((noise > 0).all()):
            return self.advantage(actions, states) / ALPHA
        along = []
        for axis in range(2):
            reached = torch.special.ndtr((self.edges - actions[:, axis : axis + 1]) / noise[axis])
            along.append(torch.diff(reached, dim=1) * (CELLS / 2.0))
        density = torch.einsum("nxy,nx,ny->n", self.shares[self.node(states)], *along)
        return density.clamp(min=torch.finfo(DTYPE).tiny).log()

    def soft_q(self, actions: Tensor, states: Tensor) -> Tensor:
        """See `Expert.soft_q`."""
        return self.plan.q[self.node(states), self.cell(actions)]

    def soft_value(self, states: Tensor) -> Tensor:
        """See `Expert.soft_value`."""
        return self.plan.value[self.node(states)]
