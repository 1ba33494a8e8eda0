"""Finds command-and-control beaconing in the timing of Zeek's connections."""

__version__ = "0.1.0"
