"""The theorems in numbers: which models, checks and points there are, and which files each reads.

Light: the Snakefile, DVC's glue and the tests read it, and it imports none of what the jobs compute with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.config.section import Section
from energyflow.config.sections import TrainParams
from energyflow.policies.registry import METHODS
from energyflow.studies.study import Check, CheckKey, Job, Study
from energyflow.studies.theory import sections
from energyflow.studies.theory.experts.registry import modules
from energyflow.studies.theory.sections import TheoryParams, VerdictParams

NAME = "theory"
HERE = "energyflow.studies.theory"
HEAD_WIDTH = 128  # of networks.blocks.ScalarHead
# model of the theory -> method, and what differs from its numbers
KINDS: dict[str, tuple[str, dict[str, bool]]] = {
    "energyflow": ("energyflow", {}),
    "unconstrained": ("unconstrained", {}),
    "energyflow_paper": ("energyflow_paper", {"spectral_norm": True}),
    "energyflow_paper_free": ("energyflow_paper", {"spectral_norm": False}),
}
FIELDS = ("energyflow", "unconstrained")  # the pair that differs by the conservative constraint alone
ROBOTS = "robots"  # the check that measures the fields of the preset's policies, on tasks instead of experts
# check -> what its jobs read of params.yaml
CHECKS: dict[str, type[Section]] = {
    "recovery": sections.Recovery,
    "baseline": sections.Baseline,
    "bound": sections.Bound,
    "circulation": sections.Circulation,
    ROBOTS: sections.Circulation,
    "generalisation": sections.Generalisation,
    "lipschitz": sections.Lipschitz,
    "modes": sections.Modes,
    "misfit": sections.Misfit,
}
# in the order of the page -> the checks whose rows they are made of
POINTS: dict[str, tuple[str, ...]] = {
    "recovery": ("recovery",),
    "circulation": ("circulation", ROBOTS),
    "generalisation": ("generalisation",),
    "lipschitz": ("lipschitz",),
    "bound": ("bound",),
    "baseline": ("baseline",),
    "modes": ("modes",),
    "misfit": ("misfit",),
}


class ModelKey(NamedTuple):
    """One trained model."""

    expert: str
    net: str
    demos: int
    steps: int
    seed: int


def theory_of(p: Params) -> TheoryParams:
    """The theory section of a preset that has one."""
    found = p.studies[NAME]
    assert isinstance(found, TheoryParams)
    return found


def robot_methods(p: Params) -> list[str]:
    """Methods of the preset whose fields the robot check compares."""
    return [method for method in FIELDS if method in p.methods]


def keys(check: str, p: Params) -> list[CheckKey]:
    """Every job of a check."""
    if check == ROBOTS:
        return [CheckKey(check, task, seed) for task in p.every_task for seed in p.seeds if robot_methods(p)]
    theory = theory_of(p)
    return [CheckKey(check, expert, seed) for expert in getattr(theory, check).experts for seed in theory.seeds]


def models_of(p: Params, key: CheckKey) -> list[ModelKey]:
    """The models that one job of a check reads."""
    theory, (check, expert, seed) = theory_of(p), key

    def each(kinds: tuple[str, ...], demos: list[int], steps: list[int]) -> list[ModelKey]:
        return [ModelKey(expert, kind, n, k, seed) for kind in kinds for n in demos for k in steps]

    base = ([theory.demos], [theory.steps])
    if check == "recovery":
        over_n = each(FIELDS[:1], [*theory.recovery.demos, theory.demos], [theory.steps])
        return [*each(FIELDS[:1], [theory.demos], theory.recovery.steps), *over_n]
    if check == "generalisation":
        return each(FIELDS, [*theory.generalisation.demos, theory.demos], [theory.steps])
    if check == "lipschitz":
        return each(tuple(KINDS), *base)
    if check == ROBOTS:
        return []
    return each(FIELDS if check == "circulation" else FIELDS[:1], *base)


def models(p: Params) -> list[ModelKey]:
    """Every model that some check reads, once."""
    return list(dict.fromkeys(model for check in CHECKS for key in keys(check, p) for model in models_of(p, key)))


def model_files(p: Params, key: ModelKey) -> list[str]:
    """Outputs of one training job."""
    return [pattern.format(**key._asdict()) for pattern in STUDIES[NAME].outputs(p.preset)["theory_model"]]


def inputs(p: Params, key: CheckKey) -> list[str]:
    """The checkpoints that a check reads; of robots, the preset's, and the demonstrations."""
    if key.check != ROBOTS:
        return [model_files(p, model)[0] for model in models_of(p, key)]
    files = layout.patterns(p.preset)
    policies = layout.expand(files["train"][:1], p, method=robot_methods(p), task=[key.subject], seed=[key.seed])
    return policies + layout.expand(files["collect"][:1], p, task=[key.subject])


