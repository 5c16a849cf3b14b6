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

from energyflow.config import layout as paths
from energyflow.pipeline import code as dependencies
from energyflow.pipeline import params
from energyflow.pipeline import records as stages
from energyflow.pipeline.params import Params
from energyflow.policies.registry import METHODS
from energyflow.rewards.registry import ONLINE, SOURCES, check_source, models_of, sources_of
from energyflow.studies.ablations import grid as ablations
from energyflow.studies.ablations import resolve as settings
from energyflow.studies.registry import TARGETS
from energyflow.studies.target import Target
from energyflow.studies.theory import grid
from energyflow.studies.theory.experts.registry import check_expert
from tests.pipeline.tree import ALL_REPORTS, ROOT, Tree

BESIDE = [stage for target in TARGETS for stage in target.folders]  # DVC stages of the targets beside `all`
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
    jobs_of = {"theory_model": grid.models(p), "theory_check": grid.checks(p), "theory_point": grid.POINTS}
    return {rule: len(keys) for rule, keys in jobs_of.items()} | {"theory": 1}


def ablations_jobs(p: Params) -> dict[str, int]:
    """The number of jobs of each rule of the ablations."""
    made = ablations.TARGET.made(p)
    found = {rule: len(files) // len(ablations.PATTERNS[rule]) for rule, files in made.items()}
    return {rule: count for rule, count in found.items() if count} | {
        "ablations_point": len(ablations.points(p)),
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
        p = params.resolve(raw | {"grid": grid_name}, preset)
        planned = bare.plan("--config", f"preset={preset}", f"grid={grid_name}")
        assert planned == jobs(p)
        assert len(paths.stages(p)["collect"]) == planned["collect"] * len(paths.patterns(preset)["collect"])


@pytest.mark.parametrize("preset", ["smoke", "laptop"])
def test_plan_of_the_theory_is_its_grid_and_the_policies_that_it_looks_at(bare: Tree, preset: str) -> None:
    p = params.load(bare.path / "params.yaml", preset)
    train = len(p.tasks) * len(p.seeds) * len(grid.robot_methods(p))
    policies = {"collect": len(p.tasks), "train": train}
    assert bare.plan("theory", "--config", f"preset={preset}") == theory_jobs(p) | policies


@pytest.mark.parametrize("preset", ["smoke", "laptop"])
def test_plan_of_the_ablations_is_its_grid_and_what_the_preset_has_of_it(bare: Tree, preset: str) -> None:
    p = params.load(bare.path / "params.yaml", preset)
    plan = bare.plan("ablations", "--config", f"preset={preset}")
    assert {rule: count for rule, count in plan.items() if rule.startswith("ablations")} == ablations_jobs(p)
    rest = {rule for rule in plan if not rule.startswith("ablations")}
    assert rest <= {"collect", "train", "train_online", "evaluate", "nfe", "reward_model", "shape"}
    read = {file for point in ablations.points(p) for file in ablations.rows_of(p, point)}
    assert plan["evaluate"] == sum(file.startswith(f"results/{preset}/evaluate/") for file in read)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_one_preset_owns_each_target(target: Target) -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert [name for name, preset in raw["presets"].items() if preset[target.name] is not None] == ["smoke", "laptop"]
    smoke = params.resolve(raw, "smoke")
    files = [file for stage in target.stages(smoke).values() for file in stage]
    assert all(file.startswith(f"results/smoke/{target.name}/") for file in files)
    assert target.page("laptop") == f"results/{target.name}/README.md"


@pytest.mark.parametrize("sources", [["sparse"], ["gail", "likelihood"], list(SOURCES)])
def test_sources_bring_the_models_that_they_read_and_no_other(bare: Tree, sources: list[str]) -> None:
    with bare.edited() as file:
        bare.write_params(lambda raw: raw["presets"][raw["preset"]].update(sources=sources))
        p, plan = params.load(file), bare.plan()
    assert plan == jobs(p)
    assert plan.get("reward_model", 0) == len(p.seeds) * len({SOURCES[s].model for s in sources} - {None})


@pytest.mark.parametrize(("sources", "shape_tasks"), [(["near"], ["metaworld/hammer"]), ([], [])])
def test_online_methods_bring_their_models_on_every_task(
    bare: Tree, sources: list[str], shape_tasks: list[str]
) -> None:
    """Once, where a source that is tried reads the same model."""
    methods = ["energyflow", "energyflow_paper", *ONLINE]
    online = {"methods": methods, "sources": sources, "shape_tasks": shape_tasks, "full": {}}
    with bare.edited() as file:
        bare.write_params(lambda raw: raw["presets"]["laptop"].update(online))
        p, plan = params.load(file), bare.plan()
    assert plan == jobs(p)
    assert (plan["train"], plan["train_online"], plan["reward_model"]) == (30, 75, 30)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda raw: raw["train"].update(stepz=3), "stepz"),
        (lambda raw: raw["presets"]["laptop"].update(tasks=["metaworld/hammr"]), "metaworld/hammer"),
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


PLUMBING = {  # what a change of which cannot change the jobs: see energyflow/pipeline/code.py
    f"energyflow/{name}.py"
    for name in (
        "cli",
        "params",
        "jobs",
        "sections",
        "paths",
        "envs/tasks",
        "policies/registry",
        "rewards/registry",
        "rewards/settings",
        "theory/experts/registry",
        "theory/grid",
        "theory/jobs",
        "theory/resolve",
        "theory/sections",
        "ablations/grid",
        "ablations/resolve",
        "ablations/sections",
        "pages/files",
        "targets",
    )
}


def in_preset(tree: Tree, preset: str) -> dict[str, Any]:
    """The stages of dvc.yaml as DVC resolves them for a preset, by name."""
    with tree.edited():
        tree.write_params(lambda raw: raw.update(preset=preset))
        return {stage.name: stage for stage in Repo(str(tree.path)).index.stages}


@pytest.mark.parametrize("preset", PRESETS)
def test_dvc_covers_every_output(bare: Tree, preset: str) -> None:
    p = params.load(bare.path / "params.yaml", preset)
    found, owned = in_preset(bare, preset), stages.outputs(p)
    pages = {target.page(preset) for target in TARGETS}
    assert set(found) == {*owned, *BESIDE, "provenance"}
    for name, files in owned.items():
        if preset == "smoke" and name in BESIDE:
            continue  # in a folder of its own, which DVC does not know
        outs = {out.def_path for out in found[name].outs}
        folders = set(stages.folders(name, p))
        assert outs - {paths.metrics_file(p), *pages} == folders, name
        assert all(any(f == out or f.startswith(out + "/") for out in outs) for f in files), name
    assert all(out.persist for stage in found.values() for out in stage.outs)
    assert {out.def_path for out in found["provenance"].outs} == {str(stages.METADATA)}


def made_by(rule: str, method: str) -> str:
    """The rule that does a stage's work for a method."""
    return "train_online" if rule == "train" and method in ONLINE else rule


def test_dvc_tracks_the_code_of_the_rules(bare: Tree) -> None:
    reports = ("table", "figure", "landscape", "video", "plots", "metrics")
    built = {stage: list(METHODS) for stage in ("train", "evaluate", "nfe", "latency")}
    built["reward_model"] = models_of(list(SOURCES))
    for name, stage in in_preset(bare, "laptop").items():
        deps = [Path(dep.def_path) for dep in stage.deps]
        own = name in dependencies.CODE and name not in BESIDE
        rules = reports if name == "report" else [name] if own else []
        files = {
            file
            for rule in rules
            for method in built.get(name, ["energyflow"])
            for source in (SOURCES if name == "shape" else ["sparse"])
            for file in dependencies.code(made_by(rule, method), method, source=source)
        }
        files |= theory_code(name) | ablations_code(name)
        missing = [file for file in files if not any(Path(file).is_relative_to(dep) for dep in deps)]
        assert not missing, f"{name}: dvc.yaml lacks {missing}"


def theory_code(stage: str) -> set[str]:
    """Files that the theory's rules run, over all its models, checks and points."""
    p = params.load(ROOT / "params.yaml", "laptop")
    found = {file for key in grid.models(p) for file in dependencies.code("theory_model", subject=key.expert)}
    if stage == "theory_model":
        return found
    if stage == "theory_check":
        jobs_of = {(key.check, key.subject) for key in grid.checks(p)}
        return {f for check, subject in jobs_of for f in dependencies.code(stage, check=check, subject=subject)}
    rules = ("theory_point", "theory_page") if stage == "theory" else ()
    return {file for rule in rules for file in dependencies.code(rule)}


def ablations_code(stage: str) -> set[str]:
    """Files that the rules of the ablations run, over all their runs."""
    p = params.load(ROOT / "params.yaml", "laptop")
    rules = ["ablations_point", "ablations_page"] if stage == "ablations" else [stage]
    if not set(rules) <= {rule for rule in dependencies.CODE if rule.startswith("ablations")}:
        return set()
    methods = {settings.method_of(p, run.axis, run.item) for run in ablations.runs(p, "train", "data", "sample")}
    return {file for rule in rules for method in (*methods, *p.methods) for file in dependencies.code(rule, method)}


def ablations_sections(p: Params) -> dict[str, Any]:
    """What each DVC stage of the ablations passes to its jobs."""
    trained, sampled = ablations.runs(p, "train", "data"), ablations.runs(p, "sample")
    shaped, points = ablations.runs(p, "shape"), ablations.points(p)
    axes = [ablations.axes_of(p, point) for point in points]
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
    passed: dict[str, Any] = {
        "collect": [each.collect.canonical() for each in of + shaped],
        "train": [section.canonical() for each in of for section in (*each.train.values(), *each.online.values())],
        "evaluate": levels,
        "nfe": nfe,
        "expert": levels,
        "latency": [p.tasks[0], p.seeds[0]],
        "reward_model": [section.canonical() for each in of + shaped for section in each.reward_model.values()],
        "shape": [
            [each.shape[source].canonical() for each in shaped for source in p.sources],
            [[check_source(source).model, check_source(source).needs_demos] for source in p.sources],
        ],
        "report": [
            p.report.canonical(),
            [plot.canonical() for name, plot in p.plots.items() if name not in ("theory", "ablations")],
        ],
    }
    if p.theory is not None:
        passed["theory_model"] = [grid.train_section_of(p, net, p.theory.steps) for net in grid.KINDS]
        passed["theory_check"] = [grid.section_of(p, check) for check in grid.CHECKS]
        passed["theory"] = p.verdict().canonical()
    if p.ablations is not None:
        passed |= ablations_sections(p)
    passed["report"] += [p.methods, p.sources, p.nfe_methods, p.tasks, p.seeds, p.shape_tasks]
    return {name: json.dumps([passed[name], files]) for name, files in stages.outputs(p).items()}


def leaves(node: Any, where: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(node, dict) and node:
        return list(itertools.chain.from_iterable(leaves(value, (*where, key)) for key, value in node.items()))
    return [where]


def alternative(value: Any) -> Any:
    """Another valid value for a leaf."""
    match value:
        case bool():
            return not value
        case int():
            return value * 2 + 2
        case float():
            return value * 0.5 if value else 0.125
        case []:
            return None
        case list():
            return [*value[:-1], value[-1] * 2 + 2] if isinstance(value[-1], int) else value[:-1] or None
        case "continue":
            return "terminate"
        case "one_step":
            return "chunk"
        case "scripted":
            return "human"
        case "full":
            return "core"
    return None


@pytest.mark.parametrize("preset", PRESETS)
def test_dvc_tracks_the_parameters_of_the_jobs(bare: Tree, preset: str) -> None:
    """Change each number of params.yaml in turn: a stage whose jobs see the change must list the key."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"preset": preset, "grid": "full"}
    full = raw["presets"][preset]["full"]
    if raw["presets"][preset]["shape_tasks"]:
        full["sources"] = list(SOURCES)
    full["methods"] = ["energyflow", "energyflow_paper", *ONLINE]
    before, tried = sections(raw), 0
    listed = {
        name: {key for dep in stage.deps if hasattr(dep, "params") for key in dep.params}
        for name, stage in in_preset_of(bare, raw).items()
    }
    for leaf in leaves(raw):
        changed = copy.deepcopy(raw)
        parent = changed
        for key in leaf[:-1]:
            parent = parent[key]
        parent[leaf[-1]] = alternative(parent[leaf[-1]])
        try:
            after = sections(changed)
        except (params.UserError, TypeError):
            continue  # not a valid alternative for this key
        tried += 1
        for name in before.keys() & after.keys():
            if before[name] != after[name]:
                tracked = any(".".join(leaf[: i + 1]) in listed[name] for i in range(len(leaf)))
                assert tracked, f"{'.'.join(leaf)} changes {name}, but dvc.yaml does not say so"
                assert leaf[0] != "presets" or leaf[1] == preset, f"{name} depends on an inactive preset"
    assert tried > 60


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
    found[name] = [m for m in sys.modules if m.startswith("energyflow.")]
print(json.dumps(found))
"""


def imported(wanted: dict[str, list[str]]) -> dict[str, set[str]]:
    """Source files of the project, but the plumbing, that the import of some modules brings, by name."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, json.dumps(wanted)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = {
        name: {f"{module.replace('.', '/')}.py" for module in modules} - PLUMBING
        for name, modules in json.loads(done.stdout).items()
    }
    return {name: {file for file in files if (ROOT / file).is_file()} for name, files in found.items()}


def test_the_code_of_each_check_of_the_theory_is_what_it_imports() -> None:
    """As the real run of test_plans.py does for two of them; what one check alone imports is declared for all."""
    p = params.load(ROOT / "params.yaml", "laptop")
    first = {key.check: key for key in reversed(grid.checks(p)) if key.check != "robots"}
    methods = [METHODS[method].split(":")[0] for method in dict.fromkeys(method for method, _ in grid.KINDS.values())]
    wanted = {"page": ["energyflow.studies.theory.page"]}
    for name, key in first.items():
        expert = f"energyflow.studies.theory.experts.{check_expert(key.subject)[0].split(':')[0]}"
        wanted[name] = ["energyflow.studies.theory.jobs", f"energyflow.studies.theory.checks.{name}", expert, *methods]
    found = imported(wanted)
    assert found.pop("page") == set(dependencies.code("theory_page"))
    declared = {
        name: set(dependencies.code("theory_check", check=name, subject=key.subject)) for name, key in first.items()
    }
    for name, files in found.items():
        assert files <= declared[name], f"{name}: not declared {sorted(files - declared[name])}"
    idle = set.union(*declared.values()) - set.union(*found.values())
    assert not {file for file in idle if not file.startswith("energyflow/networks/")}


def test_the_code_of_each_source_model_online_method_and_ablation_is_what_they_import() -> None:
    """As the real runs of test_plans.py do, for every one: no file of another one, and none left out."""
    wanted: dict[str, list[str]] = {}
    for name, spec in SOURCES.items():
        model = [METHODS[spec.model].split(":")[0]] if spec.model else []
        wanted[name] = ["energyflow.agents.sac", f"energyflow.rewards.{spec.modules[0]}", *model]
        if spec.model:
            wanted[f"model {spec.model}"] = ["energyflow.learning.trainer", *model]
    for name, online in ONLINE.items():
        wanted[f"online {name}"] = [*wanted[online.source], "energyflow.agents.online"]
        wanted[f"online {name}"] += [f"energyflow.rewards.{module}" for module in online.modules]
    variant = METHODS["energyflow_variant"].split(":")[0]
    wanted["ablations_train"] = ["energyflow.learning.trainer", variant]
    for part in ("gradients", "latency"):
        wanted[f"ablations_{part}"] = [f"energyflow.studies.ablations.{part}", variant]
    for part, module in (("demos", "demos"), ("sample", "sampling"), ("point", "report.points"), ("page", "page")):
        wanted[f"ablations_{part}"] = [f"energyflow.studies.ablations.{module}"]
    for name, files in imported(wanted).items():
        kind, _, method = name.rpartition(" ")
        match kind:
            case "model":
                declared = dependencies.code("reward_model", method)
            case "online":
                declared = dependencies.code("train_online", method)
            case "" if name.startswith("ablations"):
                declared = dependencies.code(name, "energyflow_variant")
            case _:
                declared = dependencies.code("shape", source=name)
        assert files <= set(declared), f"{name}: not declared {sorted(files - set(declared))}"
        idle = {f for f in set(declared) - files if not f.startswith("energyflow/envs/") and f.endswith(".py")}
        idle -= {file for file in idle if file.startswith("energyflow/networks/")}
        assert not idle, f"{name}: declared but not imported {sorted(idle)}"
