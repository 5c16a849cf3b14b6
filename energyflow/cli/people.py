"""EnergyFlow: policies and rewards from demonstrations. `section.key=value` changes any number of params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from energyflow.cli.options import Arguments, add_command, dry, existing, given, own_folder, params_of, whole_number
from energyflow.core.errors import UserError, nearest

if TYPE_CHECKING:
    from energyflow.cli.job import Commands
    from energyflow.config.params import Sections
    from energyflow.config.sections import OnlineParams, TrainParams


def _collect(a: Arguments) -> None:
    section = given(a, params_of(a).of(a.task).collect)
    out = a.out or Path("data", section.source, a.task)
    if not dry(a, section):
        from energyflow.datasets.collect import collect

        collect(a.task, section, out)
        print(f"wrote {out}/demos.hdf5")


def _training(a: Arguments, sections: Sections) -> TrainParams | OnlineParams:
    """The section of what is trained: a policy, or a model that rewards read.

    Raises:
        UserError: there is no such method, or no reward reads a model of it.
    """
    if a.kind == "reward":
        if a.method not in sections.reward_model:
            raise UserError(f"no reward reads a model of '{a.method}'; {nearest(a.method, sections.reward_model)}")
        return sections.reward_model[a.method]
    online = a.method in sections.online
    return sections.training_online(a.method) if online else sections.training(a.method)


def _train(a: Arguments) -> None:
    from energyflow.config.sections import OnlineParams
    from energyflow.datasets.format import load_demos
    from energyflow.datasets.formats import as_demos
    from energyflow.learning.card import write_card

    demos = as_demos(a.demos)
    task = a.task or load_demos(demos, filter_key=a.filter_key).task
    sections = params_of(a).of(task)
    section = given(a, _training(a, sections))
    if section.method != a.method:
        raise UserError(f"--params is a section of '{section.method}': give --method {section.method} too")
    kind = "_reward" if a.kind == "reward" else ""
    out = own_folder(a, Path("runs", task, f"{section.method}{kind}", f"seed{a.seed}"))
    if dry(a, section):
        return
    if isinstance(section, OnlineParams):
        if a.filter_key or a.overwrite:
            raise UserError(f"{section.method} is trained in the simulator, without --filter-key and --overwrite")
        from energyflow.agents.online import train_online

        train_online(task, a.seed, section, demos, a.model, out)
    else:
        from energyflow.learning.trainer import train

        train(task, a.seed, section, demos, out, filter_key=a.filter_key, existing=existing(a))
    write_card(out)
    print(f"wrote {out}/model.safetensors")


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
    train = add_command(commands, "train", "train a policy on demonstrations")
    train.add_argument(
        "--demos",
        type=Path,
        required=True,
        help="demonstrations, of any format that `energyflow data` reads",
    )
    train.add_argument("--method", default="energyflow", help="default: energyflow")
    train.add_argument(
        "--as",
        dest="kind",
        choices=("policy", "reward"),
        default="policy",
        help="what to train: a policy, or a model of single steps that rewards read (default: policy)",
    )
    train.add_argument("--task", help="suite/task, or custom/NAME (default: what the file says)")
    train.add_argument("--seed", type=whole_number, default=0)
    train.add_argument("--filter-key", help="list in the file's mask/ (default: train if it is there), or all")
    train.add_argument("--model", type=Path, help="reward model, of a method that reads one while it learns")
    train.set_defaults(handler=_train, computes=True)
    train.add_argument("--overwrite", action="store_true", help="compute again, in place of what is there")
    plot = add_command(commands, "plot", "losses and success of runs; of two, the difference", flags=False)
    plot.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder that energyflow train wrote")
    plot.add_argument("--out", type=Path, default=Path("runs.png"), help="figure: .png, .svg or .pdf (%(default)s)")
    plot.set_defaults(handler=_plot, computes=False)
