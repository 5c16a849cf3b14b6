"""From params.yaml to the sections of the theory: the overlay of a preset, and how each kind of model is trained."""

from __future__ import annotations

from typing import Any

from energyflow.config.section import layered
from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.studies.theory.grid import KINDS
from energyflow.studies.theory.sections import TheoryParams

HEAD_WIDTH = 128  # of networks.blocks.ScalarHead


def merge_theory(base: Any, over: Any) -> TheoryParams | None:
    """The theory section under the overlay of a preset, which changes single keys of its groups; None for null.

    Raises:
        UserError: either is not a mapping.
        ValidationError: a key is unknown, missing or mistyped.
    """
    if over is None:
        return None
    layered({"params.yaml: theory": base, "params.yaml: presets.<preset>.theory": over})
    groups = {
        key: base[key] | value if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in over.items()
    }
    return TheoryParams(**base | groups)


def train_sections(raw: dict[str, Any], theory: TheoryParams) -> dict[str, TrainParams]:
    """Training sections by kind of model: one step (To = Tp = 1), an MLP, the method's own section.

    Raises:
        UserError: a method that the theory trains has no section.
    """
    from energyflow.policies.registry import check_method

    network = theory.network.model_dump()
    mlp = {"time_dim": network.pop("time_dim"), "hidden": network.pop("hidden")}
    found = {}
    for kind, (method, changes) in KINDS.items():
        if method not in raw["method"]:
            raise UserError(f"method: missing key '{method}' (the theory trains it)")
        # a scalar head is one more layer: with it, networks that have a head and that have none are of one size
        hidden = [*mlp["hidden"], HEAD_WIDTH] if method == "unconstrained" else mlp["hidden"]
        own = dict(raw["method"][method])
        needs = own.pop("train", {})
        one_step = {"obs_horizon": 1, "pred_horizon": 1, "exec_horizon": 1, "steps": theory.steps}
        found[kind] = TrainParams(
            **raw["train"] | needs | network | one_step,
            method=method,
            method_params=check_method(method).params_model(own | changes),
            network={"kind": "mlp", "mlp": mlp | {"hidden": hidden}},  # type: ignore[arg-type]
        )
    return found
