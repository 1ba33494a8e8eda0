"""Receivers of alerts that fail, each in its way: it is counted and said, others get theirs, nothing is lost."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.alerts import receivers
from tests.beacons.alerts.made import alert
from tests.beacons.alerts.test_channels import ids, opened
from tests.beacons.alerts.test_sinks import until
from zeek_beacons.alerts import channels as channels_module
from zeek_beacons.alerts import outbox, sender, syslog
from zeek_beacons.alerts.channels import Channels

from .lab import PATIENCE

ALERTS = [alert(number) for number in range(5)]
IDS = [one.id for one in ALERTS]

pytestmark = pytest.mark.usefixtures("in_a_hurry")


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch, round_number: int) -> None:
    """Delays that are short, each round."""
    for name, seconds in (("FIRST_DELAY", 0.05), ("LAST_DELAY", 0.2), ("LOOK", 0.05), ("DISK_RETRY", 0.05)):
        monkeypatch.setattr(sender, name, seconds)
    monkeypatch.setattr(channels_module, "DISK_POLL", 0.05)


class Told:
    """What is sent to a sink that fails, and to a file that does not."""

    def __init__(self, folder: Path, channels: Channels, name: str) -> None:
        self._file, self._channels, self._kind = folder / "beside.json", channels, name

    def submit(self) -> None:
        """Queues the alerts; on return the file beside has them all, and none twice."""
        self._channels.submit(ALERTS)
        until(self._file.exists)
        until(lambda: len(self._file.read_text().splitlines()) >= len(IDS))
        assert ids(self._file.read_bytes().splitlines()) == IDS

    def health(self) -> dict[str, Any]:
        """How the sink fares that fails."""
        self._channels.maintain()
        return next(one for name, one in self._channels.state()["sinks"].items() if name.startswith(self._kind))

    def failed(self, *words: str) -> None:
        """Waits until it is counted, and said in these words; nothing is given up."""
        until(lambda: self.health()["failures"])
        assert any(word in self.health()["last_error"] for word in words), self.health()
        assert not self.health()["lost"]

    def arrived(self, got: Callable[[], list[str]]) -> None:
        """Waits until the sink that was mended has everything, in order, once."""
        assert self._channels.flush(PATIENCE) == {}
        assert sorted(got()) == sorted(IDS)
        assert self.health()["last_error"] == ""


@contextlib.contextmanager
def telling(folder: Path, sink: str) -> Iterator[Told]:
    """Channels to a sink, and to a file beside it."""
    with opened(folder, sink, f"file:{folder / 'beside.json'}") as channels:
        yield Told(
            folder, channels, sink.partition(":")[0] + ":" if not sink.startswith("file:") else f"file:{folder}/a"
        )


def in_turn(*answers: Callable[[BaseHTTPRequestHandler], None]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers one after the other, the last one for ever."""
    left = list(answers)

    def answer(request: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


def reset(request: BaseHTTPRequestHandler) -> None:
    """Breaks the connection off, without an answer."""
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.shutdown(socket.SHUT_RD)
    request.close_connection = True
    os.close(request.connection.detach())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        pytest.param(receivers.status(500), ("status 500",), id="refuses"),
        pytest.param(receivers.status(429, retry_after="1"), ("status 429",), id="asks to come later"),
        pytest.param(receivers.status(302, location="/other"), ("redirect",), id="redirects to where no alert goes"),
        pytest.param(receivers.status(307, location="/"), ("redirects",), id="redirects in a circle"),
        pytest.param(
            receivers.status(308, location="http://127.0.0.2:9/"), ("private",), id="redirects into the network"
        ),
        pytest.param(reset, ("reset", "disconnected", "Error"), id="breaks off"),
    ],
)
def test_webhook_that(broken: Callable[[BaseHTTPRequestHandler], None], said: tuple[str, ...], tmp_path: Path) -> None:
    mended = threading.Event()
    taken: list[bytes] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        if not mended.is_set():
            broken(request)
            return
        taken.append(web.messages[-1])
        receivers.status(204)(request)

    with receivers.webhook(answer) as web, telling(tmp_path, f"webhook:http://127.0.0.1:{web.port}/") as told:
        told.submit()
        told.failed(*said)
        assert not taken
        mended.set()
        told.arrived(lambda: ids(taken))


def test_webhook_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    """The file has every alert while the webhook has not answered the first."""
    release = threading.Event()

    def hang(request: BaseHTTPRequestHandler) -> None:
        release.wait(PATIENCE)
        receivers.status(204)(request)

    with receivers.webhook(hang) as web, telling(tmp_path, f"webhook:http://127.0.0.1:{web.port}/") as told:
        told.submit()
        assert told.health()["delivered"] == 0
        assert told.health()["waiting"] == len(IDS)
        release.set()
        told.arrived(lambda: list(dict.fromkeys(ids(web.messages))))


def test_webhook_whose_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    """It gets nothing, and another one in its place with the right certificate gets all."""
    (tmp_path / "false").mkdir()
    _, false = receivers.certificate(tmp_path / "false")
    ca, true = receivers.certificate(tmp_path)
    port = receivers.free_port()
    with telling(tmp_path, f"webhook:https://127.0.0.1:{port}/#ca={ca}") as told:
        with encrypted(false, port) as stranger:
            told.submit()
            told.failed("certificate")
            assert not stranger.messages
        with encrypted(true, port) as web:
            told.arrived(lambda: ids(web.messages))


