"""The section `ablations` of params.yaml, typed, and what its jobs read of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from energyflow.config.section import Section
from energyflow.config.sections import CollectParams, Count, Evaluations, ReportParams, Seed

Value = bool | int | float | str
Kind = Literal["train", "data", "sample", "shape"]


class Axis(Section):
    """One choice and what is tried for it, everything else as in the preset.

    Attributes:
        kind: what a value costs. `train`: a model of its own; `data`: one, on as many demonstrations; `sample`:
            rollouts of the preset's checkpoint with another sampler; `shape`: SAC with another read-out of the preset's
            reward model.
        of: methods, or for `shape` sources of reward; those that the preset does not run are left out.
        key: what is varied: a number of the method or of the source, for `data` `demos`.
        values: what is tried; the preset's own value belongs to every axis, listed or not.
        every_nfe: whether it is evaluated at each number of evaluate.nfe, or at the method's own.
    """

    kind: Kind
    of: list[str] = Field(min_length=1)
    key: str
    values: list[Value] = Field(min_length=1)
    every_nfe: bool = False

    @field_validator("values")
    @classmethod
    def _once(cls, values: list[Value]) -> list[Value]:
        if len({str(value) for value in values}) < len(values):
            raise ValueError("a value is listed twice")
        return values


class TailsGrid(Section):
    """How far sampled actions lie from what the demonstrator intended.

    Attributes:
        demos: of each task, held out from every training.
        seed: of the first of them; collect.seed and evaluate.seed start far from it.
        draws: of each policy at each of their observations.
        nfe: evaluations of each draw, the same for every method.
    """

    demos: Count
    seed: Seed
    draws: int = Field(ge=2, le=1000)
    nfe: Evaluations


class AblationsParams(Section):
    """Everything behind results/ablations.

    Attributes:
        tasks: of the policies; of these, the ones that the preset runs.
        shape_tasks: of the rewards, likewise.
        seeds: likewise.
        batches: plans computed at once in the latency table.
        tails: see `TailsGrid`.
        axes: by name.
    """

    tasks: list[str] = Field(min_length=1)
    shape_tasks: list[str]
    seeds: list[int] = Field(min_length=1)
    batches: list[int] = Field(min_length=1)
    tails: TailsGrid
    axes: dict[str, Axis] = Field(min_length=1)


class SamplingParams(Section):
    """The method under whose sampler the weights of a checkpoint are put."""

    method: str
    method_params: dict[str, Any]


class LatencyParams(Section):
    """What the latency table times."""

    batches: list[int] = Field(min_length=1)


class TailsParams(TailsGrid):
    """What a job of the tails reads: as above, and how the demonstrations of each task are collected."""

    collect: dict[str, CollectParams]

    def std(self, task: str) -> float:
        """Standard deviation of a demonstrator's label around its intention."""
        collect = self.collect[task]
        return collect.noise if collect.label_noise is None else collect.label_noise


class ComparedAxis(Section):
    """What the report has to know of an axis.

    Attributes:
        kind: as in `Axis`.
        key: as in `Axis`.
        values: names of the values by method (or source), in the order of the table.
        reference: name of the preset's value by method: what the others are compared with.
    """

    kind: Kind
    key: str
    values: dict[str, list[str]]
    reference: dict[str, str]


class PointParams(Section):
    """How rows become a point: the axes that it shows, intervals, and how figures look."""

    axes: dict[str, ComparedAxis]
    report: ReportParams
    dpi: int = Field(ge=50, le=600)
    palette: str
