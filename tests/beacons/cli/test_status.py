"""`status` as a user runs it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.cli.commands import run
from zeek_beacons.live import state as states


def state(**given: Any) -> dict[str, Any]:
    """What a healthy sidecar leaves."""
    names = ("received", "scored", "queue", "alerts", "confirmed", "unconfirmed", "forgotten_alerts", "dropped")
    zeros = dict.fromkeys((*names, "gaps", "failed", "faults", "resyncs"), 0)
    me = {"name": "host:1", "version": "0.1.0", "model": "m", "address": "ws://127.0.0.1:27759", "started": 0.0}
    zeek = {"sensor": "lab", "node": "zeek", "zeek": "8.0.10", "package": "0.1.0", "reason": ""}
    heard = {"boot": "b", "seq": 5, "outstanding": 0, "lost": 0, "silent_seconds": 2.0}
    more = {"role": "serving", "zeek": zeek, "nodes": {"zeek": heard}, "bad": {}, "lag_seconds": None, "history": None}
    return zeros | me | more | {"written": time.time(), "pid": os.getpid(), "ended": False} | given


CONDITIONS = {0: "healthy", 1: "unhealthy", 3: "stale"}


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({}, 0, "healthy"),
        ({"lag_seconds": {"p50": 0.005, "p99": 0.02, "max": 1.0}}, 0, "5 ms median, 20 ms for 99 %"),
        ({"bad": {"frame is no JSON": 3}}, 0, "3 frame is no JSON"),
        (
            {"alerting": {"threshold": 0.6, "profile": "balanced", "alerts_per_host_day": None}},
            0,
            "0.6, profile balanced",
        ),
        ({"role": "away", "problem": "refused"}, 1, "unhealthy: not connected: refused"),
        ({"role": "standby", "zeek": state()["zeek"] | {"reason": "another serves"}}, 1, "another serves"),
        ({"nodes": {"w": state()["nodes"]["zeek"] | {"silent_seconds": 70.0}}}, 1, "no heartbeat from w for 70 s"),
        (
            {"history": {"working": False, "last_error": "disk full", "pairs": 1, "bytes": 1, "errors": 2}},
            1,
            "history: disk full",
        ),
        ({"allow_problem": "line 3"}, 1, "allow-list: line 3"),
        ({"written": 0.0}, 3, "no sign of the sidecar for"),
        ({"pid": 2**22 + 1}, 3, "stale"),
        ({"ended": True}, 3, "the sidecar ended"),
    ],
)
def test_status_tells_how_it_is(given: dict[str, Any], code: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    states.write(state(**given), path)
    ran = run("status", "--state", path)
    assert ran.returncode == code, ran.stderr
    assert said in ran.stdout
    content = json.loads(run("status", "--state", path, "--json").stdout)
    assert (content["state"]["pid"], content["condition"]) == (given.get("pid", os.getpid()), CONDITIONS[code])


def test_status_without_a_state(tmp_path: Path) -> None:
    assert run("status", "--state", tmp_path / "none").returncode == 3
    (tmp_path / "bad").write_text("[]")
    assert run("status", "--state", tmp_path / "bad").returncode == 2
    assert run("status", "--state", "none").returncode == 2
