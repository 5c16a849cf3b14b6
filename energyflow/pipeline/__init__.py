"""From params.yaml to jobs and their files, for Snakemake and DVC."""
