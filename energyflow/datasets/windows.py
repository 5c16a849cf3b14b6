"""Windows cut from demonstrations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from energyflow.datasets.format import Demos


@dataclass(frozen=True)
class Windows:
    """All training windows: obs [N, To, Do] in environment units, actions [N, Tp, Da] in the box; float64."""

    obs: Tensor
    actions: Tensor


def make_windows(
    demos: Demos, obs_horizon: int, pred_horizon: int, *, sequences: bool = False, executed: bool = False
) -> Windows:
    """Cut one window per transition.

        time      t-1    t    t+1   ...  t+Tp-1
        obs        o      o                          To = 2: the first observation is repeated at the start
        action            a     a   ...    a         Tp: the last action is repeated at the end

    With `sequences`, for recurrent policies, an observation stands beside each action (To = Tp):

        obs               o     o   ...    o         the last observation is repeated at the end
        action            a     a   ...    a

    With `executed`, for models of what an action leads to, the actions are what the simulator was given.

    Returns:
        Windows in the order of the file.
    """
    obs, actions = [], []
    for episode in demos.episodes:
        steps = np.arange(len(episode.actions))
        back = steps[:, None] + (np.arange(obs_horizon) if sequences else np.arange(1 - obs_horizon, 1))[None]
        ahead = steps[:, None] + np.arange(pred_horizon)[None]
        obs.append(episode.obs[np.clip(back, 0, steps[-1])])
        shown = episode.executed if executed else episode.actions
        actions.append(shown[np.clip(ahead, None, steps[-1])])
    return Windows(
        torch.from_numpy(np.concatenate(obs)),
        torch.from_numpy(np.concatenate(actions)),
    )
