"""params.yaml -> Params: the only reader of the file, and the one place that says which number wins.

Layers, the later ones win:

    base      the sections at the top of the file
    preset    presets.<preset>
    grid      presets.<preset>.full over `run`, on the grid `full`
    task      presets.<preset>.task.<task>
    method    what the method's own file says it needs of `train`, then method.<name>.train of the layers above
    flags     train.lr=1e-3 of a command line

Mappings are merged key by key; all else, and a table of named entries (`TABLES`), is replaced as a whole. Each section
is validated once, after the merge, by its closed model; a mistake is told with the layer that it stands in. The numbers
of a method or a source have their defaults in its own file. pipeline/sections.py cuts the result to what a job reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from energyflow.config.params import Params, Sections
from energyflow.config.plots import PLOTS
from energyflow.config.section import Section, problems
from energyflow.config.sections import (
    CollectParams,
    EvaluateSection,
    NetworkSection,
    OnlineSection,
    OwnTask,
    ReportParams,
    RewardModelSection,
    RunParams,
    ShapeSection,
    TrainSection,
)
from energyflow.core.errors import UserError, nearest
from energyflow.envs.tasks import CUSTOM, check_simulated, check_task
from energyflow.pipeline import sections
from energyflow.pipeline.params_file import parsed, read
from energyflow.policies.registry import METHODS, check_policy, policies
from energyflow.rewards.registry import SOURCES, models_of, sources_of
from energyflow.studies.registry import STUDIES

Layer = dict[str, Any]
GRIDS = ("core", "full")
PRESET = re.compile(r"[a-z0-9][a-z0-9_-]*")
TABLES = ("levels", "axes")  # replaced as a whole: a level or an axis that a layer does not name is not there
OF_A_TASK: dict[str, type[Section]] = {  # what an entry of presets.<preset>.task may overlay
    "collect": CollectParams,
    "train": TrainSection,
    "evaluate": EvaluateSection,
    "reward_model": RewardModelSection,
    "shape": ShapeSection,
    "online": OnlineSection,
}
SECTIONS: dict[str, type[Section]] = {
    "run": RunParams,
    **OF_A_TASK,
    "network": NetworkSection,
    "report": ReportParams,
}
OWN = ("method", "source")  # name -> what is otherwise than its own file says
TASKS = "tasks"  # name -> a task of one's own
EVERY = {  # field of Params, what of any grid -> key of `run`
    "every_task": "tasks",
    "every_method": "methods",
    "every_source": "sources",
    "every_shape_task": "shape_tasks",
}
FLAGS = "command line"  # the layer's name in messages


def merge(*layers: Layer) -> Layer:
    """Plain dictionaries, later ones over earlier ones."""
    merged: Layer = {}
    for key, value in (item for layer in layers for item in layer.items()):
        both = isinstance(value, dict) and isinstance(merged.get(key), dict) and key not in TABLES
        merged[key] = merge(merged[key], value) if both else value
    return merged


class _Layers:
    """The layers of one preset by where they stand, and their merge."""

    def __init__(self, layers: dict[str, Layer]) -> None:
        self.layers, self.tree = layers, merge(*layers.values())

    def where(self, *keys: str) -> str:
        """The layer that a value comes from, as a path into the file."""
        for name, layer in reversed(self.layers.items()):
            value: Any = layer
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                return ".".join((*([name] if name else []), *keys))
        return ".".join(keys)

    def section(self, name: str, model: type[Section]) -> Section:
        """One validated section.

        Raises:
            UserError: a key is unknown, missing, mistyped or out of bounds.
        """
        try:
            return model.model_validate(self.tree.get(name, {}))
        except ValidationError as error:
            found = problems(error)
            told = (f"{self.where(name, *keys)}: {message}" for keys, message in found)
            raise UserError(f"params.yaml: {'; '.join(told)}") from None

    def with_task(self, preset: str, task: str, own: Layer) -> _Layers:
        """The same under the entry of a task, and, below that, what a task of one's own changes."""
        entry = {f"presets.{preset}.task.{task}": self.tree["task"].get(task, {})}
        return _Layers(self.layers | {f"{TASKS}.{task}": own} | entry)


