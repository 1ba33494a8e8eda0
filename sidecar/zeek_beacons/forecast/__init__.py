"""Windows of traffic held against a forecast of them: what stays surprising for several windows is an alert.

A road of its own beside pair scoring: it changes no pair's verdict. `run.py` is where the flow can be read.
"""
