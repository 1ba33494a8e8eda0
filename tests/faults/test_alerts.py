"""Alerts to real receivers, while the receivers and the sidecar are killed: none lost, none twice but under its id."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.beacons.alerts import receivers
from zeek_beacons.verdicts import SEVERITIES

from .lab import PATIENCE, Lab


def waiting(queue: Path) -> int:
    with closing(sqlite3.connect(queue)) as db:
        return int(db.execute("SELECT count(*) FROM deliveries WHERE done IS NULL").fetchone()[0])


def confirmed(lab: Lab) -> bool:
    """Whether the sidecar that runs now has sent Zeek every alert, as it last said."""
    state = lab.status()
    return bool(state) and state["pid"] == lab.sidecars[-1].pid and not state["unconfirmed"]


def levels(told: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The highest level of each incident."""
    highest: defaultdict[str, int] = defaultdict(int)
    for incident, severity in told:
        highest[incident] = max(highest[incident], SEVERITIES.index(severity))
    return dict(highest)


def expire_leases(queue: Path) -> None:
    """As if the time of the lease had passed."""
    with closing(sqlite3.connect(queue)) as db, db:
        db.execute("UPDATE deliveries SET leased = 0")


def known_to_sinks_alone(queue: Path, history: Path) -> dict[str, int]:
    """Of a killed sidecar, the incidents that it told its sinks, at a level of which its history does not know."""
    with closing(sqlite3.connect(queue)) as db:
        early = dict(db.execute("SELECT id, level FROM incidents"))
    with closing(sqlite3.connect(history)) as db:
        known = dict(db.execute("SELECT incident, max(sent) FROM alerts GROUP BY incident"))
    return {incident: level for incident, level in early.items() if known.get(incident, 0) < level}


def check_levels(told: dict[str, int], noticed: dict[str, int], unknown: dict[str, int]) -> None:
    """Zeek notices what the sinks are told.

    Killed between telling the sinks and the history, the sidecar judges again, with what came since: lower, maybe.
    """
    assert noticed.keys() <= told.keys()
    beyond = {incident: level for incident, level in told.items() if level != noticed.get(incident, 0)}
    assert all(noticed.get(incident, 0) < level for incident, level in beyond.items())
    assert all(unknown.get(incident) == level for incident, level in beyond.items()), beyond


def test_killed_receivers_and_a_killed_sidecar_lose_no_alert(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(lab.folder))
    file, queue = lab.folder / "alerts.json", lab.folder / "alerts.db"
    web, syslog, mail = (receivers.free_port() for _ in range(3))
    sinks = (
        f"file:{file}",
        f"syslog:tcp://127.0.0.1:{syslog}#format=json",
        f"webhook:http://127.0.0.1:{web}/",
        f"email:a@a.example#from=a@a.example&server=smtp://127.0.0.1:{mail}",
    )
    arguments = [word for sink in sinks for word in ("--alert", sink)]
    release = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        release.wait(PATIENCE)

    lab.start_zeek()
    with receivers.webhook(hang, port=web) as before:  # the others are not there at all
        sidecar = lab.start_sidecar(*arguments)
        lab.until(lambda: before.messages, "an alert is read by a receiver that does not answer")
        sidecar.kill()
        sidecar.wait()
        release.set()
    assert waiting(queue)
    unknown = known_to_sinks_alone(queue, lab.history)
    expire_leases(queue)
    with (
        receivers.syslog_stream(port=syslog) as stream,
        receivers.webhook(port=web) as after,
        receivers.mail_server(port=mail) as box,
    ):
        lab.start_sidecar(*arguments)
        lab.until(lambda: lab.zeeks[-1].tells()[0] and not lab.zeeks[-1].tells()[1], "every candidate has its verdict")
        lab.until(lambda: not waiting(queue), "every sink has every alert")
        lab.until(lambda: confirmed(lab), "Zeek has noticed what was told before the kill too")
        lab.settle()
    lab.check_notices()

    alerts = [json.loads(line) for line in file.read_text().splitlines()]
    ids = {one["id"]: (one["incident"], one["severity"]) for one in alerts}
    check_levels(levels(ids.values()), levels(lab.noticed()), unknown)
    assert len(set(ids.values())) == len(ids), "the same is told under two ids"
    assert {json.loads(text)["id"] for text in before.messages} <= ids.keys()
    assert sorted(json.loads(text)["id"] for text in after.messages) == sorted(ids)
    assert sorted(json.loads(text.split(b"] ", 1)[1])["id"] for text in stream.messages) == sorted(ids)
    assert sorted(message_from_bytes(text)["Message-ID"].strip("<>").split("@")[0] for text in box.messages) == sorted(
        ids
    )
