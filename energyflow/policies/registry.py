"""From the name in params.yaml to the class: one line for each method, or model that a reward reads.

Methods that are trained in the simulator share the class of their actor; what tells them apart: rewards/registry.py.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from energyflow.core.errors import UserError, nearest

if TYPE_CHECKING:
    from energyflow.policies.base import Model, Policy

METHODS = {
    "energyflow": "energyflow.policies.energyflow:EnergyFlow",
    "energyflow_paper": "energyflow.policies.energyflow_paper:EnergyFlowPaper",
    "unconstrained": "energyflow.policies.unconstrained:Unconstrained",
    "diffusion_policy": "energyflow.policies.diffusion_policy:DiffusionPolicy",
    "flow_policy": "energyflow.policies.flow_policy:FlowPolicy",
    "lstm_gmm": "energyflow.policies.lstm_gmm:LSTMGMM",
    "implicit_bc": "energyflow.policies.implicit_bc:ImplicitBC",
    "ebt_policy": "energyflow.policies.ebt_policy:EBTPolicy",
    "iq_learn_offline": "energyflow.policies.iq_learn_offline:IQLearnOffline",
    "iq_learn": "energyflow.policies.soft_actor:SoftActor",
    "ebil": "energyflow.policies.soft_actor:SoftActor",
    "ebil_bc": "energyflow.policies.soft_actor:SoftActor",
    "near": "energyflow.policies.soft_actor:SoftActor",
    "near_bc": "energyflow.policies.soft_actor:SoftActor",
    "ebil_energy": "energyflow.policies.ebil_energy:EBILEnergy",
    "near_energy": "energyflow.policies.near_energy:NEAREnergy",
    "energyflow_variant": "energyflow.policies.energyflow_variant:EnergyFlowVariant",
}
# Models of single transitions: their To and Tp, on the MLP, whatever the horizons and the network of the others.
STEPWISE = {"iq_learn_offline": (2, 2), "ebil_energy": (1, 1), "near_energy": (2, 1)}


def check_method(name: str) -> type[Model]:
    """Look a method up.

    Raises:
        UserError: no such method; the message suggests the nearest name.
    """
    if name not in METHODS:
        raise UserError(f"unknown method '{name}'; {nearest(str(name), list(METHODS))}")
    module, cls = METHODS[name].split(":")
    found: type[Model] = getattr(import_module(module), cls)
    return found


def check_policy(name: str) -> type[Policy]:
    """Look up a method that can act.

    Raises:
        UserError: no such method, or one that is only a model which a reward reads.
    """
    from energyflow.policies.base import Policy

    found = check_method(name)
    if not issubclass(found, Policy):
        raise UserError(f"method '{name}' is no policy but a model that a reward reads")
    return found
