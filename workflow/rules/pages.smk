# The studies: what their own rules add, the jobs of their checks, their points and pages. Rows to tables, figures and words.
for study in WANTED:
    if study.jobs:

        include: f"{study.name}.smk"


wildcard_constraints:
    check="[a-z0-9_]+",
    subject="[a-z0-9_/]+",
    point="[a-z0-9_]+",


def of_check(study, wildcards):
    """Files that a job of a check reads, and the source files that it runs."""
    check = study.checks[wildcards.check]
    key = CheckKey(wildcards.check, wildcards.subject, int(wildcards.seed))
    return check.inputs(P, key), code("check", check.module, *check.code(key))


for study in WANTED:
    if study.checks:

        rule:
            name:
                f"{study.name}_check"
            input:
                read=lambda wildcards, study=study: of_check(study, wildcards)[0],
                code=lambda wildcards, study=study: of_check(study, wildcards)[1],
            output:
                PATTERN[f"{study.name}_check"],
            log:
                log_of(f"{study.name}_check"),
            priority: 2
            threads: 1
            resources:
                mem_mb=2000,
                runtime=30,
            params:
                study=study.name,
                section=lambda wildcards, study=study: study.checks[wildcards.check].section(P).canonical(),
                out=subpath(output[0], parent=True),
            message:
                "check {wildcards.check} on {wildcards.subject}, seed {wildcards.seed}"
            shell:
                "python -m energyflow.cli job check {params.study} {wildcards.check} --subject {wildcards.subject}"
                " --seed {wildcards.seed} --params {params.section:q} --inputs {input.read} --out {params.out}"
                " > {log} 2>&1"

    rule:
        name:
            f"{study.name}_point"
        input:
            rows=lambda wildcards, study=study: study.rows(P, wildcards.point),
            code=code("point", study.build.partition(":")[0]),
        output:
            PATTERN[f"{study.name}_point"],
        log:
            f"logs/{study.folder(P.preset)}/point/{{point}}.log",
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            study=study.name,
            section=lambda wildcards, study=study: study.section(P, wildcards.point).canonical(),
            names=NAMES,
        message:
            "table, figure and words of {wildcards.point}"
        shell:
            "python -m energyflow.cli job point {params.study} {wildcards.point} --params {params.section:q}"
            " --inputs {input.rows} --outputs {output} > {log} 2>&1"

    rule:
        name:
            study.name
        input:
            points=study.point_files(P),
            packed=study.archive_files(P),
            code=code("page", study.head.partition(":")[0]),
        output:
            PATTERN[study.name],
        log:
            f"logs/{study.folder(P.preset)}/page.log",
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            study=study.name,
        message:
            "the page"
        shell:
            "python -m energyflow.cli job page {params.study} --inputs {input.points} --outputs {output} > {log} 2>&1"
