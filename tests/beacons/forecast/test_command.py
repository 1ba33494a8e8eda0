"""`zeek-beacons forecast`: its files, its words, and nothing half-written."""

from __future__ import annotations

import csv
import json
import sys
import unittest.mock
from pathlib import Path

import numpy as np
import pytest

import zeek_beacons.forecast
from tests.beacons.cli.commands import run
from tests.beacons.readers.logs import conns, tsv
from zeek_beacons.cli.forecast import seconds
from zeek_beacons.errors import ConfigError

HOUR = 3600.0
BEACON = "198.51.100.77"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    rows = []
    for host in range(4):
        times = np.sort(rng.uniform(0, 18 * HOUR, 700)).tolist()
        rows += conns(times, id__orig_h=f"10.0.0.{host + 1}", id__resp_h="203.0.113.9", orig_pkts=4, resp_pkts=5)
    rows += conns([HOUR, 3 * HOUR], id__orig_h="10.0.0.1", id__resp_h=BEACON, service="=cmd()")
    busy = (14 * HOUR + np.arange(0, 2 * HOUR, 8)).tolist()
    rows += conns(busy, id__orig_h="10.0.0.1", id__resp_h=BEACON, service="=cmd()")
    file = tmp_path_factory.mktemp("logs") / "conn.log"
    file.write_bytes(tsv(sorted(rows, key=lambda row: row["ts"])))
    return file


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_it_writes_what_it_promises(log: Path, tmp_path: Path) -> None:
    ran = run("forecast", log, "--dst", BEACON, "--false-alerts-per-host-day", 0.5, "-o", tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert BEACON in ran.stdout
    names = {file.name for file in tmp_path.iterdir()}
    assert names - {"anomaly_scores.png"} == {
        *("top_scores.csv", "alerts.csv", "alerts_dst.csv", "report.html", "run_summary.json")
    }
    alerts, of_one = rows_of(tmp_path / "alerts.csv"), rows_of(tmp_path / "alerts_dst.csv")
    assert {row["resp_h"] for row in of_one} == {BEACON} < {row["resp_h"] for row in alerts} | {""}
    (pair,) = (row for row in of_one if row["level"] == "pair")
    assert (pair["begin"], pair["told"]) == ("2026-01-01T14:00:00Z", "2026-01-01T14:20:00Z")
    assert float(pair["score"]) >= float(pair["threshold"])
    summary = json.loads((tmp_path / "run_summary.json").read_text())
    assert summary["alerts"] == len(alerts)
    assert set(summary["outputs"]) == names
    assert summary["series"]["pair"]["all"] == 5
    assert BEACON in (tmp_path / "report.html").read_text()
    assert 'class="chart surprise"' in (tmp_path / "report.html").read_text()


def test_the_picture_is_a_png(log: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="anomaly_scores.png is NOT tested: matplotlib is missing")
    assert run("forecast", log, "-o", tmp_path).returncode == 0
    assert (tmp_path / "anomaly_scores.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_all_but_the_picture_is_there(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "anomaly_scores.png").write_text("of an earlier run")
    monkeypatch.delitem(sys.modules, "zeek_beacons.forecast.picture", raising=False)
    monkeypatch.delattr(zeek_beacons.forecast, "picture", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = run("forecast", log, "-o", tmp_path)
    assert ran.returncode == 0
    assert "matplotlib" in ran.stdout
    assert not (tmp_path / "anomaly_scores.png").exists()


def test_names_from_the_network_are_no_formulas(log: Path, tmp_path: Path) -> None:
    run("forecast", log, "--false-alerts-per-host-day", 0.5, "-o", tmp_path)
    services = {row["service"] for row in rows_of(tmp_path / "top_scores.csv")}
    assert "'=cmd()" in services
    assert not [text for text in services if text.startswith("=")]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--train-hours", 100], "error: input: nothing to judge"),
        (["--train-hours", 0.5], "not enough baseline"),
        (["--window", "5 parsecs"], "--window is '5 parsecs'"),
        (["--persistence", 0], "--persistence is 0"),
        (["--dst", "example.com"], "--dst is 'example.com', expected an address"),
        (["--model", "crystal"], "--model is 'crystal', expected one of light, transformer"),
        (["--anomaly-threshold", 1, "--false-alerts-per-host-day", 1], "exclude each other"),
        (["--format", "candidates"], "holds pairs, not connections"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    log: Path, tmp_path: Path, words: list[object], problem: str
) -> None:
    ran = run("forecast", log, *words, "-o", tmp_path / "out")
    assert ran.returncode == 2
    assert problem in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_failure_while_writing_leaves_what_was_there(log: Path, tmp_path: Path) -> None:
    assert run("forecast", log, "-o", tmp_path).returncode == 0
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with unittest.mock.patch("zeek_beacons.forecast.outputs.forecast_page", side_effect=OSError(28, "no space")):
        ran = run("forecast", log, "--persistence", 6, "-o", tmp_path)
    assert ran.returncode == 2
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_destination_that_nobody_talks_to_is_said(log: Path) -> None:
    ran = run("forecast", log, "--dst", "192.0.2.1")
    assert ran.returncode == 0
    assert "0 of them of 192.0.2.1" in ran.stdout
    assert "no connection goes there" in ran.stdout


def test_widths_are_read_as_people_write_them() -> None:
    assert [seconds("--window", text) for text in ("30s", "5min", "5 m", "1.5h")] == [30, 300, 300, 5400]
    with pytest.raises(ConfigError):
        seconds("--window", "-5min")
