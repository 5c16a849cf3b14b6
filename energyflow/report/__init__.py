"""Rows of episodes -> statistics -> tables and figures. Reads files only; trains and simulates nothing.

rows.py        read and check the inputs          statistics.py  two-way bootstrap, honest intervals
summaries.py   success, OOD, NFE, losses          learning.py    reward shaping and the paper's claim
costs.py       seconds, parameters, latency       published.py   the paper's numbers with their grades
tables.py      one builder per table              captions.py    what was run; render.py: formats
figures.py     one builder per figure             style.py       colours, bytes; landscape.py
outputs.py     what the command line calls        names.py       what a reader sees for each name
"""
