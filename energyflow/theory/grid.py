"""Which models, checks and points there are, where their files lie, and which files a check or a point reads.

Light: the Snakefile, DVC's glue and the tests read it, and it imports none of what the jobs compute with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from energyflow.params import Params
    from energyflow.theory.sections import TheoryParams

MODEL = "model/{expert}/{net}/n{demos}/steps{steps}/seed{seed}/"
CHECK = "check/{check}/{subject}/seed{seed}/"
SMOKE = "smoke"  # the preset whose numbers mean nothing: its theory is not the one that readers find

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
POINT_FILES = (
    *(f"tables/{{point}}.{suffix}" for suffix in ("csv", "md", "tex", "json")),
    *(f"figures/{{point}}.{suffix}" for suffix in ("png", "svg", "pdf")),
)


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


def folder(preset: str) -> str:
    """Where the theory lies. There is one: of the presets in params.yaml, one alone has it, besides `smoke`."""
    return f"results/{preset}/theory" if preset == SMOKE else "results/theory"


def patterns(preset: str) -> dict[str, list[str]]:
    """As `paths.patterns`: rules that make results, and the patterns of their outputs."""
    files = {
        "theory_model": [MODEL + file for file in ("model.safetensors", "model.json", "run.json")],
        "theory_check": [CHECK + file for file in ("rows.csv", "run.json")],
        "theory_point": list(POINT_FILES),
        "theory_page": ["README.md"],
    }
    return {rule: [f"{folder(preset)}/{name}" for name in names] for rule, names in files.items()}


def folders(stage: str, preset: str) -> list[str]:
    """Folders that a DVC stage of the theory owns, beside the page."""
    names = ("tables", "figures") if stage == "theory" else (stage.removeprefix("theory_"),)
    return [f"{folder(preset)}/{name}" for name in names]


def page(preset: str) -> str:
    """The page."""
    return patterns(preset)["theory_page"][0]


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
            found += [CheckKey(check, task, seed) for task in p.tasks for seed in p.seeds if robot_methods(p)]
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
    return [pattern.format(**key._asdict()) for pattern in patterns(p.preset)["theory_model"]]


def check_files(p: Params, key: CheckKey) -> list[str]:
    """Outputs of one job of a check."""
    return [pattern.format(**key._asdict()) for pattern in patterns(p.preset)["theory_check"]]


def inputs_of(p: Params, check: str, subject: str, seed: int) -> list[str]:
    """The checkpoints that one job of a check reads."""
    return [model_files(p, key)[0] for key in models_of(p, CheckKey(check, subject, seed))]


def point_files(p: Params, point: str) -> list[str]:
    """Outputs of one point."""
    return [pattern.format(point=point) for pattern in patterns(p.preset)["theory_point"]]


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
    """As `paths.stages`: what each DVC stage of the theory owns; nothing where the preset has no theory."""
    if p.theory is None:
        return {}
    return {
        "theory_model": [file for key in models(p) for file in model_files(p, key)],
        "theory_check": [file for key in checks(p) for file in check_files(p, key)],
        "theory": [*(file for point in POINTS for file in point_files(p, point)), page(p.preset)],
    }
