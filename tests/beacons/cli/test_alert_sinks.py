"""`--alert` as a user gives it: refused before anything is read, and what is said at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.beacons.alerts import receivers
from tests.beacons.cli.commands import run


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "logs"
    assert run("sample", "site", folder).returncode == 0
    return folder


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--alert", "pigeon:home"], "alert sink 'pigeon:home': unknown kind 'pigeon', expected one of file, syslog"),
        (["--alert", "webhook:a.example"], "alert sink 'webhook:a.example': 'a.example' is no address"),
        (["--alert", "file:a.json", "--alert", "file:a.json"], "is named twice"),
        (["--alert-stopped"], "--alert-stopped needs a sink to alert to: --alert"),
    ],
)
@pytest.mark.parametrize("command", ["score", "sidecar"])
def test_what_is_no_sink_ends_it_before_it_begins(command: str, arguments: list[str], problem: str) -> None:
    ran = run(command, *(["/nowhere/conn.log"] if command == "score" else []), *arguments)
    assert ran.returncode == 2
    assert problem in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_sinks_and_their_settings_come_from_the_settings_file_too(tmp_path: Path, logs: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        f"[alerts]\nalert = ['file:{tmp_path / 'a.json'}']\nqueue = '{tmp_path / 'q.db'}'\nstopped = true\n"
    )
    ran = run("score", logs, "--config", file)
    assert ran.returncode == 0
    events = [json.loads(line)["event"] for line in (tmp_path / "a.json").read_text().splitlines()]
    assert set(events) == {"beacon", "stopped"}
    assert (tmp_path / "q.db").exists()
    for content, problem in (
        ("cooldown_hours = 0", "cooldown_hours is 0.0, expected above 0 to 720"),
        ("wait = -1", "wait is -1.0, expected 0 to 3600"),
        ("sinks = []", "unknown setting 'sinks', expected one of alert, queue"),
        ("alert = 'pigeon:home'", "unknown kind 'pigeon'"),
    ):
        file.write_text(f"[alerts]\n{content}\n")
        ran = run("score", logs, "--config", file)
        assert (ran.returncode, problem in ran.stderr) == (2, True), ran.stderr
    file.write_text("alerts = 3\n")
    assert "alerts is no table" in run("score", logs, "--config", file).stderr


def test_a_score_tells_each_incident_once_and_a_second_one_nothing_new(tmp_path: Path, logs: Path) -> None:
    file = tmp_path / "a.json"
    first, again = (run("score", logs, "--json", "--alert", f"file:{file}") for _ in range(2))
    listed = json.loads(first.stdout)
    alerts = [json.loads(line) for line in file.read_text().splitlines()]
    assert [one["incident"] for one in alerts] == [one["id"] for one in listed["incidents"]]
    assert [one["severity"] for one in alerts] == [one["severity"] for one in listed["incidents"]]
    heads = {(one["orig_h"], one["resp"], one["resp_p"]): one for one in listed["alerts"]}
    for one in alerts:
        head = heads[one["orig_h"], one["resp"], one["resp_p"]]
        assert (one["attack"], one["uids"]) == (head["attack"].split(), (head["uids"] or "").split())
        assert one["summary"].startswith(head["summary"])
    assert f"{len(alerts)} sent" in first.stderr
    assert "0 sent" in again.stderr


def test_what_a_receiver_missed_is_said_and_comes_with_the_next_run(tmp_path: Path, logs: Path, state: Path) -> None:
    port = receivers.free_port()
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[alerts]\nwait = 0\nalert = ['webhook:http://127.0.0.1:{port}/']\n")
    missed = run("score", logs, "--config", settings)
    assert missed.returncode == 0
    assert f"wait in {state / 'alerts.db'} for the next run" in missed.stderr
    with receivers.webhook(port=port) as got:
        settings.write_text(f"[alerts]\nalert = ['webhook:http://127.0.0.1:{port}/']\n")
        came = run("score", logs, "--config", settings)
    ids = [json.loads(message)["id"] for message in got.messages]
    assert f"{len(ids)} sent" in came.stderr
    assert len(set(ids)) == len(ids) > 5


def test_without_a_sink_nothing_is_kept(logs: Path, state: Path) -> None:
    ran = run("score", logs)
    assert (ran.returncode, ran.stderr, state.exists()) == (0, "", False)
