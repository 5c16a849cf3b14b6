"""The DAG of every preset, and what dvc.yaml says about the same files, code and parameters."""

from __future__ import annotations

import copy
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.pipeline import code as code_module
from energyflow.pipeline import digests, generated, params, plan, records
from energyflow.pipeline.code import code
from energyflow.pipeline.dvcfile import PROVENANCE
from energyflow.pipeline.jobs import JOBS
from energyflow.policies.registry import METHODS, policies
from energyflow.rewards.registry import SOURCES, models_of, sources_of
from energyflow.studies.ablations import resolve as settings
from energyflow.studies.ablations import study as ablations
from energyflow.studies.offline import pilot
from energyflow.studies.offline import study as offline
from energyflow.studies.registry import STUDIES
from energyflow.studies.rewards import resolve as agents
from energyflow.studies.rewards import study as rewards
from energyflow.studies.theory import study as theory
from energyflow.studies.weighting import study as weighting
from tests.pipeline.tree import ALL_REPORTS, ROOT, Tree

ONLINE = policies(online=True)
BESIDE = [stage for study in STUDIES.values() for stage in study.stage_folders()]  # DVC stages of the studies
PRESETS = ("smoke", "laptop", "robomimic", "paper")


def jobs(p: Params) -> dict[str, int]:
    """The number of jobs of each rule in a complete run, from the grid alone."""
    tasks, seeds, shape_tasks = len(p.tasks), len(p.seeds), len(p.shape_tasks)
    runs = [(task, method) for task in p.tasks for method in p.methods]
    online = [(task, method) for task, method in runs if method in ONLINE]
    models = {(task, model) for task in p.shape_tasks for model in models_of(p.sources)}
    models |= {(task, model) for task, method in online for model in models_of(sources_of([method]))}
    found = ALL_REPORTS | {
        "collect": len({*p.tasks, *p.shape_tasks}),
        "video": sum(task.startswith("robomimic/") for task in p.tasks),
        "expert": tasks,
        "train": seeds * (len(runs) - len(online)),
        "train_online": seeds * len(online),
        "evaluate": seeds * len(runs),
        "nfe": tasks * seeds * len(p.nfe_methods),
        "latency": len(p.methods),
        "reward_model": len(models) * seeds,
        "shape": shape_tasks * seeds * len(p.sources),
        "table_learning": min(shape_tasks, 1),
        "figure_learning": min(shape_tasks, 1),
    }
    return {rule: count for rule, count in found.items() if count}


def theory_jobs(p: Params) -> dict[str, int]:
    """The number of jobs of each rule of the theory."""
    checks = STUDIES["theory"].every_check(p)
    return {
        "theory_model": len(theory.models(p)),
        "theory_check": len(checks),
        "theory_point": len(theory.POINTS),
        "theory_rows": 1,
        "theory": 1,
    }


