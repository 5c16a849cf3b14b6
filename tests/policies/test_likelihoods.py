"""Losses of the baselines: mixtures and squashed Gaussians against torch's own, descents and soft values over draws."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
    TanhTransform,
    TransformedDistribution,
)
from torch.nn import functional as F

from energyflow.config.sections import MLPParams, NetworkParams, TrainParams
from energyflow.networks.build import Spec
from energyflow.pipeline.params import Params
from energyflow.policies import squashed
from energyflow.policies.ebil_energy import EBILEnergy
from energyflow.policies.ebt_policy import EBTPolicy, normalized
from energyflow.policies.implicit_bc import DFOParams, ImplicitBC, pick, resample
from energyflow.policies.iq_learn_offline import IQLearnOffline
from energyflow.policies.layers import perceptron
from energyflow.policies.lstm_gmm import LSTMGMM
from energyflow.policies.near_energy import NEAREnergy
from energyflow.policies.soft_actor import LOG_STD, SoftActor

ROWS = 20_000
SMALL = NetworkParams(kind="mlp", mlp=MLPParams(hidden=[32, 32], time_dim=2))
MEAN, STD = torch.tensor([0.1, -0.2]), torch.tensor([0.5, 0.3])


def spec_of(obs_horizon: int, pred_horizon: int) -> Spec:
    return Spec(3, 2, obs_horizon, pred_horizon, 1, ("state",))


def section(params: Params, method: str, **own: object) -> TrainParams:
    """The section of any trained method, as of this one."""
    changed = {"method": method, "method_params": own, "network": SMALL}
    return params.train["energyflow"].model_copy(update=changed)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def unit(model: nn.Module) -> None:
    model.normalizer.action_mean.copy_(MEAN)  # type: ignore[union-attr,operator]
    model.normalizer.action_std.copy_(STD)  # type: ignore[union-attr,operator]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_perceptron_is_its_layers() -> None:
    torch.manual_seed(0)
    network = perceptron(3, [5, 4], 2, nn.Tanh)
    first, second, last = (layer for layer in network if isinstance(layer, nn.Linear))
    x = draw(7, 3)
    torch.testing.assert_close(network(x), last(second(first(x).tanh()).tanh()))


def test_the_mixture_s_loss_is_its_negative_log_likelihood(laptop: Params) -> None:
    torch.manual_seed(0)
    own = {"hidden": 16, "layers": 2, "modes": 3, "min_std": 0.05}
    policy = LSTMGMM(spec_of(5, 5), section(laptop, "lstm_gmm", **own))
    unit(policy)
    obs, action = draw(4, 5, 3), draw(4, 5, 2, seed=1)
    hidden, _ = policy.lstm(obs)
    means = policy.means(hidden).reshape(4, 5, 3, 2).tanh()
    stds = F.softplus(policy.scales(hidden).reshape(4, 5, 3, 2)) + 0.05
    mixture = MixtureSameFamily(Categorical(logits=policy.logits(hidden)), Independent(Normal(means, stds), 1))
    expected = -mixture.log_prob(action * STD + MEAN).mean()
    torch.testing.assert_close(policy.loss(obs, action, generator()), expected)
    weights, centres, widths = policy.mixture(obs)
    torch.testing.assert_close(weights.exp().sum(-1), torch.ones(4, 5))
    torch.testing.assert_close(centres, means)
    torch.testing.assert_close(widths, stds)
    assert policy.lstm.num_layers == 2


def test_the_mixture_draws_a_mode_and_an_action_of_it_or_takes_the_mean_of_the_likeliest(laptop: Params) -> None:
    torch.manual_seed(0)
    own = {"hidden": 16, "layers": 1, "modes": 2, "min_std": 0.05}
    policy = LSTMGMM(spec_of(2, 2), section(laptop, "lstm_gmm", **own))
    unit(policy)
    with torch.no_grad():
        policy.logits.weight.zero_()
        policy.logits.bias.copy_(torch.tensor([0.3, 0.7]).log())
        policy.means.bias.copy_(torch.tensor([0.9, 0.9, -0.9, -0.9]))  # far apart, for the spread that they have
        policy.scales.bias.fill_(-4.0)
    obs = draw(1, 2, 3).expand(4000, -1, -1)
    actions = policy.act(obs, generator())[:, 0].detach()
    with torch.no_grad():
        _, means, stds = policy.mixture(obs[:1])
    nearest = (actions[:, None] - means[0, -1]).norm(dim=-1).argmin(dim=1)
    assert float((nearest == 0).float().mean()) == pytest.approx(0.3, abs=0.03)
    for mode in (0, 1):
        drawn = actions[nearest == mode]
        torch.testing.assert_close(drawn.mean(dim=0), means[0, -1, mode], atol=0.01, rtol=0)
        torch.testing.assert_close(drawn.std(dim=0), stds[0, -1, mode], atol=0, rtol=0.1)
    plan = policy.act(obs[:3], generator(), decoder="mean")
    torch.testing.assert_close(plan[:, 0], means[0, -1, 1].expand(3, 2))
    torch.testing.assert_close(policy.mean(obs[:3], generator(), 1).detach(), (plan - MEAN) / STD)
    assert (policy.nfe, policy.evaluations("sample", 7), policy.evaluations("mean", 7)) == (1, 1, 1)


def test_cloning_maximises_the_density_of_the_squashed_gaussian(laptop: Params) -> None:
    torch.manual_seed(0)
    policy = SoftActor(spec_of(1, 1), section(laptop, "ebil", hidden=[16, 16]))
    unit(policy)
    with torch.no_grad():
        policy.log_std.weight.mul_(200.0)  # some beyond their range
    obs, action = draw(64, 1, 3), draw(64, 1, 2, seed=1).clamp(-1.5, 1.5)
    hidden = policy.body(obs[:, 0])
    assert bool((policy.log_std(hidden) > LOG_STD[1]).any())
    assert bool((policy.log_std(hidden) < LOG_STD[0]).any())
    normal = Independent(Normal(policy.means(hidden), policy.log_std(hidden).clamp(*LOG_STD).exp()), 1)
    taken = (action[:, 0] * STD + MEAN).clamp(-1 + squashed.EDGE, 1 - squashed.EDGE)
    expected = -TransformedDistribution(normal, [TanhTransform()]).log_prob(taken).mean() / 2
    torch.testing.assert_close(policy.loss(obs, action, generator()), expected, rtol=1e-4, atol=1e-4)
    plan = policy.act(obs, generator(), decoder="mean")
    torch.testing.assert_close(plan[:, 0], policy.means(hidden).tanh().detach())
    assert plan.shape == (64, 1, 2)
    assert [type(layer) for layer in policy.body] == [nn.Linear, nn.ReLU] * 2
    assert policy.nfe == 1


class Cone(nn.Module):
    """A cone about the last observation's first numbers, rounded at its tip: its slopes are bounded."""

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        assert float(time.abs().max()) == 0.0
        return 0.05 * (1 + (chunk - obs[:, -1:, :2]).square()).sqrt().sum(dim=(1, 2))


