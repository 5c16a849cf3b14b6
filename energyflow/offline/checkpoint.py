"""Checkpoints of offline runs: safetensors and JSON, never pickle; what acts is in one file, loadable anywhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field as Bounded
from pydantic import ValidationError
from torch import Tensor, nn

from energyflow.config.section import Section, describe
from energyflow.core.errors import UserError
from energyflow.core.tensors import below, note_of, read_tensors, within, write_tensors
from energyflow.datasets.episodes import Floats
from energyflow.networks.normalizer import Normalizer
from energyflow.offline.learner import Learner, Parts, Sizes, learner_of
from energyflow.offline.methods.sections import LearnParams
from energyflow.offline.references import Normalisation
from energyflow.offline.transitions import clip_of

FORMAT: Literal[1] = 1
MODEL = "model.safetensors"


class Source(Section):
    """What a model was trained on, and where it is evaluated.

    Attributes:
        name: of the data set.
        sha256: of its file.
        path: of its file, as it was then.
        layout: observation keys and their widths.
        env: of the environment; see `Episodes.env`.
        references: returns that stand for 0 and 100: the data set's own, and D4RL's where it has some.
    """

    name: str
    sha256: str
    path: str
    layout: dict[str, int] = Bounded(min_length=1)
    env: dict[str, Any]
    references: list[Normalisation]


class Description(Section):
    """The note beside a checkpoint."""

    format: Literal[1] = FORMAT
    method: str
    seed: int = Bounded(ge=0)
    obs_dim: int = Bounded(ge=1)
    action_dim: int = Bounded(ge=1)
    params: LearnParams
    source: Source


@dataclass(frozen=True)
class OfflinePolicy:
    """What acts, in environment units."""

    description: Description
    normalizer: Normalizer
    learner: Learner
    parts: Parts

    @torch.no_grad()
    def act(self, obs: Floats, generator: torch.Generator) -> Floats:
        """Actions [B, Da] in states [B, Do], environment units, inside the box of the data."""
        states = self.normalizer.standardize_obs(torch.from_numpy(obs)).float()
        chosen = self.learner.actor(self.parts, clip_of(self.normalizer))(states, generator)
        action: Floats = self.normalizer.from_box(self.normalizer.unstandardize_action(chosen.double())).numpy()
        return action


def save(path: Path, description: Description, normalizer: Normalizer, parts: Parts) -> None:
    """Write `model.safetensors` and `model.json`.

    Args:
        path: of the safetensors file.
        description: the note.
        normalizer: statistics of the data.
        parts: networks that the method keeps.

    Raises:
        UserError: the disk is full, or a weight is NaN or infinite.
    """
    tensors: dict[str, Tensor] = below("normalizer/", normalizer.state_dict())
    for name, network in parts.items():
        tensors |= below(f"{name}/", network.state_dict())
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise UserError(f"{path}: '{name}' holds NaN or infinity; train again, with a lower learning rate")
    write_tensors(path, tensors, description.model_dump(mode="json"))


def load(path: Path) -> OfflinePolicy:
    """Load what `save` wrote.

    Args:
        path: of the safetensors file, or its folder.

    Raises:
        UserError: missing, damaged in any bit, of another format, or the two files do not fit each other.
    """
    path = path / MODEL if path.is_dir() else path
    tensors, note = read_tensors(path, FORMAT)
    try:
        description = Description.model_validate(note)
    except ValidationError as error:
        raise UserError(f"{note_of(path)}: {describe(error)}") from None
    sizes = Sizes(description.obs_dim, description.action_dim)
    learner = learner_of(description.method, sizes, description.params, description.seed)
    normalizer = Normalizer(*asdict(sizes).values())
    parts: dict[str, nn.Module] = {name: learner.network(name) for name in learner.keeps}
    try:
        normalizer.load_state_dict(within(tensors, "normalizer/"))
        for name, network in parts.items():
            network.load_state_dict(within(tensors, f"{name}/"))
            network.eval().requires_grad_(False)
    except RuntimeError as error:
        raise UserError(f"{path}: does not fit {note_of(path).name}: {' '.join(str(error).split())}") from None
    return OfflinePolicy(description, normalizer, learner, parts)
