"""The laboratory's commands as a person calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.cli.commands import Ran, run
from zeek_beacons_lab.cli import main

Make = Callable[..., dict[str, Any]]
Log = Callable[..., Path]


def lab(*arguments: object) -> Ran:
    return run(*arguments, command=main)


def test_a_file_that_is_not_there_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ran = lab("convert", "nowhere.csv.gz", "-o", tmp_path / "out")
    assert ran.returncode == 2
    assert "nowhere.csv.gz" in ran.stderr


def test_synth_makes_what_score_finds(tmp_path: Path) -> None:
    made = lab("synth", tmp_path / "site", "--beacons", 3, "--benign", 5, "--hours", 6)
    assert made.returncode == 0, made.stderr
    ran = run("score", tmp_path / "site", "--truth", tmp_path / "site" / "labels.csv", "--json")
    assert json.loads(ran.stdout)["truth"]["beacons"] >= 3


@pytest.mark.usefixtures("size")
def test_train_makes_a_model_that_scores(conn_log: Log, pair: Make, tmp_path: Path) -> None:
    made = lab("train", "-o", tmp_path / "model", "--pairs", 200, "--trees", 10)
    assert made.returncode == 0, made.stderr
    assert run("score", conn_log([pair()]), "--model", tmp_path / "model").returncode == 0


def test_bench_score_prints_ratios(tmp_path: Path) -> None:
    ran = lab("bench", "score", "--connections", 3000, "--pairs", 100, "--runs", 1, "--folder", tmp_path)
    assert "| score |" in ran.stdout, ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_flows_made_by_synth_are_scored_from_their_folder(tmp_path: Path) -> None:
    lab("synth", tmp_path / "fl", "--format", "csv", "--beacons", 2, "--benign", 3, "--hours", 4)
    assert run("score", tmp_path / "fl", "-o", tmp_path / "fl" / "report").returncode == 0
    assert run("score", tmp_path / "fl", "-o", tmp_path / "fl" / "report").returncode == 0
