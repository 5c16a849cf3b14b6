"""Run by test_robomimic.py in a process of its own: robomimic's BC-RNN-GMM beside ours, with the same weights."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict

import stand_ins  # noqa: F401

# isort: split

import robomimic.utils.obs_utils as obs_utils
import torch
from robomimic.algo.bc import BC_RNN_GMM
from robomimic.config import config_factory
from robomimic.models.policy_nets import RNNGMMActorNetwork

from energyflow.config.section import parse_section
from energyflow.config.sections import TrainParams
from energyflow.networks.build import Spec
from energyflow.policies.lstm_gmm import LSTMGMM

OBS, ACTION, HORIZON, BATCH, STEPS = 6, 3, 10, 4, 25

section = parse_section(TrainParams, sys.argv[1])
own = section.method_params
obs_utils.initialize_obs_utils_with_config(config_factory("bc"))  # "object" is one of its vectors
torch.manual_seed(0)
theirs = RNNGMMActorNetwork(
    obs_shapes=OrderedDict(object=(OBS,)),
    ac_dim=ACTION,
    mlp_layer_dims=(),
    rnn_hidden_dim=own["hidden"],
    rnn_num_layers=own["layers"],
    rnn_kwargs={"bidirectional": False},
    num_modes=own["modes"],
    min_std=1e-4,
    std_activation="softplus",
    low_noise_eval=False,
    use_tanh=False,
)
with torch.no_grad():
    for name, parameter in theirs.named_parameters():
        if "decoder" in name:  # modes far apart, some beyond the reach of tanh, and narrow enough for min_std to count
            parameter.mul_(12.0)
    theirs.nets["decoder"].nets["scale"].bias.sub_(6.0)

ours = LSTMGMM(Spec(OBS, ACTION, HORIZON, HORIZON, 1, ("state",)), section)
ours.lstm.load_state_dict(theirs.nets["rnn"].nets.state_dict())
for head, name in ((ours.means, "mean"), (ours.scales, "scale"), (ours.logits, "logits")):
    head.load_state_dict(theirs.nets["decoder"].nets[name].state_dict())
ours.normalizer.action_mean.copy_(torch.tensor([0.1, -0.2, 0.3]))
ours.normalizer.action_std.copy_(torch.tensor([0.2, 0.5, 0.9]))

obs = 2.0 * torch.randn(BATCH, STEPS, OBS)
with torch.no_grad():
    window = obs[:, :HORIZON]
    dists = theirs.train().forward_train(OrderedDict(object=window))
    actions = (dists.sample() + 1e-3 * torch.randn(BATCH, HORIZON, ACTION)).clamp(-1.0, 1.0)
    their_loss = float(-dists.log_prob(actions).mean())
    standardized = ours.normalizer.standardize_action(actions)
    our_loss = float(ours.loss(window, standardized, torch.Generator()))

# Their algorithm object without its configuration: what it does step by step, and when it resets, is theirs.
algorithm = object.__new__(BC_RNN_GMM)
algorithm.nets = torch.nn.ModuleDict({"policy": theirs}).eval()
algorithm.device, algorithm._rnn_horizon, algorithm._rnn_is_open_loop = torch.device("cpu"), HORIZON, False
algorithm.reset()
padded = torch.cat([obs[:, :1].expand(-1, HORIZON - 1, -1), obs], dim=1)  # a rollout repeats the first observation
differences, spread = [], []
with torch.no_grad():
    for step in range(STEPS):
        torch.manual_seed(step)
        their_action = algorithm.get_action(OrderedDict(object=obs[:, step]))
        history, elapsed = padded[:, step : step + HORIZON], torch.full((BATCH,), step)
        our_action = ours.act(history, torch.Generator().manual_seed(step), elapsed=elapsed)
        assert our_action.shape == (BATCH, 1, ACTION)
        differences.append(float((our_action[:, 0] - their_action.clamp(-1.0, 1.0)).abs().max()))
        spread.append(float(their_action.std()))
result = {"losses": [their_loss, our_loss], "differences": differences, "spread": min(spread)}
print("RESULT " + json.dumps(result))
