"""What run_summary.json says of a run."""

from __future__ import annotations

from zeek_beacons.cli.summary import command_line


def test_the_command_is_told_without_secrets() -> None:
    asked = ["score", "a b.log", "--alert", "webhook:https://hooks.example/T0/secret", "--alert=file:/x", "-o", "out"]
    assert command_line(asked) == "zeek-beacons score 'a b.log' --alert webhook:... --alert=file:... -o out"
