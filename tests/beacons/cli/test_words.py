"""What the screen, the report and the summary say of a run beside its alerts: threshold, warnings, span, duplicates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .commands import run

Log = Callable[[list[dict[str, Any]]], Path]
Make = Callable[..., dict[str, Any]]


@pytest.fixture
def log(conn_log: Log, pair: Make) -> Path:
    return conn_log([pair(), pair(orig_h="10.0.0.6", rhythm=False)])


def said(log: Path, out: Path, *arguments: object) -> tuple[str, str, str, dict[str, Any]]:
    """Screen, standard error, report and summary of `score`."""
    ran = run("score", log, "-o", out, *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, ran.stderr, (out / "report.md").read_text(), json.loads((out / "run_summary.json").read_text())


def test_a_threshold_that_is_set_is_in_force_and_told(log: Path, tmp_path: Path) -> None:
    screen, _, report, summary = said(log, tmp_path / "out", "--threshold", "0.9999")
    line = "0.9999, set by hand in place of 0."
    assert f"threshold {line}" in screen
    assert f"Threshold: {line}" in report
    assert (summary["threshold"], summary["alerts"]) == (0.9999, 0)
    assert run("score", log, "--threshold", "1.5").returncode == 2
    both = run("score", log, "--threshold", "0.5", "--alerts-per-host-day", "1")
    assert both.returncode == 2
    assert "exclude each other" in both.stderr


def test_the_threshold_of_a_profile_names_it(log: Path, tmp_path: Path) -> None:
    screen, _, _, summary = said(log, tmp_path / "out", "--profile", "sensitive")
    assert f"threshold {summary['thresholds']['sensitive']:.3f}, profile sensitive" in screen


def test_a_budget_says_what_it_gave_and_why(conn_log: Log, pair: Make, tmp_path: Path) -> None:
    log = conn_log(
        [
            pair(resp="45.77.1.9", resp_p=4444),
            *(pair(orig_h=f"10.0.1.{n}", resp="198.51.100.7", rhythm=False, seed=n) for n in range(5)),
        ]
    )
    screen, _, report, summary = said(log, tmp_path / "out", "--alerts-per-host-day", "0.1")
    budget = summary["budget"]
    assert budget["alerts_per_host_day_asked"] == 0.1
    assert budget["alerts"] == summary["alerts"] == 1
    assert budget["alerts_per_host_day"] == pytest.approx(1 / budget["host_days"], rel=0.01)
    assert budget["alerts_counted"] == 0
    for text in (screen, report):
        assert "for a budget of 0.1 alerts per host-day in place of a profile's; 1 alerts in " in text
        assert "from where pairs alert whatever the budget" in text
    assert "profile balanced" not in screen


@pytest.mark.parametrize("line", ["subnet 0.0.0.0/0", "pair * * *", "pair 0.0.0.0/0 * */tcp"])
def test_an_allow_list_of_everything_is_warned_of(line: str, log: Path, tmp_path: Path) -> None:
    allow = tmp_path / "allow.list"
    allow.write_text(f"# ours\n{line}\n")
    _, errors, report, summary = said(log, tmp_path / "out", "--allow", allow)
    warning = f"allow.list:2: {line} allows every connection of its kind"
    assert warning in errors
    assert errors.startswith("WARNING: ")
    assert "> **Warning**: " in report
    assert warning in summary["warnings"][0]


def test_an_allow_list_that_covers_all_there_is_is_warned_of(log: Path, tmp_path: Path) -> None:
    allow = tmp_path / "allow.list"
    allow.write_text("subnet 10.0.0.0/24\n")
    _, errors, _, summary = said(log, tmp_path / "out", "--allow", allow)
    assert summary["warnings"] == ["the allow-list covers all 2 pairs with enough connections: nothing can alert"]
    assert summary["warnings"][0] in errors
    allow.write_text("subnet 10.0.0.6\n")
    assert said(log, tmp_path / "out", "--allow", allow)[3]["warnings"] == []


def test_the_span_on_the_screen_is_that_of_the_range(log: Path, tmp_path: Path) -> None:
    screen, _, _, summary = said(
        log, tmp_path / "out", "--from", "2026-01-01T00:30:00Z", "--to", "2026-01-01T01:00:00Z"
    )
    assert "2026-01-01T00:3" in summary["first_seen"]
    assert "2026-01-01T00:5" in summary["last_seen"]
    assert f"{summary['first_seen']} to {summary['last_seen']}" in screen


def test_duplicates_are_told_with_why(log: Path, tmp_path: Path) -> None:
    again = tmp_path / "conn.2.log"
    again.write_bytes(log.read_bytes())
    ran = run("score", log, again)
    assert "dropped 200 duplicates: the same pair, source port, start and duration as another row" in ran.stdout


def test_the_json_has_the_facts(log: Path) -> None:
    found = json.loads(run("score", log, "--json").stdout)
    (alert,) = found["alerts"]
    assert alert["answered"] == 100
    assert alert["attack"] == "T1071.001 T1573"
    assert alert["command"].startswith(f"cat {log} | zeek-cut ")
    assert len(alert["uids"].split()) == 3
    assert found["grouping"].startswith("rows of one originator")
    assert found["environment"].keys() == {"zeek_beacons", "python", "numpy", "pyarrow", "onnxruntime", "platform"}
    assert found["outputs"].keys() >= {"report.md", "alerts.csv"}


def test_an_error_leaves_no_folder_behind(tmp_path: Path) -> None:
    bad = tmp_path / "conn.log"
    bad.write_text("#separator \\x09\n#path\tconn\n#fields\tts\tuid\n1\tC1\n")
    assert run("score", bad, "-o", tmp_path / "a" / "b").returncode == 2
    assert not (tmp_path / "a").exists()
    (tmp_path / "kept").mkdir()
    assert run("score", bad, "-o", tmp_path / "kept").returncode == 2
    assert (tmp_path / "kept").is_dir()
