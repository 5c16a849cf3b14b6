"""Checkpoints: what was written is read back, and nothing else ever is."""

from __future__ import annotations

import copy
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from energyflow.config.params import Params
from energyflow.core import tensors as on_disk
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.networks.build import Spec
from energyflow.policies.base import Policy
from energyflow.policies.checkpoint import build, load, read_description, save

SPEC = Spec(obs_dim=3, action_dim=2, obs_horizon=2, pred_horizon=4, exec_horizon=2, obs_keys=("a", "b"))
FROM = {"task": "custom/x", "seed": 5, "demos": {"sha256": "0" * 64, "demos": 3}}
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def policy(smoke: Params) -> Policy:
    section = smoke.train["energyflow"].model_copy(
        update={"obs_horizon": 2, "pred_horizon": 4, "exec_horizon": 2, "obs_keys": ["a", "b"]}
    )
    torch.manual_seed(0)
    model = build(SPEC, section)
    generator = np.random.default_rng(0)
    model.normalizer.fit(generator.normal(size=(9, 3)), generator.uniform(-1, 1, (9, 2)), standardize_obs=True)
    assert isinstance(model, Policy)
    return model.eval()


def plan(policy: Policy) -> torch.Tensor:
    return policy.act(torch.ones(2, SPEC.obs_horizon, SPEC.obs_dim), torch.Generator().manual_seed(0))


@pytest.fixture
def model(policy: Policy, tmp_path: Path) -> Path:
    save(policy, tmp_path / "model.safetensors", FROM)
    return tmp_path / "model.safetensors"


def test_what_was_saved_acts_as_before_and_says_where_it_is_from(policy: Policy, model: Path) -> None:
    assert torch.equal(plan(load(model, "custom/x")), plan(policy))
    described = read_description(model)
    assert (described.task, described.seed, described.demos.demos) == ("custom/x", 5, 3)
    assert (described.spec, described.params) == (SPEC, policy.params)


