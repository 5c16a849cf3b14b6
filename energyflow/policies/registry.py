"""From the name in params.yaml to the class: one line for each method, or model that a reward reads."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from energyflow.sections import ParamsError, nearest

if TYPE_CHECKING:
    from energyflow.policies.base import Model

METHODS = {
    "energyflow": "energyflow.policies.energyflow:EnergyFlow",
    "energyflow_paper": "energyflow.policies.energyflow_paper:EnergyFlowPaper",
    "unconstrained": "energyflow.policies.unconstrained:Unconstrained",
    "diffusion_policy": "energyflow.policies.diffusion_policy:DiffusionPolicy",
    "flow_policy": "energyflow.policies.flow_policy:FlowPolicy",
    "lstm_gmm": "energyflow.policies.lstm_gmm:LSTMGMM",
    "implicit_bc": "energyflow.policies.implicit_bc:ImplicitBC",
    "ebt_policy": "energyflow.policies.ebt_policy:EBTPolicy",
}


def check_method(name: str) -> type[Model]:
    """Look a method up.

    Raises:
        ParamsError: no such method; the message suggests the nearest name.
    """
    if name not in METHODS:
        raise ParamsError(f"unknown method '{name}'; {nearest(str(name), list(METHODS))}")
    module, cls = METHODS[name].split(":")
    found: type[Model] = getattr(import_module(module), cls)
    return found