def ablations_jobs(p: Params) -> dict[str, int]:
    """The number of jobs of each rule of the ablations."""
    owned = ablations.owned(p)
    found = {rule: len(files) // len(ablations.JOBS[rule].files) for rule, files in owned.items()}
    found["ablations_check"] = len(STUDIES["ablations"].every_check(p))
    return {rule: count for rule, count in found.items() if count} | {
        "ablations_point": len(ablations.points(p)),
        "ablations_rows": 1,
        "ablations": 1,
    }


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """The project without results."""
    return Tree.fresh(tmp_path_factory.mktemp("dag") / "project", tiny=False)


@pytest.mark.parametrize("preset", PRESETS)
def test_plan_is_the_grid(bare: Tree, preset: str) -> None:
    raw = yaml.safe_load((bare.path / "params.yaml").read_text())
    for grid_name in ("core", "full"):
        p = params.resolve(raw, preset, grid_name)
        planned = bare.plan("--config", f"preset={preset}", f"grid={grid_name}")
        assert planned == jobs(p)
        assert len(plan.stages(p)["collect"]) == planned["collect"] * len(layout.patterns(preset)["collect"])


@pytest.mark.parametrize("preset", ["smoke", "laptop"])
def test_plan_of_the_theory_is_its_grid_and_the_policies_that_it_looks_at(bare: Tree, preset: str) -> None:
    p = params.load(bare.path / "params.yaml", preset)
    train = len(p.tasks) * len(p.seeds) * len(theory.robot_methods(p))
    policies = {"collect": len(p.tasks), "train": train}
    assert bare.plan("theory", "--config", f"preset={preset}") == theory_jobs(p) | policies


@pytest.mark.parametrize("preset", ["smoke", "laptop"])
def test_plan_of_the_ablations_is_its_grid_and_what_the_preset_has_of_it(bare: Tree, preset: str) -> None:
    p = params.load(bare.path / "params.yaml", preset)
    planned = bare.plan("ablations", "--config", f"preset={preset}")
    assert {rule: count for rule, count in planned.items() if rule.startswith("ablations")} == ablations_jobs(p)
    rest = {rule for rule in planned if not rule.startswith("ablations")}
    assert rest <= {"collect", "train", "train_online", "evaluate", "nfe", "reward_model", "shape"}
    read = {file for point in ablations.points(p) for file in ablations.rows_of(p, point)}
    assert planned["evaluate"] == sum(file.startswith(f"results/{preset}/evaluate/") for file in read)


@pytest.mark.parametrize("preset", ["smoke", "laptop"])
def test_plan_of_the_rewards_is_its_grid_and_what_the_preset_has_of_it(bare: Tree, preset: str) -> None:
    p = params.load(bare.path / "params.yaml", preset)
    planned = bare.plan("rewards", "--config", f"preset={preset}")
    own = {"rewards_shape": len(rewards.added(p)), "rewards_check": len(rewards.ranked(p))}
    own |= {"rewards_point": len(rewards.points(p)), "rewards_rows": 1, "rewards": 1}
    assert {rule: count for rule, count in planned.items() if rule.startswith("rewards")} == own
    assert planned["shape"] == len(rewards.runs(p))
    assert planned.keys() - own.keys() == {"collect", "reward_model", "shape"}


@pytest.mark.parametrize("preset", ["smoke", "laptop"])
def test_plan_of_the_weighting_is_its_grid_and_reads_no_result_of_the_preset(bare: Tree, preset: str) -> None:
    p = params.load(bare.path / "params.yaml", preset)
    own = {"weighting_check": len(STUDIES["weighting"].every_check(p)), "weighting_point": len(weighting.POINTS)}
    own |= {"weighting_rows": 1, "weighting": 1}
    assert bare.plan("weighting", "--config", f"preset={preset}") == own


@pytest.mark.parametrize("name", STUDIES)
def test_one_preset_owns_each_study(name: str) -> None:
    study, smoke = STUDIES[name], params.load(ROOT / "params.yaml", "smoke")
    having = [preset for preset in PRESETS if study.wanted(params.load(ROOT / "params.yaml", preset))]
    assert having == ["smoke", "laptop"]
    files = [file for stage in study.stages(smoke).values() for file in stage]
    assert all(file.startswith(f"results/smoke/{name}/") for file in files)
    assert study.page("laptop") == f"results/{name}/README.md"


@pytest.mark.parametrize("sources", [["sparse"], ["gail", "likelihood"], list(SOURCES)])
def test_sources_bring_the_models_that_they_read_and_no_other(bare: Tree, sources: list[str]) -> None:
    with bare.edited() as file:
        bare.write_params(lambda raw: raw["presets"][raw["preset"]]["run"].update(sources=sources))
        p, planned = params.load(file), bare.plan()
    assert planned == jobs(p)
    assert planned.get("reward_model", 0) == len(p.seeds) * len({SOURCES[s].model for s in sources} - {None})


@pytest.mark.parametrize(("sources", "shape_tasks"), [(["near"], ["metaworld/hammer"]), ([], [])])
def test_online_methods_bring_their_models_on_every_task(
    bare: Tree, sources: list[str], shape_tasks: list[str]
) -> None:
    """Once, where a source that is tried reads the same model."""
    methods = ["energyflow", "energyflow_paper", *ONLINE]
    online = {"methods": methods, "sources": sources, "shape_tasks": shape_tasks}
    with bare.edited() as file:
        bare.write_params(
            lambda raw: (
                raw["presets"]["laptop"]["run"].update(online),
                raw["evaluate"].update(nfe_methods=methods[:2]),
            )
        )
        p, planned = params.load(file), bare.plan()
    assert planned == jobs(p)
    assert (planned["train"], planned["train_online"], planned["reward_model"]) == (30, 75, 30)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda raw: raw["train"].update(stepz=3), "stepz"),
        (lambda raw: raw["presets"]["laptop"]["run"].update(tasks=["metaworld/hammr"]), "metaworld/hammer"),
    ],
)
def test_a_mistake_stops_before_the_dag(bare: Tree, edit: Any, message: str) -> None:
    """A mistake in a section and one in a name; test_params.py has one of every kind."""
    with bare.edited():
        bare.write_params(edit)
        done = bare.snakemake("-n", ok=False)
    assert done.returncode != 0
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_rule_files_stay_short() -> None:
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        assert len(file.read_text().splitlines()) <= 100, file


