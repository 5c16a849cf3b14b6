"""`energyflow evaluate`: a policy in the simulator of its task, or in an environment of its user's."""

from __future__ import annotations

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
    results_of,
    whole_number,
)
from energyflow.config.sections import DECODERS
from energyflow.core.errors import UserError
from energyflow.envs.tasks import CUSTOM

if TYPE_CHECKING:
    from energyflow.cli.job import Commands

OWN = ("env_import", "env_kwargs", "horizon", "video")  # options of an environment of one's own


def _evaluate(a: Arguments) -> None:
    from energyflow.policies.checkpoint import checkpoint_file, read_description

    model = checkpoint_file(a.model)
    trained = read_description(model)
    task, seed = a.task or trained.task, trained.seed if a.seed is None else a.seed
    beside = Path("runs", task, trained.method, f"seed{seed}") if results_of(model) else model.parent
    out = own_folder(a, beside / "evaluate")
    a.flags += [f"evaluate.decoders=[{a.decoder}]"] if a.decoder else []
    a.flags += [f"evaluate.episodes={a.episodes}"] if a.episodes is not None else []
    if a.env is not None:
        _in_own(a, model, task, seed, out)
        return
    if alone := [name for name in OWN if getattr(a, name) is not None]:
        raise UserError(f"--{alone[0].replace('_', '-')} is of an environment of your own: give --env too")
    params = params_of(a)
    section = given(a, params.of(task).evaluate_levels())
    if not dry(a, section):
        from energyflow.learning.evaluation import evaluate

        try:
            evaluate(task, seed, section, model, out, existing=existing(a))
        except UserError as error:
            hint = "; --env ID names an environment of your own" if task.startswith(f"{CUSTOM}/") else ""
            raise UserError(f"{error}{hint}") from None
        print(f"wrote {out}/episodes.csv")
        print("\n".join(_success(out / "episodes.csv", params.report.confidence)))


def _in_own(a: Arguments, model: Path, task: str, seed: int, out: Path) -> None:
    from energyflow.envs.film import check_film
    from energyflow.learning.own_env import AS_IT_IS, evaluate_run, horizon_of
    from energyflow.report.own_env import summary

    if a.video is not None:
        check_film(a.video)
    env = environment(a, render_mode="rgb_array" if a.video else None)
    params = params_of(a)
    own = {"levels": AS_IT_IS, "horizon": horizon_of(env, a.horizon)}
    section = given(a, params.of(task).evaluate_levels().model_copy(update=own))
    if not dry(a, section):
        evaluate_run(model, env, seed, section, out, video=a.video, existing=existing(a))
        print("\n".join(f"wrote {file}" for file in (out / "episodes.csv", a.video) if file is not None))
        print("\n".join(summary(out / "episodes.csv", params.report)))


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


def add(commands: Commands) -> None:
    """Add the command."""
    evaluate = add_command(commands, "evaluate", "roll a policy out, in its simulator or in --env")
    evaluate.add_argument("--model", type=Path, required=True, help="folder of a run, or its model.safetensors")
    evaluate.add_argument("--task", help="default: the one that it was trained on")
    evaluate.add_argument("--seed", type=whole_number, help="default: that of the training")
    evaluate.add_argument("--episodes", type=whole_number, help="at each level (default: evaluate.episodes)")
    evaluate.add_argument(
        "--decoder", choices=DECODERS, help="what plans are made by (default: evaluate.decoders, both)"
    )
    evaluate.add_argument("--overwrite", action="store_true", help="compute again, in place of what is there")
    own = add_environment(evaluate)
    own.add_argument("--video", type=Path, help="film of the first episode: .gif, .webp or .mp4")
    evaluate.set_defaults(handler=_evaluate, computes=True)
