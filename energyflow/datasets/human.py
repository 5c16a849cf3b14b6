"""RoboMimic's official recordings of people: downloaded, checked, replayed, and used as they are.

Proficient-human, low-dimensional files, about 200 demonstrations a task (Mandlekar et al., 2021).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py

from energyflow.config.sections import CollectParams
from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path
from energyflow.core.provenance import package_versions
from energyflow.datasets.download import fetch
from energyflow.datasets.format import load_demos
from energyflow.datasets.manifest import write_manifest
from energyflow.datasets.replay import Replayable, replays
from energyflow.envs.tasks import make_env, simulator_of

# Newest first: v1.5 has the observations of robosuite 1.5; v1.4.1 is the same recordings in those of 1.4.
OFFICIAL = {
    "v1.5": "https://huggingface.co/datasets/robomimic/robomimic_datasets/resolve/main/v1.5/{task}/ph/low_dim_v15.hdf5",
    "v1.4.1": "https://downloads.cs.stanford.edu/downloads/rt_benchmark/{task}/ph/low_dim_v141.hdf5",
}
# sha256 by address, asked of the first download too. Of none of the files is one published: what the first download had
# is recorded beside it, and later ones must agree.
PINNED: dict[str, str] = {}
DOWNLOADS = Path("data/downloads")  # outside the folders of the workflow, which empties them before a job


def _download(task: str, official: dict[str, str], folder: Path) -> tuple[str, str, Path]:
    """The newest official file that can be had: version, address, path."""
    problems = []
    for version, pattern in official.items():
        url = pattern.format(task=task.split("/")[1])
        path = folder / task / version / url.rsplit("/", 1)[1]
        try:
            fetch(url, path, pinned=PINNED.get(url))
        except UserError as error:
            problems.append(f"{version}: {error}")
            print(f"version {version} cannot be had: {error}", flush=True)
            continue
        return version, url, path
    raise UserError(
        f"{task}: no official recordings could be fetched ({'; '.join(problems)}); or use the scripted expert,"
        " collect.source: scripted"
    )


def collect(
    task: str,
    params: CollectParams,
    out: Path,
    *,
    official: dict[str, str] = OFFICIAL,
    downloads: Path = DOWNLOADS,
) -> None:
    """Fetch the official file of a task, check it, and write `demos.hdf5` and `manifest.json`.

    The file stays as it is, but for `env_args` of v1.4.1, which are converted. A second run downloads nothing.

    Args:
        task: of the suite robomimic.
        params: how many recordings are replayed, and what share of them must succeed.
        out: folder of the outputs.
        official: addresses by version, newest first.
        downloads: folder in which files are kept between runs.

    Raises:
        UserError: the task has none; its simulator is not installed; nothing could be fetched; the file is damaged, has
            other widths than the simulator or was recorded with another robot or controller; or too few recordings
            succeed again.
    """
    if not task.startswith("robomimic/"):
        raise UserError(f"{task}: there are no official recordings of it; use collect.source: scripted")
    simulator_of(task)  # before the download: whether it is installed
    from energyflow.envs.robomimic import metadata  # only now: it imports the simulator

    version, url, path = _download(task, official, downloads)
    demos = load_demos(path)
    env_args, converted = metadata.convert(demos.env_args)
    try:
        metadata.check(task, env_args)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    env = make_env(task, demos.obs_keys)
    assert isinstance(env, Replayable)
    for what, found, wanted in (
        ("observation", demos.obs_dim, env.obs_dim),
        ("action", demos.action_dim, env.action_dim),
    ):
        if found != wanted:
            raise UserError(f"{path}: {what} width {found}, but the simulator of {task} has {wanted}")
    outcomes = replays(env, path, params.replays)
    share = sum(outcomes) / len(outcomes)
    if share < params.min_replay:
        raise UserError(
            f"{path}: of {len(outcomes)} recordings that were replayed, {sum(outcomes)} succeeded: {share:.0%},"
            f" below collect.min_replay = {params.min_replay:.0%}. The actions then mean something else in this"
            " simulator (frame, controller, physics), and policies trained on them would fail. A newer file may fit:"
            f" move {path.parent} away and run again"
        )
    with atomic_path(out / "demos.hdf5") as temporary:
        shutil.copyfile(path, temporary)
        if converted:
            _write_env_args(temporary, env_args)
    write_manifest(
        out / "demos.hdf5",
        {
            "task": task,
            "source": "human",
            "version": version,
            "url": url,
            "downloaded_sha256": demos.sha256,
            "env_args_converted": converted,
            "demos": len(demos.episodes),
            "transitions": sum(len(d.actions) for d in demos.episodes),
            "replayed": len(outcomes),
            "replay_success_rate": share,
            "versions": package_versions(),
            "params": params.model_dump(),
        },
    )


def _write_env_args(path: Path, env_args: dict[str, Any]) -> None:
    with h5py.File(path, "r+") as file:
        file["data"].attrs["env_args"] = json.dumps(env_args)
