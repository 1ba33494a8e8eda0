"""Connections of other collectors: taken in, bounded, and never more than the sidecar keeps up with."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.operator_file.test_telemetry import connection

from .made import Running, console, history


def sidecar_says(folder: Path, **told: Any) -> None:
    """Leaves a state as a sidecar does."""
    state = {"written": time.time(), "pid": 1, "role": "serving", "nodes": {}, "operator": told}
    (folder / "status.json").write_text(json.dumps(state))


def test_connections_wait_for_the_sidecar(running: Running) -> None:
    sent = [connection(60.0 * n, duration=0.5, orig_bytes=300, resp_bytes=900, conn_state="SF") for n in range(3)]
    answer = running.post("telemetry", json={"connections": sent})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3, "waiting": 3})
    assert running.get("status").json()["telemetry"]["waiting"] == 3


def test_from_four_fifths_on_a_collector_is_asked_to_come_later(tmp_path: Path) -> None:
    history(tmp_path)
    with console(tmp_path, telemetry_connections=100) as running:
        sent = {"connections": [connection(float(n)) for n in range(40)]}
        assert [running.post("telemetry", json=sent).status_code for _ in range(3)] == [202, 202, 503]
        refused = running.post("telemetry", json=sent)
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["content-type"] == "application/problem+json"
        store = running.surface.store
        sidecar_says(tmp_path, telemetry_taken={store.identity(): 1})
        assert running.post("telemetry", json=sent).status_code == 202
        sidecar_says(tmp_path, telemetry_taken={"another file": 99})
        assert running.post("telemetry", json=sent).status_code == 503


BAD: list[Any] = [
    {},
    {"connections": []},
    {"connections": [{}]},
    {"connections": [connection(1.0, proto="x")]},
    {"connections": [connection(1.0, duration=-1)]},
    {"connections": [connection(1e30)]},
    {"connections": [connection(1.0, orig_bytes="many")]},
    {"connections": [connection(1.0, server_name="x" * 300)]},
    {"connections": [connection(1.0)] * 5001},
    {"connections": [connection(1.0)], "more": 1},
]


@pytest.mark.parametrize("body", BAD)
def test_what_is_no_connection_is_refused_as_a_whole(standing: Running, body: Any) -> None:
    answer = standing.post("telemetry", json=body)
    assert answer.status_code == 422
    assert standing.get("status").json()["telemetry"]["waiting"] == 0


def test_a_result_is_followed_by_no_sidecar(tmp_path: Path) -> None:
    with console(tmp_path, report=str(tmp_path)) as running:
        assert running.post("telemetry", json={"connections": [connection(1.0)]}).status_code == 409
        assert running.post("analyze").status_code == 409
        assert running.post("config", json={"profile": "sensitive"}).status_code == 409
