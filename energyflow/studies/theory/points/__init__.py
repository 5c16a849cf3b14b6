"""Rows of the checks -> a table, a figure and a sentence a point -> results/<preset>/theory/README.md."""
