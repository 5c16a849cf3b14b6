"""Every kind of job, once: the function that does it, the section that it reads, and what it is given.

The rules of the workflow call `energyflow job NAME` (cli/job.py); what such a job runs is whatever its function's
module imports (code.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from energyflow.config import sections
from energyflow.config.plots import SliceParams
from energyflow.config.section import Section
from energyflow.offline.methods.sections import LearnParams, RolloutParams
from energyflow.studies.ablations.sections import LatencyParams, SamplingParams
from energyflow.studies.offline.sections import Recording

RUN = ("task", "seed", "params", "out")
FILES = ("inputs", "outputs")


@dataclass(frozen=True)
class Job:
    """A kind of job.

    Attributes:
        function: `module:function`, called with what it takes by name.
        takes: arguments that it must be given; `params` is its section of params.yaml as JSON.
        optional: arguments that it may be given.
        section: type of its section; None: the function reads the JSON itself, or there is none.
        computes: whether with torch, on as many threads as the environment says.
    """

    function: str
    takes: tuple[str, ...]
    optional: tuple[str, ...] = ()
    section: type[Section] | None = None
    computes: bool = False

    @property
    def module(self) -> str:
        """The module of the function."""
        return self.function.partition(":")[0]


def _computing(function: str, *takes: str, section: type[Section] | None = None, optional: tuple[str, ...] = ()) -> Job:
    return Job(f"energyflow.{function}", takes, optional, section, computes=True)


def _report(function: str, *takes: str) -> Job:
    return Job(f"energyflow.report.outputs:{function}", (*takes, "params", *FILES), section=sections.ReportParams)


JOBS = {
    "collect": Job("energyflow.datasets.collect:collect", ("task", "params", "out"), section=sections.CollectParams),
    "adopt": Job("energyflow.datasets.own:adopt", ("task", "demos", "out")),
    "train": _computing("learning.trainer:train", *RUN, "demos", section=sections.TrainParams),
    "train_online": _computing(
        "agents.online:train_online", *RUN, "demos", section=sections.OnlineParams, optional=("model",)
    ),
    "evaluate": _computing("learning.evaluation:evaluate", *RUN, "model", section=sections.EvaluateParams),
    "expert": Job(
        "energyflow.learning.evaluation:evaluate_expert", ("task", "params", "out"), section=sections.EvaluateParams
    ),
    "latency": _computing("learning.latency:measure_latency", "model", "out"),
    "landscape": _computing(
        "learning.landscape:measure_landscape", "model", "demos", "params", "out", section=SliceParams
    ),
    "shape": _computing(
        "agents.sac:run_shape", *RUN, "source", section=sections.ShapeParams, optional=("model", "demos")
    ),
    "video": Job("energyflow.report.video:write_video", ("demos", "out")),
    "table": _report("write_table", "name"),
    "figure": Job("energyflow.report.outputs:draw", ("name", "params", "report", *FILES)),
    "plots": _report("write_plot_data"),
    "metrics": _report("write_metrics"),
    "pack": Job("energyflow.pipeline.rows:pack_finished", ("preset", "grid", "out")),
    "check": _computing("studies.check:run_check", "study", "name", "subject", "seed", "params", "inputs", "out"),
    "point": Job("energyflow.studies.pages:write_point", ("study", "name", "params", *FILES)),
    "page": Job("energyflow.studies.pages:write_page", ("study", *FILES)),
    "theory_model": _computing(
        "studies.theory.models:train_model", "name", "params", "count", "seed", "out", section=sections.TrainParams
    ),
    "ablations_demos": Job("energyflow.studies.ablations.demos:write_subset", ("demos", "count", "out")),
    "ablations_sample": Job(
        "energyflow.studies.ablations.sampling:resample", ("model", "params", "out"), section=SamplingParams
    ),
    "ablations_gradients": _computing("studies.ablations.gradients:measure", "model", "demos", "out"),
    "ablations_latency": _computing(
        "studies.ablations.latency:measure", "model", "params", "out", section=LatencyParams
    ),
    "offline_record": _computing(
        "studies.offline.recording:record", "name", "params", "seed", "out", section=Recording
    ),
    "offline_learn": _computing(
        "studies.offline.learning:learn", "name", "params", "seed", "inputs", "out", section=LearnParams
    ),
    "offline_evaluate": _computing(
        "studies.offline.learning:roll_out", "model", "params", "out", section=RolloutParams
    ),
    "stage": Job("energyflow.pipeline.engines:make_stage", ("name",)),
    "generated": Job("energyflow.pipeline.generated:write", ()),
}
