"""Sinks behind the queue, over failures: receivers and senders that are killed, and disks that are full."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from zeek_beacons.alerts import channels as module
from zeek_beacons.alerts import sender
from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.channels import Channels
from zeek_beacons.alerts.outbox import Outbox
from zeek_beacons.alerts.registry import sink_of
from zeek_beacons.alerts.sink import DeliveryError
from zeek_beacons.errors import ConfigError

from . import receivers
from .made import alert
from .test_sinks import until

WAIT = 30.0  # seconds


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("FIRST_DELAY", 0.01), ("LOOK", 0.01), ("DISK_RETRY", 0.01)):
        monkeypatch.setattr(sender, name, seconds)
    monkeypatch.setattr(module, "DISK_POLL", 0.01)


@contextmanager
def opened(path: Path, *sinks: str) -> Iterator[Channels]:
    channels = Channels([sink_of(text) for text in sinks], path / "alerts.db")
    channels.start()
    yield channels
    channels.close(WAIT)


def ids(messages: list[bytes]) -> list[str]:
    return [json.loads(message)["id"] for message in messages]


def test_every_sink_gets_every_alert_once(tmp_path: Path) -> None:
    with receivers.webhook() as web, receivers.syslog_stream() as stream, receivers.mail_server() as mail:
        sinks = (
            f"file:{tmp_path / 'a.json'}",
            f"webhook:http://127.0.0.1:{web.port}/",
            f"syslog:tcp://127.0.0.1:{stream.port}#format=json",
            f"email:a@a.example#from=a@a.example&server=smtp://127.0.0.1:{mail.port}",
        )
        alerts = [alert(number) for number in range(20)]
        for _ in range(2):
            with opened(tmp_path, *sinks) as channels:
                channels.submit(alerts)
                assert channels.flush(WAIT) == {}
                state = channels.state()
    assert {name: one["failures"] for name, one in state["sinks"].items()} == dict.fromkeys(state["sinks"], 0)
    expected = [one.id for one in alerts]
    assert ids((tmp_path / "a.json").read_bytes().splitlines()) == expected
    assert ids(web.messages) == expected
    assert [message.split(b"] ", 1)[1] for message in stream.messages] == [one.to_json().encode() for one in alerts]
    assert [one.id in message.decode() for one, message in zip(alerts, mail.messages, strict=True)] == [True] * 20


def test_a_receiver_that_was_away_gets_what_it_missed(tmp_path: Path) -> None:
    port = receivers.free_port()
    with opened(tmp_path, f"webhook:http://127.0.0.1:{port}/", f"file:{tmp_path / 'a.json'}") as channels:
        channels.submit([alert(1), alert(2)])
        web, _ = channels.state()["sinks"]
        until(lambda: channels.state()["sinks"][web]["failures"] > 1)
        until(lambda: channels.flush(0.0) == {web: 2})  # the other sink does not wait for it
        with receivers.webhook(port=port) as got:
            assert channels.flush(WAIT) == {}
    assert sorted(ids(got.messages)) == sorted([alert(1).id, alert(2).id])
    assert len((tmp_path / "a.json").read_text().splitlines()) == 2


def test_what_answers_with_an_error_at_first_gets_it_once_it_does_not(tmp_path: Path) -> None:
    def first_not(request: BaseHTTPRequestHandler) -> None:
        receivers.status(500 if len(got.messages) < 4 else 204)(request)

    with receivers.webhook(first_not) as got, opened(tmp_path, f"webhook:http://127.0.0.1:{got.port}/") as channels:
        channels.submit([alert()])
        assert channels.flush(WAIT) == {}
        (health,) = channels.state()["sinks"].values()
    assert set(ids(got.messages)) == {alert().id}
    assert (len(got.messages), health["failures"], health["delivered"], health["last_error"]) == (4, 3, 1, "")


SENDER = """
import sys
from pathlib import Path
from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.channels import Channels
from zeek_beacons.alerts.registry import sink_of

