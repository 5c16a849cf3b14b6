"""Six two-dimensional sets with an energy each, and exact samples of their tilted laws q(x) ~ p(x) exp(-beta E(x)).

Generators and energies as in the code of contrastive energy prediction (Lu et al. 2023), which has rewards e = -E.
Where e belongs to a mode or a noise-free point, the tilted law is that of the pair (x, e), and E(x) stands for it.

Two things differ from that code: angles of the rings are uniform, not evenly spaced, and so is the curve of the moons;
the law of one point is the same.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from energyflow.core.errors import UserError, nearest

Array = NDArray[np.float64]


class Draw(NamedTuple):
    """Points [N, 2] and their energies [N]."""

    points: Array
    energy: Array


class ToySet(ABC):
    """A law p of points with energies.

    Attributes:
        lowest: the lowest energy there is, or for `Swissroll` that of the noise-free curve.
        modes: how many separated parts have masses of their own; 0 where there are none.
    """

    lowest = -1.0
    modes = 0

    @abstractmethod
    def draw(self, count: int, rng: np.random.Generator) -> Draw:
        """Independent points of p with their energies."""

    def tilted(self, count: int, beta: float, rng: np.random.Generator) -> Draw:
        """Independent points of q ~ p exp(-beta E), exact: rejection from p against the lowest energy."""
        points: list[Array] = []
        energy: list[Array] = []
        while sum(map(len, energy)) < count:
            drawn = self.draw(max(4 * count, 4096), rng)
            keep = rng.random(len(drawn.energy)) < np.exp(-beta * (drawn.energy - self.lowest))
            points.append(drawn.points[keep])
            energy.append(drawn.energy[keep])
        return Draw(np.concatenate(points)[:count], np.concatenate(energy)[:count])

    @abstractmethod
    def energy(self, points: Array) -> Array:
        """E at any points [N, 2]; where it belongs to a mode or a noise-free point, of the nearest one."""

    def mode(self, points: Array) -> NDArray[np.int64]:
        """The mode [N] that each point [N, 2] is nearest to."""
        raise UserError(f"{type(self).__name__}: it has no separated modes")

    def masses(self, beta: float) -> Array:
        """Exact masses of the modes under the tilted law."""
        raise UserError(f"{type(self).__name__}: it has no separated modes")


def softmax(log_weight: Array) -> Array:
    """exp(log_weight) over its sum."""
    share = np.exp(log_weight - log_weight.max())
    found: Array = share / share.sum()
    return found


class Eight(ToySet):
    """Eight Gaussians on a circle, counter-clockwise from the north; e = k / 7."""

    modes = 8

    def __init__(self) -> None:
        angle = np.pi / 2 + np.pi / 4 * np.arange(8)
        self.centres = 4.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1) / 1.414

    def draw(self, count: int, rng: np.random.Generator) -> Draw:
        """See the base class."""
        k = rng.integers(8, size=count)
        return Draw(self.centres[k] + 0.5 / 1.414 * rng.standard_normal((count, 2)), -k / 7.0)

    def mode(self, points: Array) -> NDArray[np.int64]:
        """See the base class."""
        found: NDArray[np.int64] = np.argmin(np.square(points[:, None] - self.centres).sum(axis=-1), axis=1)
        return found

    def energy(self, points: Array) -> Array:
        """See the base class."""
        return -self.mode(points) / 7.0

    def masses(self, beta: float) -> Array:
        """See the base class."""
        return softmax(beta * np.arange(8) / 7.0)


class Rings(ToySet):
    """Four rings; e by the radius without noise."""

    modes = 4
    RADII = 3.0 * np.array([1.0, 0.75, 0.5, 0.25])
    REWARDS = np.array([2.0 / 3.0, 1.0 / 3.0, 1.0, 0.0])  # e, of each ring

    def draw(self, count: int, rng: np.random.Generator) -> Draw:
        """See the base class."""
        k, angle = rng.integers(4, size=count), rng.uniform(0.0, 2.0 * np.pi, count)
        clean = self.RADII[k, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return Draw(clean + 0.08 * rng.standard_normal((count, 2)), -self.REWARDS[k])

    def mode(self, points: Array) -> NDArray[np.int64]:
        """See the base class."""
        away = np.abs(np.linalg.norm(points, axis=1)[:, None] - self.RADII)
        found: NDArray[np.int64] = np.argmin(away, axis=1)
        return found

    def energy(self, points: Array) -> Array:
        """See the base class."""
        return -self.REWARDS[self.mode(points)]

    def masses(self, beta: float) -> Array:
        """See the base class."""
        return softmax(beta * self.REWARDS)


class Moons(ToySet):
    """Two half circles; e is 0 on the upper and 1 on the lower one."""

    def draw(self, count: int, rng: np.random.Generator) -> Draw:
        """See the base class."""
        label, angle = rng.integers(2, size=count), rng.uniform(0.0, np.pi, count)
        lower = label == 1
        x = np.where(lower, 1.0 - np.cos(angle), np.cos(angle))
        y = np.where(lower, 0.5 - np.sin(angle), np.sin(angle))
        points = np.stack([x, y], axis=1) + 0.1 * rng.standard_normal((count, 2))
        return Draw(2.0 * points + np.array([-1.0, -0.2]), -label.astype(np.float64))

    def energy(self, points: Array) -> Array:
        """See the base class; the moon whose arc is nearer."""
        at = (points - np.array([-1.0, -0.2])) / 2.0
        upper = _distance_to_arc(at)
        lower = _distance_to_arc(np.stack([1.0 - at[:, 0], 0.5 - at[:, 1]], axis=1))
        return -(lower < upper).astype(np.float64)


def _distance_to_arc(points: Array) -> Array:
    """Distance [N] of points to the upper half of the unit circle."""
    radial = np.abs(np.linalg.norm(points, axis=1) - 1.0)
    ends = np.minimum(*(np.linalg.norm(points - np.array([side, 0.0]), axis=1) for side in (-1.0, 1.0)))
    found: Array = np.where(points[:, 1] >= 0.0, radial, ends)
    return found


class Swissroll(ToySet):
    """A spiral (t cos t, t sin t), t in [1.5 pi, 4.5 pi], plus N(0, I), all over 5; e = |x|^2 / 9.

    The reward has no bound, for the noise has none: the noise is tilted in closed form, the curve by rejection.
    """

    ENDS = (1.5 * math.pi, 4.5 * math.pi)
    lowest = -((ENDS[1] / 5.0) ** 2) / 9.0

    def draw(self, count: int, rng: np.random.Generator) -> Draw:
        """See the base class."""
        return self.tilted(count, 0.0, rng)

    def tilted(self, count: int, beta: float, rng: np.random.Generator) -> Draw:
        """Exact: with y = 5 x = c(t) + n and a = beta / 225, p(n) exp(a |y|^2) is Gaussian about c / (1 - 2 a).

        Its precision is 1 - 2 a, and t has the density exp(a t^2 / (1 - 2 a)), as |c(t)| = t.

        Raises:
            UserError: the tilted law has no finite mass, which is so from beta = 112.5.
        """
        a = beta / 225.0
        precision = 1.0 - 2.0 * a
        if precision <= 0.0:
            raise UserError(f"swissroll has a tilted law up to beta = 112.5, got {beta:g}; lower `betas`")
        kept: list[Array] = []
        while sum(map(len, kept)) < count:
            t = rng.uniform(*self.ENDS, max(4 * count, 4096))
            accept = np.exp(a / precision * (np.square(t) - self.ENDS[1] ** 2))
            kept.append(t[rng.random(len(t)) < accept])
        t = np.concatenate(kept)[:count]
        centre = t[:, None] * np.stack([np.cos(t), np.sin(t)], axis=1)
        points = (centre / precision + rng.standard_normal((count, 2)) / math.sqrt(precision)) / 5.0
        return Draw(points, self.energy(points))

    def energy(self, points: Array) -> Array:
        """See the base class."""
        found: Array = -np.square(points).sum(axis=1) / 9.0
        return found


class Spirals(ToySet):
    """Two arms, (-n cos n, n sin n) and its negative, n = sqrt(U) 3 pi; e = 1 - n / 10."""

    def draw(self, count: int, rng: np.random.Generator) -> Draw:
        """See the base class."""
        n = 3.0 * np.pi * np.sqrt(rng.random(count))
        arm = np.stack([-np.cos(n) * n, np.sin(n) * n], axis=1) + 0.5 * rng.random((count, 2))
        side = np.where(rng.random(count) < 0.5, 1.0, -1.0)[:, None]
        return Draw(side * arm / 3.0 + 0.1 * rng.standard_normal((count, 2)), n / 10.0 - 1.0)

    def energy(self, points: Array) -> Array:
        """See the base class; the radius stands for n, which the noise moves."""
        found: Array = np.clip(3.0 * np.linalg.norm(points, axis=1) / 10.0 - 1.0, -1.0, 0.0)
        return found


class Checkerboard(ToySet):
    """Eight squares of side 2 in [-4, 4]^2; e is 1 where 0 < x <= 2 or x <= -2, else 0."""

    def draw(self, count: int, rng: np.random.Generator) -> Draw:
        """See the base class."""
        x = rng.uniform(-2.0, 2.0, count)
        y = rng.random(count) - 2.0 * rng.integers(2, size=count) + np.mod(np.floor(x), 2.0)
        points = 2.0 * np.stack([x, y], axis=1)
        return Draw(points, self.energy(points))

    def energy(self, points: Array) -> Array:
        """See the base class."""
        x = points[:, 0]
        return -(((x > 0.0) & (x <= 2.0)) | (x <= -2.0)).astype(np.float64)


SETS: dict[str, type[ToySet]] = {
    "8gaussians": Eight,
    "moons": Moons,
    "swissroll": Swissroll,
    "rings": Rings,
    "2spirals": Spirals,
    "checkerboard": Checkerboard,
}


def make_set(name: str) -> ToySet:
    """The set called `name`.

    Raises:
        UserError: there is none.
    """
    if name not in SETS:
        raise UserError(f"unknown set '{name}'; {nearest(name, SETS)}")
    return SETS[name]()
