"""The parameters of a preset, from Python: `from energyflow.params import load`."""

from __future__ import annotations

from energyflow.pipeline.params import load, resolve

__all__ = ["load", "resolve"]
