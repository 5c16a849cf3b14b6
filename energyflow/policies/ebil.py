"""EBIL (Liu et al. 2021): soft actor-critic on the reward of the same name, as published and from a clone."""

from __future__ import annotations

from energyflow.policies.registry import Method, NoParams, Online

ACTOR = "energyflow.policies.soft_actor:SoftActor"
METHODS = {
    "ebil": Method("EBIL", NoParams, ACTOR, online=Online("ebil")),
    "ebil_bc": Method(
        "EBIL (cloned, demos in replay)",
        NoParams,
        ACTOR,
        online=Online("ebil", cloned=True, mixed=True),
        variant_of="ebil",
    ),
}
