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


def _landscape(a: argparse.Namespace) -> None:
    from energyflow.config.plots import LandscapePlot
    from energyflow.datasets.formats import as_demos
    from energyflow.pipeline.params import load
    from energyflow.report.own_landscape import draw_landscape

    plot = load().plots["landscape"]
    assert isinstance(plot, LandscapePlot)
    draw_landscape(a.model, as_demos(a.demos), a.episode, a.step, plot, a.out)
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
    text = "draw the energy around what a demonstration did in one of its states, and what the policy does there"
    slice_ = doing.add_parser("landscape", help=text, description=text)
    slice_.set_defaults(handler=_landscape, computes=True, flagged=False)
    slice_.add_argument("--model", type=Path, required=True, help="folder of a run of energyflow, or its checkpoint")
    slice_.add_argument("--demos", type=Path, required=True, help="demonstrations, of any format")
    slice_.add_argument("--episode", type=int, default=0, help="number of the demonstration, from 0 on (%(default)s)")
    slice_.add_argument("--step", type=int, help="of the demonstration (default: halfway through)")
    slice_.add_argument("--out", type=Path, default=Path("landscape.png"), help=".png, .svg or .pdf (%(default)s)")
