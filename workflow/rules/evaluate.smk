# Rollouts of policies and of the scripted expert, and the time that one action costs.
rule evaluate:
    input:
        model=pattern("train", "model.safetensors"),
        spec=pattern("train", "model.json"),
        code=lambda wildcards: code("evaluate", method=wildcards.method, task=wildcards.task),
    output:
        PATTERN["evaluate"],
    log:
        log_of("evaluate"),
    priority: 10
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=1500,
        runtime=240,
    params:
        section=lambda wildcards: P.of(wildcards.task).evaluate_levels().canonical(),
        out=subpath(output[0], parent=True),
    message:
        "evaluate {wildcards.method} on {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job evaluate --task {wildcards.task} --seed {wildcards.seed} --params {params.section:q}"
        " --model {input.model} --out {params.out} > {log} 2>&1"


rule nfe:
    input:
        model=pattern("train", "model.safetensors"),
        spec=pattern("train", "model.json"),
        code=lambda wildcards: code("evaluate", method=wildcards.method, task=wildcards.task),
    output:
        PATTERN["nfe"],
    log:
        log_of("nfe"),
    priority: 5
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=1500,
        runtime=240,
    params:
        section=lambda wildcards: P.of(wildcards.task).evaluate_nfe().canonical(),
        out=subpath(output[0], parent=True),
    message:
        "sweep the sampling steps of {wildcards.method} on {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job evaluate --task {wildcards.task} --seed {wildcards.seed} --params {params.section:q}"
        " --model {input.model} --out {params.out} > {log} 2>&1"


rule expert:
    input:
        code=lambda wildcards: code("evaluate", task=wildcards.task, expert=True),
    output:
        PATTERN["expert"],
    log:
        log_of("expert"),
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        section=lambda wildcards: P.of(wildcards.task).evaluate_levels().canonical(),
        out=subpath(output[0], parent=True),
    message:
        "evaluate the scripted expert on {wildcards.task}: the ceiling of every curve"
    shell:
        "python -m energyflow.cli job expert --task {wildcards.task} --params {params.section:q} --out {params.out}"
        " > {log} 2>&1"


rule latency:
    input:
        model=grid("train", "model.safetensors", method=["{method}"], **FIRST),
        spec=grid("train", "model.json", method=["{method}"], **FIRST),
        code=lambda wildcards: code("latency", method=wildcards.method),
    output:
        PATTERN["latency"],
    log:
        log_of("latency"),
    threads: workflow.resource_settings.cores or 1  # all of them: it times one thread, and must run alone
    resources:
        gpu=GPU,
        mem_mb=1000,
        runtime=30,
    params:
        out=subpath(output[0], parent=True),
    message:
        "time {wildcards.method} per action"
    shell:
        "python -m energyflow.cli job latency --model {input.model} --out {params.out}" " > {log} 2>&1"
