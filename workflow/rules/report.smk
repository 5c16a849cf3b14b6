# Rows to tables, figures, plots and metrics: reads files only, seconds each.
ENERGY = [method for method in ("energyflow", "energyflow_paper") if method in P.methods]
if not ENERGY:
    raise WorkflowError("params.yaml: methods: the figure landscape needs an energy: energyflow or energyflow_paper")

ROWS = {
    "success": grid("evaluate", "episodes.csv")
    + grid("expert", "episodes.csv")
    + grid("train", "run.json", "model.json")
    + grid("collect", "manifest.json"),
    "ranking": grid("evaluate", "episodes.csv") + grid("train", "model.json"),
    "ood": grid("evaluate", "episodes.csv") + grid("expert", "episodes.csv", "run.json") + grid("train", "model.json"),
    "nfe": grid("nfe", "episodes.csv", method=P.nfe_methods),
    "learning": grid("shape", "curve.csv", task=P.shape_tasks),
    "loss": grid("train", "train.csv"),
    "cost": grid("train", "run.json", "model.json") + grid("evaluate", "run.json") + grid("latency", "latency.csv"),
    "claims_cost": grid("train", "run.json", "model.json") + grid("latency", "latency.csv"),
    "time": grid("evaluate", "episodes.csv") + grid("train", "run.json"),
    "landscape": grid("train", "model.safetensors", "model.json", method=ENERGY[:1], **FIRST)
    + grid("collect", "demos.hdf5", task=FIRST["task"]),
}
ROWS["ood_differences"] = ROWS["ood"]
ALL_ROWS = list(dict.fromkeys(file for name in ("ood", "nfe", "learning", "loss", "cost") for file in ROWS[name]))


REPORT = layout.report_dir(P)


def in_report(kind, name, files):
    """Mark the first file as the one that `snakemake --report` shows, with its caption."""
    labels, caption = {kind: name}, f"../report/{kind}_{name}.rst"
    return [report(files[0], caption=caption, category=f"{kind}s".title(), labels=labels), *files[1:]]


FILES = {
    f"table_{t}": (f"table {t}", ROWS[t], in_report("table", t, layout.table_files(P, t)))
    for t in layout.shown(P, layout.TABLES)
}
FILES["plots"] = ("plots", ALL_ROWS, layout.plot_files(P))
FILES["metrics"] = ("metrics", ALL_ROWS, [layout.metrics_file(P)])

for rule_name, (command, rows, outputs) in FILES.items():

    rule:
        name:
            rule_name
        input:
            rows=rows,
            code=code("table"),
        output:
            outputs,
        log:
            f"logs/{REPORT}/{rule_name}.log",
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            command=command,
            section=P.report.canonical(),
            names=NAMES,
        message:
            f"{command}"
        shell:
            "python -m energyflow.cli job {params.command} --params {params.section:q} --inputs {input.rows}"
            " --outputs {output} > {log} 2>&1"


def code_of(figure):
    """Source files that draw a figure; the landscape alone needs the policies."""
    if figure == "landscape":
        return code("figure", "energyflow.report.landscape", method=ENERGY[0])
    return code("figure")


for figure in layout.shown(P, layout.FIGURES):

    rule:
        name:
            f"figure_{figure}"
        input:
            rows=ROWS[figure],
            code=code_of(figure),
        output:
            in_report("figure", figure, layout.figure_files(P, figure)),
        log:
            f"logs/{REPORT}/figure_{figure}.log",
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            name=figure,
            plot=P.plots[figure].canonical(),
            section=P.report.canonical(),
            names=NAMES,
        message:
            f"figure {figure}"
        shell:
            "python -m energyflow.cli job figure {params.name} --params {params.plot:q} --report {params.section:q}"
            " --inputs {input.rows} --outputs {output} > {log} 2>&1"
