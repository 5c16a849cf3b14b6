# The targets beside `all`: their jobs, and their points and pages, rows to tables, figures and words, seconds each.
for target in WANTED:

    include: f"{target.name}.smk"


# how a point's rows and section are found
POINTS = {
    "theory": (lambda point: theory.rows_of(P, point), lambda point: P.verdict().canonical()),
    "ablations": (
        lambda point: ablations.rows_of(P, point),
        lambda point: settings.point_section(P, ablations.axes_of(P, point)).canonical(),
    ),
}


wildcard_constraints:
    point="[a-z0-9_]+",


for target in WANTED:
    rows_of_point, section_of_point = POINTS[target.name]

    rule:
        name:
            f"{target.name}_point"
        input:
            rows=lambda wildcards, rows=rows_of_point: rows(wildcards.point),
            code=code(f"{target.name}_point"),
        output:
            PATTERN[f"{target.name}_point"],
        log:
            f"logs/{target.folder(P.preset)}/point/{{point}}.log",
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            target=target.name,
            section=lambda wildcards, section=section_of_point: section(wildcards.point),
        message:
            "table, figure and words of {wildcards.point}"
        shell:
            "python -m energyflow.cli {params.target}_point {wildcards.point} --params {params.section:q}"
            " --inputs {input.rows} --outputs {output} > {log} 2>&1"

    rule:
        name:
            target.name
        input:
            points=target.point_files(P),
            code=code(f"{target.name}_page"),
        output:
            PATTERN[f"{target.name}_page"],
        log:
            f"logs/{target.folder(P.preset)}/page.log",
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            target=target.name,
        message:
            "the page"
        shell:
            "python -m energyflow.cli {params.target}_page --inputs {input.points} --outputs {output} > {log} 2>&1"
