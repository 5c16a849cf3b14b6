"""From params.yaml to what each job of the study reads, and whether it goes together."""

from __future__ import annotations

from typing import Any

from energyflow.config.params import Params
from energyflow.config.sections import BurstParams, CollectParams, TrainParams
from energyflow.core.errors import UserError
from energyflow.envs.tasks import check_simulated
from energyflow.studies.weighting.sections import (
    Chain,
    Imitation,
    PointParams,
    RescalingParams,
    TemperatureParams,
    WeightingParams,
)

NAME = "weighting"
ENERGY = "energyflow"  # the method of E_phi
ONE_STEP = {"obs_horizon": 1, "pred_horizon": 1, "exec_horizon": 1}


def weighting_of(p: Params) -> WeightingParams:
    """The section of a preset that has one."""
    found = p.studies[NAME]
    assert isinstance(found, WeightingParams)
    return found


def collecting(p: Params, task: str) -> CollectParams:
    """How an expert is recorded: no pushes, and what it executed, so that all three shares are what was done."""
    own = p.of(task).collect
    still = BurstParams.model_validate(own.burst.model_dump() | {"chance": 0.0})
    horizon = weighting_of(p).mixture.horizon
    return own.model_copy(update={"burst": still, "label_noise": None, "horizon": horizon})


def robots(p: Params, tasks: list[str]) -> dict[str, Any]:
    """What every job on a robot task reads: E_phi is the model that the rewards of the preset read, of one step."""
    own = weighting_of(p)
    return {
        "mixture": own.mixture,
        "collect": {task: collecting(p, task) for task in tasks},
        "model": p.reward_model[ENERGY].model_copy(update=ONE_STEP),
        "energy": own.energy,
        "learn": own.learn,
    }


def imitation(p: Params) -> Imitation:
    """What a job of the imitation reads."""
    own = weighting_of(p).imitation
    return Imitation(**robots(p, own.tasks), discriminator=own.discriminator)


def chain(p: Params) -> Chain:
    """What a job of the chain reads."""
    return Chain(**robots(p, weighting_of(p).chain.tasks))


def small(p: Params) -> TrainParams:
    """The training of an energy of a closed form: the method's own numbers, but for sizes and recipe."""
    recipe = weighting_of(p).small.model_dump()
    network = {"kind": "mlp", "mlp": {"hidden": recipe.pop("hidden"), "time_dim": recipe.pop("time_dim")}}
    return TrainParams.model_validate(p.train[ENERGY].model_dump() | recipe | ONE_STEP | {"network": network})


def temperature(p: Params) -> TemperatureParams:
    """What a job of the temperature reads: its own recipes, in flows as wide as its energies."""
    own = weighting_of(p)
    grid = own.temperature.model_dump(exclude={"experts"})
    told = {"hidden": own.small.hidden, "time_dim": own.small.time_dim}
    told |= {name: grid[name] for name in ("behaviour", "improvement")}
    learn = type(own.learn).model_validate(own.learn.model_dump() | told)
    return TemperatureParams(**grid, model=small(p), learn=learn)


def rescaling(p: Params) -> RescalingParams:
    """What a job of the rescaling reads."""
    return RescalingParams(**weighting_of(p).rescaling.model_dump(exclude={"experts"}), model=small(p))


def point_section(p: Params) -> PointParams:
    """How rows become a point."""
    look = p.plots[NAME].model_dump()
    return PointParams(rules=weighting_of(p).rules, report=p.report, dpi=look["dpi"], palette=look["palette"])


def check(p: Params) -> None:
    """Say what of the section does not go together, before any job.

    Raises:
        UserError: an unknown task; more episodes than a seed has states; or initial states of the data that are among
            those of the evaluation.
    """
    own = weighting_of(p)
    for task in (*own.imitation.tasks, *own.chain.tasks):
        check_simulated(task)
    mixture, where = own.mixture, "params.yaml: weighting"
    counted = mixture.expert + mixture.noisy + mixture.random
    if counted > mixture.states // 2:
        raise UserError(f"{where}.mixture: {counted} episodes from {mixture.states // 2} initial states; raise states")
    half, periods = own.learn.behaviour.steps // 2, own.learn.improvement.periods
    if half < periods:
        raise UserError(
            f"{where}.learn: {periods} periods of improvement in half of behaviour.steps, {half}; raise behaviour.steps"
        )
    first, last = mixture.seed, mixture.seed + mixture.states * (1 + max(own.seeds))
    asked = own.learn.evaluate
    if first < asked.seed + asked.episodes and asked.seed < last:
        raise UserError(
            f"{where}: the states of the data, {first} to {last - 1}, meet those of learn.evaluate.seed ="
            f" {asked.seed}; move mixture.seed"
        )
