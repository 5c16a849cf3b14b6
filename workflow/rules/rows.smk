# Rows for git: the small files of all jobs in a few tables, a folder for each report. What is packed of runs that were made
# in another checkout stays.
def packed_by(folder):
    """Name of the rule that packs into a folder, and the packed files."""
    study = next((study for study in WANTED if study.archive(P.preset) == folder), None)
    return (f"{study.name}_rows", study.archive_files(P)) if study else ("rows", plan.packed_files(P))


for folder, owned in plan.archives(P).items():

    rule:
        name:
            packed_by(folder)[0]
        input:
            rows=[file for files in owned.values() for file in layout.small(files)],
            code=code("pack"),
        output:
            update(packed_by(folder)[1]),
        log:
            f"logs/{folder}.log",
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            preset=P.preset,
            grid=P.grid,
            folder=folder,
        message:
            f"pack the rows into {folder}"
        shell:
            "python -m energyflow.cli job pack --preset {params.preset} --grid {params.grid} --out {params.folder}"
            " > {log} 2>&1"
