"""From params.yaml to the sections of the ablations: values of an axis, the preset's own, and what each run uses."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from energyflow.config.params import Params
from energyflow.config.section import Section, describe
from energyflow.config.sections import EvaluateParams, ShapeParams, TrainParams
from energyflow.core.errors import UserError, nearest
from energyflow.envs.tasks import check_simulated
from energyflow.policies.registry import METHODS, check_policy
from energyflow.rewards.registry import SOURCES
from energyflow.studies.ablations.sections import (
    AblationsParams,
    Axis,
    ComparedAxis,
    LatencyParams,
    PointParams,
    SamplingParams,
    TailsParams,
    Value,
)

VARIANTS = {"energyflow": "energyflow_variant"}  # method -> the one with switches, whose defaults are the method
SAMPLING = ("sampler", "gamma", "rho", "nfe")  # what may be changed under trained weights
DEMOS = "demos"  # key of axes of kind `data`, in the section `collect`
NAMES = re.compile(r"[a-z0-9_.-]+")  # of axes and values, as they stand in paths


def ablations_of(p: Params) -> AblationsParams:
    """The section of a preset that has one."""
    found = p.studies["ablations"]
    assert isinstance(found, AblationsParams)
    return found


def name_of(value: Value) -> str:
    """How a value is called in paths and tables."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def present(p: Params, axis: Axis) -> list[str]:
    """Methods or sources of an axis that the preset runs: there is nothing to compare another one with."""
    ran = p.sources if axis.kind == "shape" else p.nfe_methods if axis.every_nfe else p.methods
    return [name for name in axis.of if name in ran]


def numbers(p: Params, axis: Axis, item: str) -> dict[str, Any]:
    """The preset's numbers of which an axis varies one."""
    if axis.kind == "shape":
        return p.shape[item].source_params
    if axis.kind == "data":
        return {DEMOS: p.collect.demos}
    own: dict[str, Any] = _validated(p, item, {})["method_params"]
    return own


