"""Studies: one line a study, in the order of the site."""

from __future__ import annotations

from energyflow.core.registry import Registry
from energyflow.studies.study import Study

STUDIES: Registry[Study] = Registry(
    "study",
    "energyflow.studies",
    "STUDIES",
    (
        "theory.study",
        "ablations.study",
        "offline.study",
        "rewards.study",
        "weighting.study",
    ),
)