def test_webhook_that_speaks_no_tls(tmp_path: Path) -> None:
    """A server that answers in the clear at a port for TLS gets nothing in the clear."""
    ca, true = receivers.certificate(tmp_path)
    port = receivers.free_port()
    with telling(tmp_path, f"webhook:https://127.0.0.1:{port}/#ca={ca}") as told:
        with receivers.webhook(port=port) as plain:
            told.submit()
            told.failed("SSL", "TLS", "record layer")
            assert not plain.messages
        with encrypted(true, port) as web:
            told.arrived(lambda: ids(web.messages))


@contextlib.contextmanager
def encrypted(context: Any, port: int) -> Iterator[receivers.Received]:
    """A webhook over TLS."""
    got = receivers.Received()

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def do_POST(self) -> None:
            got.messages.append(self.rfile.read(int(self.headers["content-length"])))
            receivers.status(204)(self)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with receivers.bound(receivers.Threads, Handler, got, port):
        yield got


def test_syslog_receiver_that_is_dead(tmp_path: Path) -> None:
    port = receivers.free_port()
    with telling(tmp_path, f"syslog:tcp://127.0.0.1:{port}#format=json") as told:
        told.submit()
        told.failed("refused")
        with receivers.syslog_stream(port=port) as stream:
            told.arrived(lambda: ids([message.split(b"] ", 1)[1] for message in stream.messages]))


def test_syslog_receiver_that_is_half_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes connections and reads nothing: what is sent there counts as unconfirmed, and is not waited for."""
    monkeypatch.setattr(syslog, "TIMEOUT", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=64) as silent,
        telling(tmp_path, f"syslog:tcp://127.0.0.1:{silent.getsockname()[1]}") as told,
    ):
        told.submit()
        until(lambda: told.health()["delivered"] == len(IDS))
        assert told.health()["unconfirmed"] == len(IDS)


@pytest.mark.parametrize("how", ["became a folder", "lost its folder", "a link to a full device"])
def test_file_that_cannot_be_written(how: str, tmp_path: Path) -> None:
    folder = tmp_path / "alerts"
    folder.mkdir()
    file = folder / "a.json"
    with opened(tmp_path, f"file:{file}", f"file:{tmp_path / 'beside.json'}") as channels:
        told = Told(tmp_path, channels, f"file:{folder}")
        if how == "became a folder":
            file.mkdir()
        elif how == "lost its folder":
            folder.rename(tmp_path / "elsewhere")
        else:
            file.symlink_to("/dev/full")
        told.submit()
        told.failed("folder", "directory", "No such file", "No space", "Invalid argument")
        if how == "lost its folder":
            (tmp_path / "elsewhere").rename(folder)
        elif how == "became a folder":
            file.rmdir()
        else:
            file.unlink()
        told.arrived(lambda: ids(file.read_bytes().splitlines()))


def test_file_on_a_full_disk(tmp_path: Path) -> None:
    """There is room for one alert and a half: no half line stays, and the rest comes once there is room."""
    file = tmp_path / "alerts.json"
    before = b"{}\n" * 5_000_000
    file.write_bytes(before)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    length = len(ALERTS[0].to_json()) + 1
    try:
        with telling(tmp_path, f"file:{file}") as told:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + length * 3 // 2, hard))
            told.submit()
            told.failed("too large", "No space")
            until(lambda: file.stat().st_size == len(before) + length)  # between tries: each takes back its half
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            told.arrived(lambda: ids(file.read_bytes()[len(before) :].splitlines()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_file_that_is_rotated_away_under_the_writer(tmp_path: Path) -> None:
    """logrotate takes the file away again and again: every alert is in one of the files, whole."""
    file = tmp_path / "alerts.json"
    many = [alert(number) for number in range(60)]
    rotations, ended = 0, threading.Event()

    def rotate() -> None:
        nonlocal rotations
        while not ended.wait(0.002):
            with contextlib.suppress(FileNotFoundError):
                file.rename(tmp_path / f"old-{rotations:05d}.json")
                rotations += 1

    thread = threading.Thread(target=rotate)
    thread.start()
    try:
        with opened(tmp_path, f"file:{file}") as channels:
            channels.submit(many)
            assert channels.flush(PATIENCE) == {}
    finally:
        ended.set()
        thread.join()
    assert rotations > 1
    found = [path.read_bytes() for path in (*sorted(tmp_path.glob("old-*")), file) if path.exists()]
    assert ids(b"".join(found).splitlines()) == [one.id for one in many]


def test_queue_that_another_process_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts wait in memory meanwhile; whoever scores is not held up, and nothing is lost or doubled."""
    monkeypatch.setattr(outbox, "BUSY", 0.1)
    monkeypatch.setattr(channels_module, "PATIENCE", 0.3)
    file = tmp_path / "a.json"
    with opened(tmp_path, f"file:{file}") as channels:
        lock = sqlite3.connect(tmp_path / "alerts.db", isolation_level=None, timeout=PATIENCE)
        lock.execute("BEGIN EXCLUSIVE")
        channels.submit(ALERTS)
        assert channels.state()["held"] == len(ALERTS)
        assert channels.state()["problem"]
        assert not file.exists()
        lock.execute("ROLLBACK")
        lock.close()
        assert channels.flush(PATIENCE) == {}
        channels.maintain()
        assert channels.state()["problem"] == ""
    assert ids(file.read_bytes().splitlines()) == IDS
