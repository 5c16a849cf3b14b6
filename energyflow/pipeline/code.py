"""Which source files the jobs of each rule run: an edit re-runs what it can change and nothing else."""

from __future__ import annotations

from pathlib import Path

from energyflow.policies.registry import METHODS
from energyflow.rewards.registry import ONLINE, check_source
from energyflow.studies.theory.experts.registry import sources

# Folders and modules; those in braces are the job's. They are inputs of the rule and within the deps of its DVC stage,
# and a test compares them with the real imports. No job depends on cli.py, params.py, jobs.py, sections.py,
# rewards/settings.py and paths.py, nor on grid, resolve and sections of theory and ablations: what they do for it is
# its command line, which both engines track. Nor on the registries (envs/tasks.py, and registry.py of experts, policies
# and rewards): a new line cannot change another's jobs.
_FILES = ("energyflow/core/seeding.py", "energyflow/core/files.py")
_INTERFACE = "energyflow/envs/simulator.py"
_SIMULATOR = (_INTERFACE, "energyflow/envs/perturb.py", "{simulator}")
_EXPERT = (*_SIMULATOR, "{expert}")
_COLLECT = tuple(f"energyflow/demos/{name}.py" for name in ("format", "scripted", "human", "download", "replay"))
_CHECKPOINT = (
    "energyflow/datasets/format.py",
    "energyflow/datasets/windows.py",
    "energyflow/networks",
    "energyflow/policies/base.py",
    "energyflow/policies/checkpoint.py",
    *_FILES,
)
_POLICY = (*_CHECKPOINT, "{method}")
_TRAIN = (*_POLICY, "energyflow/learning/trainer.py")
_ROLLOUT = (_INTERFACE, "energyflow/envs/rollout.py", "energyflow/learning/evaluation.py")
_SOURCE = tuple(
    f"energyflow/rewards/{name}.py"
    for name in ("agent", "base", "env", "relabel", "resume", "sac", "sources", "state", "windows")
)
_SHAPE = ("energyflow/policies/squashed.py", *_SOURCE, "{source}")
_REPORT = ("energyflow/report", *_FILES)
# Models of the theory are few and small; a job may build any of its three methods.
_THEORY = (
    *_CHECKPOINT,
    *(f"energyflow/policies/{name}.py" for name in ("karras", "energyflow", "energyflow_paper", "unconstrained")),
    *("energyflow/learning/trainer.py", "{subject}", "energyflow/studies/theory/models.py"),
)
_THEORY_REPORT = tuple(f"energyflow/report/{name}.py" for name in ("names", "render", "rows", "style"))
_ABLATIONS_REPORT = tuple(
    f"energyflow/report/{name}.py"
    for name in ("learning", "names", "published", "render", "rows", "statistics", "style", "summaries")
)
CODE: dict[str, tuple[str, ...]] = {
    "collect": (*_EXPERT, *_COLLECT, *_FILES),
    "train": _TRAIN,
    "train_online": (*_TRAIN, *_SIMULATOR, *_SHAPE, "{agent}"),
    "reward_model": _TRAIN,
    "evaluate": (*_POLICY, *_SIMULATOR, *_ROLLOUT),
    "nfe": (*_POLICY, *_SIMULATOR, *_ROLLOUT),
    "expert": (*_CHECKPOINT, *_EXPERT, *_ROLLOUT),
    "latency": (*_POLICY, "energyflow/learning/latency.py"),
    "shape": (*_CHECKPOINT, *_SIMULATOR, *_SHAPE),
    "table": _REPORT,
    "figure": _REPORT,
    "landscape": (*_POLICY, *_REPORT),
    "theory_model": _THEORY,
    "theory_check": (
        *_THEORY,
        *(f"energyflow/theory/{name}.py" for name in ("flow", "lines", "measures", "readings")),
        *("energyflow/studies/theory/checks/subject.py", "{check}"),
    ),
    "theory_point": (
        "energyflow/theory/report",
        "energyflow/report/point.py",
        *_THEORY_REPORT,
        "energyflow/core/files.py",
    ),
    "theory_page": ("energyflow/studies/theory/page.py", "energyflow/report/page.py", "energyflow/core/files.py"),
    "ablations_demos": (
        "energyflow/studies/ablations/demos.py",
        "energyflow/datasets/format.py",
        "energyflow/core/files.py",
    ),
    "ablations_train": _TRAIN,
    "ablations_sample": ("energyflow/studies/ablations/sampling.py", "energyflow/core/files.py"),
    "ablations_evaluate": (*_POLICY, *_SIMULATOR, *_ROLLOUT),
    "ablations_shape": (*_CHECKPOINT, *_SIMULATOR, *_SHAPE),
    "ablations_gradients": (*_POLICY, "energyflow/studies/ablations/gradients.py"),
    "ablations_latency": (*_POLICY, "energyflow/learning/latency.py", "energyflow/studies/ablations/latency.py"),
    "ablations_point": ("energyflow/ablations/report", "energyflow/report/point.py", *_ABLATIONS_REPORT, *_FILES),
    "ablations_page": ("energyflow/studies/ablations/page.py", "energyflow/report/page.py", "energyflow/core/files.py"),
    "video": (*_SIMULATOR, "energyflow/datasets/format.py", "energyflow/report/video.py", *_FILES),
    "plots": _REPORT,
    "metrics": _REPORT,
}