EBT = {
    "activation": "silu", "train_steps": 2, "extra_steps": 1, "nfe": 3, "step": 0.5, "step_spread": 1.5,
    "momentum": 0.5, "sigma_min": 0.3, "sigma_max": 1.2, "min_grad": 0.0,
}  # fmt: skip


def test_the_descent_s_loss_is_the_error_where_it_lands(laptop: Params) -> None:
    """Over draws: how many steps, noise that shrinks along half a cosine, step lengths about the nominal one."""
    policy = EBTPolicy(spec_of(2, 4), section(laptop, "ebt_policy", **EBT))
    policy.potential = Cone()  # type: ignore[assignment]
    obs, action = draw(1, 2, 3).expand(ROWS, -1, -1), 0.5 + 0.1 * draw(ROWS, 4, 2, seed=1)
    centre, size = obs[:, -1:, :2], 0.5 * 4 * 2
    losses = []
    for count in (2, 3):
        chunk, velocity = draw(ROWS, 4, 2, seed=2), torch.zeros(ROWS, 4, 2)
        for index in range(count):
            sigma = 0.3 + 0.5 * 0.9 * (1 + math.cos(math.pi * index / count))
            assert policy.sigma(index, count) == pytest.approx(sigma)
            start = normalized(chunk) + sigma * draw(ROWS, 4, 2, seed=10 * count + index)
            ahead = start + 0.5 * velocity - centre
            low, high = size / 1.5, size * 1.5
            length = low + (high - low) * torch.rand(ROWS, 1, 1, generator=generator(99 - index))
            energy = 0.05 * (1 + ahead.square()).sqrt().sum(dim=(1, 2), keepdim=True)
            velocity = 0.5 * velocity - length * energy.exp() * 0.05 * ahead / (1 + ahead.square()).sqrt()
            chunk = start + velocity
        losses.append(float((chunk - action).square().mean()))
    found = [float(policy.loss(obs, action, generator(seed)).detach()) for seed in range(8)]
    assert abs(losses[0] - losses[1]) > 0.05 * losses[0]
    for value in found:
        assert min(abs(value / expected - 1) for expected in losses) < 0.012
    for expected in losses:
        assert min(abs(value / expected - 1) for value in found) < 0.012


