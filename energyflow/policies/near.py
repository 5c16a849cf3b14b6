"""NEAR (Diwan et al. 2024): soft actor-critic on the reward of the same name, as published and from a clone."""

from __future__ import annotations

from energyflow.policies.registry import Method, NoParams, Online

ACTOR = "energyflow.policies.soft_actor:SoftActor"
METHODS = {
    "near": Method("NEAR", NoParams, ACTOR, online=Online("near")),
    "near_bc": Method(
        "NEAR (cloned, demos in replay)",
        NoParams,
        ACTOR,
        online=Online("near", cloned=True, mixed=True),
        variant_of="near",
    ),
}
