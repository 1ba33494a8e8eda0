"""`zeek-beacons follow` as a command: the verdicts of `score`, over restarts and kills, each alert once."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ...cli.commands import run
from ...readers.logs import T0
from .made import HOUR, grown, site, whole

LOGS = site()
VERDICTS = "SELECT orig_h, resp, resp_p, proto, channel, score, label, level, kind, suppressed, conns FROM verdicts"


def verdicts(file: Path) -> dict[Any, tuple[Any, ...]]:
    """By key what was concluded about the pairs that were scored."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        return {row[:5]: row[5:] for row in db.execute(VERDICTS) if row[5] is not None}


def same(followed: Path, scored: Path) -> None:
    one, other = verdicts(followed), verdicts(scored)
    assert one.keys() == other.keys()
    for key, (score, *rest) in other.items():
        assert abs(one[key][0] - score) <= 1e-6, key
        assert list(one[key][1:]) == rest, key


def told(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def options(tmp_path: Path) -> list[object]:
    alert = f"file:{tmp_path / 'alerts.json'}"
    return ["--history", tmp_path / "h.db", "--state", tmp_path / "s.json", "--alert", alert]


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue of alerts is each test's own."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))


def test_once_says_what_score_says_and_says_it_once(tmp_path: Path) -> None:
    logs = whole(tmp_path / "logs", LOGS)
    assert run("score", logs, "-o", tmp_path / "report").returncode == 0
    for _ in range(2):
        ran = run("follow", logs, "--once", *options(tmp_path))
        assert ran.returncode == 0, ran.stderr
    same(tmp_path / "h.db", tmp_path / "report" / "result.sqlite")
    alerts = told(tmp_path / "alerts.json")
    assert alerts
    started = {row["uid"]: row["ts"] for _, row in LOGS["conn"]}
    with contextlib.closing(sqlite3.connect(tmp_path / "h.db")) as db:
        named = db.execute("SELECT uids, last_ts FROM verdicts WHERE channel = 'conn' AND orig_h LIKE '10.0.1.%'")
        assert {started[uids.split()[0]] - last for uids, last in named} == {0.0}
    assert len({(one["incident"], one["severity"]) for one in alerts}) == len(alerts)
    shown = run("status", "--state", tmp_path / "s.json").stdout
    assert f"{len(LOGS['conn'])} connections, 0 bad, 0 twice" in shown
    assert "the sidecar ended" in shown


def test_killed_in_the_middle_each_alert_comes_once(tmp_path: Path) -> None:
    """Logs that grow, and a process that is killed again and again: in the end all is as if nothing had happened."""
    logs, rng = tmp_path / "logs", np.random.default_rng(3)
    state = tmp_path / "s.json"
    command = [sys.executable, "-m", "zeek_beacons", "follow", logs, *options(tmp_path), "--interval", "0.2"]
    for until in (T0 + HOUR, T0 + 2 * HOUR):
        grown(logs, LOGS, until, 20)
        running = subprocess.Popen([str(one) for one in command], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not _has_judged(state, running.pid):
            time.sleep(0.05)
        assert _has_judged(state, running.pid)
        grown(logs, LOGS, until + 1800, 70)
        time.sleep(rng.uniform(0.0, 1.0))
        running.send_signal(signal.SIGKILL)
        running.wait()
    whole(logs, LOGS)
    assert run("follow", logs, "--once", *options(tmp_path)).returncode == 0
    assert run("score", logs, "-o", tmp_path / "report").returncode == 0
    same(tmp_path / "h.db", tmp_path / "report" / "result.sqlite")
    alerts = told(tmp_path / "alerts.json")
    assert len({(one["incident"], one["severity"]) for one in alerts}) == len(alerts)
    expected = {key for key, one in verdicts(tmp_path / "report" / "result.sqlite").items() if one[2]}
    assert expected
    with contextlib.closing(sqlite3.connect(tmp_path / "h.db")) as db:
        incidents = {row[:5]: row[5] for row in db.execute(VERDICTS.replace("channel, score", "channel, incident"))}
    assert {incidents[key] for key in expected} <= {one["incident"] for one in alerts}
    assert not list(db_unconfirmed(tmp_path / "h.db"))


def db_unconfirmed(file: Path) -> list[Any]:
    """Alerts that a Zeek would still be told of."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        return db.execute("SELECT * FROM alerts WHERE confirmed < sent").fetchall()


def _has_judged(state: Path, pid: int) -> bool:
    try:
        found = json.loads(state.read_text())
    except (OSError, ValueError):
        return False
    return bool(found["pid"] == pid and found["scored"] > 0)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    ran = run("follow", tmp_path / "nowhere", "--once")
    assert ran.returncode == 2
    assert "no such file or folder" in ran.stderr
    ran = run("follow", tmp_path, "--once", "--max-pairs", "3")
    assert (ran.returncode, "--max-pairs is 3" in ran.stderr) == (2, True)
    assert not list(tmp_path.iterdir())
