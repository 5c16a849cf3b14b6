"""The targets beside `all`, in the order of the README."""

from __future__ import annotations

from energyflow.studies.ablations import grid as ablations
from energyflow.studies.target import Target
from energyflow.studies.theory import grid as theory

TARGETS: tuple[Target, ...] = (theory.TARGET, ablations.TARGET)
