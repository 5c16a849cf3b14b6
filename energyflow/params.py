"""params.yaml -> typed sections: the only reader of the file, and the one place that says what each job depends on.

A *section* is the exact set of numbers that one job uses. The Snakefile passes it to the job as canonical JSON, so what
the workflow engines track is what the job reads; `presets.<name>` overlays the base sections of the same name.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

S = TypeVar("S", bound="Section")


class ParamsError(ValueError):
    """A key of params.yaml is unknown, missing or mistyped; the message names it and what is allowed."""


class Section(BaseModel):
    """A frozen, closed group of parameters: unknown keys and mistyped values are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def canonical(self) -> str:
        """Return sorted, compact JSON: equal sections are equal strings, whatever the order in the file."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


class CollectParams(Section):
    """Demonstrations of scripted experts."""

    demos: int = Field(ge=1)
    action_noise: float = Field(ge=0)
    extra_steps: int = Field(ge=0)
    horizon: int = Field(ge=1)
    min_success: float = Field(ge=0, le=1)
    seed: int = Field(ge=0)


class MLPParams(Section):
    """Multi-layer perceptron on the flattened chunk."""

    hidden: list[int] = Field(min_length=1)
    time_dim: int = Field(ge=2, multiple_of=2)


class UNetParams(Section):
    """Conditional 1-D U-Net over the action chunk."""

    down_dims: list[int] = Field(min_length=1)
    kernel_size: int = Field(ge=1)
    groups: int = Field(ge=1)
    cond_dim: int = Field(ge=2, multiple_of=2)


class NetworkParams(Section):
    """Which network a policy uses; the other one's numbers do not enter the section."""

    kind: Literal["mlp", "unet"]
    mlp: MLPParams | None = None
    unet: UNetParams | None = None


class TrainParams(Section):
    """Everything a training run depends on, apart from the data and the seed."""

    method: str
    method_params: dict[str, Any]
    network: NetworkParams
    lr: float = Field(gt=0)
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    warmup_steps: int = Field(ge=0)
    ema_decay: float = Field(ge=0, lt=1)
    obs_horizon: int = Field(ge=1)
    pred_horizon: int = Field(ge=1)
    exec_horizon: int = Field(ge=1)
    weight_decay: float = Field(ge=0)
    grad_clip: float = Field(gt=0)
    standardize_obs: bool
    log_every: int = Field(ge=1)
    resume_every: int = Field(ge=1)

    @model_validator(mode="after")
    def _check(self) -> TrainParams:
        if self.exec_horizon > self.pred_horizon:
            raise ValueError(
                f"train.exec_horizon = {self.exec_horizon} exceeds train.pred_horizon = {self.pred_horizon}"
            )
        if self.network.kind == "unet" and self.network.unet is not None:
            factor = 2 ** (len(self.network.unet.down_dims) - 1)
            if self.pred_horizon % factor:
                raise ValueError(
                    f"train.pred_horizon = {self.pred_horizon} must be a multiple of {factor}"
                    " (the U-Net halves it once per level)"
                )
        return self


class Level(Section):
    """How far, in metres, the initial state lies beyond the training range."""

    hand: float = Field(ge=0)
    object: float = Field(ge=0)
    goal: float = Field(ge=0)


class EvaluateParams(Section):
    """Rollouts of one checkpoint on the held-out initial states."""

    episodes: int = Field(ge=1)
    horizon: int = Field(ge=1)
    seed: int = Field(ge=0)
    levels: dict[str, Level] = Field(min_length=1)
    nfe: list[int] = Field(default_factory=list)


class ShapeParams(Section):
    """SAC on one reward source."""

    steps: int = Field(ge=1)
    eval_every: int = Field(ge=1)
    eval_episodes: int = Field(ge=1)
    horizon: int = Field(ge=1)
    sigma: float = Field(gt=0)
    references: int = Field(ge=1)
    sparse_weight: float = Field(ge=0)
    on_success: Literal["continue", "terminate"]
    hidden: list[int] = Field(min_length=1)
    ent_coef: float = Field(gt=0)
    learning_rate: float = Field(gt=0)
    batch_size: int = Field(ge=1)
    gamma: float = Field(gt=0, lt=1)
    train_freq: int = Field(ge=1)
    learning_starts: int = Field(ge=0)
    seed: int = Field(ge=0)
    eval_seed: int = Field(ge=0)


