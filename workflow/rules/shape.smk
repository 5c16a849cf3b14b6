# Reinforcement learning on each reward source. The longest jobs: they start first.
def reward_inputs(wildcards):
    """What a source reads: a reward model of the same seed and demonstrations, or nothing (sparse, dense)."""
    if not check_source(wildcards.source).needs_model:
        return {}
    names = {"model": ("reward_model", "model.safetensors"), "spec": ("reward_model", "model.json")}
    names["demos"] = ("collect", "demos.hdf5")
    return {key: pattern(*name).format(**wildcards) for key, name in names.items()}


rule shape:
    input:
        unpack(reward_inputs),
        code=lambda wildcards: code("shape", task=wildcards.task),
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
        section=lambda wildcards: P.of(wildcards.task).shape.canonical(),
        out=subpath(output[0], parent=True),
        model=lambda wildcards, input: (
            f"--model {input.model} --demos {input.demos}" if "model" in input.keys() else ""
        ),
    message:
        "SAC on {wildcards.source}, {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli shape --task {wildcards.task} --source {wildcards.source} --seed {wildcards.seed}"
        " --params {params.section:q} {params.model} --out {params.out} > {log} 2>&1"
