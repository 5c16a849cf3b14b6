"""params.yaml: typed, closed, and subsets that are exactly what a job depends on."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from energyflow.config.params import Params
from energyflow.config.section import parse_section
from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.pipeline import generated, plan
from energyflow.pipeline import params as params_module
from energyflow.pipeline.params import resolve
from energyflow.policies.registry import policies
from energyflow.report import rows
from energyflow.rewards.registry import SOURCES
from energyflow.studies.ablations import study as ablations
from energyflow.studies.rewards import study as rewards
from energyflow.studies.theory import study as theory
from tests.conftest import ROOT


@pytest.fixture
def raw() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    return content


def put(raw: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for key in path:
        raw = raw.setdefault(key, {})
    raw[last] = value


def value(raw: dict[str, Any], dotted: str) -> Any:
    for key in dotted.split("."):
        raw = raw[key]
    return raw


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("train.grad_clp", 1.0, "train: unknown key 'grad_clp'; did you mean 'grad_clip'?"),
        ("train.grad_clip", "one", "train.grad_clip"),
        ("presets.laptop.train.steps", 10.5, "presets.laptop.train.steps"),
        ("presets.laptop.train.steps", -1, "presets.laptop.train.steps"),
        ("method.energyflow", {"sigma_min": -0.01}, "method.energyflow: sigma_min"),
        (
            "method.energyflow",
            {"sgima_min": 0.01},
            "method.energyflow: unknown key 'sgima_min'; did you mean 'sigma_min'?",
        ),
        ("method.energyflow", {"activation": "silou"}, "method.energyflow: activation"),
        ("method.lstm_gmm", {"train": {"obs_horizn": 10}}, "method.lstm_gmm.train: unknown key 'obs_horizn'"),
        ("method.lstm_gmm", {"train": {"lr": -1e-3}}, "method.lstm_gmm.train: lr"),
        ("method.lstm_gmm", {"train": {"exec_horizon": 2}}, "a recurrent policy needs"),
        ("method.ebt_policy", 3, "method.ebt_policy"),
        ("method.ebt_polcy", {}, "did you mean 'ebt_policy'?"),
        ("evaluate.levels.S.hand", "far", "evaluate.levels.S.hand"),
        ("evaluate.levels.S.hand", 50.0, "evaluate.levels.S.hand"),
        ("evaluate.levels", {"S": {"hand": 0.1, "object": 0.1, "goal": 0.1}}, "missing key '0'"),
        ("evaluate.nfe", [0], "evaluate.nfe"),
        ("network.mlp.hidden", [0], "network.mlp.hidden"),
        ("plots.ood.dip", 100, "plots.ood: unknown key 'dip'; did you mean 'dpi'?"),
        ("plots.nfee", {"dpi": 100}, "plots: unknown key 'nfee'; did you mean 'nfe'?"),
        (
            "presets.laptop.run.tasks",
            ["metaworld/hamer"],
            "run.tasks: unknown task 'metaworld/hamer'; did you mean 'metaworld/hammer'?",
        ),
        ("presets.laptop.run.tasks", ["custom/mine"], "custom/mine has demonstrations only"),
        ("presets.laptop.run.seeds", [-1], "run.seeds"),
        ("presets.laptop.run.seeds", [0, 0], "listed twice"),
        ("presets.laptop.run.studies", ["theery"], "did you mean 'theory'?"),
        ("presets.laptop.task", {"metaworld/hamer": {}}, "presets.laptop.task: unknown key 'metaworld/hamer'"),
        ("presets.laptop.task", {"metaworld/hammer": {"eval": {}}}, "did you mean 'evaluate'?"),
        ("presets.laptop.task", {"metaworld/hammer": {"train": {"stepz": 1}}}, "did you mean 'steps'?"),
        ("presets.laptop.task", {"metaworld/hammer": {"train": 3}}, "train"),
        ("presets.laptop.task", {"metaworld/hammer": {"methods": []}}, "unknown key 'methods'"),
        ("presets.laptop.run.methods", ["energyflow", "difusion_policy"], "did you mean 'diffusion_policy'?"),
        ("presets.laptop.run.sources", ["centred_energy"], "did you mean 'centered_energy'?"),
        ("presets.laptop.run.methods", ["flow_policy"], "nfe_methods"),
        ("presets.laptop.run.sources", [], "sources and shape_tasks need each other"),
        ("presets.laptop.run.methods", [], "presets.laptop.run.methods: expected at least one method"),
        ("grid", "ful", "grid: unknown 'ful'; did you mean 'full'?"),
        ("presets.laptop.full.methods", ["flow_polcy"], "did you mean 'flow_policy'?"),
        ("presets.laptop.full", {"seed": []}, "presets.laptop.full: unknown key 'seed'"),
        ("presets.laptop.full.tasks", [], "presets.laptop.full.run.tasks"),
        ("presets.laptop.full.tasks", ["metaworld/hamer"], "did you mean 'metaworld/hammer'?"),
        ("preset", "lapotp", "did you mean 'laptop'?"),
        ("reward_model.window", "two_steps", "reward_model.window"),
        (
            "presets.laptop.run.methods",
            ["energyflow", "ebil_energy"],
            "'ebil_energy' is no policy but a model that a reward reads",
        ),
        (
            "source.gail",
            {"gradient_penlty": 1.0},
            "source.gail: unknown key 'gradient_penlty'; did you mean 'gradient_penalty'?",
        ),
        ("source.near", {"memory": 0}, "source.near: memory"),
        ("source.gial", {}, "source: unknown key 'gial'; did you mean 'gail'?"),
        ("source.airl", 3, "source.airl"),
        ("method.iq_learn", {"chii": 0.5}, "method.iq_learn: unknown key 'chii'; did you mean 'chi'?"),
        ("method.near_bc", {"chi": 0.5}, "method.near_bc: unknown key 'chi'"),
        ("online.demo_shar", 0.5, "online: unknown key 'demo_shar'; did you mean 'demo_share'?"),
        ("online.demo_share", 1.0, "online.demo_share"),
        ("presets.laptop.train.exec_horizon", 17, "exec_horizon"),
        ("colect", {}, "did you mean 'collect'?"),
    ],
)
def test_a_wrong_key_or_value_is_named(raw: dict[str, Any], key: str, value: Any, expected: str) -> None:
    put(raw, key, value)
    with pytest.raises(UserError, match=expected.replace("?", r"\?")) as error:
        resolve(raw)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("section", ["collect", "train", "evaluate", "shape", "run", "presets", "plots"])
def test_a_missing_section_is_named(raw: dict[str, Any], section: str) -> None:
    del raw[section]
    with pytest.raises(UserError, match=section):
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
    assert (set(rewards.added(core)), set(rewards.runs(core))) == (set(rewards.added(full)), set(rewards.runs(full)))
    assert set(ablations.runs(core, "train", "data", "shape")) == set(ablations.runs(full, "train", "data", "shape"))
    assert (core.train, core.online, core.shape, core.evaluate) == (full.train, full.online, full.shape, full.evaluate)
    assert core.reward_model == full.reward_model
    assert full.methods == policies()
    overlaid = raw["presets"]["laptop"]["full"]["methods"] = [*reversed(core.nfe_methods)]
    assert resolve(raw | {"grid": "full"}).methods == overlaid
    assert resolve(raw).methods == core.methods


def test_a_learning_rate_enters_its_own_section_only(raw: dict[str, Any]) -> None:
    before = resolve(raw)
    changed = copy.deepcopy(raw)
    changed["method"] = {"flow_policy": {"train": {"lr": 5e-4}}}
    after = resolve(changed)
    differing = {m for m in before.methods if before.train[m].canonical() != after.train[m].canonical()}
    assert differing == {"flow_policy"}
    assert after.reward_model["flow_policy"].lr == after.train["flow_policy"].lr == 5e-4
    assert before.reward_model["energyflow"] == after.reward_model["energyflow"]


def test_a_number_of_one_source_enters_the_section_of_that_source_alone(raw: dict[str, Any]) -> None:
    readers = {
        "source.gail.gradient_penalty": {"gail"},
        "source.airl.clip": {"airl"},
        "source.near.rise": {"near"},
        "source.likelihood.steps": {"likelihood"},
        "source.iq_learn.references": {"iq_learn"},
        "source.centered_energy_sparse.sparse_weight": {"centered_energy_sparse"},
        "source.raw_energy.references": {"raw_energy"},
        "shape.gamma": set(SOURCES),
    }
    before = resolve(raw).shape
    for key, expected in readers.items():
        changed = copy.deepcopy(raw)
        put(changed, key, 1 if key.endswith(("steps", "references")) else 0.5)
        after = resolve(changed).shape
        assert {name for name in SOURCES if before[name].canonical() != after[name].canonical()} == expected, key


def test_only_the_models_that_the_sources_read_are_trained(raw: dict[str, Any]) -> None:
    def trained(p: Params) -> set[str]:
        return {rows.identity(Path(file))["model"] for file in plan.reward_model_files(p)}

    assert trained(resolve(raw)) == {"energyflow"}
    full = resolve(raw | {"grid": "full"})
    assert trained(full) == set(full.models)
    raw["presets"]["laptop"]["run"]["sources"] = [
        "sparse",
        "gail",
        "near",
        "likelihood",
        "raw_energy",
        "centered_energy",
    ]
    p = resolve(raw)
    assert trained(p) == {"near_energy", "flow_policy", "energyflow"}
    assert p.reward_model["near_energy"].steps == p.reward_model["energyflow"].steps


def test_models_of_transitions_have_their_own_horizons_and_the_mlp(raw: dict[str, Any]) -> None:
    raw["reward_model"]["window"] = "chunk"
    found = resolve(raw, "paper").reward_model
    for name, (obs_horizon, pred_horizon, network) in {
        "energyflow": (2, 16, "unet"),
        "flow_policy": (2, 16, "unet"),
        "ebil_energy": (1, 1, "mlp"),
        "near_energy": (2, 1, "mlp"),
        "iq_learn_offline": (2, 2, "mlp"),
    }.items():
        section = found[name]
        assert (section.obs_horizon, section.pred_horizon, section.network.kind) == (obs_horizon, pred_horizon, network)
    policy = resolve(raw, "paper").train["iq_learn_offline"]
    assert (policy.pred_horizon, policy.exec_horizon, policy.network.kind) == (2, 1, "mlp")


def test_a_method_may_need_training_numbers_of_its_own(raw: dict[str, Any]) -> None:
    before = resolve(raw)
    assert (before.train["lstm_gmm"].obs_horizon, before.train["lstm_gmm"].exec_horizon) == (10, 1)
    raw["method"]["flow_policy"] = {"train": {"ema_decay": 0.5, "exec_horizon": 2}}
    raw["presets"]["laptop"]["task"] = {"metaworld/hammer": {"train": {"exec_horizon": 4, "steps": 9}}}
    after = resolve(raw)
    for sections, steps in ((after, 7000), (after.of("metaworld/hammer"), 9)):
        found = sections.train["flow_policy"]
        assert (found.ema_decay, found.exec_horizon, found.steps) == (0.5, 2, steps)
    assert "train" not in after.train["flow_policy"].method_params
    differing = {m for m in before.train if before.train[m].canonical() != after.train[m].canonical()}
    assert differing == {"flow_policy"}
    assert before.reward_model["energyflow"] == after.reward_model["energyflow"]


def test_an_online_method_gets_the_numbers_of_its_source_and_its_own_alone(raw: dict[str, Any]) -> None:
    names = {"iq_learn", "ebil", "ebil_bc", "near", "near_bc"}  # a further one has its own readers
    readers = {
        "source.near.rise": {"near", "near_bc"},
        "source.gail.clip": set(),
        "shape.gamma": names,
        "online.demo_share": {"iq_learn", "ebil_bc", "near_bc"},
        "presets.laptop.online.clone_steps": {"ebil_bc", "near_bc"},
        "method.iq_learn.chi": {"iq_learn"},
        "presets.laptop.train.steps": set(),
        "train.standardize_obs": names,
    }
    before = resolve(raw)
    for key, expected in readers.items():
        changed = copy.deepcopy(raw)
        old = value(raw, key) if not key.startswith(("source", "method")) else 0.5
        put(changed, key, not old if isinstance(old, bool) else 3 if isinstance(old, int) else 0.25)
        after = resolve(changed)
        found = {name for name in names if before.online[name].canonical() != after.online[name].canonical()}
        assert found == expected, key
    assert set(before.online).isdisjoint(before.train)
    raw["presets"]["laptop"]["task"] = {"metaworld/hammer": {"shape": {"horizon": 8}, "online": {"clone_steps": 5}}}
    hammer = resolve(raw).of("metaworld/hammer").online["ebil_bc"]
    assert (hammer.shape.horizon, hammer.clone_steps, hammer.demo_share) == (8, 5, 0.5)


def test_a_study_belongs_to_the_presets_that_run_it(raw: dict[str, Any]) -> None:
    raw["method"] = {"energyflow": {"train": {"ema_decay": 0.5, "grad_clip": 2.0}}}
    p = resolve(raw, "laptop")
    section = theory.train_section(p, "energyflow", 300)
    assert (section.grad_clip, section.ema_decay) == (2.0, raw["theory"]["network"]["ema_decay"])
    assert (section.obs_horizon, section.pred_horizon, section.steps) == (1, 1, 300)
    assert resolve(raw, "robomimic").studies == {}
    raw["presets"]["laptop"]["theory"] = {"recovery": {"experts": ["gausian2"]}}
    with pytest.raises(UserError, match="did you mean 'gaussian2'"):
        resolve(raw, "laptop")


def test_flags_are_the_last_layer(raw: dict[str, Any]) -> None:
    raw["method"] = {"lstm_gmm": {"train": {"lr": 1e-2}}}
    p = resolve(raw, flags=["train.lr=1e-3", "train.steps=9", "method.flow_policy.nfe=3", "collect.demos=7"])
    assert {(section.lr, section.steps) for section in p.train.values()} == {(1e-3, 9)}
    assert p.train["flow_policy"].method_params["nfe"] == 3
    assert p.collect.demos == 7
    for flag, message in (
        ("train.stepz=9", "train: unknown key 'stepz'; did you mean 'steps'?"),
        ("trian.steps=9", "no section 'trian'; did you mean 'train'?"),
        ("collect.demos=many", "command line.collect.demos"),
        ("train", "expected section.key=value"),
        ("train.steps=[", "the value is not YAML"),
    ):
        with pytest.raises(UserError, match=re.escape(message)):
            resolve(raw, flags=[flag])


def test_a_key_that_is_given_twice_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text((ROOT / "params.yaml").read_text() + "\nplots: {}\n")
    with pytest.raises(UserError, match="'plots' is given twice"):
        params_module.load(file)


def test_the_merge_is_key_by_key_but_for_tables() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "levels": {"0": 1, "S": 2}}
    assert params_module.merge(base, {"a": {"y": [3]}, "levels": {"0": 5}}) == {
        "a": {"x": 1, "y": [3]},
        "levels": {"0": 5},
    }
    assert base["a"] == {"x": 1, "y": [1, 2]}


def test_reading_parameters_imports_nothing_heavy() -> None:
    code = "import sys; from energyflow.pipeline import params; params.load(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"torch", "numpy", "pandas", "h5py", "mujoco", "metaworld", "robosuite"}.isdisjoint(done.stdout.split())


def test_a_reward_model_keeps_its_window(raw: dict[str, Any]) -> None:
    raw["method"] = {"energyflow": {"train": {"pred_horizon": 8, "ema_decay": 0.5}}}
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
    assert (section.steps, section.batch_size, section.ema_decay, section.ema_warmup) == (100_000, 256, 0.9999, False)
    assert section.network.kind == "unet"
    lift, hang = (resolve(raw, "paper").of(f"robomimic/{task}") for task in ("lift", "tool_hang"))
    assert (lift.collect.source, lift.evaluate.horizon, hang.evaluate.horizon) == ("human", 400, 700)


def test_the_schema_accepts_the_file_and_names_a_typo(raw: dict[str, Any]) -> None:
    """Editors check params.yaml with it while it is written."""
    schema = json.loads((ROOT / generated.SCHEMA).read_text())
    jsonschema.validate(raw, schema)
    for key, value in (
        ("train.grad_clp", 1.0),
        ("plots.nfee", {}),
        ("plots.nfe.smoothe", 3),
        ("presets.laptop.train.stepz", 9),
        ("method.flow_policy", {"nfee": 3}),
        ("evaluate.seed", -1),
    ):
        broken = copy.deepcopy(raw)
        put(broken, key, value)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)
