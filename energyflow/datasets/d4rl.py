"""D4RL's layout (Fu et al. 2020): every step of every episode in one row of flat arrays.

observations [N, Do]   actions [N, Da]   rewards [N]
terminals    [N]       1 where a step ended its episode for good
timeouts     [N]       1 where a clock ended it
next_observations      [N, Do] (optional)
infos/...              (optional; not read)

Without `next_observations`, what followed the last step of an episode that a clock ended is in no row: that step is
left out, as D4RL's own reader does. After a terminal step nothing is asked of it.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from energyflow.datasets.episodes import Episode, Episodes, Floats
from energyflow.datasets.reading import DemoFile

KEYS = ("observations", "actions", "rewards", "terminals", "timeouts")
NEXT = "next_observations"


def is_d4rl(path: Path) -> bool:
    """Whether a file has D4RL's arrays at its top.

    Raises:
        UserError: it cannot be opened.
    """
    with DemoFile(path) as file:
        return {"observations", "actions", "terminals"} <= set(file.names("/"))


def read_d4rl(path: Path, env: str | None = None) -> Episodes:
    """Read a file of D4RL's.

    Args:
        path: of the HDF5 file.
        env: Gymnasium's id of the environment, which the file does not say.

    Raises:
        UserError: an array is missing, of another length or holds NaN; a row of `next_observations` is not the
            observation of the next row within an episode; there is no step.
    """
    with DemoFile(path) as file:
        arrays = {key: file.array(key) for key in KEYS}
        following = file.array(NEXT) if file.has(NEXT) else None
        count = len(arrays["actions"])
        given = arrays if following is None else arrays | {NEXT: following}
        for key, values in given.items():
            if len(values) != count:
                raise file.error(key, f"{len(values)} rows, but {count} actions: the arrays have one row a step")
        if not count:
            raise file.error("actions", "is empty: no step")
        terminal, timeout = (arrays[key][:, 0] != 0 for key in ("terminals", "timeouts"))
        ends = np.flatnonzero(terminal | timeout) + 1
        borders = np.unique([0, *ends, count])
        obs = arrays["observations"]
        if following is not None:
            _check_follows(file, obs, following, borders)
        episodes = [
            _cut(arrays, following, int(start), int(stop), bool(terminal[stop - 1]), bool(timeout[stop - 1]))
            for start, stop in pairwise(borders)
        ]
        kept = [episode for episode in episodes if episode is not None]
        if not kept:
            raise file.error(NEXT, "is missing, and no episode has a step whose next observation is known")
        digest = file.digest
    return Episodes(
        path=path,
        sha256=digest,
        episodes=kept,
        layout={"observations": obs.shape[1]},
        env={"id": env} if env else {},
        name=path.stem,
        keys=("rewards", "terminals", "timeouts"),
    )


def _check_follows(file: DemoFile, obs: Floats, following: Floats, borders: NDArray[np.int64]) -> None:
    """Whether each row follows the one before within the episodes: else their borders are wrong.

    Raises:
        UserError: one does not, or the widths differ.
    """
    if obs.shape != following.shape:
        raise file.error(NEXT, f"{following.shape[1]} numbers at each step, but observations have {obs.shape[1]}")
    inside = np.ones(len(obs), dtype=bool)
    inside[borders[1:] - 1] = False
    rows = np.flatnonzero(inside)
    wrong = rows[~np.isclose(following[rows], obs[rows + 1], rtol=1e-4, atol=1e-5).all(axis=1)]
    if len(wrong):
        raise file.error(
            NEXT,
            f"row {wrong[0]} is not the observation of row {wrong[0] + 1}, though neither terminals nor timeouts end an"
            " episode there; mark the ends of all episodes",
        )


def _cut(
    arrays: dict[str, Floats], following: Floats | None, start: int, stop: int, terminal: bool, timeout: bool
) -> Episode | None:
    """Rows [start, stop) as an episode; None if nothing of it can be used."""
    obs = arrays["observations"][start:stop]
    if following is not None:
        last = following[stop - 1]
    elif terminal:
        last = obs[-1]
    else:
        last, stop = obs[-1], stop - 1
        obs = obs[:-1]
    if stop == start:
        return None
    return Episode(
        observations=np.concatenate([obs, last[None]]),
        actions=arrays["actions"][start:stop],
        rewards=arrays["rewards"][start:stop, 0],
        terminated=terminal,
        truncated=timeout and not terminal,
    )