class ReportParams(Section):
    """How rows become statistics."""

    confidence: float = Field(gt=0, lt=1)
    bootstrap: int = Field(ge=100)
    seed: int = Field(ge=0)


class PlotParams(Section):
    """Look of one figure; a figure uses the keys that concern it."""

    dpi: int = Field(ge=50, le=600)
    palette: str | None = None
    cmap: str | None = None
    smooth: int | None = Field(default=None, ge=1)
    resolution: int | None = Field(default=None, ge=2)
    samples: int | None = Field(default=None, ge=1)
    sigma: float | None = Field(default=None, gt=0)
    extent: float | None = Field(default=None, gt=0)


class Params(BaseModel):
    """The resolved file: one preset merged over the base sections."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str
    methods: list[str] = Field(min_length=1)
    sources: list[str] = Field(min_length=1)
    tasks: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    shape_tasks: list[str]
    network_kind: Literal["mlp", "unet"]
    nfe_methods: list[str]
    collect: CollectParams
    train: dict[str, TrainParams]
    reward_model: TrainParams
    evaluate: EvaluateParams
    shape: ShapeParams
    report: ReportParams
    plots: dict[str, PlotParams]

    def evaluate_levels(self) -> EvaluateParams:
        """Section of the success and OOD evaluation."""
        return self.evaluate.model_copy(update={"nfe": []})

    def evaluate_nfe(self) -> EvaluateParams:
        """Section of the NFE sweep: the unperturbed level only."""
        return self.evaluate.model_copy(update={"levels": {"0": self.evaluate.levels["0"]}})


PRESET_SCALARS = ("tasks", "seeds", "shape_tasks", "network", "lr")
PRESET_SECTIONS = ("collect", "train", "evaluate", "reward_model", "shape")
BASE_KEYS = [
    "preset",
    "methods",
    "sources",
    "collect",
    "train",
    "network",
    "method",
    "evaluate",
    "reward_model",
    "shape",
    "report",
    "plots",
    "presets",
]


COLLECT_SEEDS = 50_000  # initial states reserved for collection


def nearest(name: str, known: list[str]) -> str:
    """Return a "did you mean" clause for a mistyped name, or the list of what is allowed."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"allowed: {', '.join(sorted(known))}"


def _closed(mapping: Any, where: str, allowed: tuple[str, ...] | list[str], *, complete: bool = True) -> None:
    if not isinstance(mapping, dict):
        raise ParamsError(f"{where}: expected a mapping, got {type(mapping).__name__}")
    for key in mapping:
        if key not in allowed:
            raise ParamsError(f"{where}: unknown key '{key}'; {nearest(str(key), list(allowed))}")
    for key in allowed if complete else ():
        if key not in mapping:
            raise ParamsError(f"{where}: missing key '{key}'")


def _describe(error: ValidationError) -> str:
    parts = []
    for item in error.errors():
        key = ".".join(str(k) for k in item["loc"])
        got = "" if isinstance(item["input"], dict) else f" (got {item['input']!r})"
        parts.append(f"{key}: {item['msg']}{got}" if key else item["msg"])
    return "; ".join(parts)


def _merged(raw: dict[str, Any], preset: str, section: str) -> dict[str, Any]:
    over = raw["presets"][preset]
    for where, part in ((section, raw[section]), (f"presets.{preset}.{section}", over[section])):
        if not isinstance(part, dict):
            raise ParamsError(f"{where}: expected a mapping, got {type(part).__name__}")
    return {**raw[section], **over[section]}


