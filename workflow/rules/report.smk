# Rows to tables, figures, plots and metrics: reads files only, seconds each.
if not STAGES["landscape"]:
    raise WorkflowError("params.yaml: methods: the figure landscape needs an energy: energyflow or energyflow_paper")

ROWS = plan.report_rows(P)
REPORT = layout.report_dir(P)


def in_report(kind, name, files):
    """Mark the first file as the one that `snakemake --report` shows, with its caption."""
    labels, caption = {kind: name}, f"../report/{kind}_{name}.rst"
    return [report(files[0], caption=caption, category=f"{kind}s".title(), labels=labels), *files[1:]]


FILES = {
    f"table_{t}": (f"table {t}", ROWS[t], in_report("table", t, layout.table_files(P, t)))
    for t in layout.shown(P, layout.TABLES)
}
FILES["plots"] = ("plots", ROWS["plots"], layout.plot_files(P))
FILES["metrics"] = ("metrics", ROWS["metrics"], layout.metrics_files(P))

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


for figure in layout.shown(P, layout.FIGURES):

    rule:
        name:
            f"figure_{figure}"
        input:
            rows=ROWS[figure],
            code=code("figure"),
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
