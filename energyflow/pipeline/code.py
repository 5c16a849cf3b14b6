"""Which source files a job runs: whatever its entry module imports. An edit re-runs what it can change, no more.

The modules of names (a method, a source, a task) are found by their registries, which no import tells, and are named
by the caller. Left out is what cannot change a job that is given its section on the command line: the sections' types,
the registries, and the wording of errors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from energyflow.core.registry import PACKAGE, source_file
from energyflow.envs import tasks
from energyflow.pipeline.jobs import JOBS
from energyflow.policies.registry import METHODS
from energyflow.rewards.registry import SOURCES

ROOT = Path(__file__).parents[2]
LEFT_OUT = (
    *(f"{PACKAGE}.config", f"{PACKAGE}.core.errors", f"{PACKAGE}.core.registry", f"{PACKAGE}.envs.tasks"),
    *(f"{PACKAGE}.pipeline.params", f"{PACKAGE}.pipeline.plan"),  # they say what a job's inputs are
)
LEFT_OUT_NAMES = ("registry", "study", "resolve", "sections")


@cache
def imports(module: str) -> tuple[str, ...]:
    """Modules of this package that a module imports, anywhere in it but under `if TYPE_CHECKING`."""
    found: list[str] = []
    todo: list[ast.AST] = [ast.parse(source_file(module).read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(f"{PACKAGE}"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if source_file(name).is_file() else str(node.module) for name in names]
        todo += ast.iter_child_nodes(node)
    return tuple(dict.fromkeys(found))


def left_out(module: str) -> bool:
    """Whether a module cannot change a job."""
    return module == PACKAGE or module.startswith(LEFT_OUT) or module.rpartition(".")[2] in LEFT_OUT_NAMES


@cache
def closure(module: str) -> frozenset[str]:
    """A module and all that it imports, directly or not, without what is left out."""
    found: set[str] = set()
    todo = [module]
    while todo:
        current = todo.pop()
        if current not in found and not left_out(current):
            found.add(current)
            todo += imports(current)
    return frozenset(found)


@cache
def _files(module: str) -> tuple[str, ...]:
    """A module's file, and the tables beside it that it reads."""
    path = source_file(module)
    names = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    tables = [path.with_name(name) for name in names if isinstance(name, str) and name.endswith(".csv")]
    files = [path, *(table for table in tables if table.is_file())]
    return tuple(str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file) for file in files)


def of_method(method: str) -> list[str]:
    """Module of a method's model."""
    model = METHODS[method].model
    return [model.partition(":")[0] if ":" in model else METHODS.module(method)]


def of_agent(method: str) -> list[str]:
    """Modules of the agent that trains a method in the simulator, and of its source."""
    online = METHODS[method].online
    if online is None:
        return []
    return [*([online.agent.partition(":")[0]] if online.agent else []), *of_source(online.source)]


def of_source(source: str) -> list[str]:
    """Modules of a source of reward, and of the model that it reads."""
    model = SOURCES[source].model
    return [SOURCES.module(source), *(of_method(model) if model else [])]


def code(
    job: str, *modules: str, method: str = "", source: str = "", task: str = "", expert: bool = False
) -> list[str]:
    """Source files that a job runs, relative to the project.

    Args:
        job: a key of `jobs.JOBS`.
        modules: further ones, which are found by name.
        method: the policy, or the model that rewards read, that the job builds.
        source: the source of reward that it computes.
        task: what it simulates.
        expert: whether the task's scripted expert acts.
    """
    named: Iterable[str] = [JOBS[job].module, *modules]
    named = [*named, *(of_method(method) if method else ()), *(of_source(source) if source else ())]
    named += of_agent(method) if job == "train_online" else []
    named += tasks.modules(task, expert=expert) if task else []
    return sorted({file for entry in named for module in closure(entry) for file in _files(module)})