def _check_names(raw: dict[str, Any], over: dict[str, Any]) -> None:
    """Raise ParamsError if a method, source or task is unknown, or if a list of them is not a list."""
    # Imported here: the registries import the method classes, which import the sections above.
    from energyflow.envs.tasks import check_task
    from energyflow.policies.registry import check_method
    from energyflow.rewards.registry import check_source

    checks: tuple[tuple[str, Any, Callable[[str], object]], ...] = (
        ("methods", raw["methods"], check_method),
        ("sources", raw["sources"], check_source),
        ("tasks", over["tasks"], check_task),
        ("shape_tasks", over["shape_tasks"], check_task),
    )
    for where, names, check in checks:
        if not isinstance(names, list) or not names:
            raise ParamsError(f"params.yaml: {where}: expected a non-empty list of names")
        for name in names:
            check(name)


def _train_section(raw: dict[str, Any], preset: str, method: str, **fixed: Any) -> TrainParams:
    from energyflow.policies.registry import check_method

    over = raw["presets"][preset]
    for where, mapping in (("method", raw["method"]), (f"presets.{preset}.lr", over["lr"])):
        if method not in mapping:
            raise ParamsError(f"{where}: missing key '{method}' (it is in methods)")
    kind = over["network"]
    network = {"kind": kind, kind: raw["network"].get(kind)} if kind in ("mlp", "unet") else {"kind": kind}
    section = _merged(raw, preset, "train") | {"method": method, "lr": over["lr"][method], "network": network} | fixed
    return TrainParams(**section, method_params=check_method(method).params_model(raw["method"][method]))


def _reward_section(raw: dict[str, Any], preset: str) -> TrainParams:
    """The energy that rewards read: one step (To = Tp = 1) on the MLP, or the usual chunk."""
    section = _merged(raw, preset, "reward_model")
    _closed(section, "reward_model", ("window", "steps"))
    fixed: dict[str, Any] = {"steps": section["steps"]}
    if section["window"] == "one_step":  # a 1-D U-Net on a chunk of length one is degenerate
        fixed |= {"obs_horizon": 1, "pred_horizon": 1, "exec_horizon": 1}
        fixed["network"] = {"kind": "mlp", "mlp": raw["network"]["mlp"]}
    elif section["window"] != "chunk":
        raise ParamsError(f"reward_model.window: unknown '{section['window']}'; allowed: one_step, chunk")
    return _train_section(raw, preset, "energyflow", **fixed)


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
    _check_names(raw, over)
    _closed(over["lr"], f"presets.{name}.lr", list(raw["method"]), complete=False)
    evaluate = _merged(raw, name, "evaluate")
    nfe_methods = evaluate.pop("nfe_methods", [])
    try:
        held_out = EvaluateParams(**evaluate)
        params = Params(
            preset=name,
            methods=raw["methods"],
            sources=raw["sources"],
            tasks=over["tasks"],
            seeds=over["seeds"],
            shape_tasks=over["shape_tasks"],
            network_kind=over["network"],
            nfe_methods=nfe_methods,
            collect=CollectParams(**_merged(raw, name, "collect")),
            train={method: _train_section(raw, name, method) for method in raw["methods"]},
            reward_model=_reward_section(raw, name),
            evaluate=held_out,
            shape=ShapeParams(**_merged(raw, name, "shape"), eval_seed=held_out.seed),
            report=ReportParams(**raw["report"]),
            plots={key: PlotParams(**value) for key, value in raw["plots"].items()},
        )
    except ValidationError as error:
        raise ParamsError(f"params.yaml: {error.title.removesuffix('Params').lower()}: {_describe(error)}") from None
    for method in params.nfe_methods:
        if method not in params.methods:
            raise ParamsError(
                f"params.yaml: evaluate.nfe_methods: '{method}' is not in methods; add it there or drop it here"
            )
    if "0" not in params.evaluate.levels:
        raise ParamsError("params.yaml: evaluate.levels: missing key '0' (the unperturbed level; quote it)")
    if not params.collect.seed + COLLECT_SEEDS <= params.evaluate.seed < params.shape.seed:
        raise ParamsError(
            f"params.yaml: seeds must be disjoint: collect.seed + {COLLECT_SEEDS} <= evaluate.seed < shape.seed"
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


def parse_section(model: type[S], text: str) -> S:
    """Read a section from the JSON that a rule passes on its command line.

    Raises:
        ParamsError: the JSON does not match the section.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise ParamsError(f"--params: {model.__name__}: {_describe(error)}") from None
