# A slice through a trained energy: the numbers of a figure.
rule landscape:
    input:
        model=pattern("train", "model.safetensors"),
        spec=pattern("train", "model.json"),
        demos=pattern("collect", "demos.hdf5"),
        code=lambda wildcards: code("landscape", method=wildcards.method),
    output:
        PATTERN["landscape"],
    log:
        log_of("landscape"),
    localrule: True
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        section=P.plots["landscape"].slice(P.report.seed).canonical(),
        out=subpath(output[0], parent=True),
    message:
        "slice through the energy of {wildcards.method} on {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m energyflow.cli job landscape --model {input.model} --demos {input.demos} --params {params.section:q}"
        " --out {params.out} > {log} 2>&1"
