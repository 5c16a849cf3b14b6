"""How each figure looks: one closed section a figure, under `plots` in params.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from energyflow.config.section import Section


class Plot(Section):
    """What every figure has."""

    dpi: int = Field(ge=50, le=600)


class ColouredPlot(Plot):
    """A figure of named lines, in one of the palettes of ten colours that seaborn has."""

    palette: Literal["colorblind", "deep", "muted", "bright", "pastel", "dark"]


class LearningPlot(ColouredPlot):
    """Learning curves; `smooth` is the width of a running mean over step marks."""

    smooth: int = Field(ge=1)


class LandscapePlot(Plot):
    """A slice through an energy.

    Attributes:
        cmap: colours of the energy.
        resolution: points of the slice along either axis.
        samples: of the policy.
        sigma: read-out, in standardised units.
        extent: half-width of the slice, in root-mean-square distances of the projected samples from the demonstration.
    """

    cmap: Literal["viridis", "cividis", "plasma", "inferno", "magma"]
    resolution: int = Field(ge=2)
    samples: int = Field(ge=2)
    sigma: float = Field(gt=0)
    extent: float = Field(gt=0)

    def slice(self, seed: int) -> SliceParams:
        """What the numbers of the figure are computed with."""
        own = SliceParams.model_fields.keys() - {"seed"}
        return SliceParams(seed=seed, **{key: getattr(self, key) for key in own})


class SliceParams(Section):
    """What a slice through an energy is computed with: as in `LandscapePlot`, and the seed of the policy's samples."""

    resolution: int = Field(ge=2)
    samples: int = Field(ge=2)
    sigma: float = Field(gt=0)
    extent: float = Field(gt=0)
    seed: int = Field(ge=0)


PLOTS: dict[str, type[Plot]] = {
    "success": ColouredPlot,
    "ood": ColouredPlot,
    "nfe": ColouredPlot,
    "learning": LearningPlot,
    "loss": ColouredPlot,
    "time": ColouredPlot,
    "landscape": LandscapePlot,
    "theory": ColouredPlot,
    "ablations": ColouredPlot,
    "offline": ColouredPlot,
    "rewards": ColouredPlot,
    "weighting": ColouredPlot,
}
