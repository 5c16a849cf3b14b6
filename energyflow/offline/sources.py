"""A data set by whatever a user names it: a folder or file of Minari's, a file of D4RL's, or Minari's id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from energyflow.core.errors import UserError
from energyflow.datasets.d4rl import is_d4rl, read_d4rl
from energyflow.datasets.episodes import Episodes
from energyflow.datasets.hub import download_minari, is_name
from energyflow.datasets.minari import data_folder, read_minari


def find_dataset(name: str, *, env: str | None = None, obs_keys: Sequence[str] | None = None) -> Episodes:
    """Read a data set, after downloading it if it is named by Minari's id and is not here.

    Args:
        name: path, or id such as mujoco/hopper/medium-v0.
        env: Gymnasium's id of the environment, over what the file says.
        obs_keys: of dictionaries of observations.

    Raises:
        UserError: there is no such file or id, or what is there cannot be read; see the readers.
    """
    path = Path(name)
    if not path.exists():
        if not is_name(name):
            raise UserError(f"{name}: no such file or folder, and no id of Minari's, such as mujoco/hopper/medium-v0")
        path = download_minari(name)
    if path.is_file() and data_folder(path) is None:
        if not is_d4rl(path):
            raise UserError(
                f"{path}: neither D4RL's arrays (observations, actions, terminals) nor Minari's data folder; of"
                " demonstrations in robomimic's layout, use `energyflow train`"
            )
        return read_d4rl(path, env)
    data = read_minari(path, obs_keys)
    return replace(data, env={"id": env}) if env else data
