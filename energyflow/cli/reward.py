"""What a recovered reward says of one's own demonstrations: `reward plot`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energyflow.cli.job import Commands


def _plot(a: argparse.Namespace) -> None:
    from energyflow.datasets.formats import as_demos
    from energyflow.report.episode import draw_episode

    draw_episode(a.model, as_demos(a.demos), a.source, a.episode, a.out)
    print(f"wrote {a.out}")


def add(commands: Commands) -> None:
    """Add `reward` and its sub-commands."""
    door = commands.add_parser("reward", help="see a recovered reward", description=__doc__)
    doing = door.add_subparsers(dest="doing", required=True, metavar="WHAT")
    text = "draw the reward of each step of a demonstration, beside that of other actions in the same states"
    plot = doing.add_parser("plot", help=text, description=text)
    plot.set_defaults(handler=_plot, computes=True, flagged=False)
    plot.add_argument("--model", type=Path, help="folder of a run of energyflow train --as reward, or its checkpoint")
    plot.add_argument("--demos", type=Path, required=True, help="demonstrations, of any format")
    plot.add_argument("--source", default="centered_energy", help="of reward (%(default)s)")
    plot.add_argument("--episode", type=int, default=0, help="number of the demonstration, from 0 on (%(default)s)")
    plot.add_argument("--out", type=Path, default=Path("reward.png"), help="figure: .png, .svg or .pdf (%(default)s)")
