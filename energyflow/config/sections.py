"""Sections of params.yaml: the exact set of numbers that each kind of job uses, typed and closed.

The Snakefile passes a section to its job as canonical JSON, so what the workflow engines track is what the job reads.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from energyflow.config.section import Section


class CollectParams(Section):
    """Demonstrations: of the simulator's scripted expert, or the official recordings of people."""

    source: Literal["scripted", "human"]
    demos: int = Field(ge=1)
    action_noise: float = Field(ge=0)
    extra_steps: int = Field(ge=0)
    horizon: int = Field(ge=1)
    min_success: float = Field(ge=0, le=1)
    min_replay: float = Field(ge=0, le=1)
    replays: int = Field(ge=1)
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
    """Which network a policy uses; the other one's numbers do not enter the section.

    A recurrent policy builds its own, from its method's section.
    """

    kind: Literal["mlp", "unet", "recurrent"]
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
    obs_keys: list[str] | None
    standardize_obs: bool
    log_every: int = Field(ge=1)
    resume_every: int = Field(ge=1)

    @model_validator(mode="after")
    def _check(self) -> TrainParams:
        if self.exec_horizon > self.pred_horizon:
            raise ValueError(
                f"train.exec_horizon = {self.exec_horizon} exceeds train.pred_horizon = {self.pred_horizon}"
            )
        if self.network.kind == "recurrent" and (self.obs_horizon != self.pred_horizon or self.exec_horizon != 1):
            raise ValueError(
                "train: a recurrent policy needs obs_horizon = pred_horizon, an observation beside each action"
                f" (got {self.obs_horizon} and {self.pred_horizon}), and exec_horizon = 1 (got {self.exec_horizon})"
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
    """SAC on one reward source; `source_params` are the numbers of that source, no other's."""

    steps: int = Field(ge=1)
    eval_every: int = Field(ge=1)
    eval_episodes: int = Field(ge=1)
    horizon: int = Field(ge=1)
    source_params: dict[str, Any]
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


class OnlineParams(Section):
    """A policy trained in the simulator; `own` are the numbers of its method alone."""

    method: str
    shape: ShapeParams
    clone_steps: int = Field(ge=0)
    demo_share: float = Field(ge=0, lt=1)
    own: dict[str, Any]
    obs_keys: list[str] | None
    standardize_obs: bool


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
