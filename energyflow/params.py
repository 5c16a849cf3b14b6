"""params.yaml -> typed sections: the only reader of the file, and the one place that says what each job depends on.

`presets.<name>` overlays the base sections of the same name; energyflow/sections.py says what a section holds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from energyflow.sections import (
    CollectParams,
    EvaluateParams,
    ParamsError,
    PlotParams,
    ReportParams,
    ShapeParams,
    TrainParams,
    describe,
    nearest,
)
from energyflow.theory.grid import theory_of
from energyflow.theory.resolve import merge_theory, train_sections
from energyflow.theory.sections import TheoryParams, VerdictParams


class Sections(BaseModel):
    """What the jobs on one task use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    collect: CollectParams
    train: dict[str, TrainParams]  # of every method with a section, run by the preset or not
    reward_model: dict[str, TrainParams]  # by method: those that the sources read
    evaluate: EvaluateParams
    shape: dict[str, ShapeParams]  # by source: all of them, run or not

    def training(self, method: str) -> TrainParams:
        """Section of the training runs of a method.

        Raises:
            ParamsError: the method has no section.
        """
        if method not in self.train:
            raise ParamsError(f"unknown method '{method}'; {nearest(method, list(self.train))}")
        return self.train[method]

    def evaluate_levels(self) -> EvaluateParams:
        """Section of the success and OOD evaluation."""
        return self.evaluate.model_copy(update={"nfe": []})

    def evaluate_nfe(self) -> EvaluateParams:
        """Section of the NFE sweep: the unperturbed level only."""
        return self.evaluate.model_copy(update={"levels": {"0": self.evaluate.levels["0"]}})


class Params(Sections):
    """The resolved file: one preset merged over the base sections, and what some tasks need otherwise."""

    preset: str
    methods: list[str] = Field(min_length=1)
    sources: list[str]
    tasks: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    shape_tasks: list[str]
    network_kind: Literal["mlp", "unet"]
    nfe_methods: list[str]
    report: ReportParams
    plots: dict[str, PlotParams]
    theory: TheoryParams | None  # of the preset that it belongs to, and of smoke
    theory_train: dict[str, TrainParams]
    overlaid: dict[str, Sections]

    @property
    def models(self) -> list[str]:
        """Methods of the reward models that the sources read."""
        return list(self.reward_model)

    def of(self, task: str) -> Sections:
        """The sections of a task: those of the preset, under its entry in `presets.<preset>.task` if it has one."""
        return self.overlaid.get(task, self)

    def verdict(self) -> VerdictParams:
        """How the theory's rows become verdicts and figures."""
        look = self.plots["theory"]
        return VerdictParams(
            confidence=self.report.confidence,
            tolerance=theory_of(self).tolerance,
            dpi=look.dpi,
            palette=look.palette or "colorblind",
        )


PRESET_SCALARS = ("methods", "sources", "tasks", "seeds", "shape_tasks", "network", "lr", "task", "theory")
PRESET_SECTIONS = ("collect", "train", "evaluate", "reward_model", "shape")
BASE_KEYS = [
    "preset",
    "collect",
    "train",
    "network",
    "method",
    "evaluate",
    "reward_model",
    "shape",
    "theory",
    "report",
    "plots",
    "presets",
]
TRAIN_KEYS = [key for key in TrainParams.model_fields if key not in ("method", "method_params", "network", "lr")]
COLLECT_SEEDS = 50_000  # initial states reserved for collection


def _closed(mapping: Any, where: str, allowed: tuple[str, ...] | list[str], *, complete: bool = True) -> None:
    if not isinstance(mapping, dict):
        raise ParamsError(f"{where}: expected a mapping, got {type(mapping).__name__}")
    for key in mapping:
        if key not in allowed:
            raise ParamsError(f"{where}: unknown key '{key}'; {nearest(str(key), list(allowed))}")
    for key in allowed if complete else ():
        if key not in mapping:
            raise ParamsError(f"{where}: missing key '{key}'")


def _merged(raw: dict[str, Any], preset: str, section: str, task: str | None) -> dict[str, Any]:
    over = raw["presets"][preset]
    layers = {section: raw[section], f"presets.{preset}.{section}": over[section]}
    if task is not None:
        layers[f"presets.{preset}.task.{task}.{section}"] = over["task"][task].get(section, {})
    merged: dict[str, Any] = {}
    for where, layer in layers.items():
        if not isinstance(layer, dict):
            raise ParamsError(f"{where}: expected a mapping, got {type(layer).__name__}")
        merged |= layer
    return merged


