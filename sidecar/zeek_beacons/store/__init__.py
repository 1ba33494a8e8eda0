"""The tables that the sidecar's history and a run's result.sqlite have in common: written here, read by `readmodel`."""
