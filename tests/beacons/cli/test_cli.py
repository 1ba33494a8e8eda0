"""Each command as a user types it: its exit code, and one fact about what it did."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons import __version__
from zeek_beacons.scoring.model import shipped_model

from .commands import run

Make = Callable[..., dict[str, Any]]
Log = Callable[..., Path]


def spawn(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, for what only a process has."""
    command = [sys.executable, "-m", "zeek_beacons", *map(str, arguments)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **options)


@pytest.fixture
def log(conn_log: Log, pair: Make) -> Path:
    return conn_log([pair(), pair(orig_h="10.0.0.6", rhythm=False)])


def test_version() -> None:
    assert run("--version").stdout.strip() == __version__


def test_score_shows_the_beacon_and_writes_reports(log: Path, tmp_path: Path) -> None:
    ran = run("score", log, "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    assert "10.0.0.5" in ran.stdout
    assert "1 alert in 2 pairs" in ran.stdout
    assert "10.0.0.6" not in ran.stdout
    assert (tmp_path / "out" / "report.md").exists()
    summary = json.loads((tmp_path / "out" / "run_summary.json").read_text())
    assert summary["ingest"]["used"] == 200
    assert not ran.stderr


def test_score_as_json_is_json(log: Path) -> None:
    found = json.loads(run("score", log, "--json").stdout)
    assert [alert["orig_h"] for alert in found["alerts"]] == ["10.0.0.5"]


def test_fail_on_alert_is_exit_code_1(log: Path) -> None:
    assert run("score", log, "--fail-on-alert").returncode == 1
    assert run("score", log, "--fail-on-alert", "--min-connections", 200).returncode == 0


def test_score_from_stdin(log: Path) -> None:
    with log.open() as stream:
        assert "1 alert in 2 pairs" in spawn("score", "-", stdin=stream, stdout=subprocess.PIPE).stdout


def test_an_allow_list_silences_but_keeps(log: Path, tmp_path: Path) -> None:
    allow = tmp_path / "allow.list"
    allow.write_text("pair 10.0.0.5 203.0.113.0/24 443/tcp\n")
    ran = run("score", log, "--allow", allow, "-o", tmp_path / "out")
    assert "0 alerts in 2 pairs" in ran.stdout
    assert "allow-list" in (tmp_path / "out" / "scored_pairs.csv").read_text()


def test_rules_score_without_a_model(log: Path) -> None:
    assert "model rules" in run("score", log, "--rules-only").stdout


def test_settings_from_file_and_environment(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "beacons.toml"
    file.write_text('profile = "sensitive"\nmin_connections = 7\n')
    monkeypatch.setenv("ZEEK_BEACONS_MIN_CONNECTIONS", "8")
    found = json.loads(run("score", log, "--json", "--config", file).stdout)
    assert (found["profile"], found["settings"]["min_connections"]) == ("sensitive", 8)


def test_truth_prints_figures(log: Path, tmp_path: Path) -> None:
    truth = tmp_path / "labels.csv"
    truth.write_text(
        "orig_h,resp_h,resp_p,proto,label\n10.0.0.5,203.0.113.9,443,tcp,c2\n10.0.0.6,203.0.113.9,443,tcp,benign\n"
    )
    ran = run("score", log, "--truth", truth)
    assert "ROC AUC 1.000, precision 1.000, recall 1.000, F1 1.000 (1 beacons, 1 benign, 0 false alerts)" in ran.stdout


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_validate_refuses_a_header_without_a_row_and_score_notes_it(as_json: tuple[str, ...], log: Path) -> None:
    header = [line for line in log.read_bytes().splitlines(keepends=True) if line.startswith(b"#")]
    log.write_bytes(b"".join(header))
    ran = run("validate", log, *as_json)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"{log}: a header and no row" in ran.stderr
    ran = run("score", log)
    assert ran.returncode == 0, ran.stderr
    assert "note: the input holds no rows" in ran.stdout


def test_validate_tells_what_is_wrong_where(log: Path) -> None:
    with log.open("a") as file:
        file.write("not a row\n")
    ran = run("validate", log)
    assert ran.returncode == 0
    assert "skipped 1: too few fields" in ran.stdout
    assert f"{log}:204: not a row" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["score", "nowhere.log"], "nowhere.log: no such file"),
        (["score", "LOG", "--profile", "wild"], "profile is 'wild', expected one of"),
        (["score", "LOG", "--min-connections", "1"], "min_connections is 1"),
        (["score", "LOG", "--format", "xml"], "--format is 'xml'"),
        (["score", "LOG", "--from", "yesterday"], "--from is 'yesterday'"),
        (["score", "LOG", "--model", "nowhere"], "manifest.json: cannot be read"),
        (["score", "LOG", "--allow", "nowhere"], "allow-list cannot be read"),
        (["score", "LOG", "--truth", "nowhere"], "cannot be read"),
        (["score", "LOG", "--config", "nowhere"], "nowhere: cannot be read"),
        (["score", "LOG", "--local-net", "10.0.0.0/99"], "local_nets"),
        (["validate", "LOG", "--strict", "--format", "flows"], "required column missing"),
        (["model", "verify", "nowhere"], "manifest.json: cannot be read"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    arguments: list[str], problem: str, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*(str(log) if argument == "LOG" else argument for argument in arguments))
    assert ran.returncode == 2
    assert problem in ran.stderr
    assert ran.stderr.startswith("error: ")
    assert ran.stderr.count("\n") == 1
    assert not ran.stdout


def test_an_unknown_option_is_exit_code_2(log: Path) -> None:
    assert run("score", log, "--frobnicate").returncode == 2


def test_bad_input_leaves_no_output(tmp_path: Path) -> None:
    log = tmp_path / "conn.log.gz"
    log.write_bytes(gzip.compress(b"#fields\tts\n" * 10_000)[:-20])
    out = tmp_path / "out"
    ran = run("score", log, "-o", out)
    assert ran.returncode == 2
    assert "conn.log.gz" in ran.stderr
    assert not out.exists()


def test_an_output_folder_that_is_a_file_is_refused(log: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    ran = run("score", log, "-o", tmp_path / "out")
    assert ran.returncode == 2
    assert (tmp_path / "out").read_text() == "mine"


def test_a_full_disk_is_one_line_and_exit_code_2(log: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with Path("/dev/full").open("w") as full:
        ran = spawn("score", log, "--json", stdout=full)
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: ")


def test_a_model_without_knowledge_is_warned_of(log: Path, tmp_path: Path) -> None:
    model, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(shipped_model(), model, ignore=shutil.ignore_patterns("public_knowledge.*"))
    ran = run("score", log, "--model", model, "-o", out)
    assert ran.returncode == 0
    (warning,) = json.loads((out / "run_summary.json").read_text())["warnings"]
    assert warning.startswith(f"{model / 'public_knowledge.bin'} is missing")
    assert f"WARNING: {warning}" in ran.stderr
    assert "the one that ships with this program is used" in run("model", "verify", model).stdout


def test_model_show_and_verify() -> None:
    assert json.loads(run("model", "show").stdout)["version"] == 3
    assert "is good" in run("model", "verify").stdout


def test_names_from_the_network_are_no_markup(conn_log: Log, pair: Make) -> None:
    log = conn_log([pair(), pair(orig_h="fd00::1", resp="fd00::b:7"), pair(orig_h="10.0.0.7")])
    uids = [line.split("\t")[1] for line in log.read_text().splitlines() if "\t10.0.0.7\t" in line]
    names = "".join(f"{uid}\ta[/b].example\n" for uid in uids)
    (log.parent / "ssl.log").write_text("#separator \\x09\n#path\tssl\n#fields\tuid\tserver_name\n" + names)
    ran = run("score", log)
    assert ran.returncode == 0, ran.stderr
    assert "a[/b].example:443" in ran.stdout
    assert "[fd00::b:7]:443" in ran.stdout


def test_nothing_is_left_behind_in_a_home(log: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    ran = spawn("score", log, stdout=subprocess.PIPE, env={"HOME": str(home), "PATH": os.environ["PATH"]})
    assert ran.returncode == 0, ran.stderr
    assert list(home.rglob("*")) == []
    assert ran.stderr == ""


def test_an_ascii_terminal_is_enough(conn_log: Log, pair: Make) -> None:
    log = conn_log([pair(orig_h=f"10.0.1.{host}") for host in range(25)])
    ran = spawn("score", log, stdout=subprocess.PIPE, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("words", ["score LOG --json", "model show", "--help"])
def test_a_reader_that_leaves_is_no_crash(words: str, log: Path) -> None:
    command = f"{sys.executable} -m zeek_beacons {words.replace('LOG', str(log))}"
    gone = subprocess.run(
        ["bash", "-c", f"(sleep .2; {command}) | true; exit ${{PIPESTATUS[0]}}"], capture_output=True, check=False
    )
    assert (gone.returncode, gone.stderr) == (1, b"")


def test_a_command_leaves_signals_as_they_are(log: Path) -> None:
    before = signal.getsignal(signal.SIGPIPE)
    run("score", log)
    assert signal.getsignal(signal.SIGPIPE) == before == signal.SIG_IGN


@pytest.mark.parametrize("row", ["10.0.0.5,203.0.113.9,,tcp,c2", "10.0.0.5,203.0.113.9,443,tcp,malware"])
def test_labels_that_say_nothing_are_refused(row: str, log: Path, tmp_path: Path) -> None:
    truth = tmp_path / "labels.csv"
    truth.write_text(f"orig_h,resp_h,resp_p,proto,label\n{row}\n")
    ran = run("score", log, "--truth", truth)
    assert ran.returncode == 2
    assert "labels.csv" in ran.stderr


def test_a_time_range_the_wrong_way_round_is_refused(log: Path) -> None:
    assert run("score", log, "--from", "2026-01-02", "--to", "2026-01-01").returncode == 2
