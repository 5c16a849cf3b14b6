"""Numbers that make no sense are errors where they are read, not models."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from energyflow.config.fields import SMOOTH
from energyflow.config.section import Section
from energyflow.core.errors import UserError
from energyflow.networks.blocks import SMOOTH_ACTIVATIONS
from energyflow.pipeline.params import Params
from energyflow.policies.base import Model
from energyflow.policies.registry import METHODS, check_method
from energyflow.rewards import settings as rewards

SETTINGS = [value for value in vars(rewards).values() if isinstance(value, type) and issubclass(value, Section)]
MODELS = sorted({check_method(name) for name in METHODS}, key=lambda model: model.__name__)


def own(every: Params, model: type[Model]) -> dict[str, Any]:
    """The numbers of a method in params.yaml."""
    name = next(name for name in METHODS if check_method(name) is model)
    section = every.train.get(name) or every.reward_model.get(name)
    return {"hidden": [8]} if section is None else section.method_params


@pytest.fixture(scope="module")
def everything() -> Params:
    from energyflow.pipeline import params

    return params.load(preset="paper")


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("energyflow", {"sigma_min": 20.0}, r"sigma_min = 20\.0 must be below sigma_max = 10\.0"),
        ("energyflow", {"sigma_min": 10.0}, "must be below sigma_max"),
        ("energyflow_paper", {"sigma_max": 0.001}, "must be below sigma_max"),
        ("ebt_policy", {"sigma_max": 1e-3}, "must be below sigma_max"),
        ("near_energy", {"sigma_max": 1e-3}, "must be below sigma_max"),
        ("energyflow", {"activation": "slu"}, "activation: unknown name 'slu'; did you mean 'silu'"),
        ("energyflow", {"activation": "relu"}, "activation: unknown name 'relu'"),
        ("flow_policy", {"activation": ""}, "activation"),
        ("iq_learn_offline", {"activation": "Tanh"}, "did you mean 'tanh'"),
        ("energyflow", {"nfe": 0}, "nfe: Input should be greater"),
        ("energyflow", {"nfe": 10**9}, "nfe: Input should be less"),
        ("energyflow", {"nfe": True}, "nfe: Input should be a valid integer"),
        ("energyflow", {"rho": math.inf}, "rho: Input should be a finite number"),
        ("diffusion_policy", {"nfe": 101}, "nfe = 101 exceeds train_steps = 100"),
        ("lstm_gmm", {"hidden": 0}, "hidden: Input should be greater"),
        ("iq_learn_offline", {"log_std": [2.0, -5.0]}, "log_std: the first must be below the second"),
        ("iq_learn_offline", {"log_std": [-5.0]}, "log_std"),
    ],
)
def test_a_senseless_number_is_named(everything: Params, method: str, change: dict[str, Any], message: str) -> None:
    model = check_method(method)
    with pytest.raises(UserError, match=f"method.{method}: .*{message}"):
        model.params_model(own(everything, model) | change)


def test_hidden_layers_have_a_width() -> None:
    for hidden in ([], [0], [8, -1], [8, 0], [10**7]):
        with pytest.raises(ValidationError, match="hidden"):
            check_method("iq_learn").Params.model_validate({"hidden": hidden})


def test_every_activation_by_name_is_one_that_networks_can_build() -> None:
    assert set(SMOOTH) == set(SMOOTH_ACTIVATIONS)


@pytest.mark.parametrize("section", [*(model.Params for model in MODELS), *SETTINGS], ids=lambda s: s.__name__)
def test_every_number_has_two_bounds(section: type[Section]) -> None:
    """Also those of the elements of lists."""
    for name, field in section.model_fields.items():
        schema = section.model_json_schema()["properties"][name]
        for part in (schema, schema.get("items", {})):
            if part.get("type") in ("integer", "number"):
                assert {"minimum", "exclusiveMinimum"} & set(part), f"{name} has no lower bound"
                assert {"maximum", "exclusiveMaximum"} & set(part), f"{name} has no upper bound"
        assert field.annotation is not None
        if list in (field.annotation, *get_args(field.annotation)):
            assert schema["items"], name


WILD = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.lists(st.integers(), max_size=3)
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_value_is_anything_but_taken_or_named(everything: Params, data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(MODELS))
    raw = own(everything, model)
    key = data.draw(st.sampled_from(sorted(raw)))
    try:
        taken = model.params_model(raw | {key: data.draw(WILD)})
    except UserError as error:
        said = str(error)
    else:
        assert model.params_model(taken) == taken
        return
    assert "\n" not in said
    assert said.startswith("params.yaml: method.")
