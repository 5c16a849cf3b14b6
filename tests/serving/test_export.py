"""Exported graphs, run by ONNX Runtime: the chunks of the policy itself, whatever the batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from energyflow.config.sections import Decoder
from energyflow.core.errors import UserError
from energyflow.policies.base import Policy
from energyflow.serving.export import export
from tests.serving.conftest import OBS

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

Fresh = Callable[[str], Policy]


def run(file: Path, **inputs: Tensor) -> Any:
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert {each.name for each in session.get_inputs()} == set(inputs)
    return session.run(["action"], {name: value.numpy() for name, value in inputs.items()})[0]


@pytest.mark.parametrize(
    ("method", "decoder", "draws"),
    [
        ("bc", "sample", 0),
        ("flow_policy", "sample", 1),
        ("flow_policy", "mean", 0),
        ("diffusion_policy", "sample", 3),
        ("diffusion_policy", "mean", 0),
        ("unconstrained", "sample", 1),
        ("energyflow", "sample", 1),
        ("energyflow", "mean", 0),
        ("energyflow_paper", "sample", 1),
    ],
)
def test_the_graph_plans_as_the_policy(
    fresh: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, decoder: Decoder, draws: int
) -> None:
    policy, nfe = fresh(method), 2
    note = export(policy, tmp_path / "policy.onnx", decoder=decoder, nfe=nfe, about={"task": "custom/cup"})
    for batch in (1, 3):
        generator = torch.Generator().manual_seed(batch)
        obs = torch.randn(batch, policy.spec.obs_horizon, OBS, generator=generator)
        noise = torch.randn(draws, batch, policy.spec.pred_horizon, policy.spec.action_dim, generator=generator)
        handed = iter(noise)
        monkeypatch.setattr(policy, "noise", lambda like, _, handed=handed: next(handed, torch.zeros_like(like)))
        expected = policy.act(obs, generator, nfe, decoder=decoder)
        found = run(tmp_path / "policy.onnx", obs=obs, **({"noise": noise} if draws else {}))
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
        assert found.std() > 1e-5
    assert note["draws"] == draws
    session = runtime.InferenceSession(str(tmp_path / "policy.onnx"))
    said = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    assert said == note
    assert (said["obs_keys"], said["task"]) == (["arm", "cup"], "custom/cup")


def test_what_cannot_be_traced_says_what_can(fresh: Fresh, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'lstm_gmm' does not plan .* ONNX has energyflow, .* bc") as caught:
        export(fresh("lstm_gmm"), tmp_path / "policy.onnx")
    assert "implicit_bc" not in str(caught.value).split("ONNX has")[1]
    assert not (tmp_path / "policy.onnx").exists()
    with pytest.raises(UserError, match="unknown decoder 'mode'"):
        export(fresh("bc"), tmp_path / "policy.onnx", decoder="mode")  # type: ignore[arg-type]
