"""From the merged sections of a task to what each job on it reads, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from energyflow.config.section import Section, describe
from energyflow.config.sections import EvaluateParams, OnlineParams, ShapeParams, TrainParams
from energyflow.core.errors import UserError
from energyflow.policies.registry import METHODS, Method
from energyflow.rewards.registry import SOURCES, models_of

COLLECT_SEEDS = 50_000  # initial states reserved for collection
Tree = Mapping[str, Any]


def validated(model: type[Section], values: Any, where: str) -> Any:
    """A section from plain values, which stand at `where` in params.yaml.

    Raises:
        UserError: an unknown, missing or mistyped key, or one out of bounds.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"params.yaml: {where}: {describe(error)}") from None


def numbers(kind: str, name: str, model: type[Section], changed: Any) -> dict[str, Any]:
    """A method's or source's own numbers: its defaults under what params.yaml changes.

    Raises:
        UserError: an unknown, mistyped or impossible number.
    """
    own: Section = validated(model, changed, f"{kind}.{name}")
    return own.model_dump()


def train_section(tree: Tree, method: str, fixed: Tree | None = None, last: Tree | None = None) -> TrainParams:
    """What the training of a method reads.

    Args:
        tree: the merged sections.
        method: its name.
        fixed: of `train`, whatever the layers say.
        last: of `train`, from a command line: over all else.

    Raises:
        UserError: a number of the method, or one that it needs of `train`, is wrong.
    """
    fact = METHODS[method]
    own = dict(tree["method"].get(method, {}))
    changed = own.pop("train", {})
    if not isinstance(changed, dict):
        raise UserError(f"params.yaml: method.{method}.train: expected a mapping, got {type(changed).__name__}")
    needs: dict[str, Any] = {"lr": fact.lr[tree["network"]["kind"]], **fact.train}
    if fact.transitions is not None:
        needs |= dict(zip(("obs_horizon", "pred_horizon"), fact.transitions, strict=True)) | {"exec_horizon": 1}
    section = {**tree["train"], **needs, **changed, **(fixed or {}), **(last or {})}
    section |= {"method": method, "method_params": numbers("method", method, fact.params, own)}
    section["network"] = _network(tree["network"], fact, section["pred_horizon"])
    found: TrainParams = validated(TrainParams, section, f"method.{method}.train" if changed else "train")
    return found


def _network(section: Tree, fact: Method, pred_horizon: int) -> dict[str, Any]:
    if fact.network == "recurrent":
        return {"kind": "recurrent"}
    # a 1-D U-Net on one step is degenerate
    kind = "mlp" if fact.transitions is not None or pred_horizon == 1 else section["kind"]
    return {"kind": kind, kind: section[kind]}


def _reward_model(tree: Tree, method: str, last: Tree) -> TrainParams:
    """A model that rewards read: of single transitions, or of one step (To = Tp = 1) or the usual chunk."""
    section = tree["reward_model"]
    fixed = {"steps": section["steps"]}
    if section["window"] == "one_step" and METHODS[method].transitions is None:
        fixed |= {"obs_horizon": 1, "pred_horizon": 1, "exec_horizon": 1}
    return train_section(tree, method, fixed, last)


def _online(tree: Tree, method: str, shape: Mapping[str, ShapeParams]) -> OnlineParams:
    """A method that is trained in the simulator: the section of its source, and what it adds."""
    fact = METHODS[method]
    assert fact.online is not None
    section = tree["online"]
    clone = {name: value for name, value in section.items() if name != "demo_share"} if fact.online.cloned else {}
    return OnlineParams(
        method=method,
        shape=shape[fact.online.source],
        demo_share=section["demo_share"] if fact.online.mixed else 0.0,
        **{"clone_steps": 0} | clone,
        own=numbers("method", method, fact.params, tree["method"].get(method, {})),
        obs_keys=tree["train"]["obs_keys"],
        standardize_obs=tree["train"]["standardize_obs"],
    )


def of_task(given: Mapping[str, Section], merged: Tree, last: Tree) -> dict[str, Any]:
    """The fields of `Sections` for one task, or for every task without an entry of its own.

    Args:
        given: the validated sections.
        merged: the merged layers, for the numbers of methods and sources.
        last: of `train`, from a command line.

    Raises:
        UserError: a section that a job reads is wrong, or the seeds of two kinds of initial states overlap.
    """
    tree = {key: section.model_dump() for key, section in given.items()}
    tree |= {"method": merged["method"], "source": merged["source"]}
    evaluate = EvaluateParams(**given["evaluate"].model_dump(include=set(EvaluateParams.model_fields)))
    shape = {
        name: ShapeParams(
            **tree["shape"],
            source_params=numbers("source", name, SOURCES[name].settings, tree["source"].get(name, {})),
            eval_seed=evaluate.seed,
        )
        for name in SOURCES
    }
    collect, first_shape = tree["collect"]["seed"], tree["shape"]["seed"]
    if not collect + COLLECT_SEEDS <= evaluate.seed < first_shape:
        raise UserError(
            f"params.yaml: seeds must be disjoint: collect.seed + {COLLECT_SEEDS} <= evaluate.seed < shape.seed"
            f" (got {collect}, {evaluate.seed}, {first_shape})"
        )
    offline = [name for name in METHODS if METHODS[name].online is None and METHODS[name].role != "variant"]
    return {
        "collect": given["collect"],
        "train": {method: train_section(tree, method, last=last) for method in offline},
        "online": {name: _online(tree, name, shape) for name in METHODS if METHODS[name].online is not None},
        "reward_model": {model: _reward_model(tree, model, last) for model in models_of(SOURCES)},
        "evaluate": evaluate,
        "shape": shape,
    }
