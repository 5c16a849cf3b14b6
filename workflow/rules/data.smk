# Demonstrations: of scripted experts, or recorded by people.
rule collect:
    input:
        code=lambda wildcards: code("collect", task=wildcards.task, expert=True),
    output:
        PATTERN["collect"],
    log:
        log_of("collect"),
    wildcard_constraints:
        task=one_of(P.simulated([*P.every_task, *P.every_shape_task])),
    priority: 50  # everything waits for it
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        section=lambda wildcards: P.of(wildcards.task).collect.canonical(),
        out=subpath(output[0], parent=True),
    message:
        "collect demonstrations of {wildcards.task}"
    shell:
        "python -m energyflow.cli job collect --task {wildcards.task} --params {params.section:q} --out {params.out}"
        " > {log} 2>&1"


rule video:
    input:
        demos=pattern("collect", "demos.hdf5"),
        code=lambda wildcards: code("video", task=wildcards.task),
    output:
        report(
            layout.VIDEO.replace("{preset}", P.preset),
            caption="../report/video.rst",
            category="Videos",
            labels={"task": "{task}"},
        ),
    log:
        f"logs/results/{P.preset}/video/{{task}}.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    message:
        "film a demonstration of {wildcards.task}"
    shell:
        "python -m energyflow.cli job video --demos {input.demos} --out {output} > {log} 2>&1"
