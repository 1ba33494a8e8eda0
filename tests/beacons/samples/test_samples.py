"""The samples that ship: unpacked whole, readable, and what the generator makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.beacons.cli.commands import run
from zeek_beacons.samples import SAMPLES, files_of
from zeek_beacons_lab.cli.samples import MAKERS, made

EACH = pytest.mark.parametrize("name", SAMPLES)


@EACH
def test_the_generator_makes_what_ships(name: str) -> None:
    """Else the samples are out of date: python -m zeek_beacons_lab samples."""
    assert set(MAKERS) == set(SAMPLES)
    assert files_of(name) == made(name)


@EACH
def test_a_sample_is_scored_from_its_folder(name: str, tmp_path: Path) -> None:
    assert run("sample", name, tmp_path / "in").returncode == 0
    assert sorted(file.name for file in (tmp_path / "in").iterdir()) == sorted(files_of(name))
    ran = run("score", tmp_path / "in", "--truth", tmp_path / "in" / "labels.csv", "--json")
    assert ran.returncode == 0, ran.stderr
    summary = json.loads(ran.stdout)
    assert len(summary["alerts"]) > 0
    assert summary["truth"]["beacons"] >= 4
    assert summary["ingest"]["rows"] == summary["ingest"]["used"]


def test_without_a_name_it_is_the_site(tmp_path: Path) -> None:
    ran = run("sample", tmp_path / "here")
    assert ran.returncode == 0
    assert (tmp_path / "here" / "conn.log").is_file()
    again = run("sample", tmp_path / "here")
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert run("sample", tmp_path / "here", "--force").returncode == 0


@pytest.mark.parametrize("words", [["nothing", "out"], ["site", "out", "more"]])
def test_an_unknown_sample_is_refused(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("sample", *words)
    assert ran.returncode == 2
    assert words[-1] in ran.stderr or words[0] in ran.stderr
    assert not list(tmp_path.iterdir())
