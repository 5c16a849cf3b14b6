"""params.yaml -> typed sections: the only reader of the file, and the one place that says what each job depends on.

`presets.<name>` overlays the base sections of the same name; energyflow/config/sections.py says what a section holds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from energyflow.config.section import closed, describe
from energyflow.config.sections import (
    CollectParams,
    EvaluateParams,
    OnlineParams,
    PlotParams,
    ReportParams,
    ShapeParams,
    TrainParams,
)
from energyflow.core.errors import UserError, nearest
from energyflow.pipeline.sections import every_method, merged, sections
from energyflow.studies.ablations import resolve as ablations
from energyflow.studies.ablations.sections import AblationsParams
from energyflow.studies.theory.grid import theory_of
from energyflow.studies.theory.resolve import merge_theory, train_sections
from energyflow.studies.theory.sections import TheoryParams, VerdictParams

Kind = TypeVar("Kind", TrainParams, OnlineParams)


def _section(method: str, own: dict[str, Kind], others: dict[str, Any], hint: str) -> Kind:
    """Section of a method of one kind; of another kind, the hint says what to do instead."""
    if method in others:
        raise UserError(f"method '{method}' {hint}")
    if method not in own:
        raise UserError(f"unknown method '{method}'; {nearest(method, list(own))}")
    return own[method]


class Sections(BaseModel):
    """What the jobs on one task use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    collect: CollectParams
    train: dict[str, TrainParams]  # of every method with a section, run by the preset or not
    online: dict[str, OnlineParams]  # of every method that is trained in the simulator
    reward_model: dict[str, TrainParams]  # by method: those that the sources read, and the methods' own
    evaluate: EvaluateParams
    shape: dict[str, ShapeParams]  # by source: all of them, run or not

    def training(self, method: str) -> TrainParams:
        """Section of the training runs of a method that learns from demonstrations alone.

        Raises:
            UserError: the method has no section, or is trained in the simulator.
        """
        return _section(method, self.train, self.online, "is trained in the simulator: energyflow train_online")

    def training_online(self, method: str) -> OnlineParams:
        """Section of the training runs of a method that is trained in the simulator.

        Raises:
            UserError: there is no such method, or it learns from demonstrations alone.
        """
        return _section(method, self.online, self.train, "learns from demonstrations alone: energyflow train")

    def evaluate_levels(self) -> EvaluateParams:
        """Section of the success and OOD evaluation."""
        return self.evaluate.model_copy(update={"nfe": []})

    def evaluate_nfe(self) -> EvaluateParams:
        """Section of the NFE sweep: the unperturbed level only."""
        return self.evaluate.model_copy(update={"levels": {"0": self.evaluate.levels["0"]}})


class Params(Sections):
    """The resolved file: one preset merged over the base sections, and what some tasks need otherwise."""

    preset: str
    grid: Literal["core", "full"]
    methods: list[str] = Field(min_length=1)
    every_method: list[str]  # of any grid
    sources: list[str]
    tasks: list[str] = Field(min_length=1)
    every_task: list[str]  # of any grid
    seeds: list[int] = Field(min_length=1)
    shape_tasks: list[str]
    network_kind: Literal["mlp", "unet"]
    nfe_methods: list[str]
    report: ReportParams
    plots: dict[str, PlotParams]
    theory: TheoryParams | None  # of the preset that it belongs to, and of smoke
    theory_train: dict[str, TrainParams]
    ablations: AblationsParams | None  # likewise
    overlaid: dict[str, Sections]

    @property
    def models(self) -> list[str]:
        """Methods of the reward models that the sources read, those of `sources` and of the methods of any grid."""
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


PRESET_SCALARS = (
    *("methods", "sources", "tasks", "seeds", "shape_tasks", "network", "full", "lr", "task"),
    *("theory", "ablations"),
)
GRIDS = ("core", "full")
FULL = ("methods", "sources", "tasks", "shape_tasks")  # what `presets.<preset>.full` may overlay
PRESET_SECTIONS = ("collect", "train", "evaluate", "reward_model", "shape", "online")
BASE_KEYS = [
    "preset",
    "grid",
    "collect",
    "train",
    "network",
    "method",
    "evaluate",
    "reward_model",
    "shape",
    "online",
    "theory",
    "ablations",
    "report",
    "plots",
    "presets",
]


def _check_list(names: Any, where: str, check: Callable[[str], object], *, empty: bool = False) -> None:
    """Raise UserError unless it is a list, perhaps an empty one, of names that pass the check."""
    if not isinstance(names, list) or not (names or empty):
        raise UserError(f"params.yaml: {where}: expected a non-empty list of names")
    for name in names:
        check(name)


