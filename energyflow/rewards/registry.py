"""The reward sources by name, and what each one needs. Light: checking a name imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from energyflow.sections import ParamsError, nearest


@dataclass(frozen=True)
class SourceSpec:
    """One named source of reward.

    Attributes:
        name: the name in params.yaml and in the paths of results.
        description: one line for captions and `--help`.
        needs_model: whether the reward reads an energy (a reward model and demonstrations to scale it with).
        paper: whether the source is one of the paper's own (then `shape.on_success` applies to it).
    """

    name: str
    description: str
    needs_model: bool
    paper: bool


SOURCES: dict[str, SourceSpec] = {
    spec.name: spec
    for spec in (
        SourceSpec("sparse", "1 at success, else 0", needs_model=False, paper=True),
        SourceSpec("dense", "the task's own dense reward / 10 (oracle)", needs_model=False, paper=True),
        SourceSpec("raw_energy", "minus the energy, scaled, not centred", needs_model=True, paper=True),
        SourceSpec(
            "centered_energy",
            "minus the energy, centred by M reference actions",
            needs_model=True,
            paper=True,
        ),
        SourceSpec("centered_energy_sparse", "centered_energy plus weighted success", needs_model=True, paper=True),
        SourceSpec(
            "centered_energy_bounded",
            "regret against the energy's own best action, bounded; success ends the episode",
            needs_model=True,
            paper=False,
        ),
    )
}


def check_source(name: str) -> SourceSpec:
    """Return the source called `name`.

    Raises:
        ParamsError: there is no such source; the message suggests the nearest name.
    """
    if name not in SOURCES:
        raise ParamsError(f"unknown reward source {name!r}; {nearest(name, list(SOURCES))}")
    return SOURCES[name]