def _validated(p: Params, method: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Method and numbers of a run: those of the preset, under the changes."""
    if method not in p.train:
        raise UserError(f"method '{method}' is trained in the simulator: it has no ablations")
    name = VARIANTS.get(method, method)
    own = _numbers(METHODS[name].params, method, p.train[method].method_params | changes)
    return {"method": name, "method_params": own}


def _numbers(model: type[Section], item: str, values: dict[str, Any]) -> dict[str, Any]:
    try:
        return model.model_validate(values).model_dump()
    except ValidationError as error:
        raise UserError(f"{item}: {describe(error)}") from None


def reference(p: Params, axis: str, item: str) -> str:
    """Name of the preset's own value."""
    section = ablations_of(p).axes[axis]
    return name_of(numbers(p, section, item)[section.key])


def settings(p: Params, axis: str, item: str) -> dict[str, Value]:
    """Values by name, the preset's own included: numbers by size, others as listed, the preset's own first."""
    section = ablations_of(p).axes[axis]
    own: Value = numbers(p, section, item)[section.key]
    listed = [value for value in section.values if name_of(value) != name_of(own)]
    values = section.values if len(listed) < len(section.values) else [own, *section.values]
    if not any(isinstance(value, bool | str) for value in values):
        values = sorted(values, key=float)
    return {name_of(value): own if name_of(value) == name_of(own) else value for value in values}


def check(p: Params) -> None:
    """Every axis is one that its methods or sources have.

    Raises:
        UserError: an unknown task, method, source or key, or a value that does not fit it.
    """
    for task in (*ablations_of(p).tasks, *ablations_of(p).shape_tasks):
        check_simulated(task)
    for name, axis in ablations_of(p).axes.items():
        where = f"params.yaml: ablations.axes.{name}"
        for each in axis.of:
            (SOURCES.__getitem__ if axis.kind == "shape" else check_policy)(each)
            known = numbers(p, axis, each)
            if axis.key not in known:
                raise UserError(f"{where}.key: unknown '{axis.key}' of {each}; {nearest(axis.key, list(known))}")
            if axis.kind == "sample" and axis.key not in SAMPLING:
                raise UserError(f"{where}.kind: '{axis.key}' is no number of the sampler: use kind train")
            for label, value in settings(p, name, each).items():
                _check_value(p, where, axis, each, label, value)
        if not NAMES.fullmatch(name):
            raise UserError(f"{where}: a name stands in paths: small letters, digits and _ alone")
    for task in (tails := tails_section(p)).collect:
        if tails.std(task) == 0.0:
            raise UserError(
                f"params.yaml: collect.label_noise: the demonstrator of {task} has no width for"
                " ablations.tails to count in: make it positive"
            )


def _check_value(p: Params, where: str, axis: Axis, item: str, label: str, value: Value) -> None:
    if not NAMES.fullmatch(label):
        raise UserError(f"{where}.values: '{label}' stands in paths: small letters, digits, '_', '.' and '-' alone")
    try:
        if axis.kind == "shape":
            _source_params(p.shape[item], item, axis.key, value)
        elif axis.kind in ("train", "sample"):
            _validated(p, item, {axis.key: value})
        elif not isinstance(value, int) or not 1 <= value <= p.collect.demos:
            raise UserError(f"there are 1 to {p.collect.demos} demonstrations (got {value})")
    except UserError as error:
        raise UserError(f"{where}.values: {str(error).removeprefix('params.yaml: ')}") from None


def _source_params(section: ShapeParams, source: str, key: str, value: Value) -> dict[str, Any]:
    return _numbers(SOURCES[source].settings, source, section.source_params | {key: value})


def method_of(p: Params, axis: str, item: str) -> str:
    """The method whose code a run uses: on more or fewer demonstrations the method itself, else its variant."""
    return item if ablations_of(p).axes[axis].kind == "data" else VARIANTS.get(item, item)


def train_section(p: Params, axis: str, value: str, task: str, item: str) -> TrainParams:
    """What the training of a run reads: the preset's section of the task, with one number changed."""
    section, found = p.of(task).train[item], ablations_of(p).axes[axis]
    if found.kind == "data":
        return section
    return section.model_copy(update=_validated(p, item, {found.key: settings(p, axis, item)[value]}))


def sampling_section(p: Params, axis: str, value: str, item: str) -> SamplingParams:
    """Under which sampler the preset's weights are put."""
    return SamplingParams(**_validated(p, item, {ablations_of(p).axes[axis].key: settings(p, axis, item)[value]}))


def shape_section(p: Params, axis: str, value: str, task: str, item: str) -> ShapeParams:
    """What SAC reads: the preset's section of the task, with one number of the source changed."""
    section = p.of(task).shape[item]
    own = _source_params(section, item, ablations_of(p).axes[axis].key, settings(p, axis, item)[value])
    return section.model_copy(update={"source_params": own})


def evaluate_section(p: Params, axis: str, task: str) -> EvaluateParams:
    """Rollouts from the unperturbed initial states of the evaluation, planned by draws."""
    section = p.of(task).evaluate_nfe()
    return section if ablations_of(p).axes[axis].every_nfe else section.model_copy(update={"nfe": []})


def latency_section(p: Params) -> LatencyParams:
    """What the latency table times."""
    return LatencyParams(batches=ablations_of(p).batches)


def tails_section(p: Params) -> TailsParams:
    """What a job of the tails reads."""
    found = ablations_of(p)
    collect = {task: p.of(task).collect for task in found.tasks if task in p.every_task}
    return TailsParams(**found.tails.model_dump(), collect=collect)


def point_section(p: Params, axes: list[str]) -> PointParams:
    """How the rows of some axes become a point."""
    look = p.plots["ablations"].model_dump()
    return PointParams(
        axes={
            name: ComparedAxis(
                kind=axis.kind,
                key=axis.key,
                values={each: list(settings(p, name, each)) for each in present(p, axis)},
                reference={each: reference(p, name, each) for each in present(p, axis)},
            )
            for name, axis in ablations_of(p).axes.items()
            if name in axes
        },
        report=p.report,
        dpi=look["dpi"],
        palette=look["palette"],
    )
