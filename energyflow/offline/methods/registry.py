"""Offline methods: one line a file, at whose top stands what each method is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from energyflow.core.registry import Registry

Path = Literal["ot", "vp"]
CriticKind = Literal["softmax", "expectile"]


@dataclass(frozen=True)
class OfflineMethod:
    """A method, as its file declares it: `METHODS = {"bc": OfflineMethod(...)}`.

    Attributes:
        title: what readers see.
        learner: its class in the same file.
        path: of the behaviour model, and of what is learned from it; None: it has none.
        critic: the kind that it is usually given; None: it asks for none.
        one_shot: whether its support actions are always drawn from the behaviour model (K = infinity).
    """

    title: str
    learner: str
    path: Path | None
    critic: CriticKind | None
    one_shot: bool = False


METHODS: Registry[OfflineMethod] = Registry(
    "offline method",
    "energyflow.offline.methods",
    "METHODS",
    (  # in the order of tables and legends
        "qipo",
        "batch",
        "best_of",
        "qgpo",
        "iql",
        "bc",
    ),
)
