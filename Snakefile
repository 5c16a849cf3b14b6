# Contents page: parameters in, rules included, targets named. `snakemake --cores all` makes all of the preset and grid in
# params.yaml but the studies, targets of their own (`stage_studies`: all that the preset has); `--config preset=smoke
# grid=full` takes others, `-n` says what would run.
from snakemake.utils import min_version

min_version("9.27")


configfile: "params.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/own.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/shape.smk"
include: "workflow/rules/landscape.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/rows.smk"
include: "workflow/rules/pages.smk"


# The default target stands in this file: Snakemake ignores a default target that comes from an included one.
rule all:
    default_target: True
    input:
        plan.seen(P),
    message:
        "everything is there"


# Targets for a part: `snakemake stage_train` makes what `dvc repro train` does; `stage_all` makes every checkpoint too.
PARTS = {"all": [file for files in STAGES.values() for file in files]}
for target, files in {**plan.outputs(P), **PARTS, "studies": [study.page(P.preset) for study in WANTED]}.items():

    rule:
        name:
            f"stage_{target}"
        input:
            files,
        localrule: True
        message:
            f"{target} is complete"


onstart:
    print(f"preset {P.preset}: {records.summary(P)}")


onsuccess:
    print(f"done: tables and figures are in {layout.report_dir(P)}; what each column means: results/README.md")


onerror:
    print("failed: the log of the failed job is shown above; `snakemake --cores all` continues where it stopped")
