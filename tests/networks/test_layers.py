"""The networks written out from their own layers: what is concatenated, modulated, halved, doubled and skipped."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from energyflow.config.sections import MLPParams, NetworkParams, UNetParams
from energyflow.networks.blocks import ScalarHead, TimeFeatures, gradient
from energyflow.networks.build import ScalarPotential, Spec, VectorField
from energyflow.networks.mlp import MLPTrunk
from energyflow.networks.unet import FiLMBlock, UNetTrunk

SPEC = Spec(obs_dim=5, action_dim=3, obs_horizon=2, pred_horizon=4, exec_horizon=2, obs_keys=("state",))
UNET = UNetParams(down_dims=[8, 16, 24], kernel_size=5, groups=4, cond_dim=12)
MLP = NetworkParams(kind="mlp", mlp=MLPParams(hidden=[16, 12], time_dim=8))


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    return draw(6, 4, 3), draw(6, 2, 5, seed=1), torch.linspace(-1.0, 1.0, 6)


def test_time_features_are_sines_and_cosines_of_geometric_frequencies() -> None:
    features = TimeFeatures(8)(torch.tensor([0.0, 0.3]))
    frequencies = [64.0 ** (k / 3) for k in range(4)]
    assert features[0].tolist() == [0.0] * 4 + [1.0] * 4
    expected = [math.sin(0.3 * f) for f in frequencies] + [math.cos(0.3 * f) for f in frequencies]
    assert features[1].tolist() == pytest.approx(expected, abs=1e-4)


def test_the_published_features_of_time_fall_from_one() -> None:
    frequencies = [10_000.0 ** (-k / 4) for k in range(4)]
    expected = [math.sin(0.3 * f) for f in frequencies] + [math.cos(0.3 * f) for f in frequencies]
    assert TimeFeatures(8, "published")(torch.tensor([0.3]))[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_the_trunk_of_an_mlp_reads_chunk_observations_and_time() -> None:
    torch.manual_seed(0)
    trunk = MLPTrunk(12, 10, MLPParams(hidden=[16, 12], time_dim=8), "tanh")
    chunk, obs, time = inputs()
    first, second = (layer for layer in trunk.modules() if isinstance(layer, nn.Linear))
    features = torch.cat([chunk.reshape(6, 12), obs.reshape(6, 10), TimeFeatures(8)(time)], dim=1)
    torch.testing.assert_close(trunk(chunk, obs, time), second(first(features).tanh()).tanh())
    assert trunk.width == 12


@pytest.mark.parametrize("spectral", [True, False])
def test_a_scalar_head_is_layers_without_a_last_bias(spectral: bool) -> None:
    torch.manual_seed(0)
    head = ScalarHead(7, (9, 5), "softplus", spectral=spectral).eval()
    first, second, last = (layer for layer in head.modules() if isinstance(layer, nn.Linear))
    sizes = [(layer.in_features, layer.out_features) for layer in (first, second, last)]
    assert sizes == [(7, 9), (9, 5), (5, 1)]
    assert first.bias is not None
    assert second.bias is not None
    assert last.bias is None
    assert [nn.utils.parametrize.is_parametrized(layer) for layer in (first, second, last)] == [spectral] * 3
    x = draw(5, 7)
    torch.testing.assert_close(head(x), last(F.softplus(second(F.softplus(first(x)))))[:, 0])
    assert head.last is last.weight or torch.equal(head.last, last.weight)


def test_the_head_of_a_u_net_has_the_published_layers() -> None:
    network = NetworkParams(kind="unet", unet=UNET)
    for each, widths in ((network, [8, 256, 128, 1]), (MLP, [12, 128, 1])):
        head = ScalarPotential(SPEC, each, "softplus", spectral=True).head
        layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
        assert [layers[0].in_features, *(layer.out_features for layer in layers)] == widths


@pytest.mark.parametrize("channels", [8, 6])
def test_a_block_is_scaled_and_shifted_by_the_condition(channels: int) -> None:
    torch.manual_seed(0)
    block = FiLMBlock(channels, 8, 10, UNET, "silu")
    x, cond = draw(4, 3, channels), draw(3, 10, seed=1)  # time first
    scale, bias = block.film(cond).split(8, dim=1)

    def half(part: nn.Module, h: Tensor) -> Tensor:
        assert isinstance(part, nn.Sequential)
        convolution, norm = part
        assert (convolution.weight.shape[0], norm.groups) == (5, 4)
        h = F.conv1d(h.permute(1, 2, 0), convolution.weight.permute(2, 1, 0), convolution.bias, padding=2)
        return F.silu(F.group_norm(h, 4, norm.gamma, norm.beta)).permute(2, 0, 1)

    hidden = half(block.second, half(block.first, x) * (1 + scale) + bias)
    assert isinstance(block.shortcut, nn.Identity) == (channels == 8)
    torch.testing.assert_close(block(x, cond), hidden + (x if channels == 8 else block.shortcut(x)))


def test_the_u_net_halves_doubles_and_joins_what_it_skipped() -> None:
    torch.manual_seed(0)
    trunk = UNetTrunk(3, 10, UNET, "mish", "wide")
    chunk, obs, time = inputs()
    (a, b), (c, d), (e, f) = trunk.down
    (g, h), (i, j) = trunk.up
    features, rise, _, fall = trunk.time
    low_state, _, high_state, _ = trunk.state
    assert [layer.out_features for layer in (rise, fall, low_state, high_state)] == [12] * 4
    state = F.mish(high_state(F.mish(low_state(obs.reshape(6, 10)))))
    cond = torch.cat([state, fall(F.mish(rise(features(time))))], dim=1)
    high = b(a(chunk.transpose(0, 1), cond), cond)
    middle = d(c(trunk.shrink[0](high), cond), cond)
    low = f(e(trunk.shrink[1](middle), cond), cond)
    assert [x.shape for x in (high, middle, low)] == [(4, 6, 8), (2, 6, 16), (1, 6, 24)]
    x = trunk.middle[1](trunk.middle[0](low, cond), cond)
    x = h(g(torch.cat([x, low], dim=2), cond), cond)
    x = trunk.grow[0](x.repeat_interleave(2, dim=0))
    x = j(i(torch.cat([x, middle], dim=2), cond), cond)  # the first level's features are skipped nowhere
    x = trunk.grow[1](x.repeat_interleave(2, dim=0))
    torch.testing.assert_close(trunk(chunk, obs, time), x.transpose(0, 1))
    assert trunk.width == x.shape[2]


@pytest.mark.parametrize("network", [MLP, NetworkParams(kind="unet", unet=UNET)])
def test_fields_and_potentials_are_heads_on_a_trunk(network: NetworkParams) -> None:
    torch.manual_seed(0)
    chunk, obs, time = inputs()
    field = VectorField(SPEC, network, "silu")
    found = field(chunk, obs, time)
    assert found.shape == chunk.shape
    torch.testing.assert_close(found, field.out(field.trunk(chunk, obs, time)).reshape(6, 4, 3))
    potential = ScalarPotential(SPEC, network, "silu", spectral=False)
    features = potential.trunk(chunk, obs, time)
    pooled = features if network.mlp is not None else features.mean(1)
    torch.testing.assert_close(potential(chunk, obs, time), potential.head(pooled))


def test_a_gradient_is_one_of_its_own_input_and_differentiable_when_asked() -> None:
    at = draw(4, 3)

    def cube(x: Tensor) -> Tensor:
        return x.pow(3).sum(dim=1)

    with torch.no_grad():
        plain = gradient(cube, at, create_graph=False)
    torch.testing.assert_close(plain, 3 * at**2)
    assert not plain.requires_grad
    assert not at.requires_grad
    leaf = at.clone().requires_grad_()
    slope = gradient(cube, leaf, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), leaf)
    torch.testing.assert_close(second, 6 * at)
    weight = torch.tensor(2.0, requires_grad=True)
    (of_weight,) = torch.autograd.grad(gradient(lambda x: weight * cube(x), at, create_graph=True).sum(), weight)
    torch.testing.assert_close(of_weight, (3 * at**2).sum())
    assert not gradient(cube, leaf, create_graph=False).requires_grad
