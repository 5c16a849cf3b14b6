# What is measured on the models of the ablations: rollouts, under another sampler too, gradients, milliseconds.
rule ablations_sample:
    input:
        model=lambda wildcards: ablations.of_preset(P, "train", run_of(wildcards))[:2],
        code=code("ablations_sample"),
    output:
        PATTERN["ablations_sample"],
    log:
        log_of("ablations_sample"),
    localrule: True
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        section=lambda wildcards: settings.sampling_section(
            P, wildcards.axis, wildcards.value, wildcards.item
        ).canonical(),
        out=subpath(output[0], parent=True),
    message:
        "put {wildcards.item} under {wildcards.axis} {wildcards.value}: {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job ablations_sample --model {input.model[0]} --params {params.section:q}"
        " --out {params.out} > {log} 2>&1"


rule ablations_evaluate:
    input:
        model=lambda wildcards: ablations.checkpoint(P, run_of(wildcards)),
        code=lambda wildcards: ablated("evaluate", wildcards),
    output:
        PATTERN["ablations_evaluate"],
    log:
        log_of("ablations_evaluate"),
    priority: 10
    threads: 1
    resources:
        mem_mb=1500,
        runtime=240,
    params:
        section=lambda wildcards: settings.evaluate_section(P, wildcards.axis, wildcards.task).canonical(),
        out=subpath(output[0], parent=True),
    message:
        "evaluate {wildcards.item} with {wildcards.axis} {wildcards.value} on {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job evaluate --task {wildcards.task} --seed {wildcards.seed} --params {params.section:q}"
        " --model {input.model[0]} --out {params.out} > {log} 2>&1"


rule ablations_gradients:
    input:
        model=lambda wildcards: ablations.checkpoint(P, run_of(wildcards)),
        demos=pattern("collect", "demos.hdf5"),
        code=lambda wildcards: ablated("ablations_gradients", wildcards),
    output:
        PATTERN["ablations_gradients"],
    log:
        log_of("ablations_gradients"),
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        out=subpath(output[0], parent=True),
    message:
        "gradients of {wildcards.item} with {wildcards.axis} {wildcards.value}: {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job ablations_gradients --model {input.model[0]} --demos {input.demos} --out {params.out}"
        " > {log} 2>&1"


rule ablations_latency:
    input:
        model=grid("train", "model.safetensors", "model.json", method=["{method}"], **FIRST),
        code=lambda wildcards: code("ablations_latency", method=wildcards.method),
    output:
        PATTERN["ablations_latency"],
    log:
        log_of("ablations_latency"),
    threads: workflow.resource_settings.cores or 1  # all of them: it times one thread, and must run alone
    resources:
        gpu=GPU,
        mem_mb=1000,
        runtime=30,
    params:
        section=settings.latency_section(P).canonical(),
        out=subpath(output[0], parent=True),
    message:
        "time {wildcards.method} per action, one and several plans at once"
    shell:
        "python -m energyflow.cli job ablations_latency --model {input.model[0]} --params {params.section:q}"
        " --out {params.out} > {log} 2>&1"
