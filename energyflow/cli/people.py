"""EnergyFlow: policies and rewards from demonstrations. `section.key=value` changes any number of params.yaml."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from energyflow.config.sections import DECODERS
from energyflow.core.errors import UserError, nearest

if TYPE_CHECKING:
    from energyflow.cli.job import Commands
    from energyflow.config.params import Params, Sections
    from energyflow.config.section import Section
    from energyflow.config.sections import OnlineParams, TrainParams

Arguments = argparse.Namespace
S = TypeVar("S", bound="Section")


def _params(a: Arguments) -> Params:
    """The parameters of the command line: those of a file under its flags."""
    from energyflow.pipeline.params import load

    return load(a.config, a.preset, flags=a.flags)


def _given(a: Arguments, section: S) -> S:
    """The section of the params file, or the one that `--params` gives whole.

    Raises:
        UserError: it is no section of that kind, or other numbers are given beside it.
    """
    from energyflow.config.section import parse_section

    if a.params is None:
        return section
    if a.config or a.preset or a.flags:
        raise UserError("--params gives every number: leave out --config, --preset and section.key=value")
    return parse_section(type(section), a.params)


def results_of(path: Path) -> Path | None:
    """The folder `results` of a workflow that a path lies in: what the workflow did not make is removed from it."""
    return next((p for p in path.resolve().parents if p.name == "results" and (p.parent / "dvc.yaml").is_file()), None)


def _own(a: Arguments, usual: Path) -> Path:
    """Where a user's outputs go.

    Raises:
        UserError: the folder is the workflow's.
    """
    out: Path = a.out or usual
    if (results := results_of(out)) is not None:
        raise UserError(f"{out}: {results} is the workflow's, which removes what it did not make; give another --out")
    return out


def _existing(a: Arguments) -> Literal["refuse", "replace", "redo"]:
    """What becomes of a complete run in the folder: one that was not asked for by name is not touched."""
    return "redo" if a.overwrite else "replace" if a.out else "refuse"


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0 on")
    return int(text)


def _dry(a: Arguments, section: Section) -> bool:
    """With `--dry`, print what would be used instead of using it."""
    if a.dry:
        print(section.model_dump_json(indent=2))
    return bool(a.dry)


def _collect(a: Arguments) -> None:
    section = _given(a, _params(a).of(a.task).collect)
    out = a.out or Path("data", section.source, a.task)
    if not _dry(a, section):
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

    task = a.task or load_demos(a.demos, filter_key=a.filter_key).task
    sections = _params(a).of(task)
    section = _given(a, _training(a, sections))
    if section.method != a.method:
        raise UserError(f"--params is a section of '{section.method}': give --method {section.method} too")
    kind = "_reward" if a.kind == "reward" else ""
    out = _own(a, Path("runs", task, f"{section.method}{kind}", f"seed{a.seed}"))
    if _dry(a, section):
        return
    if isinstance(section, OnlineParams):
        if a.filter_key or a.overwrite:
            raise UserError(f"{section.method} is trained in the simulator, without --filter-key and --overwrite")
        from energyflow.agents.online import train_online

        train_online(task, a.seed, section, a.demos, a.model, out)
    else:
        from energyflow.learning.trainer import train

        train(task, a.seed, section, a.demos, out, filter_key=a.filter_key, existing=_existing(a))
    print(f"wrote {out}/model.safetensors")


def _evaluate(a: Arguments) -> None:
    from energyflow.policies.checkpoint import checkpoint_file, read_description

    model = checkpoint_file(a.model)
    trained = read_description(model)
    task, seed = a.task or trained.task, trained.seed if a.seed is None else a.seed
    a.flags += [f"evaluate.decoders=[{a.decoder}]"] if a.decoder else []
    params = _params(a)
    section = _given(a, params.of(task).evaluate_levels())
    beside = Path("runs", task, trained.method, f"seed{seed}") if results_of(model) else model.parent
    out = _own(a, beside / "evaluate")
    if not _dry(a, section):
        from energyflow.learning.evaluation import evaluate

        evaluate(task, seed, section, model, out, existing=_existing(a))
        print(f"wrote {out}/episodes.csv")
        print("\n".join(_success(out / "episodes.csv", params.report.confidence)))


def _success(file: Path, confidence: float) -> list[str]:
    """Success of one checkpoint, a line a decoder: by level, with Wilson's interval over episodes."""
    from energyflow.report.rows import read_rows
    from energyflow.report.statistics import wilson

    lines = []
    for decoder, rows in read_rows([file], ("decoder", "level", "success")).groupby("decoder", sort=False):
        said = []
        for level, part in rows.groupby("level", sort=False):
            low, high = wilson(float(part["success"].sum()), len(part), confidence)
            said.append(f"level {level} {100 * part['success'].mean():.0f} % [{100 * low:.0f}, {100 * high:.0f}]")
        episodes = len(rows) // len(said)
        lines.append(f"{decoder}: {', '.join(said)}; {episodes} episodes each, {100 * confidence:g} % intervals")
    return lines