def test_generated_files_are_current() -> None:
    """`make generated` writes them: dvc.yaml of every target, and the schema of params.yaml."""
    for name, text in generated.files().items():
        assert (ROOT / name).read_text() == text, f"{name} is not what the plan says: make generated"


def in_preset(tree: Tree, preset: str) -> dict[str, Any]:
    """The stages of dvc.yaml as DVC resolves them for a preset, by name."""
    with tree.edited():
        tree.write_params(lambda raw: raw.update(preset=preset))
        return {stage.name: stage for stage in Repo(str(tree.path)).index.stages}


@pytest.mark.parametrize("preset", PRESETS)
def test_dvc_covers_every_output(bare: Tree, preset: str) -> None:
    p = params.load(bare.path / "params.yaml", preset)
    found, owned = in_preset(bare, preset), plan.outputs(p)
    pages = {study.page(preset) for study in STUDIES.values()}
    assert set(found) == {*owned, *BESIDE, PROVENANCE}
    for name, files in owned.items():
        if preset == "smoke" and name in BESIDE:
            continue  # in a folder of its own, which DVC does not know
        outs = {out.def_path for out in found[name].outs}
        folders = set(plan.folders(name, p))
        assert outs - {*pages, digests.file(name, preset)} == folders, name
        assert digests.has_one(name) == (digests.file(name, preset) in outs), name
        assert all(any(f == out or f.startswith(out + "/") for out in outs) for f in files), name
    assert all(out.persist for stage in found.values() for out in stage.outs)
    assert {out.def_path for out in found[PROVENANCE].outs} == {str(records.METADATA)}


def ablations_sections(p: Params) -> dict[str, Any]:
    """What each DVC stage of the ablations passes to its jobs."""
    trained, sampled = ablations.runs(p, "train", "data"), ablations.runs(p, "sample")
    shaped, points = ablations.runs(p, "shape"), ablations.points(p)
    axes, keys = [ablations.axes_of(p, point) for point in points], ablations.tails(p)
    return {
        "ablations_demos": [],
        "ablations_train": [settings.train_section(p, *run[:4]).canonical() for run in trained],
        "ablations_sample": [settings.sampling_section(p, r.axis, r.value, r.item).canonical() for r in sampled],
        "ablations_evaluate": [
            settings.evaluate_section(p, run.axis, run.task).canonical() for run in (*trained, *sampled)
        ],
        "ablations_shape": [settings.shape_section(p, *run[:4]).canonical() for run in shaped],
        "ablations_gradients": [ablations.checkpoint(p, run) for run in ablations.differentiated(p)],
        "ablations_latency": [settings.latency_section(p).canonical(), p.tasks[0], p.seeds[0]],
        "ablations_check": [settings.tails_section(p).canonical(), [ablations.tails_inputs(p, k) for k in keys]],
        "ablations": [
            [ablations.rows_of(p, point) for point in points],
            [settings.point_section(p, each).canonical() for each in axes],
        ],
    }


