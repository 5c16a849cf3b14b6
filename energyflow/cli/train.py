"""`energyflow train`: a policy, or a model that rewards read, on demonstrations of any format."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from energyflow.cli.options import (
    Arguments,
    add_command,
    add_environment,
    dry,
    environment,
    existing,
    given,
    own_folder,
    params_of,
    whole_number,
)
from energyflow.core.errors import UserError, nearest

if TYPE_CHECKING:
    from energyflow.cli.job import Commands
    from energyflow.config.params import Params, Sections
    from energyflow.config.sections import OnlineParams, TrainParams
    from energyflow.learning.trainer import Watch
    from energyflow.learning.watching import Score

LOGS = ("tensorboard", "wandb")


def _section(a: Arguments, sections: Sections) -> TrainParams | OnlineParams:
    """The section of what is trained: a policy, or a model that rewards read.

    Raises:
        UserError: there is no such method, no reward reads a model of it, or `--params` is of another one.
    """
    if a.kind == "reward":
        if a.method not in sections.reward_model:
            raise UserError(f"no reward reads a model of '{a.method}'; {nearest(a.method, sections.reward_model)}")
        section: TrainParams | OnlineParams = given(a, sections.reward_model[a.method])
    elif a.method in sections.online:
        section = given(a, sections.training_online(a.method))
    else:
        section = given(a, sections.training(a.method))
    if section.method != a.method:
        raise UserError(f"--params is a section of '{section.method}': give --method {section.method} too")
    return section


def _train(a: Arguments) -> None:
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # a file takes lines (`watching.lines`), not a bar
    from energyflow.config.sections import OnlineParams
    from energyflow.datasets.format import load_demos
    from energyflow.datasets.formats import as_demos
    from energyflow.learning.card import write_card

    demos = as_demos(a.demos)
    task, params = a.task or load_demos(demos, filter_key=a.filter_key).task, params_of(a)
    section = _section(a, params.of(task))
    kind = "_reward" if a.kind == "reward" else ""
    out = own_folder(a, Path("runs", task, f"{section.method}{kind}", f"seed{a.seed}"))
    if dry(a, section):
        return
    if isinstance(section, OnlineParams):
        if a.filter_key or a.overwrite or a.log or a.eval_every:
            raise UserError(
                f"{section.method} is trained in the simulator: without --filter-key, --overwrite, --log, --eval-every"
            )
        from energyflow.agents.online import train_online

        train_online(task, a.seed, section, demos, a.model, out)
    else:
        from energyflow.learning.trainer import train
        from energyflow.learning.watching import Evaluations, together

        watches = _logs(a, out, f"{task} {section.method} seed {a.seed}")
        if a.eval_every:
            data = load_demos(demos, section.obs_keys, filter_key=a.filter_key)
            score = _score(a, params, task, data.obs_keys)
            described = {"task": task, "seed": a.seed, "demos": data.description}
            watches.append(Evaluations(score, a.eval_every, out, described))
        watch = together(watches)
        train(task, a.seed, section, demos, out, filter_key=a.filter_key, existing=existing(a), watch=watch)
    write_card(out)
    print(f"wrote {out}/model.safetensors")


def _logs(a: Arguments, out: Path, title: str) -> list[Watch]:
    from energyflow.learning import watching

    found = [] if sys.stderr.isatty() else [watching.lines()]
    if a.log == "tensorboard":
        found.append(watching.tensorboard(out / "tensorboard"))
    elif a.log == "wandb":
        found.append(watching.wandb(out, title))
    return found


def _score(a: Arguments, params: Params, task: str, obs_keys: tuple[str, ...]) -> Score:
    """What rolls the policy out while it learns: in `--env`, or in the simulator of its task.

    Raises:
        UserError: there is neither.
    """
    from energyflow.envs.tasks import has_simulator
    from energyflow.learning import watching
    from energyflow.learning.own_env import AS_IT_IS, horizon_of, roll_out

    chosen = {"levels": AS_IT_IS, "seed": watching.SEED, "episodes": a.eval_episodes, "decoders": ["sample"]}
    section = params.of(task).evaluate_levels().model_copy(update=chosen)
    if a.env is None:
        if not has_simulator(task):
            raise UserError(f"{task} has no simulator: --eval-every needs an environment, --env MyEnv-v0")
        return watching.in_simulator(task, obs_keys, section)
    env = environment(a)
    section = section.model_copy(update={"horizon": horizon_of(env, a.horizon)})
    return lambda policy: roll_out(policy, env, section, seed=watching.SEED)


def add(commands: Commands) -> None:
    """Add the command."""
    train = add_command(commands, "train", "train a policy on demonstrations")
    train.add_argument(
        "--demos", type=Path, required=True, help="demonstrations, of any format that `energyflow data` reads"
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
    train.add_argument("--overwrite", action="store_true", help="compute again, in place of what is there")
    train.add_argument("--log", choices=LOGS, help="curves there too, beside train.csv")
    train.add_argument(
        "--eval-every",
        type=whole_number,
        metavar="STEPS",
        help="roll the policy out while it learns, in its simulator or in --env: evaluations.csv; the best is in best/",
    )
    train.add_argument("--eval-episodes", type=whole_number, default=10, metavar="N", help="each time (%(default)s)")
    add_environment(train)
    train.set_defaults(handler=_train, computes=True)
