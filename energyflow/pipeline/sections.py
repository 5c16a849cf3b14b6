"""From the raw params file to the section of each job: one preset's layers merged, and cut to what the job uses."""

from __future__ import annotations

from typing import Any

from energyflow.config.section import closed, layered
from energyflow.config.sections import CollectParams, EvaluateParams, OnlineParams, ShapeParams, TrainParams
from energyflow.core.errors import UserError

# The registries are imported in the functions: they import the method classes, which import the sections.
TRAIN_KEYS = [key for key in TrainParams.model_fields if key not in ("method", "method_params", "network", "lr")]
COLLECT_SEEDS = 50_000  # initial states reserved for collection


def merged(raw: dict[str, Any], preset: str, section: str, task: str | None = None) -> dict[str, Any]:
    """A base section under its overlays of the preset and of the task.

    Raises:
        UserError: a layer is no mapping.
    """
    over = raw["presets"][preset]
    layers = {section: raw[section], f"presets.{preset}.{section}": over[section]}
    if task is not None:
        layers[f"presets.{preset}.task.{task}.{section}"] = over["task"][task].get(section, {})
    layered(layers)
    found: dict[str, Any] = {}
    for layer in layers.values():
        found |= layer
    return found


def _split(method: str, section: Any) -> tuple[dict[str, Any], Any]:
    """The optional `train` mapping of a method's section, which overrides `train`, and the method's own numbers."""
    if not isinstance(section, dict):
        return {}, section  # which the method's own model rejects
    needs = section.get("train", {})
    closed(needs, f"method.{method}.train", TRAIN_KEYS, complete=False)
    return needs, {key: value for key, value in section.items() if key != "train"}


def _train_section(raw: dict[str, Any], preset: str, task: str | None, method: str, **fixed: Any) -> TrainParams:
    from energyflow.policies.registry import STEPWISE, check_method

    model, over = check_method(method), raw["presets"][preset]
    for where, mapping in (("method", raw["method"]), (f"presets.{preset}.lr", over["lr"])):
        if method not in mapping:
            raise UserError(f"{where}: missing key '{method}' (a method, a source or a section needs it)")
    needs, own = _split(method, raw["method"][method])
    if method in STEPWISE:
        needs = needs | {"obs_horizon": STEPWISE[method][0], "pred_horizon": STEPWISE[method][1], "exec_horizon": 1}
    section = merged(raw, preset, "train", task) | needs | {"method": method, "lr": over["lr"][method]} | fixed
    kind = over["network"]
    if method in STEPWISE or section.get("pred_horizon") == 1:  # a 1-D U-Net on one step is degenerate
        kind = "mlp"
    elif model.sequences:
        kind = "recurrent"
    section["network"] = {"kind": kind, kind: raw["network"].get(kind)} if kind in ("mlp", "unet") else {"kind": kind}
    return TrainParams(**section, method_params=model.params_model(own))


def _reward_section(raw: dict[str, Any], preset: str, task: str | None, method: str) -> TrainParams:
    """A model that rewards read: of single transitions, or of one step (To = Tp = 1) or the usual chunk."""
    from energyflow.policies.registry import STEPWISE

    section = merged(raw, preset, "reward_model", task)
    closed(section, "reward_model", ("window", "steps"))
    fixed: dict[str, Any] = {"steps": section["steps"]}
    if section["window"] not in ("one_step", "chunk"):
        raise UserError(f"reward_model.window: unknown '{section['window']}'; allowed: one_step, chunk")
    if section["window"] == "one_step" and method not in STEPWISE:
        fixed |= {"obs_horizon": 1, "pred_horizon": 1, "exec_horizon": 1}
    return _train_section(raw, preset, task, method, **fixed)


def _shape_sections(raw: dict[str, Any], preset: str, task: str | None, eval_seed: int) -> dict[str, ShapeParams]:
    """The section of every source: what all share, and its own numbers, not those of another one."""
    from energyflow.rewards.registry import SECTIONS, SOURCES

    section = merged(raw, preset, "shape", task)
    shared = [key for key in ShapeParams.model_fields if key not in ("source_params", "eval_seed")]
    closed(section, "shape", [*shared, *SECTIONS])
    common = {key: section[key] for key in shared}
    return {
        name: ShapeParams(**common, source_params=spec.own(section), eval_seed=eval_seed)
        for name, spec in SOURCES.items()
    }


def _online_sections(
    raw: dict[str, Any], preset: str, task: str | None, shape: dict[str, ShapeParams]
) -> dict[str, OnlineParams]:
    """The section of every method that is trained in the simulator: that of its source, and what it adds."""
    from energyflow.rewards.registry import ONLINE

    section, train = merged(raw, preset, "online", task), merged(raw, preset, "train", task)
    closed(section, "online", ("clone_steps", "demo_share"))
    return {
        method: OnlineParams(
            method=method,
            shape=shape[spec.source],
            clone_steps=section["clone_steps"] if spec.cloned else 0,
            demo_share=section["demo_share"] if spec.mixed else 0.0,
            own=spec.own(method, raw["method"].get(method, {})),
            obs_keys=train["obs_keys"],
            standardize_obs=train["standardize_obs"],
        )
        for method, spec in ONLINE.items()
    }


def every_method(over: dict[str, Any]) -> list[str]:
    """The methods of a preset on any grid: those of the grid in use first."""
    return list(dict.fromkeys([*over["methods"], *over["full"].get("methods", [])]))


def sections(raw: dict[str, Any], preset: str, task: str | None = None) -> dict[str, Any]:
    """The fields of `Sections` for one task, or for every task without an entry of its own."""
    from energyflow.rewards.registry import ONLINE, models_of, sources_of

    evaluate = merged(raw, preset, "evaluate", task)
    evaluate.pop("nfe_methods", None)
    held_out = EvaluateParams(**evaluate)
    if "0" not in held_out.levels:
        raise UserError("params.yaml: evaluate.levels: missing key '0' (the unperturbed level; quote it)")
    collect = CollectParams(**merged(raw, preset, "collect", task))
    shape = _shape_sections(raw, preset, task, held_out.seed)
    if not collect.seed + COLLECT_SEEDS <= held_out.seed < shape["sparse"].seed:
        raise UserError(
            f"params.yaml: seeds must be disjoint: collect.seed + {COLLECT_SEEDS} <= evaluate.seed < shape.seed"
        )
    over = raw["presets"][preset]
    methods = [method for method in dict.fromkeys([*over["methods"], *raw["method"]]) if method not in ONLINE]
    models = models_of([*over["sources"], *sources_of(every_method(over))])
    return {
        "collect": collect,
        "train": {method: _train_section(raw, preset, task, method) for method in methods},
        "online": _online_sections(raw, preset, task, shape),
        "reward_model": {model: _reward_section(raw, preset, task, model) for model in models},
        "evaluate": held_out,
        "shape": shape,
    }
