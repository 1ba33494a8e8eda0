"""The sidecar: candidates in from a running Zeek, verdicts back. docs/wire.md is the contract."""