def _plot(a: Arguments) -> None:
    from energyflow.pipeline.params import load
    from energyflow.report.paired import compare, evaluated
    from energyflow.report.runs import draw_runs

    draw_runs(a.runs, a.out)
    print(f"wrote {a.out}")
    if len(a.runs) == 2 and all(map(evaluated, a.runs)):
        print("\n".join(compare(a.runs[0], a.runs[1], load().report)))


def _data(a: Arguments) -> None:
    from energyflow.datasets.info import describe

    print(describe(a.file, a.filter_key))


def _results(a: Arguments) -> int:
    from energyflow.pipeline import engines, params, records

    if a.what == "readme":
        from energyflow.report import readme

        return readme.main()
    if a.what == "plots":
        print(engines.plots())
        return 0
    if a.what in ("pack", "unpack", "tables"):
        return _rows(a)
    p = params.load(preset=a.preset, grid=a.grid)
    if a.what == "check":
        found = engines.check(p, deep=a.deep)
        print("\n".join(found), end="\n" if found else "")
        return int(bool(found))
    if a.what == "times":
        spent = records.times(p)
        lines = [f"{name:20} {done:4} of {count:4} jobs {hours:6.2f} h" for name, done, count, hours in spent]
        print("\n".join([*lines, f"{'together':38}{sum(hours for *_, hours in spent):6.2f} h of one core"]))
    elif a.what == "ready":
        engines.require_versionable(p)
        engines.require_safe_cache()
    elif a.what == "guard":
        records.guard(p)
    elif a.what == "prune":
        print(f"moved {len(records.prune(p))} file(s) to .snakemake/orphans")
    else:
        print(f"dvc.lock is up to date; moved {len(engines.commit(p))} orphan(s)")
    return 0


def _rows(a: Arguments) -> int:
    from energyflow.pipeline import lock, redraw, rows

    doing = {"pack": rows.pack_here, "unpack": rows.unpack_here, "tables": redraw.redraw_all}
    with lock.workflow_lock(Path()) if a.what != "pack" else nullcontext():  # what is finished can be packed meanwhile
        said = [print(each, flush=True) for each in doing[a.what](a.preset, a.grid)]
    if not said:
        print("nothing is packed (results/<preset>/rows), and no run of this preset is here")
    return 0


RESULTS = {
    "check": "fail unless both engines agree that everything is done",
    "times": "sum the seconds that the finished jobs of each stage took",
    "commit": "update dvc.lock after a complete run of Snakemake",
    "prune": "move files that no rule makes any more to .snakemake/orphans",
    "ready": "fail if this checkout could not be committed after a run",
    "guard": "fail if an output has no record of what made it",
    "plots": "draw dvc plots on a page that opens offline",
    "pack": "pack the rows of finished runs into results/<preset>/rows, for git",
    "unpack": "write the packed rows that are not here, so that Snakemake goes on from them",
    "tables": "draw every table and figure again from packed rows, and say what differs from git",
    "readme": "copy the rows that documents quote into them again",
}


