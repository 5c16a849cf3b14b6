"""`energyflow_paper` is the published network: its size, and its energies computed anew in NumPy from the formulas.

Facts of the official code (sotaagi/EnergyFlow, b3157fd, model.py): kernel 5 or as given, group norm with epsilon 1e-5,
Softplus everywhere, FiLM (1 + scale) h + bias, stride-2 convolutions of width 3 down, nearest neighbour and a
convolution of width 3 up, no skip at full length, mean over time, a head with spectral norm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from energyflow.config.params import Params
from energyflow.networks.build import Spec
from energyflow.policies.checkpoint import build
from energyflow.policies.energyflow_paper import EnergyFlowPaper

Floats = NDArray[np.float64]
META_WORLD = Spec(39, 4, 2, 16, 8, ("state",))
SMALL = {"down_dims": [6, 4, 8], "kernel_size": 5, "groups": 2, "cond_dim": 6}


def paper_policy(paper: Params, spec: Spec, **unet: Any) -> EnergyFlowPaper:
    section = paper.train["energyflow_paper"]
    assert section.network.unet is not None
    network = section.network.model_copy(update={"unet": section.network.unet.model_copy(update=unet)})
    torch.manual_seed(0)
    policy = build(spec, section.model_copy(update={"network": network}))
    assert isinstance(policy, EnergyFlowPaper)
    return policy


def test_it_has_as_many_parameters_as_published(paper: Params) -> None:
    policy = paper_policy(paper, META_WORLD)
    assert sum(parameter.numel() for parameter in policy.parameters()) == 4_812_032


def softplus(x: Floats) -> Floats:
    found: Floats = np.logaddexp(0.0, x)
    return found


def array(tensor: Any) -> Floats:
    return np.asarray(tensor.detach(), dtype=np.float64)


def dense(layer: nn.Module, x: Floats) -> Floats:
    return x @ array(layer.weight).T + array(layer.bias)


def convolve(layer: nn.Module, x: Floats, stride: int = 1) -> Floats:
    """x [B, T, C]: the sum over taps k of x[t * stride + k - K // 2] W_k, zero outside."""
    weight, bias = array(layer.weight), array(layer.bias)
    half = len(weight) // 2
    padded = np.pad(x, ((0, 0), (half, half), (0, 0)))
    steps = range(0, x.shape[1], stride)
    return np.stack([sum(padded[:, t + k] @ weight[k] for k in range(len(weight))) + bias for t in steps], axis=1)


def normalise(layer: Any, x: Floats) -> Floats:
    batch, steps, channels = x.shape
    parts = x.reshape(batch, steps, layer.groups, -1)
    mean, variance = (f(parts, axis=(1, 3), keepdims=True) for f in (np.mean, np.var))
    standard = ((parts - mean) / np.sqrt(variance + 1e-5)).reshape(batch, steps, channels)
    return standard * array(layer.gamma) + array(layer.beta)


def block(layer: Any, x: Floats, cond: Floats) -> Floats:
    scale, bias = np.split(dense(layer.film, cond)[:, None], 2, axis=2)
    h = softplus(normalise(layer.first[1], convolve(layer.first[0], x)))
    h = softplus(normalise(layer.second[1], convolve(layer.second[0], (1.0 + scale) * h + bias)))
    return h + (x if isinstance(layer.shortcut, nn.Identity) else convolve(layer.shortcut, x))


def published_energy(policy: EnergyFlowPaper, chunk: Floats, obs: Floats, time: Floats) -> Floats:
    trunk: Any = policy.potential.trunk  # type: ignore[attr-defined]
    count = len(trunk.time[1].weight) // 2
    phase = time[:, None] * 10_000.0 ** (-np.arange(count) / count)
    moment = dense(trunk.time[3], softplus(dense(trunk.time[1], np.hstack([np.sin(phase), np.cos(phase)]))))
    state = softplus(dense(trunk.state[2], softplus(dense(trunk.state[0], obs.reshape(len(obs), -1)))))
    cond, x, skips = np.hstack([state, moment]), chunk, []
    for level, (one, two) in enumerate(trunk.down):
        x = block(two, block(one, x, cond), cond)
        skips.append(x)
        if level < 2:
            x = convolve(trunk.shrink[level], x, stride=2)
    for each in trunk.middle:
        x = block(each, x, cond)
    for (one, two), grow in zip(trunk.up, trunk.grow, strict=True):
        x = np.concatenate([x, skips.pop()], axis=2)
        x = convolve(grow, np.repeat(block(two, block(one, x, cond), cond), 2, axis=1))
    features = x.mean(axis=1)
    layers = [layer for layer in policy.potential.head.layers if isinstance(layer, nn.Linear)]  # type: ignore[attr-defined]
    for index, layer in enumerate(layers):
        weight = array(layer.parametrizations.weight.original)
        features = features @ (weight / np.linalg.norm(weight, 2)).T
        if index < len(layers) - 1:
            features = softplus(features + array(layer.bias))
    return features[:, 0]


def test_its_energies_are_those_of_the_published_formulas(paper: Params) -> None:
    policy = paper_policy(paper, Spec(5, 3, 2, 8, 4, ("state",)), **SMALL).double()
    generator = torch.Generator().manual_seed(1)
    for parameter in policy.parameters():  # so that no bias, gain or offset is one or zero
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    policy.train()
    for module in policy.modules():
        if nn.utils.parametrize.is_parametrized(module):
            for _ in range(2000):  # power iterations
                _ = module.weight
    policy.eval()
    shapes = ((7, 8, 3), (7, 2, 5), (7,))
    chunk, obs, time = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    found = array(policy.potential(chunk, obs, time))
    assert np.ptp(found) > 1e-3
    np.testing.assert_allclose(found, published_energy(policy, *map(array, (chunk, obs, time))), rtol=1e-9)
