"""How each figure looks: one closed section a figure."""

from __future__ import annotations

from energyflow.config.section import Section
from energyflow.config.sections import PlotParams

PLOTS: dict[str, type[Section]] = dict.fromkeys(
    ("success", "ood", "nfe", "learning", "loss", "landscape", "theory", "ablations"), PlotParams
)
