"""`score --engine spark`: connections -> pairs -> verdicts on the executors of a Spark cluster, as one machine does it.

    lines, tables -> rows.py: checked connections -> shuffled by 5-tuple -> partials.py: a part of each pair
    -> shuffled by pair -> pairs_of.py: pairs -> what is counted over all of them joined -> shuffled by originator
    -> judge.py: verdicts -> Parquet; those that alert, and their hosts' other pairs -> the driver's reports

What runs on executors (rows, partials, pairs_of, judge, names) knows Arrow and nothing of PySpark; session, inputs and
run are the driver's. PySpark is imported by these three alone, and they by the command that was asked for it.
"""
