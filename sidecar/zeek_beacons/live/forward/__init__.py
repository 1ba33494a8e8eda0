"""Sends what is followed to another machine's `serve`, which keeps it for a `follow` of its own."""