# suite -> files of its simulator, files of the scripted expert of a task
SUITES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "metaworld": (("energyflow/envs/metaworld.py",), ()),
    "robomimic": (
        ("energyflow/envs/robomimic/simulator.py", "energyflow/envs/robomimic/control.py"),
        ("energyflow/envs/robomimic/experts/motion.py", "energyflow/envs/robomimic/experts/{task}.py"),
    ),
}
# module of a method -> what it imports of energyflow/policies beside itself; the others import karras.py
HELPERS = {
    "ebil_energy": ("layers",),
    "near_energy": ("layers",),
    "iq_learn_offline": ("layers", "squashed"),
    "soft_actor": ("layers", "squashed"),
    "energyflow_variant": ("karras", "energyflow"),
}


def _method(name: str) -> tuple[str, ...]:
    own = METHODS[name].partition(":")[0].rpartition(".")[2]
    return tuple(f"energyflow/policies/{module}.py" for module in (own, *HELPERS.get(own, ("karras",))))


def _agent(method: str) -> tuple[str, ...]:
    """Files of energyflow/rewards that only methods trained in the simulator import."""
    modules = ("online", "mixed", *ONLINE[method].modules) if method in ONLINE else ()
    return tuple(f"energyflow/rewards/{module}.py" for module in modules)


def _source(name: str) -> tuple[str, ...]:
    """Files of a source, and of the model that it reads."""
    spec = check_source(name)
    own = tuple(f"energyflow/rewards/{module}.py" for module in spec.modules)
    network = ("energyflow/policies/layers.py",) if "adversarial" in spec.modules else ()
    return (*own, *network, *(_method(spec.model) if spec.model else ()))


def _check(name: str) -> tuple[str, ...]:
    """Files of a check; `robots` measures the fields of policies as `circulation` those of the theory's models."""
    modules = ("circulation", "robots") if name == "robots" else (name,)
    return tuple(f"energyflow/theory/checks/{module}.py" for module in modules)


def code(
    rule: str,
    method: str = "energyflow",
    task: str = "metaworld/",
    source: str = "centered_energy",
    check: str = "recovery",
    subject: str = "theory/",
) -> list[str]:
    """Source files that the jobs of a rule run.

    Args:
        rule: a key of `CODE`.
        method: the policy, or the model that rewards read, that the job builds.
        task: what the job simulates.
        source: the source of reward that the job computes, unless the method has one.
        check: the check of the theory that the job runs.
        subject: the expert of the theory that the job is about.
    """
    if rule == "train_online":
        source = ONLINE[method].source
    suite, _, short = task.partition("/")
    simulator, expert = SUITES[suite]
    of_job = {"{simulator}": simulator, "{expert}": expert}
    of_job |= {"{method}": _method(method), "{source}": _source(source), "{agent}": _agent(method)}
    of_job |= {"{check}": _check(check), "{subject}": sources(subject)}
    files: set[str] = set()
    entries = [file for name in CODE[rule] for file in of_job.get(name, (name,))]
    for entry in entries:
        path = Path(entry.format(task=short))
        found = path.rglob("*") if path.is_dir() else [path]
        files |= {str(file) for file in found if file.suffix in (".py", ".csv") and file.name != "__init__.py"}
    return sorted(files)
