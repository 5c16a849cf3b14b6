"""Rows of episodes -> statistics -> tables, figures and pages. Reads files only; trains and simulates nothing.

rows.py        which run a file is of; checked rows   recorded.py    what its run.json and model.json say
statistics.py  two-way bootstrap; seeds.py: Student-t comparisons.py paired differences, probability of improvement
summaries.py   success, NFE, losses                   ranking.py     the order of the methods, beside the paper's
robustness.py  levels, and the claim about them       learning.py    reward shaping and the paper's claim
costs.py       seconds, parameters, latency           claims.py      the paper's claims about them
published.py   the paper's numbers with their grades  columns.py, render.py, captions.py, wording.py: parts of tables
tables.py      one builder per table, with level_tables.py and cost_tables.py
figures.py     one builder per figure                 drawing.py, style.py: its parts; landscape.py, video.py
archive.py     rows of many runs, packed for git
outputs.py     what the command line calls            names.py       what a reader sees for each name
point.py       a claim with its table and figure      page.py        all points of a study; readme.py: in documents
"""
