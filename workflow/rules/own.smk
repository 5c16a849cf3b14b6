# Demonstrations of tasks of one's own: `tasks` of params.yaml.
rule adopt:
    input:
        demos=lambda wildcards: [path for path in [P.own[wildcards.task].demos] if os.path.exists(path)],
        code=code("adopt"),
    output:
        PATTERN["collect"],
    log:
        log_of("collect"),
    wildcard_constraints:
        task=one_of(P.own),
    priority: 50  # everything waits for it
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        demos=lambda wildcards: P.own[wildcards.task].demos,
        out=subpath(output[0], parent=True),
    message:
        "bring in the demonstrations of {wildcards.task}"
    shell:
        "python -m energyflow.cli job adopt --task {wildcards.task} --demos {params.demos:q} --out {params.out} > {log} 2>&1"
