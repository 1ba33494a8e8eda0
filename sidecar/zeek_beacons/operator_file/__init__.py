"""What operators say and ask for, in one SQLite file: the console writes `operator.sqlite`, the sidecar follows it.

`schema.py` has the tables, `store.py` writes, `words.py` reads what holds now, `follow.py` keeps a sidecar up to date.
"""

FILE_NAME = "operator.sqlite"
