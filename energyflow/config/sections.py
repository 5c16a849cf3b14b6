"""The sections of params.yaml, and what each kind of job reads of them: typed, bounded, closed.

The Snakefile passes a section to its job as canonical JSON, so what the workflow engines track is what the job reads.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from energyflow.config.section import Section


def _distinct(values: list[Any]) -> list[Any]:
    if len({str(value) for value in values}) < len(values):
        raise ValueError("an entry is listed twice")
    return values


Distinct = AfterValidator(_distinct)
Names = Annotated[list[str], Distinct]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Seeds = Annotated[list[Seed], Field(min_length=1, max_length=1000), Distinct]
Steps = Annotated[int, Field(ge=1, le=10**8)]
Count = Annotated[int, Field(ge=1, le=10**6)]  # of demonstrations, episodes, samples
Horizon = Annotated[int, Field(ge=1, le=1000)]  # steps of a window, a chunk or a plan
Widths = Annotated[list[Annotated[int, Field(ge=1, le=65_536)]], Field(min_length=1, max_length=32)]
Rate = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Metres = Annotated[float, Field(ge=0, le=1)]
Evaluations = Annotated[int, Field(ge=1, le=10_000)]
Decoder = Literal["sample", "mean"]  # how a plan is made of a policy: a draw, or its mean (policies/base.py)
DECODERS: tuple[Decoder, ...] = ("sample", "mean")
# Twice differentiable: the loss of an energy differentiates it twice.
Activation = Literal["mish", "silu", "softplus", "tanh"]
Precision = Literal["float32", "tf32"]  # tf32: inputs of a product rounded to 10 bits, sums in float32


class RunParams(Section):
    """What a preset runs. `all` methods or sources are those of the registries."""

    methods: Names | Literal["all"]
    sources: Names | Literal["all"]
    tasks: Names = Field(min_length=1)
    seeds: Seeds
    shape_tasks: Names
    studies: Names


class BurstParams(Section):
    """Pushes of the hand: the chance that one begins at a step, how many steps one lasts, how strong one is."""

    chance: Share
    steps: list[Horizon] = Field(min_length=2, max_length=2)
    std: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _check(self) -> BurstParams:
        if self.steps[0] > self.steps[1]:
            raise ValueError(f"collect.burst.steps = {self.steps} must be [shortest, longest]")
        return self


class CollectParams(Section):
    """Demonstrations: of the simulator's scripted expert, or the official recordings of people.

    What is executed is what the expert intends, plus N(0, noise^2), plus pushes. What is recorded to be imitated is the
    intention plus N(0, label_noise^2), or, without `label_noise`, what was executed.
    """

    source: Literal["scripted", "human"]
    demos: Count
    style: Literal["fixed", "varied"]
    noise: float = Field(ge=0, le=1)
    burst: BurstParams
    label_noise: float | None = Field(ge=0, le=1)
    extra_steps: int = Field(ge=0, le=1000)
    horizon: int = Field(ge=1, le=100_000)
    min_success: Share
    min_replay: Share
    replays: Count
    seed: Seed


class MLPParams(Section):
    """Multi-layer perceptron on the flattened chunk."""

    hidden: Widths
    time_dim: int = Field(ge=2, le=4096, multiple_of=2)


class UNetParams(Section):
    """Conditional 1-D U-Net over the action chunk."""

    down_dims: Widths
    kernel_size: int = Field(ge=1, le=63)
    groups: int = Field(ge=1, le=1024)
    cond_dim: int = Field(ge=2, le=4096, multiple_of=2)

    @model_validator(mode="after")
    def _groups_divide(self) -> UNetParams:
        if bad := [width for width in self.down_dims if width % self.groups]:
            raise ValueError(f"groups = {self.groups} must divide each of down_dims (got {bad[0]})")
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size = {self.kernel_size} must be odd: the chunk keeps its length")
        return self


class NetworkSection(Section):
    """The networks of a preset, of which `kind` is the one in use."""

    kind: Literal["mlp", "unet"]
    mlp: MLPParams
    unet: UNetParams


class NetworkParams(Section):
    """Which network a policy uses; the other one's numbers do not enter the section.

    A recurrent policy builds its own, from its method's section.
    """

    kind: Literal["mlp", "unet", "recurrent"]
    mlp: MLPParams | None = None
    unet: UNetParams | None = None


class TrainSection(Section):
    """The one trainer, the same for every method.

    Attributes:
        ema_warmup: whether the decay of the average grows to `ema_decay`, as (1 + step) / (10 + step).
        precision: of matrix products on a GPU; a CPU computes float32 whatever it says.
    """

    steps: Steps
    batch_size: Count
    warmup_steps: int = Field(ge=0, le=10**8)
    ema_decay: float = Field(ge=0, lt=1)
    ema_warmup: bool
    precision: Precision
    obs_horizon: Horizon
    pred_horizon: Horizon
    exec_horizon: Horizon
    weight_decay: float = Field(ge=0, le=1)
    grad_clip: float = Field(gt=0)
    obs_keys: Names | None
    standardize_obs: bool
    log_every: Steps
    resume_every: Steps


class TrainParams(TrainSection):
    """Everything a training run depends on, apart from the data and the seed."""

    method: str
    method_params: dict[str, Any]
    network: NetworkParams
    lr: Rate

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

    hand: Metres
    object: Metres
    goal: Metres


class EnvironmentParams(Section):
    """A Gymnasium environment, in which a task of your own is rolled out.

    Attributes:
        id: that it is registered under.
        imports: module whose import registers it.
        arguments: what it is built with.
    """

    id: str = Field(min_length=1)
    imports: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)


class OwnTask(Section):
    """A task of your own, in every table: demonstrations, and what policies are rolled out in.

    Attributes:
        demos: file, folder or name, of any format that `energyflow data` reads.
        env: which says `success` or `is_success` in its info.
        horizon: step budget of an episode.
    """

    demos: str = Field(min_length=1)
    env: EnvironmentParams
    horizon: int = Field(ge=1, le=100_000)

    def overlay(self) -> dict[str, Any]:
        """What it changes of the sections: nobody but the environment knows how to perturb it."""
        unperturbed = dict.fromkeys(Level.model_fields, 0.0)
        return {"evaluate": {"env": self.env.model_dump(), "horizon": self.horizon, "levels": {"0": unperturbed}}}


class EvaluateParams(Section):
    """Rollouts of one checkpoint on the held-out initial states.

    Attributes:
        episodes: at each level.
        horizon: step budget of an episode.
        seed: of the first initial state.
        levels: of perturbation, by name.
        decoders: what plans are made by, each at the method's own number of network evaluations.
        nfe: in their place, draws at each of these numbers of evaluations; empty: none.
        env: of a task of your own.
    """

    episodes: Count
    horizon: int = Field(ge=1, le=100_000)
    seed: Seed
    levels: dict[str, Level] = Field(min_length=1)
    decoders: Annotated[list[Decoder], Field(min_length=1), Distinct] = Field(default_factory=lambda: [*DECODERS])
    nfe: Annotated[list[Evaluations], Distinct] = Field(default_factory=list)
    env: EnvironmentParams | None = Field(default=None, exclude_if=lambda env: env is None)

    @model_validator(mode="after")
    def _unperturbed(self) -> EvaluateParams:
        if "0" not in self.levels:
            raise ValueError("levels: missing key '0' (the unperturbed level; quote it)")
        return self


class EvaluateSection(EvaluateParams):
    """As above, and which methods are rolled out at each number of evaluations in `nfe`."""

    nfe_methods: Names


class RewardModelSection(Section):
    """The models that rewards read: of one step (To = Tp = 1) or of the usual chunk."""

    window: Literal["one_step", "chunk"]
    steps: Steps


class ShapeSection(Section):
    """SAC on a source of reward.

    Attributes:
        steps: of the simulator, as are `eval_every`, `horizon` and `learning_starts`.
        train_freq: actions between two rounds of `gradient_steps` updates.
        n_step: length of the returns that critics learn from.
        layer_norm: whether hidden layers of the critics are normalised.
        action_repeat: steps of the simulator that one action lasts.
        demo_share: part of each batch that is demonstrated.
        unit: what the agent sees of a reward of 1; see energyflow/rewards/unit.py.
    """

    steps: Steps
    eval_every: Steps
    eval_episodes: Count
    horizon: int = Field(ge=1, le=100_000)
    on_success: Literal["continue", "terminate"]
    hidden: Widths
    ent_coef: float = Field(gt=0, le=100)
    learning_rate: Rate
    batch_size: Count
    gamma: float = Field(gt=0, lt=1)
    train_freq: int = Field(ge=1, le=10_000)
    learning_starts: int = Field(ge=0, le=10**8)
    seed: Seed
    gradient_steps: int = Field(default=1, ge=1, le=64)
    n_step: int = Field(default=1, ge=1, le=64)
    layer_norm: bool = False
    action_repeat: int = Field(default=1, ge=1, le=16)
    demo_share: float = Field(default=0.0, ge=0, lt=1)
    unit: float = Field(default=1.0, gt=0, le=1e6)

    @model_validator(mode="after")
    def _repeats(self) -> ShapeSection:
        for name in ("steps", "eval_every", "horizon"):
            if getattr(self, name) % self.action_repeat:
                raise ValueError(
                    f"shape.{name} = {getattr(self, name)} must be a multiple of"
                    f" shape.action_repeat = {self.action_repeat}"
                )
        if self.demo_share and self.action_repeat > 1:
            raise ValueError(
                f"shape.demo_share = {self.demo_share} needs shape.action_repeat = 1 (got {self.action_repeat}):"
                " demonstrations take another action at every step"
            )
        return self


class ShapeParams(ShapeSection):
    """What an agent on one source reads; `source_params` are the numbers of that source, no other's."""

    source_params: dict[str, Any]
    eval_seed: Seed


class OnlineSection(Section):
    """What methods trained in the simulator have beside the demonstrations.

    Attributes:
        clone_steps: of behaviour cloning before the agent acts.
        demo_share: part of each batch that is demonstrated.
        frozen_updates: of the critics, in which a cloned actor stands still.
        clone_weight: of behaviour cloning in a cloned actor's loss, over the mean size of the critics' values.
        clone_updates: over which that weight falls to 0.
    """

    clone_steps: int = Field(ge=0, le=10**8)
    demo_share: float = Field(ge=0, lt=1)
    frozen_updates: int = Field(default=0, ge=0, le=10**8)
    clone_weight: float = Field(default=0.0, ge=0, le=1e6)
    clone_updates: int = Field(default=1, ge=1, le=10**8)


class OnlineParams(OnlineSection):
    """A policy trained in the simulator; `own` are the numbers of its method alone."""

    method: str
    shape: ShapeParams
    own: dict[str, Any]
    obs_keys: Names | None
    standardize_obs: bool


class ReportParams(Section):
    """How rows become statistics."""

    confidence: float = Field(gt=0.5, lt=1)
    bootstrap: int = Field(ge=100, le=10**6)
    seed: Seed