def _add(commands: Commands, name: str, text: str, *, flags: bool = True) -> argparse.ArgumentParser:
    """A command; with `flags`, one that reads params.yaml under `section.key=value`."""
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(flagged=flags)
    if flags:
        command.epilog = "section.key=value, for example train.steps=2000, changes a number of the params file"
        command.add_argument("--config", type=Path, help="params file (default: params.yaml, or what is shipped)")
        command.add_argument("--preset", help="preset of the file (default: the one that it names)")
        command.add_argument("--params", metavar="JSON", help="every number at once, as --dry prints them")
        command.add_argument("--dry", action="store_true", help="print the numbers that would be used, and stop")
        command.add_argument("--out", type=Path, help="folder of the outputs")
    return command


def add(commands: Commands) -> None:
    """Add the commands of people."""
    collect = _add(commands, "collect", "demonstrations of a scripted expert, or of people")
    collect.add_argument("task", help="suite/task, for example metaworld/hammer")
    collect.set_defaults(handler=_collect, computes=False)
    train = _add(commands, "train", "train a policy on demonstrations")
    train.add_argument("--demos", type=Path, required=True, help="demonstrations, robomimic HDF5 layout")
    train.add_argument("--method", default="energyflow", help="default: energyflow")
    train.add_argument(
        "--as",
        dest="kind",
        choices=("policy", "reward"),
        default="policy",
        help="what to train: a policy, or a model of single steps that rewards read (default: policy)",
    )
    train.add_argument("--task", help="suite/task, or custom/NAME (default: what the file says)")
    train.add_argument("--seed", type=_seed, default=0)
    train.add_argument("--filter-key", help="list in the file's mask/ (default: train if it is there), or all")
    train.add_argument("--model", type=Path, help="reward model, of a method that reads one while it learns")
    train.set_defaults(handler=_train, computes=True)
    evaluate = _add(commands, "evaluate", "roll a policy out in its simulator")
    evaluate.add_argument("--model", type=Path, required=True, help="folder of a run, or its model.safetensors")
    evaluate.add_argument("--task", help="default: the one that it was trained on")
    evaluate.add_argument("--seed", type=_seed, help="default: that of the training")
    evaluate.add_argument(
        "--decoder", choices=DECODERS, help="what plans are made by (default: evaluate.decoders, both)"
    )
    for command in (train, evaluate):
        command.add_argument("--overwrite", action="store_true", help="compute again, in place of what is there")
    evaluate.set_defaults(handler=_evaluate, computes=True)
    plot = _add(commands, "plot", "losses and success of your own runs; of two, which does better", flags=False)
    plot.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder that energyflow train wrote")
    plot.add_argument("--out", type=Path, default=Path("runs.png"), help="figure: .png, .svg or .pdf (%(default)s)")
    plot.set_defaults(handler=_plot, computes=False)
    data = _add(commands, "data", "what a file of demonstrations holds, and what would be used", flags=False)
    data.add_argument("file", type=Path, help="demonstrations, robomimic HDF5 layout")
    data.add_argument("--filter-key", help="list of demonstrations in the file (default: train, where there is one)")
    data.set_defaults(handler=_data, computes=False)
    results = _add(commands, "results", "the results of this checkout: " + ", ".join(RESULTS), flags=False)
    said = "; ".join(f"{what}: {text}" for what, text in RESULTS.items())
    results.add_argument("what", choices=RESULTS, metavar="WHAT", help=said)
    results.add_argument("--preset", help="default: that of params.yaml")
    results.add_argument("--grid", help="default: that of params.yaml")
    results.add_argument("--deep", action="store_true", help="check: read every recorded byte again")
    results.set_defaults(handler=_results, computes=False)
