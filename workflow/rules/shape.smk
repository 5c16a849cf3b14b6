# Reinforcement learning on each reward source. The longest jobs: they start first.
rule shape:
    input:
        unpack(lambda wildcards: read_by(wildcards.source, wildcards)),
        code=lambda wildcards: code("shape", task=wildcards.task, source=wildcards.source),
    output:
        PATTERN["shape"],
    log:
        log_of("shape"),
    priority: 30
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
        runtime=720,
    params:
        section=lambda wildcards: P.of(wildcards.task).shape[wildcards.source].canonical(),
        out=subpath(output[0], parent=True),
        read=options,
    message:
        "SAC on {wildcards.source}, {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job shape --task {wildcards.task} --source {wildcards.source} --seed {wildcards.seed}"
        " --params {params.section:q} {params.read} --out {params.out} > {log} 2>&1"
