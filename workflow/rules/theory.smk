# The models of the theory: small ones, of experts whose soft Q is known.
from energyflow.studies.theory import study as theory


wildcard_constraints:
    expert="[a-z0-9]+",
    net="|".join(theory.KINDS),
    demos=r"\d+",
    steps=r"\d+",


rule theory_model:
    input:
        code=lambda wildcards: code("theory_model", *theory.code_of(wildcards.net, wildcards.expert)),
    output:
        PATTERN["theory_model"],
    log:
        log_of("theory_model"),
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        section=lambda wildcards: theory.train_section(P, wildcards.net, int(wildcards.steps)).canonical(),
        out=subpath(output[0], parent=True),
    message:
        "train {wildcards.net} on {wildcards.expert}: n {wildcards.demos}, {wildcards.steps} steps, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job theory_model {wildcards.expert} --params {params.section:q} --count {wildcards.demos}"
        " --seed {wildcards.seed} --out {params.out} > {log} 2>&1"
