"""The points of the page: rows to a table, a figure and sentences."""
