# The theorems in numbers: models of experts whose soft Q is known, checks, one page.
from energyflow.theory import grid as theory


wildcard_constraints:
    expert="[a-z0-9]+",
    net="|".join(theory.KINDS),
    demos=r"\d+",
    steps=r"\d+",
    check="|".join(theory.CHECKS),
    subject="[a-z0-9_/]+",


def check_inputs(wildcards):
    """The models that a check reads; of `robots`, the preset's checkpoints, and the demonstrations."""
    if wildcards.check == "robots":
        where = {"task": [wildcards.subject], "seed": [wildcards.seed]}
        models = grid("train", "model.safetensors", method=theory.robot_methods(P), **where)
        return models + grid("collect", "demos.hdf5", **where)
    return theory.inputs_of(P, wildcards.check, wildcards.subject, int(wildcards.seed))


rule theory_model:
    input:
        code=lambda wildcards: code("theory_model", subject=wildcards.expert),
    output:
        PATTERN["theory_model"],
    log:
        log_of("theory_model"),
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        section=lambda wildcards: theory.train_section_of(P, wildcards.net, int(wildcards.steps)),
        out=subpath(output[0], parent=True),
    message:
        "train {wildcards.net} on {wildcards.expert}: n {wildcards.demos}, {wildcards.steps} steps, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli theory_model {wildcards.expert} --params {params.section:q} --count {wildcards.demos}"
        " --seed {wildcards.seed} --out {params.out} > {log} 2>&1"


rule theory_check:
    input:
        models=check_inputs,
        code=lambda wildcards: code("theory_check", check=wildcards.check, subject=wildcards.subject),
    output:
        PATTERN["theory_check"],
    log:
        log_of("theory_check"),
    priority: 2
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        section=lambda wildcards: theory.section_of(P, wildcards.check),
        out=subpath(output[0], parent=True),
    message:
        "check {wildcards.check} on {wildcards.subject}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli theory_check {wildcards.check} --subject {wildcards.subject} --seed {wildcards.seed}"
        " --params {params.section:q} --inputs {input.models} --out {params.out} > {log} 2>&1"
