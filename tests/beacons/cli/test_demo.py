"""The guided walk over a sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import run

PARTS = (
    *("1. The input", "2. What alerts", "3. What the first finding means", "4. What was wrong, by the labels"),
    *("5. How clean the input was", "6. What not to expect", "7. What to do next"),
)


@pytest.mark.parametrize("sample", ["site", "flows", "events"])
def test_every_sample_is_walked_through(sample: str, tmp_path: Path) -> None:
    ran = run("demo", tmp_path / "out", "--sample", sample)
    assert ran.returncode == 0, ran.stderr
    places = [ran.stdout.index(part) for part in PARTS]
    assert places == sorted(places)
    assert (tmp_path / "out" / "report" / "report.html").is_file()
    assert "false: " in ran.stdout
    assert "missed: " in ran.stdout


def test_what_lies_there_is_not_overwritten_unasked(tmp_path: Path) -> None:
    assert run("demo", tmp_path).returncode == 0
    again = run("demo", tmp_path)
    assert again.returncode == 2
    assert "conn.log" in again.stderr
    assert run("demo", tmp_path, "--force").returncode == 0


def test_the_commands_that_it_names_are_there(tmp_path: Path) -> None:
    told = run("demo", tmp_path / "out").stdout
    named = [line.split("#")[0].split()[1:] for line in told.splitlines() if line.strip().startswith("zeek-beacons ")]
    assert len(named) == 3
    for words in named:
        assert run(words[0], "--help").returncode == 0, words


def test_an_unknown_sample_is_refused(tmp_path: Path) -> None:
    ran = run("demo", tmp_path, "--sample", "nothing")
    assert ran.returncode == 2
    assert "expected one of site, flows, events" in ran.stderr