def test_a_normalised_chunk_has_unit_root_mean_square() -> None:
    chunks = draw(5, 4, 2) * torch.tensor([1e-1, 0.3, 1.0, 3.0, 100.0])[:, None, None]
    torch.testing.assert_close(normalized(chunks).square().mean(dim=(1, 2)), torch.ones(5), rtol=1e-3, atol=0)
    assert float(normalized(torch.zeros(1, 4, 2)).abs().max()) == 0.0


IQ = {"activation": "tanh", "discount": 0.9, "temperature": 0.2, "chi": 0.5, "tau": 0.1, "log_std": [-3.0, 1.0]}


def test_the_gradients_of_iq_learn_are_those_of_its_two_objectives(laptop: Params) -> None:
    """J_Q = E[-r + V(s) - gamma V(s') + r^2 / (4 c)] for the critic, soft actor-critic's for the actor."""
    torch.manual_seed(0)
    model = IQLearnOffline(spec_of(2, 2), section(laptop, "iq_learn_offline", **IQ))
    unit(model)
    with torch.no_grad():
        for parameter in model.critic.parameters():
            parameter *= 2.0  # the target is another network
    obs, action = draw(1, 2, 3).expand(ROWS, -1, -1), draw(ROWS, 2, 2, seed=1)
    state, following, taken = obs[:, 0], obs[:, 1], action[:, 0]

    def q(critic: nn.Module, at: Tensor, what: Tensor) -> Tensor:
        return critic(torch.cat([at, what], dim=-1))[:, 0]

    def act(at: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        mean, raw = model.actor(at).chunk(2, dim=-1)
        log_std = -3.0 + 2.0 * (raw.tanh() + 1.0)
        drawn, density = squashed.sample(mean, log_std, draw(ROWS, 2, seed=seed))
        return (drawn - MEAN) / STD, density

    with torch.no_grad():
        later, density = act(following, 5)
        later = 0.9 * (q(model.target, following, later) - 0.2 * density)
    chosen, density = act(state, 6)
    reward = q(model.critic, state, taken) - later
    value = q(model.critic, state, chosen.detach()) - 0.2 * density.detach()
    of_critic = torch.autograd.grad((-reward + value - later + reward.square() / 2.0).mean(), model.critic.parameters())
    of_actor = torch.autograd.grad(
        -(q(model.critic, state, chosen) - 0.2 * density).mean(), model.actor.parameters(), retain_graph=True
    )
    loss = model.loss(obs, action, generator(7))
    assert float(loss) == pytest.approx(float((-reward - later + reward.square() / 2.0).mean()), rel=0.03, abs=0.02)
    loss.backward()  # type: ignore[no-untyped-call]
    for network, expected in ((model.critic, of_critic), (model.actor, of_actor)):
        found = torch.cat([p.grad.flatten() for p in network.parameters()])  # type: ignore[union-attr]
        true = torch.cat([g.flatten() for g in expected])
        assert float((found - true).norm() / true.norm()) < 0.05


def test_a_soft_actor_draws_from_its_squashed_gaussian(laptop: Params) -> None:
    """With a deviation beyond what cloning learns, but not beyond what an agent draws with."""
    torch.manual_seed(0)
    policy = SoftActor(spec_of(1, 1), section(laptop, "ebil", hidden=[16, 16]))
    unit(policy)
    with torch.no_grad():
        policy.log_std.weight.zero_()
        policy.log_std.bias.copy_(torch.tensor([-1.0, -6.0]))
    obs = draw(1, 1, 3).expand(ROWS, -1, -1)
    drawn = policy.act(obs, generator())[:, 0].detach().atanh()
    expected = policy.means(policy.body(obs[0, 0])).detach()
    torch.testing.assert_close(drawn.mean(dim=0), expected, atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.std(dim=0), torch.tensor([-1.0, -6.0]).exp(), atol=0, rtol=0.03)


def test_the_actor_of_iq_learn_plans_a_draw_or_its_mean(laptop: Params) -> None:
    torch.manual_seed(0)
    model = IQLearnOffline(spec_of(2, 2), section(laptop, "iq_learn_offline", **IQ))
    unit(model)
    obs = draw(6, 2, 3)
    plan = model.act(obs, generator(), decoder="mean")
    mean = model.actor(obs[:, -1]).detach()[:, :2].tanh()
    torch.testing.assert_close(plan, mean[:, None].expand(6, 2, 2))
    drawn = model.act(obs[:1].expand(ROWS, -1, -1), generator())
    torch.testing.assert_close(drawn[:, 0], drawn[:, 1])  # one action, repeated
    centre, raw = model.actor(obs[0, -1]).detach().chunk(2)
    torch.testing.assert_close(drawn[:, 0].atanh().mean(dim=0), centre, atol=0.03, rtol=0)
    torch.testing.assert_close(
        drawn[:, 0].atanh().std(dim=0), (-3.0 + 2.0 * (raw.tanh() + 1.0)).exp(), atol=0, rtol=0.05
    )
    assert model.nfe == 1


def test_the_loss_of_deen_is_that_of_the_denoised_pair(laptop: Params) -> None:
    torch.manual_seed(0)
    model = EBILEnergy(spec_of(1, 1), section(laptop, "ebil_energy", activation="tanh", sigma=0.4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 3.0
    obs, action = draw(ROWS, 1, 3), draw(ROWS, 1, 2, seed=1)
    noise = draw(ROWS, 5, seed=2)
    pairs = (torch.cat([obs[:, 0], action[:, 0]], dim=1) + 0.4 * noise).requires_grad_()
    energy = model.network(pairs)[:, 0].sigmoid()
    torch.testing.assert_close(model.energy(pairs[:, :3], pairs[:, 3:]), energy)
    model.bound = lambda raw: raw  # type: ignore[method-assign]  # slopes of a sigmoid are too small to be seen
    (slope,) = torch.autograd.grad(model.network(pairs).sum(), pairs)
    expected = float((0.4 * slope - noise).square().mean())
    assert abs(expected - 1.0) > 0.05
    assert float(model.loss(obs, action, generator(3))) == pytest.approx(expected, rel=0.01)


def test_the_loss_of_ncsn_averages_levels_and_leaves_out_what_did_not_move(laptop: Params) -> None:
    torch.manual_seed(0)
    own = {"sigma_min": 0.1, "sigma_max": 1.6, "levels": 5, "energy_weight": 0.7}
    model = NEAREnergy(spec_of(2, 1), section(laptop, "near_energy", **own))
    with torch.no_grad():
        list(model.parameters())[-2].mul_(20.0)
    torch.testing.assert_close(model.sigmas, torch.tensor([1.6, 0.8, 0.4, 0.2, 0.1]))
    obs, action = draw(ROWS, 2, 3), torch.zeros(ROWS, 1, 2)
    level, noise = torch.arange(ROWS) % 5, draw(ROWS, 6, seed=2)
    sigma = model.sigmas[level]
    pairs = (obs.flatten(1) + sigma[:, None] * noise).requires_grad_()
    energy = F.elu(model.network(pairs)[:, 0]) / sigma
    torch.testing.assert_close(model.energy(pairs, sigma), energy)
    (slope,) = torch.autograd.grad(energy.sum(), pairs)
    each = 0.5 * (sigma[:, None] * slope + noise).square().sum(dim=1) + 0.7 * energy.abs()
    assert float(model.loss(obs, action, generator(3))) == pytest.approx(float(each.mean()), rel=0.02)
    still = obs.clone()
    still[::2, 1] = still[::2, 0] = 50.0  # an episode's first window repeats its observation
    assert float(model.loss(still, action, generator(3))) == pytest.approx(float(each.mean()), rel=0.03)
    assert float(model.loss(still[::2], action[::2], generator(3))) == 0.0  # nothing but repeats: no division by zero


DFO = {"nfe": 4, "samples": 64, "negatives": 8, "noise": 0.05}


def of_dfo(params: Params) -> ImplicitBC:
    torch.manual_seed(0)
    policy = ImplicitBC(spec_of(2, 4), section(params, "implicit_bc", activation="silu", sampler="dfo", dfo=DFO))
    unit(policy)
    return policy


def test_resampling_moves_candidates_to_where_the_energy_is_low() -> None:
    own, start = DFOParams(**DFO), 0.2 * draw(2, 500, 1, 1).clamp(-4, 4)
    best = start[:, 7:8]

    def sharp(a: Tensor) -> Tensor:
        return 1e6 * (a - best).square().sum(dim=(2, 3))

    assert torch.equal(resample(sharp, start, 1, own, generator()), start)  # the last iteration only chooses
    moved = resample(sharp, start, 2, own, generator()) - best
    assert float(moved.std()) == pytest.approx(0.05, rel=0.1)
    assert float(moved.mean()) == pytest.approx(0.0, abs=0.01)
    flat = resample(lambda a: torch.zeros(a.shape[:2]), start, 2, own, generator())
    assert float(flat.std()) == pytest.approx(math.sqrt(0.2**2 + 0.05**2), rel=0.1)
    edge = resample(lambda a: -1e6 * a.sum(dim=(2, 3)), torch.ones(1, 50, 1, 1), 3, own, generator())
    assert float(edge.max()) == 1.0


def test_candidates_are_picked_by_row() -> None:
    candidates = torch.arange(24.0).reshape(2, 3, 2, 2)
    picked = pick(candidates, torch.tensor([[2, 0], [1, 1]]))
    assert torch.equal(picked, torch.stack([candidates[0, [2, 0]], candidates[1, [1, 1]]]))


def test_dfo_contrasts_with_uniform_chunks_and_plans_in_proportion(laptop: Params) -> None:
    policy = of_dfo(laptop)
    obs, action = draw(5, 2, 3), draw(5, 4, 2, seed=1)
    negatives = policy.negatives(obs, generator(1))
    assert negatives.shape == (5, 8, 4, 2)
    uniform = policy.uniform(obs, 2000, generator(2))
    assert float(uniform.min()) == pytest.approx(-1.0, abs=1e-3)
    assert float(uniform.max()) == pytest.approx(1.0, abs=1e-3)
    assert float(uniform.std()) == pytest.approx(1 / math.sqrt(3), rel=0.01)
    candidates = torch.cat([(action * STD + MEAN)[:, None], negatives], dim=1)
    energy = torch.stack(
        [policy.potential((candidates[:, i] - MEAN) / STD, obs, torch.zeros(5)) for i in range(9)], dim=1
    )
    torch.testing.assert_close(policy.energy(candidates, obs), energy)
    expected = -(-energy).log_softmax(dim=1)[:, 0].mean()
    torch.testing.assert_close(policy.loss(obs, action, generator(1)), expected)
    assert policy.nfe == 4


def test_dfo_draws_its_plan_by_the_energies_of_the_candidates(laptop: Params) -> None:
    policy = of_dfo(laptop)

    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))  # a policy is where its weights are

        def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
            return torch.where(chunk[:, 0, 0] * STD[0] + MEAN[0] > 0, 0.0, math.log(4.0))

    policy.potential = Halves()  # type: ignore[assignment]
    plans = policy.act(torch.zeros(3000, 2, 3), generator(3), nfe=1)
    assert float((plans[:, 0, 0] > 0).float().mean()) == pytest.approx(0.8, abs=0.03)
    assert float(plans[:, 1, 1].std()) == pytest.approx(1 / math.sqrt(3), rel=0.05)
