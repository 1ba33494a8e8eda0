"""`validate` and `score` on every format, as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.beacons.readers.samples import Sample, samples

from .commands import run

SAMPLES = samples(120)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_is_validated_and_scored(name: str, tmp_path: Path) -> None:
    sample: Sample = SAMPLES[name]
    file = tmp_path / sample.name
    file.write_bytes(sample.data)
    told = json.loads(run("validate", file, "--json").stdout)
    assert told["files"] == {str(file): name.split("-")[0]}
    assert told["rows"] == told["used"] == len(sample.lines)
    ran = run("score", file, "-o", tmp_path / "report")
    assert ran.returncode == 0, ran.stderr
    summary = json.loads((tmp_path / "report" / "run_summary.json").read_text())
    assert summary["ingest"]["rows"] == len(sample.lines)


def test_a_map_is_an_option_of_both_and_stands_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "firewall.csv"
    file.write_text("When,Source,Destination,Port,Proto\n1767225600,10.0.0.5,203.0.113.9,443,tcp\n")
    options = ["--map", "start=When", "--map", "orig_h=Source", "--map", "resp_h=Destination", "--map", "resp_p=Port"]
    for command in ("validate", "score"):
        assert run(command, file, *options).returncode == 0
        ran = run(command, file)
        assert ran.returncode == 2
        assert "its columns are: When, Source, Destination, Port, Proto" in ran.stderr
    config = tmp_path / "beacons.toml"
    config.write_text('map = ["start=When", "orig_h=Source", "resp_h=Destination", "resp_p=Port"]\n')
    assert run("score", file, "--config", config).returncode == 0
    ran = run("score", file, *options, "--map", "colour=Proto")
    assert ran.returncode == 2
    assert "no such field" in ran.stderr
