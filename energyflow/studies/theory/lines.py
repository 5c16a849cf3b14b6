"""Work of a field along lines, circulation around triangles, cyclic preferences, the rotation in a Jacobian."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Field = Callable[[Tensor, Tensor], Tensor]  # actions [N, Da], states [N, Do] -> [N, Da]


def work(field: Field, start: Tensor, end: Tensor, states: Tensor, nodes: int) -> Tensor:
    """Integral [N] of the field from `start` to `end` [N, Da] along straight lines, by Gauss-Legendre quadrature.

    For a score it is the log density at the end minus that at the start: how much the end is preferred.
    """
    points, weights = np.polynomial.legendre.leggauss(nodes)  # type: ignore[no-untyped-call]
    share = torch.as_tensor(0.5 * (points + 1.0), dtype=start.dtype)[None, :, None]
    along = start[:, None] + share * (end - start)[:, None]
    values = field(along.reshape(-1, start.shape[1]), states.repeat_interleave(nodes, dim=0)).reshape(along.shape)
    projected = (values * (end - start)[:, None]).sum(dim=-1)
    return 0.5 * projected @ torch.as_tensor(weights, dtype=start.dtype)


def triangle_work(field: Field, corners: Tensor, states: Tensor, nodes: int) -> Tensor:
    """Work [N, 3] along the edges 1-2, 2-3, 3-1 of triangles [N, 3, Da]; its sum is the circulation."""
    following = corners.roll(-1, dims=1)
    edges = [work(field, corners[:, i], following[:, i], states, nodes) for i in range(3)]
    return torch.stack(edges, dim=1)


def cyclic(edges: Tensor, tolerance: float) -> Tensor:
    """Whether [N] each triangle is a cyclic preference a1 < a2 < a3 < a1 (or the reverse), from its work [N, 3].

    Edges weaker than `tolerance` times the strongest one do not count as a preference.
    """
    least = tolerance * edges.abs().amax(dim=1, keepdim=True)
    return (edges > least).all(dim=1) | (edges < -least).all(dim=1)


def relative_circulation(edges: Tensor) -> Tensor:
    """|sum of the work| over the sum of |work|, [N]: 0 for a gradient field, at most 1."""
    return edges.sum(dim=1).abs() / edges.abs().sum(dim=1)


def jacobians(field: Field, actions: Tensor, states: Tensor) -> Tensor:
    """Jacobian [N, Da, Da] of a differentiable field: entry (i, j) is d field_i / d a_j."""
    inputs = actions.detach().requires_grad_()
    with torch.enable_grad():
        values = field(inputs, states)
        rows = [
            torch.autograd.grad(values[:, i].sum(), inputs, retain_graph=i + 1 < values.shape[1])[0]
            for i in range(values.shape[1])
        ]
    return torch.stack(rows, dim=1)


def rotational_share(jacobian: Tensor) -> Tensor:
    """Norm of the antisymmetric part over the norm of the whole, [N]: 0 for a gradient field, 1 for a pure rotation."""
    skew = 0.5 * (jacobian - jacobian.transpose(1, 2))
    share: Tensor = torch.linalg.norm(skew, dim=(1, 2)) / torch.linalg.norm(jacobian, dim=(1, 2))
    return share