def sections(raw: dict[str, Any]) -> dict[str, str]:
    """What each DVC stage passes to its jobs, and for which files: the stage is stale if this changes."""
    p = params.resolve(raw)
    of, shaped = [p.of(task) for task in p.tasks], [p.of(task) for task in p.shape_tasks]
    levels, nfe = [each.evaluate_levels().canonical() for each in of], [each.evaluate_nfe().canonical() for each in of]
    models = [model for model in p.models if any(model in file for file in plan.reward_model_files(p))]
    passed: dict[str, Any] = {
        "collect": [each.collect.canonical() for each in of + shaped],
        "train": [each.online.get(m, each.train.get(m)).canonical() for each in of for m in p.methods],  # type: ignore[union-attr]
        "evaluate": levels,
        "nfe": nfe,
        "expert": levels,
        "latency": [p.tasks[0], p.seeds[0]],
        "landscape": p.plots["landscape"].slice(p.report.seed).canonical(),  # type: ignore[attr-defined]
        "reward_model": [each.reward_model[model].canonical() for each in of + shaped for model in models],
        "shape": [each.shape[source].canonical() for each in shaped for source in p.sources],
        "report": [
            p.report.canonical(),
            [plot.canonical() for name, plot in p.plots.items() if name not in STUDIES],
            [p.methods, p.sources, p.nfe_methods, p.tasks, p.seeds, p.shape_tasks],
        ],
    }
    if "theory" in p.studies:
        steps = theory.theory_of(p).steps
        passed["theory_model"] = [theory.train_section(p, net, steps).canonical() for net in theory.KINDS]
        passed["theory_check"] = [theory.section(check, p).canonical() for check in theory.CHECKS]
        passed["theory"] = theory.verdict(p, "").canonical()
    if "ablations" in p.studies:
        passed |= ablations_sections(p)
    if "offline" in p.studies:
        own = offline.offline_of(p)
        passed["offline_check"] = [offline.section(check, p).canonical() for check in offline.CHECKS]
        passed["offline_record"] = pilot.recording(own).canonical()
        passed["offline_learn"] = [pilot.numbers(own, learner).canonical() for learner in pilot.learners(own)]
        passed["offline_evaluate"] = own.rl.evaluate.canonical()
        passed["offline"] = offline.verdicts(p, "").canonical()
    if "rewards" in p.studies:
        asked = [rewards.ranking_inputs(p, key) for key in rewards.ranked(p)]
        passed["rewards_shape"] = [agents.section(p, *run[:3]).canonical() for run in rewards.added(p)]
        passed["rewards_check"] = [agents.ranking_section(p).canonical(), asked]
        passed["rewards"] = [
            [rewards.rows_of(p, point) for point in rewards.points(p)],
            agents.point_section(p).canonical(),
        ]
    if "weighting" in p.studies:
        passed["weighting_check"] = [section(p).canonical() for _, section in weighting.CHECKS.values()]
        passed["weighting"] = STUDIES["weighting"].section(p, "").canonical()
    return {name: json.dumps([passed[name], files]) for name, files in plan.outputs(p).items()}


