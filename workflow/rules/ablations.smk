# Choices of the paper changed one at a time: the models and rewards of each setting. What the preset has is not made again.
from energyflow.studies.ablations import resolve as settings, study as ablations


wildcard_constraints:
    axis="[a-z0-9_]+",
    value="[a-z0-9_.-]+",
    item="[a-z_]+",
    first=r"\d+",


def ablated(rule, wildcards):
    """Source files that a rule runs for a run: those of the method, or of its variant, or of the source."""
    if rule == "shape":
        return code(rule, task=wildcards.task, source=wildcards.item)
    method = settings.method_of(P, wildcards.axis, wildcards.item)
    return code(rule, method=method, task=wildcards.task if rule == "evaluate" else "")


def run_of(wildcards):
    """The setting that wildcards name."""
    names = (wildcards.axis, wildcards.value, wildcards.task, wildcards.item, int(wildcards.seed))
    return ablations.Run(*names)


rule ablations_demos:
    input:
        demos=pattern("collect", "demos.hdf5"),
        code=code("ablations_demos"),
    output:
        PATTERN["ablations_demos"],
    log:
        log_of("ablations_demos"),
    localrule: True
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        out=subpath(output[0], parent=True),
    message:
        "the first {wildcards.first} demonstrations of {wildcards.task}"
    shell:
        "python -m energyflow.cli job ablations_demos --demos {input.demos} --count {wildcards.first} --out {params.out}"
        " > {log} 2>&1"


rule ablations_train:
    input:
        demos=lambda wildcards: ablations.demos_file(P, run_of(wildcards)),
        code=lambda wildcards: ablated("train", wildcards),
    output:
        PATTERN["ablations_train"],
    log:
        log_of("ablations_train"),
    priority: 20
    threads: 1
    resources:
        mem_mb=1500,
        runtime=720,
    params:
        section=lambda wildcards: settings.train_section(P, *run_of(wildcards)[:4]).canonical(),
        out=subpath(output[0], parent=True),
    message:
        "train {wildcards.item} with {wildcards.axis} {wildcards.value} on {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job train --task {wildcards.task} --seed {wildcards.seed} --params {params.section:q}"
        " --demos {input.demos} --out {params.out} > {log} 2>&1"


rule ablations_shape:
    input:
        unpack(lambda wildcards: read_by(wildcards.item, wildcards)),
        code=lambda wildcards: ablated("shape", wildcards),
    output:
        PATTERN["ablations_shape"],
    log:
        log_of("ablations_shape"),
    priority: 30  # the longest jobs
    threads: 1
    resources:
        mem_mb=2000,
        runtime=720,
    params:
        section=lambda wildcards: settings.shape_section(P, *run_of(wildcards)[:4]).canonical(),
        out=subpath(output[0], parent=True),
        read=options,
    message:
        "SAC on {wildcards.item} with {wildcards.axis} {wildcards.value}, {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job shape --task {wildcards.task} --source {wildcards.item} --seed {wildcards.seed}"
        " --params {params.section:q} {params.read} --out {params.out} > {log} 2>&1"


include: "ablations_measures.smk"
