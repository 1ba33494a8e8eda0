"""The synth command, and what it must not import."""

from __future__ import annotations

from pathlib import Path

import typer
from typer.testing import CliRunner

from zeek_beacons_lab.cli.synth import synth

_APP = typer.Typer()
_APP.command()(synth)


def test_synth_writes_a_labelled_site(tmp_path: Path) -> None:
    result = CliRunner().invoke(_APP, [str(tmp_path / "out"), "--beacons", "2", "--benign", "8", "--hours", "3"])
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"conn.log", "ssl.log", "http.log", "labels.csv"}


def test_help_shows_examples() -> None:
    result = CliRunner().invoke(_APP, ["--help"])
    assert result.exit_code == 0
    assert "Examples" in result.output
