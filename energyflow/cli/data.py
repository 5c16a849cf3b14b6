"""`energyflow data`: what a source of demonstrations holds, whatever its format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from energyflow.cli.options import Arguments, add_command

if TYPE_CHECKING:
    from energyflow.cli.job import Commands


def _data(a: Arguments) -> None:
    from energyflow.datasets.contents import contents

    print(contents(a.source, a.filter_key, a.out))


def add(commands: Commands) -> None:
    """Add the command."""
    data = add_command(commands, "data", "what demonstrations hold, and what would be used", flags=False)
    data.add_argument("source", type=Path, help="file of robomimic or D4RL; folder of LeRobot or Minari, or its name")
    data.add_argument("--filter-key", help="list of demonstrations in the file (default: train, where there is one)")
    data.add_argument("--out", type=Path, help="write a source of another format here, in robomimic's HDF5 layout")
    data.set_defaults(handler=_data, computes=False)
