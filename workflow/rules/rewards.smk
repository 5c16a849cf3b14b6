# Which reward trains and which ranks: SAC on the sources by other agents than the preset's. What the preset has is read.
from energyflow.studies.rewards import resolve as agents


wildcard_constraints:
    variant="[a-z0-9_]+",


def section_of(wildcards):
    """What an agent of a variant reads."""
    return agents.section(P, wildcards.variant, wildcards.task, wildcards.source)


def read_in(wildcards):
    """What SAC by a variant reads: what its source does, and the demonstrations that are in its batches."""
    found = read_by(wildcards.source, wildcards)
    if section_of(wildcards).demo_share:
        found["demos"] = pattern("collect", "demos.hdf5").format(**wildcards)
    return found


rule rewards_shape:
    input:
        unpack(read_in),
        code=lambda wildcards: code("shape", task=wildcards.task, source=wildcards.source),
    output:
        PATTERN["rewards_shape"],
    log:
        log_of("rewards_shape"),
    priority: 30  # the longest jobs
    threads: 1
    resources:
        mem_mb=2000,
        runtime=720,
    params:
        section=lambda wildcards: section_of(wildcards).canonical(),
        out=subpath(output[0], parent=True),
        read=options,
    message:
        "SAC on {wildcards.source}, {wildcards.variant}, {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job shape --task {wildcards.task} --source {wildcards.source} --seed {wildcards.seed}"
        " --params {params.section:q} {params.read} --out {params.out} > {log} 2>&1"