channels = Channels([sink_of(sys.argv[2])], Path(sys.argv[1]))
channels.start()
channels.submit([Alert.from_json(line) for line in sys.stdin])
print("queued", flush=True)
channels.flush(60)
"""


def test_a_killed_sender_loses_nothing_and_doubles_only_under_the_same_id(tmp_path: Path) -> None:
    """Killed while the receiver, which has read the alert, has not yet answered; then the receiver is killed too."""
    release, path = threading.Event(), tmp_path / "alerts.db"
    alerts = [alert(number) for number in range(3)]

    def hang(_: BaseHTTPRequestHandler) -> None:
        release.wait(WAIT)

    with receivers.webhook(hang) as before:
        sink = f"webhook:http://127.0.0.1:{before.port}/"
        command = [sys.executable, "-c", SENDER, str(path), sink]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("".join(f"{one.to_json()}\n" for one in alerts))
            process.stdin.close()
            assert process.stdout.readline() == "queued\n"
            until(lambda: before.messages)
            process.send_signal(signal.SIGKILL)
        release.set()
        port = before.port
    with sqlite3.connect(path) as db:
        db.execute("UPDATE deliveries SET leased = 0")  # as if the time of the lease had passed
    db.close()
    with receivers.webhook(port=port) as after, opened(tmp_path, sink) as channels:
        assert channels.flush(WAIT) == {}
    assert sorted(ids(after.messages)) == sorted(one.id for one in alerts)
    assert len(before.messages) == 1
    assert set(ids(before.messages)) < set(ids(after.messages))


def test_datagrams_are_counted_as_unconfirmed(tmp_path: Path) -> None:
    with receivers.syslog_udp() as got, opened(tmp_path, f"syslog:udp://127.0.0.1:{got.port}") as channels:
        channels.submit([alert()])
        assert channels.flush(WAIT) == {}
        (health,) = channels.state()["sinks"].values()
        until(lambda: got.messages)
    assert (health["delivered"], health["unconfirmed"]) == (1, 1)


def test_a_full_disk_under_the_queue_loses_nothing_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, f"file:{tmp_path / 'a.json'}") as channels:
        pages = channels._outbox._db.execute("PRAGMA page_count").fetchone()[0]
        channels._outbox._db.execute(f"PRAGMA max_page_count = {pages}")  # what a full disk does
        alerts = [alert(number, name="x" * 1900) for number in range(50)]
        channels.submit(alerts)
        assert "full" in channels.state()["problem"]
        assert channels.state()["held"] == 50
        assert channels.flush(0.0) != {}
        channels._outbox._db.execute("PRAGMA max_page_count = 1000000")
        assert channels.flush(WAIT) == {}
        assert (channels.state()["problem"], channels.state()["held"]) == ("", 0)
    assert ids((tmp_path / "a.json").read_bytes().splitlines()) == [one.id for one in alerts]


def test_memory_is_bounded_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(module, "MOST_HELD", 5)
    with opened(tmp_path, f"file:{tmp_path / 'a.json'}") as channels:
        with monkeypatch.context() as broken:
            broken.setattr(Outbox, "add", full)
            channels.submit([alert(number) for number in range(8)])
            assert (channels.state()["held"], channels.state()["lost_in_memory"]) == (5, 3)
        assert channels.flush(WAIT) == {}
    assert len((tmp_path / "a.json").read_text().splitlines()) == 5


def test_what_a_sink_has_is_not_sent_again_because_the_queue_could_not_note_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, calls = Outbox.done, []

    def first_full(self: Outbox, *given: object) -> None:
        calls.append(given)
        if len(calls) < 4:
            raise sqlite3.OperationalError("database or disk is full")
        done(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Outbox, "done", first_full)
    with opened(tmp_path, f"file:{tmp_path / 'a.json'}") as channels:
        channels.submit([alert()])
        assert channels.flush(WAIT) == {}
    assert len((tmp_path / "a.json").read_text().splitlines()) == 1


def test_a_fault_of_a_sink_is_tried_again_and_ends_no_thread(tmp_path: Path) -> None:
    class Faulty:
        name = "faulty"
        calls = 0

        def deliver(self, _: Alert) -> bool:
            self.calls += 1
            if self.calls < 3:
                raise ArithmeticError if self.calls == 1 else DeliveryError("no")
            return True

    sink = Faulty()
    channels = Channels([sink], tmp_path / "alerts.db")
    channels.start()
    channels.submit([alert()])
    assert channels.flush(WAIT) == {}
    channels.close(WAIT)
    assert sink.calls == 3


def test_a_queue_that_is_none_and_a_sink_named_twice_are_refused(tmp_path: Path) -> None:
    sink = sink_of(f"file:{tmp_path / 'a.json'}")
    (tmp_path / "text.db").write_text("no database at all" * 100)
    with pytest.raises(ConfigError, match="cannot be the alert queue: file is not a database"):
        Channels([sink], tmp_path / "text.db")
    with pytest.raises(ConfigError, match="cannot be the alert queue"):
        Channels([sink], tmp_path / "text.db" / "alerts.db")
    with pytest.raises(ConfigError, match="is named twice"):
        Channels([sink, sink], tmp_path / "alerts.db")
