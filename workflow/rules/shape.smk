# Reinforcement learning on each reward source. The longest jobs: they start first.
def reward_inputs(wildcards):
    """What a source reads: a reward model of the same seed, demonstrations, both, or nothing (sparse, dense)."""
    spec, found = check_source(wildcards.source), {}
    if spec.model is not None:
        names = {"model": "model.safetensors", "spec": "model.json"}
        found = {
            key: pattern("reward_model", name).format(**wildcards, model=spec.model) for key, name in names.items()
        }
    if spec.needs_demos:
        found["demos"] = pattern("collect", "demos.hdf5").format(**wildcards)
    return found


rule shape:
    input:
        unpack(reward_inputs),
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
        read=lambda wildcards, input: " ".join(
            f"--{key} {input[key]}" for key in ("model", "demos") if key in input.keys()
        ),
    message:
        "SAC on {wildcards.source}, {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli shape --task {wildcards.task} --source {wildcards.source} --seed {wildcards.seed}"
        " --params {params.section:q} {params.read} --out {params.out} > {log} 2>&1"
