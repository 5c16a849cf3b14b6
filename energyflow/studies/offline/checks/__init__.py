"""What the jobs of the study compute: each module has `rows`."""
