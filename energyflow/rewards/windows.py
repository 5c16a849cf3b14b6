"""Which observations and actions the reward of one step reads: the sliding chunk, kept inside its episode."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


def window_indices(step: Index, start: Index, obs_horizon: int, pred_horizon: int) -> tuple[Index, Index]:
    """Rows that the window credited at each step is made of.

    The chunk starts at t0 = step - Tp + 1 and ends with the action of `step`; observations end at t0. Near
    the start of an episode the chunk begins with the episode and repeats its last action, and observations
    repeat the first: the padding that training windows get at the ends of a demonstration.

        time        t0-1   t0   ...   step
        obs          o      o                    To = 2
        action              a   ...    a         Tp

    Args:
        step: [B] row of the transition that the reward is credited to.
        start: [B] row of the first transition of its episode.
        obs_horizon: To.
        pred_horizon: Tp.

    Returns:
        rows of observations [B, To] and of actions [B, Tp]; none lies before `start` or after `step`.
    """
    first = np.maximum(step - pred_horizon + 1, start)
    rows = first[:, None] + np.arange(1 - obs_horizon, 1)
    columns = first[:, None] + np.arange(pred_horizon)
    return np.maximum(rows, start[:, None]), np.minimum(columns, step[:, None])
