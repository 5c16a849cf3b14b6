"""The resolved parameters: data alone. How params.yaml becomes them: pipeline/params.py."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from energyflow.config.section import Section
from energyflow.config.sections import (
    CollectParams,
    EvaluateParams,
    OnlineParams,
    OwnTask,
    ReportParams,
    RunParams,
    ShapeParams,
    TrainParams,
)
from energyflow.core.errors import UserError, nearest

Kind = TypeVar("Kind", TrainParams, OnlineParams)


def _section(method: str, own: dict[str, Kind], others: dict[str, Any], hint: str) -> Kind:
    """Section of a method of one kind; of another kind, the hint says what to do instead."""
    if method in others:
        raise UserError(f"method '{method}' {hint}")
    if method not in own:
        raise UserError(f"unknown method '{method}'; {nearest(method, own)}")
    return own[method]


class Sections(BaseModel):
    """What the jobs on one task read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    collect: CollectParams
    train: dict[str, TrainParams]  # of every method that learns from demonstrations alone, run by the preset or not
    online: dict[str, OnlineParams]  # of every method that is trained in the simulator
    reward_model: dict[str, TrainParams]  # of every model that a source reads
    evaluate: EvaluateParams
    shape: dict[str, ShapeParams]  # by source: all of them, run or not

    def training(self, method: str) -> TrainParams:
        """Section of the training runs of a method that learns from demonstrations alone.

        Raises:
            UserError: there is no such method, or it is trained in the simulator.
        """
        return _section(method, self.train, self.online, "is trained in the simulator: energyflow job train_online")

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
        """Section of the NFE sweep: draws, from the unperturbed level only."""
        return self.evaluate.model_copy(update={"levels": {"0": self.evaluate.levels["0"]}, "decoders": ["sample"]})


class Params(Sections):
    """One preset on one grid: what is run, and what each job reads."""

    preset: str
    grid: Literal["core", "full"]
    methods: list[str] = Field(min_length=1)
    every_method: list[str]  # of any grid
    core: RunParams  # what the grid `core` runs
    sources: list[str]
    every_source: list[str]  # of any grid
    tasks: list[str] = Field(min_length=1)
    every_task: list[str]  # of any grid
    seeds: list[int] = Field(min_length=1)
    shape_tasks: list[str]
    every_shape_task: list[str]  # of any grid
    network_kind: Literal["mlp", "unet"]
    nfe_methods: list[str]
    models: list[str]  # methods of the reward models that the sources, and the methods of any grid, read
    report: ReportParams
    plots: dict[str, SerializeAsAny[Section]]
    studies: dict[str, SerializeAsAny[Section]]  # of the studies that the preset has
    own: dict[str, OwnTask]  # tasks of your own, run or not
    overlaid: dict[str, Sections]  # of the tasks that need something otherwise

    def simulated(self, tasks: list[str]) -> list[str]:
        """Those of some tasks that have a simulator here, and with it a scripted expert."""
        return [task for task in tasks if task not in self.own]

    def of(self, task: str) -> Sections:
        """The sections of a task: those of the preset, under its entry in `presets.<preset>.task` if it has one."""
        return self.overlaid.get(task, self)
