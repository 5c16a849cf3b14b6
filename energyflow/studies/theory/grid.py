"""Which models, checks and points there are, where their files lie, and which files a check or a point reads.

Light: the Snakefile, DVC's glue and the tests read it, and it imports none of what the jobs compute with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from energyflow.studies.target import Target

if TYPE_CHECKING:
    from energyflow.pipeline.params import Params
    from energyflow.studies.theory.sections import TheoryParams

MODEL = "model/{expert}/{net}/n{demos}/steps{steps}/seed{seed}/"
CHECK = "check/{check}/{subject}/seed{seed}/"
NAME = "theory"
PATTERNS = {
    "theory_model": tuple(MODEL + file for file in ("model.safetensors", "model.json", "run.json")),
    "theory_check": tuple(CHECK + file for file in ("rows.csv", "run.json")),
}
FOLDERS = {"theory_model": ("model",), "theory_check": ("check",), NAME: ("tables", "figures")}

# model of the theory -> method of params.yaml, and what differs from its section
KINDS: dict[str, tuple[str, dict[str, bool]]] = {
    "energyflow": ("energyflow", {}),
    "unconstrained": ("unconstrained", {}),
    "energyflow_paper": ("energyflow_paper", {"spectral_norm": True}),
    "energyflow_paper_free": ("energyflow_paper", {"spectral_norm": False}),
}
FIELDS = ("energyflow", "unconstrained")  # the pair that differs by the conservative constraint alone
CHECKS = (
    *("recovery", "baseline", "bound", "circulation", "robots"),
    *("generalisation", "lipschitz", "modes", "misfit"),
)
# in the order of the page -> the checks whose rows they are made of
POINTS: dict[str, tuple[str, ...]] = {
    "recovery": ("recovery",),
    "circulation": ("circulation", "robots"),
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


class CheckKey(NamedTuple):
    """One job of a check; its subject is an expert or, of `robots`, a task."""

    check: str
    subject: str
    seed: int


def theory_of(p: Params) -> TheoryParams:
    """The theory section of the preset.

    Raises:
        ValueError: the preset has none.
    """
    if p.theory is None:
        raise ValueError(f"presets.{p.preset}.theory is null: this preset has no theory")
    return p.theory


def robot_methods(p: Params) -> list[str]:
    """Methods of the preset whose fields the robot check compares."""
    return [method for method in FIELDS if method in p.methods]


def checks(p: Params) -> list[CheckKey]:
    """Every job of every check."""
    theory, found = theory_of(p), []
    for check in CHECKS:
        if check == "robots":
            found += [CheckKey(check, task, seed) for task in p.every_task for seed in p.seeds if robot_methods(p)]
        else:
            experts = getattr(theory, check).experts
            found += [CheckKey(check, expert, seed) for expert in experts for seed in theory.seeds]
    return found


def models_of(p: Params, key: CheckKey) -> list[ModelKey]:
    """The models that one job of a check reads."""
    theory, (check, expert, seed) = theory_of(p), key

    def keys(kinds: tuple[str, ...], demos: list[int], steps: list[int]) -> list[ModelKey]:
        return [ModelKey(expert, kind, n, k, seed) for kind in kinds for n in demos for k in steps]

    base = ([theory.demos], [theory.steps])
    if check == "recovery":
        over_n = keys(FIELDS[:1], [*theory.recovery.demos, theory.demos], [theory.steps])
        return [*keys(FIELDS[:1], [theory.demos], theory.recovery.steps), *over_n]
    if check == "generalisation":
        return keys(FIELDS, [*theory.generalisation.demos, theory.demos], [theory.steps])
    if check == "lipschitz":
        return keys(tuple(KINDS), *base)
    if check == "robots":
        return []
    return keys(FIELDS if check == "circulation" else FIELDS[:1], *base)


def models(p: Params) -> list[ModelKey]:
    """Every model that some check reads, once."""
    return list(dict.fromkeys(model for key in checks(p) for model in models_of(p, key)))


def model_files(p: Params, key: ModelKey) -> list[str]:
    """Outputs of one training job."""
    return [pattern.format(**key._asdict()) for pattern in TARGET.outputs(p.preset)["theory_model"]]


def check_files(p: Params, key: CheckKey) -> list[str]:
    """Outputs of one job of a check."""
    return [pattern.format(**key._asdict()) for pattern in TARGET.outputs(p.preset)["theory_check"]]


def inputs_of(p: Params, check: str, subject: str, seed: int) -> list[str]:
    """The checkpoints that one job of a check reads."""
    return [model_files(p, key)[0] for key in models_of(p, CheckKey(check, subject, seed))]


def rows_of(p: Params, point: str) -> list[str]:
    """The rows that a point is made of."""
    return [check_files(p, key)[0] for key in checks(p) if key.check in POINTS[point]]


def section_of(p: Params, check: str) -> str:
    """What a job of a check reads of params.yaml."""
    text: str = getattr(theory_of(p), "circulation" if check == "robots" else check).job()
    return text


def train_section_of(p: Params, model: str, steps: int) -> str:
    """What a training job reads of params.yaml."""
    return p.theory_train[model].model_copy(update={"steps": steps}).canonical()


def stages(p: Params) -> dict[str, list[str]]:
    """What each DVC stage owns, points and page apart."""
    return {
        "theory_model": [file for key in models(p) for file in model_files(p, key)],
        "theory_check": [file for key in checks(p) for file in check_files(p, key)],
    }


TARGET = Target(NAME, FOLDERS, PATTERNS, lambda _: list(POINTS), stages)
