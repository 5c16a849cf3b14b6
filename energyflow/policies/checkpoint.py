"""Checkpoints: safetensors and JSON, never pickle; loadable in any directory, refused where a bit is not as written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from energyflow.config.section import Section, describe
from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.core.tensors import note_of, read_tensors, write_tensors
from energyflow.networks.build import Spec
from energyflow.policies.base import Model, Policy
from energyflow.policies.registry import METHODS, class_of
from energyflow.policies.soft_actor import SoftActorParams

FORMAT: Literal[4] = 4


class Demonstrations(Section):
    """What a model was trained on; the theory draws its own, which have no file."""

    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    demos: int = Field(ge=1, le=10**9)
    filter_key: str | None = None
    differs: Any = None


class Description(Section):
    """What `model.json` says, apart from the digest."""

    format: Literal[4] = FORMAT
    method: str
    task: str = Field(min_length=1, max_length=200)
    seed: int = Field(ge=0, lt=2**31)
    demos: Demonstrations | None = None
    spec: Spec
    params: TrainParams
    parameters: int = Field(ge=1, le=10**10)

    def origin(self) -> dict[str, Any]:
        """What does not follow from the model: the `description` of `save`."""
        return {"task": self.task, "seed": self.seed, "demos": self.demos}


def checkpoint_file(path: str | Path) -> Path:
    """The `model.safetensors` that a user means: the file, the JSON beside it, or the folder of both."""
    path = Path(path)
    if path.is_dir():
        return path / "model.safetensors"
    return path.with_suffix(".safetensors") if path.suffix == ".json" else path


def build(spec: Spec, params: TrainParams) -> Model:
    """Construct the model that a section describes, with fresh weights from torch's global generator.

    Raises:
        UserError: unknown method, or a number of its section is missing or out of range.
    """
    try:
        return class_of(params.method)(spec, params)
    except ValidationError as error:
        raise UserError(f"method.{params.method}: {describe(error)}") from None


def save(model: Model, path: Path, description: dict[str, Any]) -> None:
    """Write `model.safetensors` and `model.json` beside it.

    Args:
        model: what to save: weights and normaliser.
        path: of the safetensors file.
        description: task, seed and demonstrations; stored in the JSON.

    Raises:
        UserError: a weight is NaN or infinite, or the disk is full; nothing is written.
    """
    _check_values(f"{path}: not written", model)
    described = Description(
        method=model.params.method,
        spec=model.spec,
        params=model.params,
        parameters=sum(p.numel() for p in model.parameters()),
        **description,
    )
    write_tensors(path, model.state_dict(), described.model_dump(mode="json"))


def read_description(path: str | Path) -> Description:
    """Read what `model.json` beside a safetensors file says; cheaper than the weights, whose digest is not checked.

    Raises:
        UserError: missing, damaged, of another format, or a value is out of range.
    """
    note = read_json(note_of(Path(path)))
    note.pop("digest", None)
    return _described(Path(path), note)


def load(path: str | Path, task: str | None = None) -> Policy:
    """Load a policy; see `load_model`.

    Raises:
        UserError: as there, or the model is no policy.
    """
    model = load_model(path, task)
    if not isinstance(model, Policy):
        raise UserError(f"{path}: '{model.params.method}' is no policy but a model that a reward reads")
    return model


def load_model(path: str | Path, task: str | None = None) -> Model:
    """Load a trained model for inference.

    Args:
        path: `model.safetensors` with `model.json` beside it, or the folder of both.
        task: if given, the checkpoint must be of this task.

    Raises:
        UserError: missing, damaged, of another format or of another task; a weight is NaN or infinite, or a standard
            deviation is not positive.
    """
    path = checkpoint_file(path)
    try:
        tensors, note = read_tensors(path, FORMAT)
    except UserError as error:
        raise UserError(f"{error}; restore both files (`dvc checkout`, a copy), or train again") from None
    description = _described(path, note)
    if task is not None and description.task != task:
        raise UserError(f"{path}: trained on {description.task}, asked for {task}; pass that task's checkpoint")
    try:
        _check_complete(description.params)
        model = build(description.spec, description.params)
        model.load_state_dict(tensors)
    except UserError as error:
        raise UserError(f"{note_of(path)}: {error}") from None
    except RuntimeError as error:
        raise UserError(f"{path}: does not fit {note_of(path).name}: {' '.join(str(error).split())}") from None
    _check_values(str(path), model)
    return model.eval().requires_grad_(False)


def _described(path: Path, note: dict[str, Any]) -> Description:
    if note.get("format") != FORMAT:
        raise UserError(f"{note_of(path)}: format {note.get('format')!r}, this version reads {FORMAT}; train again")
    try:
        return Description.model_validate_json(json.dumps(note))
    except ValidationError as error:
        raise UserError(f"{note_of(path)}: {describe(error)}") from None


def _check_complete(params: TrainParams) -> None:
    """Refuse a section that leaves a number to today's default: the model was trained with what was one then.

    Raises:
        UserError: a number of the method is missing.
    """
    method = METHODS[params.method]
    wanted = SoftActorParams if method.online is not None else method.params  # an online method's model is its actor
    missing = wanted.model_fields.keys() - params.method_params.keys()
    if missing:
        raise UserError(f"params.method_params: missing key '{min(missing)}' of method '{params.method}'")


def _check_values(where: str, model: Model) -> None:
    """Refuse what would act without an error and without sense.

    Raises:
        UserError: NaN or infinity among the weights or statistics, or a standard deviation that is not positive.
    """
    name = _first_bad(model.state_dict().items())
    if name is not None:
        raise UserError(f"{where}: '{name}' holds NaN or infinity; train again, with a lower learning rate")
    for name, values in model.normalizer.named_buffers():
        if name.endswith("_std") and not bool((values > 0).all()):
            raise UserError(f"{where}: 'normalizer.{name}' is not positive everywhere; train again")
    if not bool((model.normalizer.action_low <= model.normalizer.action_high).all()):
        raise UserError(f"{where}: the box of the actions is empty; train again")


def _first_bad(tensors: Iterable[tuple[str, Tensor]]) -> str | None:
    return next((name for name, value in tensors if not bool(torch.isfinite(value).all())), None)
