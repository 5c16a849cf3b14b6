"""What a checkpoint holds, that it comes back bit for bit, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.networks.build import Spec
from energyflow.pipeline.params import Params
from energyflow.policies.base import Model, default_device
from energyflow.policies.checkpoint import build, load, load_model, save
from energyflow.policies.ebil_energy import EBILEnergy
from energyflow.policies.flow_policy import FlowPolicy
from energyflow.policies.registry import METHODS, check_policy, class_of, policies

SPEC = Spec(obs_dim=3, action_dim=2, obs_horizon=2, pred_horizon=4, exec_horizon=2, obs_keys=("hand", "object"))
TASK = "metaworld/button_press"


@pytest.fixture
def model(smoke: Params) -> Model:
    torch.manual_seed(0)
    found = build(SPEC, smoke.train["flow_policy"])
    assert isinstance(found, FlowPolicy)
    found.normalizer.action_mean.fill_(0.25)
    return found


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Path:
    save(model, tmp_path / "model.safetensors", {"task": TASK, "seed": 7})
    return tmp_path / "model.safetensors"


def test_a_model_comes_back_bit_for_bit_ready_to_act(model: Model, saved: Path) -> None:
    found = load_model(saved, TASK)
    assert type(found) is FlowPolicy
    assert found.spec == SPEC
    assert found.params == model.params
    assert not found.training
    assert not any(parameter.requires_grad for parameter in found.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    assert load(str(saved)).spec == SPEC  # of any task


def test_the_description_stands_beside_the_weights(model: Model, saved: Path) -> None:
    described = read_json(saved.with_suffix(".json"))
    assert (described["task"], described["seed"], described["method"]) == (TASK, 7, "flow_policy")
    assert described["params"] == model.params.model_dump(mode="json")
    assert described["spec"]["obs_keys"] == ["hand", "object"]
    assert described["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert load_file(saved).keys() == model.state_dict().keys()


def test_what_is_not_this_checkpoint_is_named(saved: Path) -> None:
    with pytest.raises(UserError, match=r"other\.json: no such file; .* train again"):
        load(saved.with_name("other.safetensors"))
    with pytest.raises(UserError, match=rf"trained on {TASK}, asked for metaworld/hammer"):
        load(saved, "metaworld/hammer")


def test_a_model_that_cannot_act_is_no_policy(smoke: Params, tmp_path: Path) -> None:
    params = smoke.train["energyflow"].model_copy(
        update={"method": "ebil_energy", "method_params": {"activation": "tanh", "sigma": 0.1}}
    )
    save(build(SPEC, params), tmp_path / "model.safetensors", {"task": TASK, "seed": 0})
    assert isinstance(load_model(tmp_path / "model.safetensors"), EBILEnergy)
    with pytest.raises(UserError, match="'ebil_energy' is no policy"):
        load(tmp_path / "model.safetensors")


def test_methods_by_name() -> None:
    assert class_of("flow_policy") is FlowPolicy
    assert class_of("ebil_energy") is EBILEnergy
    assert check_policy("flow_policy") == METHODS["flow_policy"]
    with pytest.raises(UserError, match="unknown method 'flow_polcy'; did you mean 'flow_policy'"):
        class_of("flow_polcy")
    with pytest.raises(UserError, match="'ebil_energy' is no policy"):
        check_policy("ebil_energy")
    online, offline = policies(online=True), policies(online=False)
    assert "iq_learn" in online
    assert "iq_learn_offline" in offline
    assert sorted(online + offline) == sorted(policies())
    assert not {"ebil_energy", "energyflow_variant"} & set(policies())


def test_the_device_is_a_gpu_if_there_is_one() -> None:
    assert default_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
