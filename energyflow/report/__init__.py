"""Rows of episodes -> statistics -> tables, figures and pages. Reads files only; trains and simulates nothing.

rows.py        which run a file is of; checked rows   statistics.py  two-way bootstrap; seeds.py: Student-t
summaries.py   success, OOD, NFE, losses              learning.py    reward shaping and the paper's claim
costs.py       seconds, parameters, latency           published.py   the paper's numbers with their grades
tables.py      one builder per table                  columns.py, render.py, captions.py, wording.py: its parts
figures.py     one builder per figure                 drawing.py, style.py: its parts; landscape.py, video.py
archive.py     rows of many runs, packed for git
outputs.py     what the command line calls            names.py       what a reader sees for each name
point.py       a claim with its table and figure      page.py        all points of a study; readme.py: in documents
"""
