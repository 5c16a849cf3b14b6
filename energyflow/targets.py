"""The targets beside `all`, in the order of the README."""

from __future__ import annotations

from energyflow.ablations import grid as ablations
from energyflow.pages.files import Target
from energyflow.theory import grid as theory

TARGETS: tuple[Target, ...] = (theory.TARGET, ablations.TARGET)
