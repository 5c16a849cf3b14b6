"""A figure of a reward along a demonstration: of what was done, and of other actions in the same states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from energyflow.core.errors import UserError
from energyflow.core.seeding import generator
from energyflow.datasets.format import Demos, load_demos
from energyflow.policies.checkpoint import load_model
from energyflow.report import drawing, style
from energyflow.report.style import nth_look
from energyflow.rewards.labeller import Reward, reward
from energyflow.rewards.registry import SOURCES

PALETTE = "colorblind"
DPI = 150
OTHERS = 16  # other actions in each state
SPREAD = 90.0  # percent of them that are inside the band


def along(labels: Reward, demos: Demos, episode: int) -> pd.DataFrame:
    """Reward of each step of a demonstration: columns `step`, `reward`, and of others `other`, `low`, `high`.

    The others are the same episode with actions drawn uniformly from the box, `OTHERS` times: their mean in a state,
    and the range of most of them.

    Args:
        labels: the reward.
        demos: the demonstrations.
        episode: number of the demonstration.

    Raises:
        UserError: there is no such demonstration.
    """
    if not 0 <= episode < len(demos.episodes):
        raise UserError(f"{demos.path}: no demonstration {episode}; there are 0 to {len(demos.episodes) - 1}")
    shown = demos.episodes[episode]
    boxed = Reward(labels.source, labels.keys)  # demonstrations are read in the box
    told = {"success": shown.success, "env_reward": shown.rewards}
    drawn = generator(0, "other actions").uniform(-1.0, 1.0, (OTHERS, *shown.actions.shape))
    others = np.stack([boxed(shown.obs, each, **told) for each in drawn])
    low, high = np.percentile(others, [50 - SPREAD / 2, 50 + SPREAD / 2], axis=0)
    found = {"reward": boxed(shown.obs, shown.actions, **told), "other": others.mean(axis=0), "low": low, "high": high}
    return pd.DataFrame({"step": np.arange(len(shown.actions))} | found)


def draw_episode(model: Path | None, demos: Path, source: str, episode: int, out: Path) -> None:
    """Draw `along`.

    Args:
        model: checkpoint that the source reads, if it reads one.
        demos: file of the demonstrations.
        source: of reward.
        episode: number of the demonstration.
        out: .png, .svg or .pdf file.

    Raises:
        UserError: as `rewards.labeller.reward`, or there is no such demonstration.
    """
    trained = None if model is None else load_model(model)
    loaded = load_demos(demos, None if trained is None else trained.spec.obs_keys)
    rows, look = along(reward(trained, loaded, source=source), loaded, episode), nth_look(0, PALETTE)
    with style.look():
        figure, (axes,) = drawing.panels(1, x="step of the demonstration", y="reward")
        axes.fill_between(rows["step"], rows["low"], rows["high"], color=style.UNKNOWN_COLOUR, alpha=0.2, lw=0)
        axes.plot(rows["step"], rows["other"], color=style.UNKNOWN_COLOUR, lw=1, label="uniform actions, mean and 90 %")
        axes.plot(rows["step"], rows["reward"], color=look.colour, lw=1.2, label="demonstrated action")
        axes.set_title(f"{SOURCES[source].title}, demonstration {episode}")
        drawing.legend_below(figure, 2)
        style.save(figure, DPI, [out])
