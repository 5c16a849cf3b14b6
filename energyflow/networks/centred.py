"""A potential with a path of its own for the mean and the width of what it describes.

    f(x, s, t) = g(x, s, t) + <x, m(s, t)> - 1/2 sum_i k_i(s, t) x_i^2,      grad f = grad g + m - k x

m and k are the outputs of a perceptron of observations and time alone, so f is still one number, its slope exactly a
gradient, and no second derivative passes through them. Without them the conditional mean, which is all that there is to
say at a large noise level, has to be the slope of a bend in x that g does not need otherwise.
"""

from __future__ import annotations

from torch import Tensor, nn

from energyflow.config.sections import MLPParams
from energyflow.networks.build import Potential, Spec
from energyflow.networks.mlp import MLPTrunk

# [ours] a sixth more time a step; 256 wide and 64 features, a third more, had the same error in trials (DEVIATIONS.md)
CENTRE = MLPParams(hidden=[128, 128], time_dim=16)


class CentredPotential(Potential):
    """F on top of any potential g; it starts as g."""

    def __init__(self, curved: Potential, spec: Spec) -> None:
        """Add m and k, which start at zero, to the potential `curved`."""
        super().__init__()
        self.curved = curved
        self.trunk = MLPTrunk(0, spec.obs_horizon * spec.obs_dim, CENTRE, "silu")
        self.out = nn.Linear(self.trunk.width, 2 * spec.pred_horizon * spec.action_dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def centre(self, chunk: Tensor, obs: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """M and k, shaped as the chunk [B, Tp, Da], which they do not read."""
        features = self.trunk(chunk.new_empty(len(chunk), 0), obs, time)
        tilt, bend = self.out(features).chunk(2, dim=1)
        return tilt.reshape(chunk.shape), bend.reshape(chunk.shape)

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See `Potential`."""
        curved: Tensor = self.curved(chunk, obs, time)
        return curved + self._parabola(chunk, *self.centre(chunk, obs, time))

    def value_and_slope(self, chunk: Tensor, obs: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """See `Potential`."""
        value, slope = self.curved.value_and_slope(chunk, obs, time)
        tilt, bend = self.centre(chunk, obs, time)
        return value + self._parabola(chunk, tilt, bend), slope + tilt - bend * chunk

    def slope(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See `Potential`."""
        tilt, bend = self.centre(chunk, obs, time)
        return self.curved.slope(chunk, obs, time) + tilt - bend * chunk

    @staticmethod
    def _parabola(chunk: Tensor, tilt: Tensor, bend: Tensor) -> Tensor:
        return (chunk * (tilt - 0.5 * bend * chunk)).sum(dim=(1, 2))
