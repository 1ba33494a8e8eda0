"""What the sidecar remembers over weeks, in one SQLite file."""