def leaves(node: Any, where: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(node, dict) and node:
        return list(itertools.chain.from_iterable(leaves(value, (*where, key)) for key, value in node.items()))
    return [where]


def alternatives(value: Any) -> list[Any]:
    """Other values for a leaf, of which some are valid."""
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 2, value - 2, 2 * value + 2, 2 * value, value // 2]
        case float():
            return [value * 0.5 if value else 0.125, 0.5 + 0.5 * value]
        case list():
            if value and isinstance(value[-1], bool):
                return [value[:-1], [*value[:-1], not value[-1]]]
            more = (
                [value[-1] * 2 + 2, value[-1] / 2]
                if value and isinstance(value[-1], int | float)
                else ["dense", "lstm_gmm", "metaworld/hammer", "mish", "flow", "rings", "iql", "medium-expert"]
            )
            return [value[:-1], value[1:], *([*value[:-1], new] for new in more), *([*value, new] for new in more)]
        case {}:
            return [
                {"flow_policy": {"train": {"lr": 0.5}}},
                {"centered_energy": {"sigma": 0.7}},
                {"metaworld/hammer": {"train": {"steps": 9}}},
                {"custom/reach": {"demos": "reach.hdf5", "env": {"id": "Reach-v0"}, "horizon": 9}},
            ]
        case str():
            known = ["continue", "terminate", "one_step", "chunk", "scripted", "human", "core", "full", "mlp", "unet"]
            known += [
                "fixed",
                "varied",
                "tf32",
                "float32",
                "wide",
                "colorblind",
                "deep",
                "viridis",
                "magma",
                "energyflow",
                "smoke",
                "train",
                "nfe",
                "gamma",
                *("euler", "midpoint", "all", "one", "as_recorded", "by_returns", "scratch"),
            ]
            lists = [["energyflow", "energyflow_paper"], ["dense", "sparse"]]
            return [*(name for name in known if name != value), *lists]
    return [[], ["state"], 0.05, 2]


FIXED = ("preset",)  # what names the preset itself


@pytest.mark.parametrize("preset", PRESETS)
def test_dvc_tracks_the_parameters_of_the_jobs(bare: Tree, preset: str) -> None:
    """Change each value of params.yaml in turn: a stage whose jobs see the change must list the key.

    A key without any valid alternative would be skipped in silence: there may be none but those of the other presets.
    """
    raw = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"preset": preset, "grid": "full"}
    before, untried = sections(raw), []
    listed = {
        name: {key for dep in stage.deps if hasattr(dep, "params") for key in dep.params}
        for name, stage in in_preset_of(bare, raw).items()
    }
    for leaf in leaves(raw):
        if leaf[0] in FIXED or (leaf[0] == "presets" and leaf[1] != preset):
            continue
        for value in alternatives(params_value(raw, leaf)):
            changed = copy.deepcopy(raw)
            parent = params_value(changed, leaf[:-1])
            parent[leaf[-1]] = value
            try:
                after = sections(changed)
            except UserError:
                continue
            break
        else:
            untried.append(".".join(map(str, leaf)))
            continue
        for name in before.keys() & after.keys():
            if before[name] != after[name]:
                tracked = any(".".join(map(str, leaf[: i + 1])) in listed[name] for i in range(len(leaf)))
                assert tracked, f"{'.'.join(map(str, leaf))} changes {name}, but dvc.yaml does not say so"
    untried = [key for key in untried if not key.endswith((".kind", ".key", ".of", ".experts"))]
    forced = {"robomimic": ["presets.robomimic.train.exec_horizon"]}  # of a plan of one step
    assert untried == forced.get(preset, [])


