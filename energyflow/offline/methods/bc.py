"""Behaviour cloning: the behaviour model itself, a flow or a diffusion that is drawn from."""

from __future__ import annotations

from energyflow.offline.actors import Actor, Clip
from energyflow.offline.learner import Learner, Parts
from energyflow.offline.methods.registry import OfflineMethod

METHODS = {
    "bc": OfflineMethod("Behaviour cloning (flow)", "Cloning", "ot", None),
    "bc_diff": OfflineMethod("Behaviour cloning (diffusion)", "Cloning", "vp", None),
}


class Cloning(Learner):
    """The warm-up of the others, and no more."""

    keeps = ("behaviour",)
    improves = False

    def actor(self, parts: Parts, clip: Clip) -> Actor:
        """A draw of mu."""
        return self.behaviour(parts)
