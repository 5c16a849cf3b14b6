# The pilot of offline reinforcement learning: data sets made here, policies that share one critic, their episodes.
from energyflow.offline.methods.registry import METHODS as OFFLINE_METHODS
from energyflow.studies.offline import pilot, study as offline


wildcard_constraints:
    env="[A-Za-z0-9_-]+",
    quality="|".join(pilot.QUALITIES),
    learner=one_of(pilot.learners(offline.offline_of(P)) if "offline" in P.studies else []),


def offline_module(learner):
    """Module of a learner's method."""
    return OFFLINE_METHODS.module(pilot.method_of(learner))


rule offline_record:
    input:
        code=code("offline_record"),
    output:
        PATTERN["offline_record"],
    log:
        log_of("offline_record"),
    priority: 30  # the longest jobs
    threads: 1
    resources:
        mem_mb=2000,
        runtime=720,
    params:
        section=pilot.recording(offline.offline_of(P)).canonical() if "offline" in P.studies else "",
        out=subpath(output[0], parent=True),
    message:
        "data sets of {wildcards.env}"
    shell:
        "python -m energyflow.cli job offline_record {wildcards.env} --params {params.section:q} --seed 0"
        " --out {params.out} > {log} 2>&1"


rule offline_learn:
    input:
        data=lambda wildcards: pattern("offline_record", f"{wildcards.quality}-v0/data/main_data.hdf5").format(
            **wildcards
        ),
        parts=lambda wildcards: [
            pattern("offline_learn", "parts.safetensors").format(**{**wildcards, "learner": other})
            for other in pilot.starts_from(wildcards.learner)
        ],
        code=lambda wildcards: code("offline_learn", offline_module(wildcards.learner)),
    output:
        PATTERN["offline_learn"],
    log:
        log_of("offline_learn"),
    priority: 20
    threads: 1
    resources:
        mem_mb=2000,
        runtime=720,
    params:
        section=lambda wildcards: pilot.numbers(offline.offline_of(P), wildcards.learner).canonical(),
        method=lambda wildcards: pilot.method_of(wildcards.learner),
        out=subpath(output[0], parent=True),
    message:
        "{wildcards.learner} on {wildcards.env} {wildcards.quality}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job offline_learn {params.method} --params {params.section:q}"
        " --seed {wildcards.seed} --inputs {input.data} {input.parts} --out {params.out} > {log} 2>&1"


rule offline_evaluate:
    input:
        model=pattern("offline_learn", "model.safetensors"),
        spec=pattern("offline_learn", "model.json"),
        code=lambda wildcards: code("offline_evaluate", offline_module(wildcards.learner)),
    output:
        PATTERN["offline_evaluate"],
    log:
        log_of("offline_evaluate"),
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        section=offline.offline_of(P).rl.evaluate.canonical() if "offline" in P.studies else "",
        out=subpath(output[0], parent=True),
    message:
        "episodes of {wildcards.learner} in {wildcards.env}, {wildcards.quality}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job offline_evaluate --model {input.model} --params {params.section:q}"
        " --out {params.out} > {log} 2>&1"
