# Policies, from demonstrations or in the simulator, and the models that rewards read.
rule train:
    input:
        demos=pattern("collect", "demos.hdf5"),
        code=lambda wildcards: code("train", method=wildcards.method),
    output:
        PATTERN["train"],
    log:
        log_of("train"),
    wildcard_constraints:
        method=one_of(method for method in P.every_method if method not in ONLINE),
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
        "python -m energyflow.cli job train --task {wildcards.task} --seed {wildcards.seed} --params {params.section:q}"
        " --demos {input.demos} --out {params.out} > {log} 2>&1"


rule train_online:
    input:
        unpack(lambda wildcards: read_by(METHODS[wildcards.method].online.source, wildcards)),
        demos=pattern("collect", "demos.hdf5"),
        code=lambda wildcards: code("train_online", method=wildcards.method, task=wildcards.task),
    output:
        PATTERN["train_online"],
    log:
        log_of("train_online"),
    wildcard_constraints:
        method=one_of(method for method in P.every_method if method in ONLINE),
    priority: 30
    threads: 1
    resources:
        mem_mb=2000,
        runtime=720,
    params:
        section=lambda wildcards: P.of(wildcards.task).online[wildcards.method].canonical(),
        out=subpath(output[0], parent=True),
        read=options,
    message:
        "train {wildcards.method} in the simulator of {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job train_online --task {wildcards.task} --seed {wildcards.seed}"
        " --params {params.section:q} {params.read} --out {params.out} > {log} 2>&1"


rule reward_model:
    input:
        demos=pattern("collect", "demos.hdf5"),
        code=lambda wildcards: code("train", method=wildcards.model),
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
        "python -m energyflow.cli job train --task {wildcards.task} --seed {wildcards.seed} --params {params.section:q}"
        " --demos {input.demos} --out {params.out} > {log} 2>&1"
