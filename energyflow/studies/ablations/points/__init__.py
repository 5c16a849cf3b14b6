"""Rows of the ablations -> a table, a figure and a sentence a point -> results/ablations/README.md."""
