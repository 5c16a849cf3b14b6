"""EnergyFlow: policies and rewards from demonstrations. `section.key=value` changes any number of params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from energyflow.cli.options import Arguments, add_command, dry, given, params_of

if TYPE_CHECKING:
    from energyflow.cli.job import Commands


def _collect(a: Arguments) -> None:
    section = given(a, params_of(a).of(a.task).collect)
    out = a.out or Path("data", section.source, a.task)
    if not dry(a, section):
        from energyflow.datasets.collect import collect

        collect(a.task, section, out)
        print(f"wrote {out}/demos.hdf5")


def _plot(a: Arguments) -> None:
    from energyflow.pipeline.params import load
    from energyflow.report.paired import compare, evaluated
    from energyflow.report.runs import draw_runs

    draw_runs(a.runs, a.out)
    print(f"wrote {a.out}")
    if len(a.runs) == 2 and all(map(evaluated, a.runs)):
        print("\n".join(compare(a.runs[0], a.runs[1], load().report)))


def add(commands: Commands) -> None:
    """Add the commands of people."""
    collect = add_command(commands, "collect", "demonstrations of a scripted expert, or of people")
    collect.add_argument("task", help="suite/task, for example metaworld/hammer")
    collect.set_defaults(handler=_collect, computes=False)
    plot = add_command(commands, "plot", "losses and success of runs; of two, the difference", flags=False)
    plot.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder that energyflow train wrote")
    plot.add_argument("--out", type=Path, default=Path("runs.png"), help="figure: .png, .svg or .pdf (%(default)s)")
    plot.set_defaults(handler=_plot, computes=False)
