"""From the name of an expert in params.yaml to the expert: a family and a number, or a name of its own.

Light: it imports an expert's module only to build that expert.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from energyflow.core.errors import UserError, nearest

if TYPE_CHECKING:
    from energyflow.studies.theory.experts.base import Expert

PACKAGE = "energyflow.studies.theory.experts"
# name -> module and class or function; those of a family take the number
FAMILIES = {
    "gaussian": "bandits:GaussianBandit",
    "mixture": "bandits:MixtureBandit",
    "modes": "bandits:SeparatedModes",
}
SINGLE = {
    "control": "control:point_mass_expert",
    "navigation": "navigation:NavigationExpert",
    "sound": "misfits:Sound",
    "hot": "misfits:Hot",
    "biased": "misfits:Biased",
    "contaminated": "misfits:Contaminated",
    "trimmed": "misfits:Trimmed",
    "mixed": "misfits:Mixed",
    "labelled": "misfits:Labelled",
    "deterministic": "misfits:Deterministic",
    "jittered": "misfits:Jittered",
}


def check_expert(name: str) -> tuple[str, int | None]:
    """Where the expert called `name` is built, `module:attribute`, and its number (of gaussian8: 8) if it has one.

    Raises:
        UserError: no such expert; the message suggests the nearest name.
    """
    if name in SINGLE:
        return SINGLE[name], None
    match = re.fullmatch(r"([a-z]+)([1-9]\d*)", name)
    if match is None or match[1] not in FAMILIES:
        known = [*SINGLE, *(f"{family}2" for family in FAMILIES)]
        raise UserError(f"unknown expert '{name}'; {nearest(name, known)}")
    return FAMILIES[match[1]], int(match[2])


@cache
def make_expert(name: str) -> Expert:
    """Build the expert called `name`; see `check_expert`."""
    where, number = check_expert(name)
    module, attribute = where.split(":")
    make = getattr(import_module(f"{PACKAGE}.{module}"), attribute)
    expert: Expert = make() if number is None else make(number)
    return expert


def modules(name: str) -> list[str]:
    """Modules of an expert; none of a name with a slash, a task."""
    return [] if "/" in name else [f"{PACKAGE}.{check_expert(name)[0].split(':')[0]}"]
