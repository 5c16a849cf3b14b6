# Policies, and the models that rewards read: the same trainer, another section.
rule train:
    input:
        demos=pattern("collect", "demos.hdf5"),
        code=lambda wildcards: code("train", wildcards.method),
    output:
        PATTERN["train"],
    log:
        log_of("train"),
    priority: 20
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=1500,
        runtime=720,
    params:
        section=lambda wildcards: P.of(wildcards.task).train[wildcards.method].canonical(),
        out=subpath(output[0], parent=True),
    message:
        "train {wildcards.method} on {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli train --task {wildcards.task} --seed {wildcards.seed} --params {params.section:q}"
        " --demos {input.demos} --out {params.out} > {log} 2>&1"


rule reward_model:
    input:
        demos=pattern("collect", "demos.hdf5"),
        code=lambda wildcards: code("reward_model", wildcards.model),
    output:
        PATTERN["reward_model"],
    log:
        log_of("reward_model"),
    priority: 40  # the longest jobs, rule shape, wait for it
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=1500,
        runtime=720,
    params:
        section=lambda wildcards: P.of(wildcards.task).reward_model[wildcards.model].canonical(),
        out=subpath(output[0], parent=True),
    message:
        "train the reward model {wildcards.model} of {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli train --task {wildcards.task} --seed {wildcards.seed} --params {params.section:q}"
        " --demos {input.demos} --out {params.out} > {log} 2>&1"
