"""Returns that stand for 0 and for 100, and D4RL's."""

from __future__ import annotations

from energyflow.config.section import Section


class Normalisation(Section):
    """Returns that stand for 0 and for 100, and whose they are."""

    random: float
    expert: float
    source: str

    def score(self, ret: float) -> float:
        """100 (return - random) / (expert - random)."""
        return 100.0 * (ret - self.random) / (self.expert - self.random)


# D4RL's references (Fu et al. 2020, infos.py): of its own environments, whatever version data are made in here.
D4RL = {
    "HalfCheetah": Normalisation(random=-280.178953, expert=12135.0, source="d4rl"),
    "Hopper": Normalisation(random=-20.272305, expert=3234.3, source="d4rl"),
    "Walker2d": Normalisation(random=1.629008, expert=4592.3, source="d4rl"),
}


def d4rl_reference(env_id: str) -> Normalisation | None:
    """D4RL's reference for an environment of that name, of any version; None if it has none."""
    return D4RL.get(env_id.rsplit("/", 1)[-1].split("-v")[0])
