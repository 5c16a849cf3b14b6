"""Numbers that make no sense are errors where they are read, not models."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from energyflow.config.section import Section, describe
from energyflow.networks.blocks import SMOOTH_ACTIVATIONS
from energyflow.policies.karras import KarrasParams
from energyflow.policies.registry import METHODS
from energyflow.policies.soft_actor import SoftActorParams
from energyflow.rewards.registry import SOURCES

SECTIONS: dict[str, type[Section]] = {name: METHODS[name].params for name in METHODS}
SECTIONS |= {f"source {name}": SOURCES[name].settings for name in SOURCES} | {"actor": SoftActorParams}


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("energyflow", {"sigma_min": 20.0}, r"sigma_min = 20\.0 must be below sigma_max = 10\.0"),
        ("energyflow", {"sigma_min": 10.0}, "must be below sigma_max"),
        ("energyflow_paper", {"sigma_max": 0.001}, "must be below sigma_max"),
        ("ebt_policy", {"sigma_max": 1e-3}, "must be below sigma_max"),
        ("near_energy", {"sigma_max": 1e-3}, "must be below sigma_max"),
        ("energyflow", {"activation": "slu"}, "activation: unknown 'slu'; did you mean 'silu'"),
        ("energyflow", {"activation": "relu"}, "activation: unknown '"),
        ("flow_policy", {"activation": ""}, "activation"),
        ("iq_learn_offline", {"activation": "Tanh"}, "activation: unknown '"),
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
def test_a_senseless_number_is_named(method: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SECTIONS[method].model_validate(change)
    assert re.search(message, describe(caught.value))


def test_hidden_layers_have_a_width() -> None:
    for hidden in ([], [0], [8, -1], [8, 0], [10**7]):
        for name in ("actor", "source gail"):
            with pytest.raises(ValidationError, match="hidden"):
                SECTIONS[name].model_validate({"hidden": hidden})


def test_every_activation_by_name_is_one_that_networks_can_build() -> None:
    assert set(KarrasParams.model_json_schema()["properties"]["activation"]["enum"]) == set(SMOOTH_ACTIVATIONS)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_number_has_two_bounds(name: str) -> None:
    """Also those of the elements of lists and of sections within."""
    schema = SECTIONS[name].model_json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        for key, whole in part.get("properties", {}).items():
            for one in (whole, whole.get("items", {})):
                if one.get("type") in ("integer", "number"):
                    assert {"minimum", "exclusiveMinimum"} & set(one), f"{key} has no lower bound"
                    assert {"maximum", "exclusiveMaximum"} & set(one), f"{key} has no upper bound"


WILD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.lists(st.integers(), max_size=3)
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_value_is_anything_but_taken_or_named(data: st.DataObject) -> None:
    section = SECTIONS[data.draw(st.sampled_from([name for name in SECTIONS if SECTIONS[name].model_fields]))]
    key = data.draw(st.sampled_from(sorted(section.model_fields)))
    try:
        taken = section.model_validate({key: data.draw(WILD)})
    except ValidationError as error:
        said = describe(error)
    else:
        assert section.model_validate_json(taken.model_dump_json()) == taken
        return
    assert "\n" not in said