def section(check: str, p: Params) -> Section:
    """What the jobs of a check read."""
    grid = getattr(theory_of(p), "circulation" if check == ROBOTS else check)
    values = {key: getattr(grid, key) for key in CHECKS[check].model_fields}
    return CHECKS[check](**values)


def code(key: CheckKey) -> list[str]:
    """Modules of the expert that a job is about, and of the models that it reads."""
    return [*({METHODS.module(method) for method, _ in KINDS.values()}), *modules(key.subject)]


def code_of(net: str, expert: str) -> list[str]:
    """Modules of a model and of the expert that it learns from."""
    return [METHODS.module(KINDS[net][0]), *modules(expert)]


def rows(p: Params, point: str) -> list[str]:
    """The rows that a point is made of."""
    study = STUDIES[NAME]
    return [study.check_files(p, key)[0] for check in CHECKS if check in POINTS[point] for key in keys(check, p)]


def train_section(p: Params, net: str, steps: int) -> TrainParams:
    """What the training of a model reads: one step (To = Tp = 1), a perceptron, the method's own numbers."""
    method, changes = KINDS[net]
    network = theory_of(p).network.model_dump()
    mlp = {"time_dim": network.pop("time_dim"), "hidden": network.pop("hidden")}
    # a scalar head is one more layer: with it, networks that have a head and that have none are of one size
    hidden = [*mlp["hidden"], HEAD_WIDTH] if method == "unconstrained" else mlp["hidden"]
    own = p.train[method]
    fixed: dict[str, Any] = {"obs_horizon": 1, "pred_horizon": 1, "exec_horizon": 1, "steps": steps}
    fixed |= {"method_params": own.method_params | changes, "network": {"kind": "mlp", "mlp": mlp | {"hidden": hidden}}}
    return TrainParams.model_validate(own.model_dump() | network | fixed)


def verdict(p: Params, _point: str) -> VerdictParams:
    """How rows become verdicts and figures."""
    look = p.plots[NAME].model_dump()
    return VerdictParams(
        confidence=p.report.confidence,
        tolerance=theory_of(p).tolerance,
        dpi=look["dpi"],
        palette=look["palette"],
    )


def _check(name: str) -> Check:
    own: Callable[[Params], list[CheckKey]] = partial(keys, name)
    return Check(CHECKS[name], f"{HERE}.checks.{name}", own, partial(section, name), inputs, code)


MODEL = "model/{expert}/{net}/n{demos}/steps{steps}/seed{seed}/"
STUDIES = {
    NAME: Study(
        name=NAME,
        title="The theorems in numbers",
        params=TheoryParams,
        points=lambda _: list(POINTS),
        rows=rows,
        reads=VerdictParams,
        section=verdict,
        build=f"{HERE}.page:build",
        head=f"{HERE}.page:HEAD",
        checks={name: _check(name) for name in CHECKS},
        reads_stages=("collect", "train"),
        sections=("train", "network"),
        jobs={"theory_model": Job("theory_model", MODEL, ("model.safetensors", "model.json", "run.json"), ())},
        made=lambda p: {"theory_model": [file for key in models(p) for file in model_files(p, key)]},
    )
}
