"""`energyflow offline`: train an offline method on a data set, and evaluate it in the data set's environment."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from energyflow.cli.options import add_command, dry, existing, given, own_folder, whole_number

if TYPE_CHECKING:
    from energyflow.cli.job import Commands
    from energyflow.offline.methods.sections import LearnParams

DEFAULT = "qipo_ot"


def _numbers(a: argparse.Namespace) -> LearnParams:
    """The section `offline.rl` of the params file under the flags, or the one that `--params` gives whole."""
    from energyflow.pipeline.params import load
    from energyflow.studies.offline.study import offline_of

    # whichever studies the preset has, and none where `--params` gives every number
    flags = [*a.flags, "run.studies=[offline]"] if a.params is None else ["run.studies=[offline]"]
    return given(a, offline_of(load(a.config, a.preset, flags=flags)).rl)


def _offline(a: argparse.Namespace) -> None:
    params = _numbers(a)
    if dry(a, params):
        return
    from energyflow.offline.evaluate import evaluate
    from energyflow.offline.sources import find_dataset
    from energyflow.offline.train import train

    data = find_dataset(a.dataset, env=a.env, obs_keys=a.obs_keys)
    out = own_folder(a, Path("runs", "offline", *data.name.split("/"), a.method, f"seed{a.seed}"))
    train(data, a.method, params, a.seed, out, parts=a.parts, existing=existing(a))
    print(f"wrote {out}/model.safetensors")
    evaluate(out, params.evaluate, out / "evaluate", existing="redo" if a.overwrite else "replace")
    print(f"wrote {out}/evaluate/episodes.csv")
    print(said(out / "evaluate" / "episodes.csv", params.evaluate.confidence))


def said(file: Path, confidence: float) -> str:
    """Mean return of the episodes, and on each scale: with Student's interval over episodes."""
    from energyflow.report.rows import read_table
    from energyflow.report.seeds import interval

    rows = read_table(file, ("return", "length"))
    parts = []
    for column in ("return", *(name for name in rows if str(name).startswith("normalised_"))):
        mean, low, high = interval(rows[column].tolist(), confidence)
        parts.append(f"{str(column).replace('_', ' by ')} {mean:.1f} [{low:.1f}, {high:.1f}]")
    return f"{', '.join(parts)}; {len(rows)} episodes, {100 * confidence:g} % intervals"


def add(commands: Commands) -> None:
    """Add `offline`."""
    command = add_command(commands, "offline", "train an offline method on a data set, and evaluate it")
    command.epilog = "offline.rl.key=value, such as offline.rl.critic.steps=2000, changes a number of the params file"
    command.add_argument(
        "--dataset",
        required=True,
        help="folder or file, Minari's or D4RL's, or Minari's id (mujoco/hopper/medium-v0)",
    )
    command.add_argument("--method", default=DEFAULT, help=f"default: {DEFAULT}; see the guide offline")
    command.add_argument("--env", help="Gymnasium's id of the environment, where the data set does not say it")
    command.add_argument("--obs-keys", nargs="+", help="of a dictionary of observations, in this order (default: all)")
    command.add_argument(
        "--parts", type=Path, nargs="+", default=[], metavar="RUN", help="runs whose behaviour model and critic to use"
    )
    command.add_argument("--seed", type=whole_number, default=0)
    command.add_argument("--overwrite", action="store_true", help="compute again, in place of what is there")
    command.set_defaults(handler=_offline, computes=True)