def test_the_files_have_the_permissions_that_the_user_wants(policy: Policy, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save(policy, tmp_path / "model.safetensors", FROM)
    finally:
        os.umask(before)
    for name in ("model.safetensors", "model.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o640


def loaded_or_refused(model: Path) -> Policy | None:
    """The policy, or none if it was refused in one line that names the file."""
    try:
        return load(model)
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    assert "model" in said
    return None


@MANY
@given(data=st.data())
def test_no_changed_byte_goes_unseen(policy: Policy, model: Path, data: st.DataObject) -> None:
    """Flipped, cut, grown or overwritten, in either file: refused, or the same model."""
    save(policy, model, FROM)
    file = data.draw(st.sampled_from([model, model.with_suffix(".json")]))
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "grow", "overwrite"])):
        case "flip":
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            del content[at:]
        case "grow":
            content[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        case "overwrite":
            content[at : at + 8] = data.draw(st.binary(min_size=8, max_size=8))
    file.write_bytes(bytes(content))
    found = loaded_or_refused(model)
    assert found is None or torch.equal(plan(found), plan(policy))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def fields(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where every value of nested dictionaries stands."""
    inner = [path for key, one in value.items() for path in fields(one, (*at, key))] if isinstance(value, dict) else []
    return [at, *inner] if at else inner


def put(value: dict[str, Any], at: tuple[str, ...], new: Any) -> None:
    for key in at[:-1]:
        value = value[key]
    if new is ...:
        del value[at[-1]]
    else:
        value[at[-1]] = new


@MANY
@given(data=st.data())
def test_no_field_is_taken_as_it_comes(policy: Policy, model: Path, data: st.DataObject) -> None:
    """A description that was resealed after the change, so that only the fields themselves can be wrong."""
    save(policy, model, FROM)
    note = read_json(model.with_suffix(".json"))
    del note["digest"]
    place = data.draw(st.sampled_from(fields(note)))
    put(note, place, data.draw(st.just(...) | JSON))
    on_disk.write_tensors(model, policy.state_dict(), note)
    found = loaded_or_refused(model)
    if found is not None:
        assert torch.isfinite(plan(found)).all()
        assert 1 <= found.spec.exec_horizon <= found.spec.pred_horizon


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("spec", "exec_horizon"), 0, "spec.exec_horizon: Input should be greater than or equal to 1"),
        (("spec", "exec_horizon"), 5, "exec_horizon = 5 exceeds pred_horizon = 4"),
        (("spec", "obs_dim"), 10**9, "spec.obs_dim: Input should be less than"),
        (("spec", "obs_keys"), [], "spec.obs_keys"),
        (("spec", "more"), 1, "spec.more"),
        (("seed",), -1, "seed: Input should be greater"),
        (("task",), "", "task: "),
        (("parameters",), True, "parameters: Input should be a valid integer"),
        (("note",), "x", "unknown key 'note'"),
        (("params", "method"), "energyflw", "did you mean 'energyflow'"),
        (("params", "method_params", "sigma_min"), 20.0, "sigma_min = 20.0 must be below sigma_max"),
        (("params", "method_params", "activation"), "slu", "activation: unknown 'slu'; did you mean 'silu'"),
        (("params", "lr"), float("nan"), "params.lr"),
        (("format",), 2, "format 2, this version reads 4"),
        (("format",), None, "format None, this version reads 4"),
    ],
)
def test_a_wrong_field_is_named(
    policy: Policy, model: Path, place: tuple[str, ...], value: object, message: str
) -> None:
    note = read_json(model.with_suffix(".json"))
    del note["digest"]
    put(note, place, value)
    on_disk.write_tensors(model, policy.state_dict(), note)
    with pytest.raises(UserError, match=message):
        load(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_neither_written_nor_read(policy: Policy, model: Path, value: float) -> None:
    broken = copy.deepcopy(policy)
    name, weight = next(iter(broken.named_parameters()))
    with torch.no_grad():
        weight.view(-1)[0] = value
    before = model.read_bytes(), model.with_suffix(".json").read_bytes()
    with pytest.raises(UserError, match=f"not written: '{name}' holds NaN or infinity"):
        save(broken, model, FROM)
    assert (model.read_bytes(), model.with_suffix(".json").read_bytes()) == before
    note = read_json(model.with_suffix(".json"))
    del note["digest"]
    on_disk.write_tensors(model, broken.state_dict(), note)
    with pytest.raises(UserError, match=f"'{name}' holds NaN or infinity"):
        load(model)


@pytest.mark.parametrize("name", ["obs_std", "action_std"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_deviation_that_is_not_positive_is_refused(policy: Policy, model: Path, name: str, value: float) -> None:
    note = read_json(model.with_suffix(".json"))
    del note["digest"]
    state = policy.state_dict()
    state[f"normalizer.{name}"] = torch.full_like(state[f"normalizer.{name}"], value)
    on_disk.write_tensors(model, state, note)
    with pytest.raises(UserError, match=f"'normalizer.{name}' is not positive"):
        load(model)


def test_a_range_of_actions_may_be_a_point_and_not_upside_down(policy: Policy, model: Path) -> None:
    """A joint that rests has a range of one value."""
    other = copy.deepcopy(policy)
    other.normalizer.action_low[0] = other.normalizer.action_high[0] = 0.25
    save(other, model, FROM)
    assert load(model).normalizer.action_low[0] == 0.25
    before = model.read_bytes()
    other.normalizer.action_low[0] = 0.5
    with pytest.raises(UserError, match="not written: the box of the actions is empty"):
        save(other, model, FROM)
    assert model.read_bytes() == before


def _resave(model: Path) -> None:
    weights = load_file(model)
    name = next(key for key in weights if key.endswith("weight"))
    weights[name] = weights[name] + 1e-3
    save_file(weights, model)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "weights of another model": _resave,
    "no weights": lambda model: model.unlink(),
    "a folder": lambda model: (model.unlink(), model.mkdir()),
    "no description": lambda model: model.with_suffix(".json").unlink(),
    "a list": lambda model: model.with_suffix(".json").write_text("[]"),
    "text that is none": lambda model: model.with_suffix(".json").write_bytes(b"\xff\xfe{"),
    "nested without end": lambda model: model.with_suffix(".json").write_text("[" * 100_000),
    "an endless number": lambda model: model.with_suffix(".json").write_text('{"format": ' + "9" * 5_000 + "}"),
    "no digest": lambda model: model.with_suffix(".json").write_text(
        json.dumps({k: v for k, v in read_json(model.with_suffix(".json")).items() if k != "digest"})
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_line_that_names_the_file(model: Path, damage: str) -> None:
    DAMAGES[damage](model)
    with pytest.raises(UserError, match=str(model.parent)) as caught:
        load(model)
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_fit_are_one_line(policy: Policy, model: Path) -> None:
    note = read_json(model.with_suffix(".json"))
    del note["digest"]
    on_disk.write_tensors(model, {"a": torch.zeros(1)}, note)
    with pytest.raises(UserError, match=r"does not fit model\.json") as caught:
        load(model)
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_neither_file(policy: Policy, small_disk: Path) -> None:
    with pytest.raises(UserError, match=r"model\.safetensors: could not be written \(No space left on device\)"):
        save(policy, small_disk / "model.safetensors", FROM)
    assert not list(small_disk.iterdir())
