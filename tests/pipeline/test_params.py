"""params.yaml: typed, closed, and subsets that are exactly what a job depends on."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from energyflow.config import layout as paths
from energyflow.config.section import parse_section
from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.pipeline import params as params_module
from energyflow.pipeline.params import Params, resolve
from energyflow.report import rows
from energyflow.rewards.registry import ONLINE, SOURCES
from energyflow.studies.ablations import grid as ablations
from tests.conftest import ROOT


@pytest.fixture
def raw() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    return content


def put(raw: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for key in path:
        raw = raw[key]
    raw[last] = value


def value(raw: dict[str, Any], dotted: str) -> Any:
    for key in dotted.split("."):
        raw = raw[key]
    return raw


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("train.grad_clp", 1.0, "unknown key 'grad_clp'; did you mean 'grad_clip'?"),
        ("train.grad_clip", "one", "grad_clip"),
        ("presets.laptop.train.steps", 10.5, "steps"),
        ("presets.laptop.train.steps", -1, "steps"),
        ("method.energyflow.sigma_min", -0.01, "sigma_min"),
        ("method.energyflow.sgima_min", 0.01, "method.energyflow: unknown key 'sgima_min'; did you mean 'sigma_min'?"),
        ("method.lstm_gmm.train.obs_horizn", 10, "method.lstm_gmm.train: unknown key 'obs_horizn'"),
        ("method.lstm_gmm.train.lr", 1e-3, "method.lstm_gmm.train: unknown key 'lr'"),
        ("method.lstm_gmm.train", 3, "method.lstm_gmm.train: expected a mapping, got int"),
        ("method.lstm_gmm.train.exec_horizon", 2, "a recurrent policy needs"),
        ("method.ebt_policy", 3, "method.ebt_policy"),
        ("method.ebt_polcy", {}, "did you mean 'ebt_policy'?"),
        ("evaluate.levels.S.hand", "far", "hand"),
        ("plots.ood.dip", 100, "did you mean 'dpi'?"),
        ("presets.laptop.lr.energyflw", 1e-3, "did you mean 'energyflow'?"),
        ("presets.laptop.tasks", ["metaworld/hamer"], "did you mean 'metaworld/hammer'?"),
        ("presets.laptop.tasks", ["custom/mine"], "custom/mine has demonstrations only"),
        ("presets.laptop.task", {"metaworld/hamer": {}}, "presets.laptop.task: unknown key 'metaworld/hamer'"),
        ("presets.laptop.task", {"metaworld/hammer": {"eval": {}}}, "did you mean 'evaluate'?"),
        ("presets.laptop.task", {"metaworld/hammer": {"train": {"stepz": 1}}}, "did you mean 'steps'?"),
        ("presets.laptop.task", {"metaworld/hammer": {"train": 3}}, "expected a mapping, got int"),
        ("presets.laptop.task", {"metaworld/hammer": {"methods": []}}, "unknown key 'methods'"),
        ("presets.laptop.methods", ["energyflow", "difusion_policy"], "did you mean 'diffusion_policy'?"),
        ("presets.laptop.sources", ["centred_energy"], "did you mean 'centered_energy'?"),
        ("presets.laptop.methods", ["flow_policy"], "nfe_methods"),
        ("presets.laptop.sources", [], "sources and shape_tasks need each other"),
        ("presets.laptop.methods", [], "presets.laptop.methods: expected a non-empty list"),
        ("grid", "ful", "grid: unknown 'ful'; allowed: core, full"),
        ("presets.laptop.full.methods", ["flow_polcy"], "did you mean 'flow_policy'?"),
        ("presets.laptop.full", {"seeds": []}, "presets.laptop.full: unknown key 'seeds'"),
        ("presets.laptop.full.tasks", [], "presets.laptop.full.tasks: expected a non-empty list"),
        ("presets.laptop.full.tasks", ["metaworld/hamer"], "did you mean 'metaworld/hammer'?"),
        ("preset", "lapotp", "did you mean 'laptop'?"),
        ("reward_model.window", "two_steps", "window"),
        (
            "presets.laptop.methods",
            ["energyflow", "ebil_energy"],
            "'ebil_energy' is no policy but a model that a reward reads",
        ),
        (
            "shape.gail.gradient_penlty",
            1.0,
            "shape.gail: unknown key 'gradient_penlty'; did you mean 'gradient_penalty'?",
        ),
        ("shape.near.memory", 0, "shape.near: memory"),
        ("method.iq_learn.chii", 0.5, "method.iq_learn: unknown key 'chii'; did you mean 'chi'?"),
        ("method.near_bc", {"chi": 0.5}, "method.near_bc: unknown key 'chi'"),
        ("online.demo_shar", 0.5, "online: unknown key 'demo_shar'; did you mean 'demo_share'?"),
        ("online.demo_share", 1.0, "demo_share"),
        ("shape.gial", {}, "shape: unknown key 'gial'; did you mean 'gail'?"),
        ("shape.airl", 3, "shape.airl: expected a mapping, got int"),
        ("train.exec_horizon", 17, "exec_horizon"),
        ("colect", {}, "did you mean 'collect'?"),
    ],
)
def test_a_wrong_key_or_value_is_named(raw: dict[str, Any], key: str, value: Any, expected: str) -> None:
    put(raw, key, value)
    with pytest.raises(UserError, match=expected.replace("?", r"\?")):
        resolve(raw)


@pytest.mark.parametrize("section", ["collect", "train", "evaluate", "shape", "method", "presets"])
def test_a_missing_section_is_named(raw: dict[str, Any], section: str) -> None:
    del raw[section]
    with pytest.raises(UserError, match=section):
        resolve(raw)


def test_a_missing_learning_rate_is_named(raw: dict[str, Any]) -> None:
    del raw["presets"]["laptop"]["lr"]["flow_policy"]
    with pytest.raises(UserError, match=r"presets\.laptop\.lr.*flow_policy"):
        resolve(raw)


def test_unet_chunk_must_be_divisible(raw: dict[str, Any]) -> None:
    raw["train"]["pred_horizon"] = 18
    with pytest.raises(UserError, match="multiple of 4"):
        resolve(raw, "paper")
    resolve(raw, "laptop")


def test_seed_ranges_may_not_overlap(raw: dict[str, Any]) -> None:
    raw["evaluate"]["seed"] = 0
    with pytest.raises(UserError, match="disjoint"):
        resolve(raw)


@pytest.mark.parametrize("preset", ["smoke", "laptop", "robomimic", "paper"])
def test_every_preset_resolves(preset: str) -> None:
    assert params_module.load(ROOT / "params.yaml", preset).preset == preset


def test_the_full_grid_adds_methods_and_sources_and_changes_no_job(raw: dict[str, Any]) -> None:
    core, full = resolve(raw), resolve(raw | {"grid": "full"})
    assert set(core.methods) < set(full.methods)
    assert set(core.sources) < set(full.sources) == set(SOURCES)
    assert set(core.shape_tasks) < set(resolve(raw | {"grid": "full"}, "paper").shape_tasks)
    assert set(full.tasks) < set(core.tasks) == set(core.every_task) == set(full.every_task)
    assert set(ablations.runs(core, "train", "data", "shape")) == set(ablations.runs(full, "train", "data", "shape"))
    assert (core.train, core.online, core.shape, core.evaluate) == (full.train, full.online, full.shape, full.evaluate)
    assert core.reward_model.items() <= full.reward_model.items()
    overlaid = raw["presets"]["laptop"]["full"]["methods"] = ["flow_policy", "energyflow", "energyflow_paper"]
    assert resolve(raw | {"grid": "full"}).methods == overlaid
    assert resolve(raw).methods == core.methods


def test_a_learning_rate_enters_its_own_section_only(raw: dict[str, Any]) -> None:
    before = resolve(raw)
    changed = copy.deepcopy(raw)
    changed["presets"]["laptop"]["lr"]["flow_policy"] = 5e-4
    after = resolve(changed)
    differing = {m for m in before.methods if before.train[m].canonical() != after.train[m].canonical()}
    assert differing == {"flow_policy"}
    assert before.reward_model == after.reward_model


def test_a_number_of_one_source_enters_the_section_of_that_source_alone(raw: dict[str, Any]) -> None:
    readers = {
        "shape.gail.gradient_penalty": {"gail"},
        "shape.airl.clip": {"airl"},
        "shape.near.rise": {"near"},
        "shape.likelihood.steps": {"likelihood"},
        "shape.iq_learn.references": {"iq_learn"},
        "shape.centered_energy_sparse.sparse_weight": {"centered_energy_sparse"},
        "shape.energy.references": {name for name, spec in SOURCES.items() if spec.model == "energyflow"},
        "shape.gamma": set(SOURCES),
    }
    before = resolve(raw).shape
    for key, expected in readers.items():
        changed = copy.deepcopy(raw)
        put(changed, key, 1 if isinstance(value(raw, key), int) else 0.5)
        after = resolve(changed).shape
        assert {name for name in SOURCES if before[name].canonical() != after[name].canonical()} == expected, key


def test_only_the_models_that_the_sources_read_are_trained(raw: dict[str, Any]) -> None:
    def trained(p: Params) -> set[str]:
        return {rows.identity(Path(file)).item for file in paths.reward_model_files(p)}

    assert trained(resolve(raw)) == {"energyflow"}
    full = resolve(raw | {"grid": "full"})
    assert trained(full) == set(full.models)
    raw["presets"]["laptop"]["sources"] = ["sparse", "gail", "near", "likelihood", "raw_energy", "centered_energy"]
    p = resolve(raw)
    assert trained(p) == {"near_energy", "flow_policy", "energyflow"}
    assert p.reward_model["near_energy"].steps == p.reward_model["energyflow"].steps
    del raw["presets"]["laptop"]["lr"]["near_energy"]
    with pytest.raises(UserError, match=r"presets\.laptop\.lr: missing key 'near_energy'"):
        resolve(raw)


def test_models_of_transitions_have_their_own_horizons_and_the_mlp(raw: dict[str, Any]) -> None:
    raw["presets"]["paper"]["sources"], raw["reward_model"]["window"] = list(SOURCES), "chunk"
    found = resolve(raw, "paper").reward_model
    horizons = {name: (section.obs_horizon, section.pred_horizon) for name, section in found.items()}
    assert horizons == {
        "energyflow": (2, 16),
        "flow_policy": (2, 16),
        "ebil_energy": (1, 1),
        "near_energy": (2, 1),
        "iq_learn_offline": (2, 2),
    }
    assert {name for name, section in found.items() if section.network.kind == "unet"} == {"energyflow", "flow_policy"}
    raw["presets"]["paper"]["methods"] = ["energyflow", "iq_learn_offline", "energyflow_paper"]
    policy = resolve(raw, "paper").train["iq_learn_offline"]
    assert (policy.pred_horizon, policy.exec_horizon, policy.network.kind) == (2, 1, "mlp")


def test_a_method_may_need_training_numbers_of_its_own(raw: dict[str, Any]) -> None:
    before = resolve(raw)
    assert (before.train["lstm_gmm"].obs_horizon, before.train["lstm_gmm"].exec_horizon) == (10, 1)
    raw["method"]["flow_policy"]["train"] = {"ema_decay": 0.5, "exec_horizon": 2}
    raw["presets"]["laptop"]["task"] = {"metaworld/hammer": {"train": {"exec_horizon": 4, "steps": 9}}}
    after = resolve(raw)
    for sections, steps in ((after, 7000), (after.of("metaworld/hammer"), 9)):
        found = sections.train["flow_policy"]
        assert (found.ema_decay, found.exec_horizon, found.steps) == (0.5, 2, steps)
    assert "train" not in after.train["flow_policy"].method_params
    differing = {m for m in before.train if before.train[m].canonical() != after.train[m].canonical()}
    assert differing == {"flow_policy"}
    assert before.reward_model == after.reward_model


def test_an_online_method_gets_the_numbers_of_its_source_and_its_own_alone(raw: dict[str, Any]) -> None:
    readers = {
        "shape.near.rise": {"near", "near_bc"},
        "shape.gail.clip": set(),
        "shape.gamma": set(ONLINE),
        "online.demo_share": {"iq_learn", "ebil_bc", "near_bc"},
        "presets.laptop.online.clone_steps": {"ebil_bc", "near_bc"},
        "method.iq_learn.chi": {"iq_learn"},
        "presets.laptop.train.steps": set(),
        "train.standardize_obs": set(ONLINE),
    }
    before = resolve(raw)
    for key, expected in readers.items():
        changed = copy.deepcopy(raw)
        old = value(raw, key)
        put(changed, key, not old if isinstance(old, bool) else 3 if isinstance(old, int) else 0.25)
        after = resolve(changed)
        found = {name for name in ONLINE if before.online[name].canonical() != after.online[name].canonical()}
        assert found == expected, key
    assert set(before.online).isdisjoint(before.train)
    raw["presets"]["laptop"]["task"] = {"metaworld/hammer": {"shape": {"horizon": 9}, "online": {"clone_steps": 5}}}
    hammer = resolve(raw).of("metaworld/hammer").online["ebil_bc"]
    assert (hammer.shape.horizon, hammer.clone_steps, hammer.demo_share) == (9, 5, 0.5)


def test_one_preset_has_the_theory(raw: dict[str, Any]) -> None:
    raw["method"]["energyflow"]["train"] = {"ema_decay": 0.5, "grad_clip": 2.0}
    theory = resolve(raw, "laptop").theory_train["energyflow"]
    assert (theory.grad_clip, theory.ema_decay) == (2.0, raw["theory"]["network"]["ema_decay"])
    assert (theory.obs_horizon, theory.pred_horizon) == (1, 1)
    other = resolve(raw, "robomimic")
    assert (other.theory, other.theory_train) == (None, {})
    with pytest.raises(ValueError, match=r"presets\.robomimic\.theory is null"):
        other.verdict()
    raw["presets"]["laptop"]["theory"] = {"recovery": {"experts": ["gausian2"]}}
    with pytest.raises(UserError, match="did you mean 'gaussian2'"):
        resolve(raw, "laptop")


def test_a_reward_model_keeps_its_window(raw: dict[str, Any]) -> None:
    raw["method"]["energyflow"]["train"] = {"pred_horizon": 8, "ema_decay": 0.5}
    found = resolve(raw)
    assert (found.reward_model["energyflow"].pred_horizon, found.reward_model["energyflow"].ema_decay) == (1, 0.5)
    assert found.train["energyflow"].pred_horizon == 8


def test_a_task_may_have_sections_of_its_own(raw: dict[str, Any]) -> None:
    before = resolve(raw)
    raw["presets"]["laptop"]["task"] = {"metaworld/hammer": {"train": {"steps": 9}, "evaluate": {"horizon": 77}}}
    after = resolve(raw)
    hammer, other = after.of("metaworld/hammer"), after.of("metaworld/assembly")
    assert {section.steps for section in hammer.train.values()} == {9}
    assert hammer.evaluate_levels().horizon == 77
    assert other.train == before.train
    assert other.evaluate_levels().canonical() == before.evaluate_levels().canonical()
    assert hammer.collect.canonical() == before.collect.canonical()


def test_the_unused_network_is_not_in_the_section(raw: dict[str, Any]) -> None:
    before = resolve(raw)
    raw["network"]["unet"]["down_dims"] = [8, 16]
    assert resolve(raw).train["energyflow"].canonical() == before.train["energyflow"].canonical()


def test_key_order_does_not_change_a_section(raw: dict[str, Any]) -> None:
    before = resolve(raw)
    raw["train"] = dict(reversed(list(raw["train"].items())))
    assert resolve(raw).train["energyflow"].canonical() == before.train["energyflow"].canonical()


def test_a_section_survives_the_command_line(raw: dict[str, Any]) -> None:
    section = resolve(raw).train["energyflow"]
    assert parse_section(TrainParams, section.canonical()) == section


def test_paper_preset_holds_the_papers_numbers(raw: dict[str, Any]) -> None:
    section = resolve(raw, "paper").train["energyflow_paper"]
    assert (section.steps, section.batch_size, section.ema_decay) == (100_000, 256, 0.9999)
    assert section.network.kind == "unet"
    lift, hang = (resolve(raw, "paper").of(f"robomimic/{task}") for task in ("lift", "tool_hang"))
    assert (lift.collect.source, lift.evaluate.horizon, hang.evaluate.horizon) == ("human", 400, 700)