def _mapping(value: Any, where: str, allowed: Iterable[str] | None = None) -> Layer:
    """A mapping with none but the allowed keys, if any are named; null is an empty one.

    Raises:
        UserError: it is none, or has another key.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"params.yaml: {where}: expected a mapping, got {type(value).__name__}")
    known = list(value if allowed is None else allowed)
    for key in value:
        if key not in known:
            raise UserError(f"params.yaml: {where}: unknown key '{key}'; {nearest(str(key), known)}")
    return value


def _layers(raw: Layer, preset: str, grid: str, flags: Layer) -> _Layers:
    """The layers that every task shares, each with known keys alone."""
    sections_of_file = [*SECTIONS, "plots", *STUDIES, *OWN, TASKS]
    top = _mapping(raw, "top level", ["preset", "grid", "presets", *sections_of_file])
    over = _mapping(top["presets"][preset], f"presets.{preset}", [*sections_of_file, "full", "task"])
    full = _mapping(over.get("full"), f"presets.{preset}.full", RunParams.model_fields)
    layers = {"": {key: top[key] for key in sections_of_file if key in top}, f"presets.{preset}": over}
    if grid == "full":
        layers[f"presets.{preset}.full"] = {"run": full}
    found = _Layers(layers | {FLAGS: flags})
    for kind, names in (("method", METHODS), ("source", SOURCES), ("plots", PLOTS)):
        found.tree[kind] = _mapping(found.tree.get(kind), kind, names)
        for name, entry in found.tree[kind].items():
            found.tree[kind][name] = _mapping(entry, f"{kind}.{name}")
    found.tree["task"] = found.tree.get("task") or {}
    return found


def _own_tasks(layers: _Layers) -> dict[str, OwnTask]:
    """Tasks of one's own.

    Raises:
        UserError: a name or an entry is wrong.
    """
    found: dict[str, OwnTask] = {}
    for name, entry in _mapping(layers.tree.get(TASKS), TASKS).items():
        if not str(name).startswith(f"{CUSTOM}/"):
            raise UserError(f"params.yaml: {TASKS}: '{name}': a task of your own is called {CUSTOM}/NAME")
        check_task(name)
        found[name] = sections.validated(OwnTask, entry or {}, f"{TASKS}.{name}")
    return found


def _check_own(run: RunParams, own: dict[str, OwnTask]) -> None:
    """Refuse what needs a simulator of ours on a task of one's own.

    Raises:
        UserError: a method learns in the simulator.
    """
    for task in own.keys() & set(run.tasks):
        for method in run.methods:
            if METHODS[method].online is not None:
                raise UserError(f"params.yaml: run.methods: '{method}' learns in a simulator of ours, not on {task}")


def _runs(layers: _Layers, own: dict[str, OwnTask]) -> RunParams:
    """What is run, with `all` written out and every name checked.

    Raises:
        UserError: a name is unknown, or sources and tasks for them do not go together.
    """
    run = layers.section("run", RunParams)
    assert isinstance(run, RunParams)
    every = {"methods": policies(), "sources": list(SOURCES)}
    run = run.model_copy(update={key: names for key, names in every.items() if getattr(run, key) == "all"})
    checks = {
        "methods": check_policy,
        "sources": SOURCES.__getitem__,
        "tasks": lambda name: name in own or check_simulated(name),
        "shape_tasks": check_simulated,
        "studies": STUDIES.__getitem__,
    }
    for key, check in checks.items():
        for name in getattr(run, key):
            try:
                check(name)
            except UserError as error:
                raise UserError(f"params.yaml: {layers.where('run', key)}: {error}") from None
    if not run.methods:
        raise UserError(f"params.yaml: {layers.where('run', 'methods')}: expected at least one method")
    if bool(run.sources) != bool(run.shape_tasks):
        raise UserError(
            f"params.yaml: {layers.where('run', 'sources')}: sources and shape_tasks need each other, or are both []"
        )
    return run


def resolve(raw: Layer, preset: str | None = None, grid: str | None = None, flags: Sequence[str] = ()) -> Params:
    """Merge the layers of one preset and validate the result.

    Args:
        raw: content of params.yaml (or Snakemake's `config`).
        preset: name of the preset; by default the file's own `preset`.
        grid: core or full; by default the file's own.
        flags: `section.key=value`, values in YAML.

    Raises:
        UserError: a key is unknown, missing, mistyped or out of bounds; the message names it and what is allowed.
    """
    presets = raw.get("presets")
    if not isinstance(presets, dict):
        raise UserError("params.yaml: missing key 'presets'")
    name, grid = str(preset or raw.get("preset")), str(grid or raw.get("grid"))
    for key, value, known in (("preset", name, list(presets)), ("grid", grid, GRIDS)):
        if value not in known:
            raise UserError(f"params.yaml: {key}: unknown '{value}'; {nearest(value, known)}")
    flagged = parse_flags(flags)
    last = flagged.pop("train", {})  # over what methods say they need: a layer of its own, after all others
    if not PRESET.fullmatch(name):
        raise UserError(f"params.yaml: preset: '{name}' stands in paths and commands: small letters, digits, _ and -")
    layers = _layers(raw, name, grid, flagged)
    own = _own_tasks(layers)
    run, core, full = _runs(layers, own), *(_runs(_layers(raw, name, each, flagged), own) for each in GRIDS)
    _check_own(run, own)
    every = {
        field: list(dict.fromkeys(each for grid in (run, core, full) for each in getattr(grid, key)))
        for field, key in EVERY.items()
    }
    seen = {*every["every_task"], *every["every_shape_task"]}
    overlaid = _mapping(layers.tree["task"], f"presets.{name}.task", seen)
    for task, entry in overlaid.items():
        _mapping(entry, f"presets.{name}.task.{task}", OF_A_TASK)
    models = models_of([*run.sources, *sources_of(every["every_method"])])

    def of(part: _Layers) -> dict[str, Any]:
        return sections.of_task({key: part.section(key, model) for key, model in SECTIONS.items()}, part.tree, last)

    evaluate = layers.section("evaluate", EvaluateSection)
    assert isinstance(evaluate, EvaluateSection)
    for method in evaluate.nfe_methods:
        if method not in run.methods:
            where = layers.where("evaluate", "nfe_methods")
            raise UserError(f"params.yaml: {where}: '{method}' is not in presets.{name}.run.methods; add or drop it")
    params = Params(
        **of(layers),
        preset=name,
        grid=grid,
        methods=list(run.methods),
        **every,
        core=core,
        sources=list(run.sources),
        tasks=run.tasks,
        seeds=run.seeds,
        shape_tasks=run.shape_tasks,
        network_kind=layers.tree["network"]["kind"],
        nfe_methods=evaluate.nfe_methods,
        models=models,
        report=layers.section("report", ReportParams),
        plots={
            key: sections.validated(model, layers.tree["plots"].get(key) or {}, layers.where("plots", key))
            for key, model in PLOTS.items()
        },
        studies={study: layers.section(study, STUDIES[study].params) for study in run.studies},
        own=own,
        overlaid={
            task: Sections(**of(layers.with_task(name, task, own[task].overlay() if task in own else {})))
            for task in {**overlaid, **own}
        },
    )
    for study in run.studies if not flags else ():  # a command line is about one job
        STUDIES[study].valid(params)
    return params


def parse_flags(flags: Iterable[str]) -> Layer:
    """`train.lr=1e-3` -> {"train": {"lr": 0.001}}.

    Raises:
        UserError: no `=`, no section of that name, or a value that is not YAML.
    """
    found: Layer = {}
    known = [*SECTIONS, *OWN, *STUDIES]
    for flag in flags:
        path, equals, text = flag.partition("=")
        first, *rest = path.split(".")
        if not equals or not rest:
            raise UserError(f"'{flag}': expected section.key=value, for example train.steps=2000")
        if first not in known:
            raise UserError(f"'{flag}': no section '{first}'; {nearest(first, known)}")
        try:
            value = parsed(text)
        except yaml.YAMLError:
            raise UserError(f"'{flag}': the value is not YAML; quote text with special characters") from None
        for key in reversed(rest):
            value = {key: value}
        found = merge(found, {first: value})
    return found


def load(
    path: str | Path | None = None,
    preset: str | None = None,
    grid: str | None = None,
    flags: Sequence[str] = (),
) -> Params:
    """Read and validate a params file; see `read` and `resolve`.

    Raises:
        UserError: the file is missing, is not YAML, or holds a wrong key or value.
    """
    return resolve(read(path), preset, grid, flags)
