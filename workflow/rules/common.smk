# Parameters, grids, wildcards and the environment of every job.
import atexit
import os
import re
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(workflow.basedir))  # the library of this checkout, installed or not

from energyflow.config import layout
from energyflow.core.errors import UserError
from energyflow.pipeline import lock, plan, records
from energyflow.pipeline.code import code
from energyflow.pipeline.params import resolve
from energyflow.policies.registry import METHODS
from energyflow.report.names import said_of
from energyflow.rewards.registry import SOURCES, models_of
from energyflow.studies.registry import STUDIES
from energyflow.studies.study import CheckKey

HELD = ExitStack()  # what a run holds to its end, however it ends
atexit.register(HELD.close)  # later, when modules are gone already, it could not
try:
    P = resolve(dict(config))
    if workflow.is_main_process:
        records.guard(P)
        if lock.runs(sys.argv):
            HELD.enter_context(lock.workflow_lock(Path()))
            lock.free_dead_locks(Path())
except UserError as error:
    raise WorkflowError(str(error)) from None

PATTERN = plan.patterns(P.preset)
STAGES = plan.stages(P)
WANTED = [STUDIES[name] for name in P.studies]  # beside `all`
ONLINE = [method for method in P.every_method if METHODS[method].online is not None]  # trained in the simulator
FIRST = {
    "task": [P.tasks[0]],
    "seed": [P.seeds[0]],
}  # the one model that stands for a method where one is enough
NAMES = said_of(P.methods, P.sources, [*P.tasks, *P.shape_tasks])  # a reason to draw anew, though no job is told them
GPU = int(P.network_kind == "unet")  # the MLPs train faster on a core than they travel to a GPU

# One thread a job: jobs run side by side, and results on a CPU do not depend on how many cores there are. A prefix, not
# part of the rules: the path of an interpreter must not look like a change of code.
shell.prefix(
    f"export PATH={shlex.quote(os.path.dirname(sys.executable))}:$PATH OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1"
    " PYTHONHASHSEED=0 MPLBACKEND=Agg; "
)


def one_of(names):
    """Wildcard constraint: one of these names, of which there may be none."""
    return "|".join(re.escape(name) for name in names) or "none"


wildcard_constraints:
    task=one_of({*P.every_task, *P.every_shape_task}),
    method=one_of(P.every_method),
    source=one_of(P.every_source),
    model=one_of({*P.models, *models_of(P.every_source)}),
    seed=r"\d+",


def pattern(rule, name):
    """Path pattern of one output of a rule: `pattern("train", "model.json")`."""
    return next(path for path in PATTERN[rule] if path.endswith("/" + name))


def log_of(rule):
    """Log file of a rule: logs/<where its outputs are>.log."""
    return os.path.join("logs", os.path.dirname(PATTERN[rule][0]) + ".log")


def grid(rule, *names, **fixed):
    """Files of a rule over the grid of the preset."""
    return layout.expand([pattern(rule, name) for name in names], P, **fixed)


def read_by(source, wildcards):
    """What SAC on a source reads: a reward model of the same seed, demonstrations, both, or nothing (sparse, dense)."""
    spec, found = SOURCES[source], {}
    if spec.model is not None:
        names = {"model": "model.safetensors", "spec": "model.json"}
        found = {
            key: pattern("reward_model", name).format(**wildcards, model=spec.model) for key, name in names.items()
        }
    if spec.demos or P.of(wildcards.task).shape[source].demo_share:
        found["demos"] = pattern("collect", "demos.hdf5").format(**wildcards)
    return found


def options(wildcards, input):
    """The command line's options for these inputs."""
    return " ".join(f"--{key} {input[key]}" for key in ("model", "demos") if key in input.keys())
