"""A policy as an ONNX graph: observations and noise in, a chunk of actions out, nothing drawn inside.

    obs     [B, To, Do]     float32, environment units
    noise   [K, B, Tp, Da]  float32, standard normal: the K draws of a plan; no input where a plan draws nothing
    action  [B, Tp, Da]     float32, environment units

The graph is the trace of the decoder that rollouts run (`TransportPolicy.transport`), with the statistics inside. A
slope of an energy is traced where it is written out (networks/closed_form.py), on the MLP; one that autograd takes
cannot be.
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from energyflow.config.sections import DECODERS, Decoder
from energyflow.core.errors import UserError, nearest
from energyflow.core.files import atomic_path
from energyflow.networks.build import VectorField
from energyflow.policies.base import Policy, TransportPolicy
from energyflow.policies.checkpoint import build
from energyflow.policies.plan import freeze
from energyflow.policies.registry import class_of, policies

OPSET = 17


class Plan(nn.Module):
    """A plan as a function of its draws."""

    def __init__(self, policy: TransportPolicy, nfe: int, decoder: Decoder) -> None:
        super().__init__()
        self.policy, self.nfe, self.decoder = policy, nfe, decoder

    @torch.no_grad()
    def forward(self, obs: Tensor, noise: Tensor | None = None) -> Tensor:
        """See the module; obs [B, To, Do] and noise [K, B, Tp, Da] -> action [B, Tp, Da]."""
        policy, draws = self.policy, iter([] if noise is None else noise.unbind(0))
        states = policy.normalizer.standardize_obs(obs.double()).float()

        def vector(chunk: Tensor, time: float) -> Tensor:
            return policy.vector(chunk, states, chunk.new_full((1,), time).expand(chunk.shape[0]))

        if self.decoder == "sample":
            chunk = policy.transport(vector, lambda: next(draws), self.nfe)
        else:
            shape = (states.shape[0], policy.spec.pred_horizon, policy.spec.action_dim)
            chunk = policy.mean_transport(vector, states.new_zeros(shape), self.nfe)
        return policy.normalizer.from_box(policy.normalizer.unstandardize_action(chunk)).float()

    def draws(self) -> int:
        """K: how often a plan draws."""
        count, zero = 0, torch.zeros(1, self.policy.spec.pred_horizon, self.policy.spec.action_dim)

        def draw() -> Tensor:
            nonlocal count
            count += 1
            return zero

        if self.decoder == "sample":
            self.policy.transport(lambda chunk, time: chunk, draw, self.nfe)
        return count


def exportable(policy: Policy) -> TransportPolicy:
    """A copy of the policy on the CPU whose plans can be traced: weights under spectral norm are numbers there.

    Raises:
        UserError: they cannot; the message names the methods whose plans can.
    """
    method, kind = policy.params.method, policy.params.network.kind
    if not isinstance(policy, TransportPolicy):
        known = [name for name in policies() if issubclass(class_of(name), TransportPolicy)]
        raise UserError(f"'{method}' does not plan by one network's vectors alone; ONNX has {', '.join(known)}")
    found = build(policy.spec, policy.params).eval().requires_grad_(False)  # in training, reading a weight changes it
    found.load_state_dict(policy.state_dict())
    assert isinstance(found, TransportPolicy)
    for module in [each for each in found.modules() if parametrize.is_parametrized(each)]:
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    if not isinstance(found.network, VectorField) and freeze(found.network) is None:
        raise UserError(
            f"'{method}' on network.kind = {kind} follows a slope that autograd takes, which ONNX has not;"
            " train it with network.kind=mlp"
        )
    return found


def export(
    policy: Policy,
    out: Path,
    *,
    decoder: Decoder = "sample",
    nfe: int | None = None,
    about: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the graph of a policy's plans, for any batch size.

    Args:
        policy: trained, on any device.
        out: of the .onnx file.
        decoder: `sample`: a draw; `mean`: the mean, or the nearest thing that the method has.
        nfe: network evaluations of a draw; the method's own number by default.
        about: what else the file says of itself.

    Returns:
        What the file says of itself: sizes, keys, decoder, evaluations and draws.

    Raises:
        UserError: this policy's plans cannot be traced, there is no such decoder, onnx is not installed, or the disk is
            full.
    """
    if decoder not in DECODERS:
        raise UserError(f"unknown decoder '{decoder}'; {nearest(decoder, DECODERS)}")
    try:
        import onnx
    except ImportError:
        raise UserError("export needs onnx: pip install 'energyflow[onnx]'") from None
    policy = exportable(policy)
    if policy.deterministic:
        decoder = "mean"  # the same function, without noise that it would not read
    spec, plan = policy.spec, Plan(policy, nfe or policy.nfe, decoder).eval()
    names = {"obs": torch.zeros(2, spec.obs_horizon, spec.obs_dim)}
    if draws := plan.draws():
        names["noise"] = torch.zeros(draws, 2, spec.pred_horizon, spec.action_dim)
    axes = {"obs": {0: "batch"}, "noise": {1: "batch"}, "action": {0: "batch"}}
    note = {
        "method": policy.params.method,
        "decoder": decoder,
        "evaluations": policy.evaluations(decoder, plan.nfe),
        "draws": draws,
        "exec_horizon": spec.exec_horizon,
        "obs_keys": list(spec.obs_keys),
        **(about or {}),
    }
    with atomic_path(out) as temporary:
        with warnings.catch_warnings():  # constants of a trace are meant, and so is the exporter that knows them
            warnings.simplefilter("ignore")
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            torch.onnx.export(
                plan,
                tuple(names.values()),
                temporary,
                input_names=[*names],
                output_names=["action"],
                dynamic_axes={name: axes[name] for name in (*names, "action")},
                opset_version=OPSET,
                dynamo=False,
            )
        model = onnx.load(temporary)
        onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in note.items()})
        onnx.checker.check_model(model)
        onnx.save(model, temporary)
    return note
