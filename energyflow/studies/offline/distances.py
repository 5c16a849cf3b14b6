"""How far samples are from a law that is known by exact samples."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from energyflow.offline.sets import Array

WITHIN = 0.999  # share of fresh points of the law that lie as near to its reference points as the support test asks


def sliced_w2(first: Array, second: Array, directions: int, rng: np.random.Generator) -> float:
    """Root of the mean squared Wasserstein distance of projections, [N, D] both: equal sizes, sorted."""
    toward = rng.standard_normal((directions, first.shape[1]))
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    gaps = np.sort(first @ toward.T, axis=0) - np.sort(second @ toward.T, axis=0)
    return float(np.sqrt(np.square(gaps).mean()))


def energy_distance(first: Array, second: Array) -> float:
    """Root of 2 E|X - Y| - E|X - X'| - E|Y - Y'|, of [N, D] and [M, D] (Szekely and Rizzo 2013)."""
    cross, one, two = (float(cdist(a, b).mean()) for a, b in ((first, second), (first, first), (second, second)))
    return float(np.sqrt(max(2.0 * cross - one - two, 0.0)))


def off_support(samples: Array, reference: Array, fresh: Array) -> float:
    """Share of samples [N, D] farther from every reference point than all but 0.1 % of fresh points of the law are."""
    tree = cKDTree(reference)
    limit = float(np.quantile(tree.query(fresh)[0], WITHIN))
    return float((tree.query(samples)[0] > limit).mean())


def total_variation(shares: Array, exact: Array) -> float:
    """Half the sum of |difference| of two sets of masses."""
    return float(np.abs(shares - exact).sum() / 2.0)