def _check_names(preset: str, over: dict[str, Any]) -> None:
    """Raise UserError if a method, source or task is unknown, or if a list of them is not a list."""
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
        _check_list(over[key], f"presets.{preset}.{key}", check, empty=key in ("sources", "shape_tasks"))
    if bool(over["sources"]) != bool(over["shape_tasks"]):
        raise UserError(f"params.yaml: presets.{preset}: sources and shape_tasks need each other, or are both []")


def _check_overlays(over: dict[str, Any], tasks: list[str], where: str) -> None:
    """Raise UserError unless every entry of `presets.<preset>.task` overlays sections of a task of any grid."""
    closed(over["task"], where, sorted({*tasks, *over["shape_tasks"]}), complete=False)
    for task, overlay in over["task"].items():
        closed(overlay, f"{where}.{task}", PRESET_SECTIONS, complete=False)


def _on_grid(raw: dict[str, Any], preset: str) -> dict[str, Any]:
    """The content with the preset as it is on the grid in use: `full` overlays what the preset runs.

    Raises:
        UserError: the grid is unknown, or `full` overlays something else.
    """
    over, where = raw["presets"][preset], f"presets.{preset}"
    closed(over, where, (*PRESET_SCALARS, *PRESET_SECTIONS))
    closed(over["full"], f"{where}.full", FULL, complete=False)
    if raw["grid"] not in GRIDS:
        raise UserError(f"params.yaml: grid: unknown '{raw['grid']}'; allowed: {', '.join(GRIDS)}")
    chosen = over | (over["full"] if raw["grid"] == "full" else {})
    return raw | {"presets": raw["presets"] | {preset: chosen}}


def resolve(raw: dict[str, Any], preset: str | None = None) -> Params:
    """Merge one preset over the base sections and validate the result.

    Args:
        raw: content of params.yaml (or Snakemake's `config`).
        preset: name of the preset; by default the file's own `preset`.

    Returns:
        The typed parameters.

    Raises:
        UserError: a key is unknown, missing or mistyped, with the nearest allowed name.
    """
    closed(raw, "params.yaml", BASE_KEYS)
    presets, name = raw["presets"], preset or raw["preset"]
    if not isinstance(presets, dict) or name not in presets:
        raise UserError(f"params.yaml: preset: unknown preset '{name}'; {nearest(str(name), list(presets))}")
    core = presets[name]
    raw = _on_grid(raw, name)
    over = raw["presets"][name]
    _check_names(name, over)
    _check_names(f"{name}.full", over | over["full"])
    closed(over["lr"], f"presets.{name}.lr", list(raw["method"]), complete=False)
    every_task = list(dict.fromkeys([*over["tasks"], *core["tasks"], *over["full"].get("tasks", [])]))
    _check_overlays(over, every_task, f"presets.{name}.task")
    try:
        theory = merge_theory(raw["theory"], over["theory"])
        params = Params(
            preset=name,
            grid=raw["grid"],
            methods=over["methods"],
            every_method=every_method(over),
            sources=over["sources"],
            tasks=over["tasks"],
            every_task=every_task,
            seeds=over["seeds"],
            shape_tasks=over["shape_tasks"],
            network_kind=over["network"],
            nfe_methods=merged(raw, name, "evaluate").get("nfe_methods", []),
            report=ReportParams(**raw["report"]),
            plots={key: PlotParams(**value) for key, value in raw["plots"].items()},
            theory=theory,
            theory_train=train_sections(raw, theory) if theory else {},
            ablations=ablations.merge_ablations(raw["ablations"], over["ablations"]),
            overlaid={task: Sections(**sections(raw, name, task)) for task in over["task"]},
            **sections(raw, name),
        )
    except ValidationError as error:
        raise UserError(f"params.yaml: {error.title.removesuffix('Params').lower()}: {describe(error)}") from None
    for method in params.nfe_methods:
        if method not in params.methods:
            raise UserError(
                f"params.yaml: evaluate.nfe_methods: '{method}' is not in presets.{name}.methods; add or drop it"
            )
    if params.ablations is not None:
        ablations.check(params)
    return params


def load(path: str | Path = "params.yaml", preset: str | None = None, grid: str | None = None) -> Params:
    """Read and validate a params file; see `resolve`. By default, the grid is the file's own.

    Raises:
        UserError: the file is missing, is not YAML, or holds a wrong key or value.
    """
    try:
        raw = yaml.safe_load(Path(path).read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the repository root") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: expected a mapping of sections")
    return resolve(raw if grid is None else raw | {"grid": grid}, preset)
