# Demonstrations of scripted experts.
rule collect:
    input:
        code=lambda wildcards: code("collect", task=wildcards.task),
    output:
        PATTERN["collect"],
    log:
        log_of("collect"),
    priority: 50  # everything waits for it
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        section=P.collect.canonical(),
        out=subpath(output[0], parent=True),
    message:
        "collect demonstrations of {wildcards.task}"
    shell:
        "python -m energyflow.cli collect --task {wildcards.task} --params {params.section:q} --out {params.out}"
        " > {log} 2>&1"