def _check_names(preset: str, over: dict[str, Any]) -> None:
    """Raise ParamsError if a method, source or task is unknown, or if a list of them is not a list."""
    # Imported here: the registries import the method classes, which import the sections above.
    from energyflow.envs.tasks import check_simulated
    from energyflow.policies.registry import check_policy
    from energyflow.rewards.registry import check_source

    checks: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("methods", check_policy),
        ("sources", check_source),
        ("tasks", check_simulated),
        ("shape_tasks", check_simulated),
    )
    for key, check in checks:
        names = over[key]
        if not isinstance(names, list) or not (names or key in ("sources", "shape_tasks")):
            raise ParamsError(f"params.yaml: presets.{preset}.{key}: expected a non-empty list of names")
        for name in names:
            check(name)
    if bool(over["sources"]) != bool(over["shape_tasks"]):
        raise ParamsError(f"params.yaml: presets.{preset}: sources and shape_tasks need each other, or are both []")


def _split(method: str, section: Any) -> tuple[dict[str, Any], Any]:
    """The optional `train` mapping of a method's section, which overrides `train`, and the method's own numbers."""
    if not isinstance(section, dict):
        return {}, section  # which the method's own model rejects
    needs = section.get("train", {})
    _closed(needs, f"method.{method}.train", TRAIN_KEYS, complete=False)
    return needs, {key: value for key, value in section.items() if key != "train"}


def _train_section(raw: dict[str, Any], preset: str, task: str | None, method: str, **fixed: Any) -> TrainParams:
    from energyflow.policies.registry import STEPWISE, check_method

    model, over = check_method(method), raw["presets"][preset]
    for where, mapping in (("method", raw["method"]), (f"presets.{preset}.lr", over["lr"])):
        if method not in mapping:
            raise ParamsError(f"{where}: missing key '{method}' (a method, a source or a section needs it)")
    kind = "mlp" if method in STEPWISE else "recurrent" if model.sequences else over["network"]
    network = {"kind": kind, kind: raw["network"].get(kind)} if kind in ("mlp", "unet") else {"kind": kind}
    needs, own = _split(method, raw["method"][method])
    if method in STEPWISE:
        needs = needs | {"obs_horizon": STEPWISE[method][0], "pred_horizon": STEPWISE[method][1], "exec_horizon": 1}
    section = _merged(raw, preset, "train", task) | needs
    section |= {"method": method, "lr": over["lr"][method], "network": network} | fixed
    return TrainParams(**section, method_params=model.params_model(own))


def _reward_section(raw: dict[str, Any], preset: str, task: str | None, method: str) -> TrainParams:
    """A model that rewards read: of single transitions, or of one step (To = Tp = 1) or the usual chunk."""
    from energyflow.policies.registry import STEPWISE

    section = _merged(raw, preset, "reward_model", task)
    _closed(section, "reward_model", ("window", "steps"))
    fixed: dict[str, Any] = {"steps": section["steps"]}
    if section["window"] not in ("one_step", "chunk"):
        raise ParamsError(f"reward_model.window: unknown '{section['window']}'; allowed: one_step, chunk")
    if section["window"] == "one_step" and method not in STEPWISE:
        fixed |= {"obs_horizon": 1, "pred_horizon": 1, "exec_horizon": 1}
        fixed["network"] = {"kind": "mlp", "mlp": raw["network"]["mlp"]}  # a 1-D U-Net on one step is degenerate
    return _train_section(raw, preset, task, method, **fixed)


def _shape_sections(raw: dict[str, Any], preset: str, task: str | None, eval_seed: int) -> dict[str, ShapeParams]:
    """The section of every source: what all share, and its own numbers, not those of another one."""
    from energyflow.rewards.registry import SECTIONS, SOURCES

    merged = _merged(raw, preset, "shape", task)
    shared = [key for key in ShapeParams.model_fields if key not in ("source_params", "eval_seed")]
    _closed(merged, "shape", [*shared, *SECTIONS])
    common = {key: merged[key] for key in shared}
    return {
        name: ShapeParams(**common, source_params=spec.own(merged), eval_seed=eval_seed)
        for name, spec in SOURCES.items()
    }