def params_value(raw: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        raw = raw[key]
    return raw


@pytest.mark.parametrize("preset", PRESETS)
def test_every_parameter_that_dvc_reads_is_there(bare: Tree, preset: str) -> None:
    """`dvc commit` refuses a stage with a key that params.yaml lacks, and `dvc repro` runs it again and again."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name, stage in in_preset(bare, preset).items():
        for key in (key for dep in stage.deps if hasattr(dep, "params") for key in dep.params):
            found: Any = raw
            for part in key.split("."):
                assert part in found, f"{name}: dvc.yaml reads {key}"
                found = found[part]


def in_preset_of(tree: Tree, raw: dict[str, Any]) -> dict[str, Any]:
    with tree.edited() as file:
        file.write_text(yaml.safe_dump(raw, sort_keys=False))
        return {stage.name: stage for stage in Repo(str(tree.path)).index.stages}


IMPORTS = """
import importlib, json, sys

found = {}
for name, modules in json.loads(sys.argv[1]).items():
    for module in [m for m in sys.modules if m.startswith("energyflow")]:
        del sys.modules[module]  # torch stays: it is slow to import
    for module in modules:
        importlib.import_module(module)
    found[name] = [m for m in sys.modules if m.startswith("energyflow.") and "(" not in m]
print(json.dumps(found))
"""


def imported(wanted: dict[str, list[str]]) -> dict[str, set[str]]:
    """Modules that can change a job and that the import of some modules brings, by name."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, json.dumps(wanted)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return {name: {m for m in modules if counts(m)} for name, modules in found.items()}


def counts(module: str) -> bool:
    """Whether a module is a file that can change a job."""
    return code_module.source_file(module).name != "__init__.py" and not code_module.left_out(module)


def entries() -> dict[str, tuple[list[str], list[str]]]:
    """Kinds of jobs -> modules that such a job imports, and the files that are its inputs."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for name in SOURCES:
        found[f"source {name}"] = (
            ["energyflow.agents.sac", *code_module.of_source(name)],
            code("shape", source=name),
        )
    for name in METHODS:
        job = "train" if METHODS[name].online is None else "train_online"
        modules = [JOBS[job].module, *code_module.of_method(name), *code_module.of_agent(name)]
        found[f"method {name}"] = (modules, code(job, method=name))
    for name, check in (item for study in STUDIES.values() for item in study.checks.items()):
        key = check.keys(params.load(ROOT / "params.yaml", "laptop"))[0]
        found[f"check {name}"] = ([check.module, *check.code(key)], code("check", check.module, *check.code(key)))
    return found


def test_the_code_of_a_job_is_what_it_imports() -> None:
    """What the interpreter imports at the start is within what the walk over the imports finds, kind by kind."""
    wanted = entries()
    for name, modules in imported({name: modules for name, (modules, _) in wanted.items()}).items():
        files = {str(code_module.source_file(module).relative_to(ROOT)) for module in modules}
        assert files <= set(wanted[name][1]), f"{name}: not found {sorted(files - set(wanted[name][1]))}"


def test_the_code_of_a_method_or_source_is_no_other_ones() -> None:
    own = {METHODS.module(name): METHODS.module(name) for name in policies(online=False)}
    for name in policies(online=False):
        others = {module for module in own if module not in code_module.closure(METHODS.module(name))}
        files = code("train", method=name)
        assert not [m for m in others if str(code_module.source_file(m).relative_to(ROOT)) in files], name
    assert "energyflow/rewards/gail.py" not in code("shape", source="airl")
    assert "energyflow/rewards/adversarial.py" in code("shape", source="airl")
    assert "energyflow/report/published.csv" in code("table")
    with pytest.raises(UserError, match="did you mean 'gail'"):
        code("shape", source="gial")


def test_dvc_tracks_the_code_of_the_jobs(bare: Tree) -> None:
    p = params.load(ROOT / "params.yaml", "laptop")
    wanted: dict[str, list[str]] = {
        "collect": [file for task in p.tasks for file in code("collect", task=task, expert=True)],
        "train": [file for kind, (_, files) in entries().items() for file in files if kind[:5] != "check"],
        "evaluate": [file for method in policies() for file in code("evaluate", method=method, task=p.tasks[0])],
        "latency": [file for method in policies() for file in code("latency", method=method)],
        "landscape": [file for method in plan.ENERGIES for file in code("landscape", method=method)],
        "reward_model": [file for model in models_of(SOURCES) for file in code("train", method=model)],
        "shape": [file for source in SOURCES for file in code("shape", source=source, task=p.tasks[0])],
        "report": [
            *code("table"),
            *code("figure"),
            *code("video", task="robomimic/can"),
        ],
        "theory": [*code("point", STUDIES["theory"].build.partition(":")[0]), *code("page")],
        **{
            f"{name}_check": [f for check in study.checks for f in entries()[f"check {check}"][1]]
            for name, study in STUDIES.items()
        },
        "ablations_train": [file for method in p.methods for file in code("train", method=method)],
        "ablations_gradients": code("ablations_gradients", method="energyflow_variant"),
    }
    wanted["nfe"] = wanted["evaluate"]
    for name, stage in in_preset(bare, "laptop").items():
        deps = [Path(dep.def_path) for dep in stage.deps]
        files = wanted.get(name, [])
        missing = [file for file in files if not any(Path(file).is_relative_to(dep) for dep in deps)]
        assert not missing, f"{name}: dvc.yaml lacks {missing}"