def _sections(raw: dict[str, Any], preset: str, task: str | None = None) -> dict[str, Any]:
    """The fields of `Sections` for one task, or for every task without an entry of its own."""
    from energyflow.rewards.registry import models_of

    evaluate = _merged(raw, preset, "evaluate", task)
    evaluate.pop("nfe_methods", None)
    held_out = EvaluateParams(**evaluate)
    if "0" not in held_out.levels:
        raise ParamsError("params.yaml: evaluate.levels: missing key '0' (the unperturbed level; quote it)")
    collect = CollectParams(**_merged(raw, preset, "collect", task))
    shape = _shape_sections(raw, preset, task, held_out.seed)
    if not collect.seed + COLLECT_SEEDS <= held_out.seed < shape["sparse"].seed:
        raise ParamsError(
            f"params.yaml: seeds must be disjoint: collect.seed + {COLLECT_SEEDS} <= evaluate.seed < shape.seed"
        )
    over = raw["presets"][preset]
    methods = dict.fromkeys([*over["methods"], *raw["method"]])
    return {
        "collect": collect,
        "train": {method: _train_section(raw, preset, task, method) for method in methods},
        "reward_model": {model: _reward_section(raw, preset, task, model) for model in models_of(over["sources"])},
        "evaluate": held_out,
        "shape": shape,
    }


def _check_overlays(overlays: Any, where: str, tasks: set[str]) -> None:
    """Raise ParamsError unless every entry of `presets.<preset>.task` overlays sections of a task that is run."""
    _closed(overlays, where, sorted(tasks), complete=False)
    for task, sections in overlays.items():
        _closed(sections, f"{where}.{task}", PRESET_SECTIONS, complete=False)


def resolve(raw: dict[str, Any], preset: str | None = None) -> Params:
    """Merge one preset over the base sections and validate the result.

    Args:
        raw: content of params.yaml (or Snakemake's `config`).
        preset: name of the preset; by default the file's own `preset`.

    Returns:
        The typed parameters.

    Raises:
        ParamsError: a key is unknown, missing or mistyped, with the nearest allowed name.
    """
    _closed(raw, "params.yaml", BASE_KEYS)
    presets, name = raw["presets"], preset or raw["preset"]
    if not isinstance(presets, dict) or name not in presets:
        raise ParamsError(f"params.yaml: preset: unknown preset '{name}'; {nearest(str(name), list(presets))}")
    over = presets[name]
    _closed(over, f"presets.{name}", (*PRESET_SCALARS, *PRESET_SECTIONS))
    _check_names(name, over)
    _closed(over["lr"], f"presets.{name}.lr", list(raw["method"]), complete=False)
    _check_overlays(over["task"], f"presets.{name}.task", {*over["tasks"], *over["shape_tasks"]})
    try:
        theory = merge_theory(raw["theory"], over["theory"])
        params = Params(
            preset=name,
            methods=over["methods"],
            sources=over["sources"],
            tasks=over["tasks"],
            seeds=over["seeds"],
            shape_tasks=over["shape_tasks"],
            network_kind=over["network"],
            nfe_methods=_merged(raw, name, "evaluate", None).get("nfe_methods", []),
            report=ReportParams(**raw["report"]),
            plots={key: PlotParams(**value) for key, value in raw["plots"].items()},
            theory=theory,
            theory_train=train_sections(raw, theory) if theory else {},
            overlaid={task: Sections(**_sections(raw, name, task)) for task in over["task"]},
            **_sections(raw, name),
        )
    except ValidationError as error:
        raise ParamsError(f"params.yaml: {error.title.removesuffix('Params').lower()}: {describe(error)}") from None
    for method in params.nfe_methods:
        if method not in params.methods:
            raise ParamsError(
                f"params.yaml: evaluate.nfe_methods: '{method}' is not in presets.{name}.methods; add or drop it"
            )
    return params


def load(path: str | Path = "params.yaml", preset: str | None = None) -> Params:
    """Read and validate a params file; see `resolve`.

    Raises:
        ParamsError: the file is missing, is not YAML, or holds a wrong key or value.
    """
    try:
        raw = yaml.safe_load(Path(path).read_text())
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run from the repository root") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise ParamsError(f"{path}: expected a mapping of sections")
    return resolve(raw, preset)
