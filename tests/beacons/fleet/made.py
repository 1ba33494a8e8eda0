"""Sensors of a fleet as tests need them: histories with rows, and servers that answer badly."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.beacons.readmodel.made import NOW, row, store
from zeek_beacons.fleet.fleet import Fleet
from zeek_beacons.fleet.named import SensorSource
from zeek_beacons.fleet.remote import Bounds, RemoteModel
from zeek_beacons.fleet.sensor import FileModel, Sensor
from zeek_beacons.live.history.store import History, Limits
from zeek_beacons.store.judged import JudgedPair

ROWS = 1000
QUICK = 1.0  # seconds that a sensor may take in tests


def history_with(folder: Path, rows: Sequence[JudgedPair], **about: Any) -> Path:
    """A history that holds these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "history.db"
    held = History.open(file, Limits())
    told = {"kind": "history", "model": "m", "version": "1.0", "config": "c", "profile": "balanced", "threshold": 0.75}
    store(held, rows, about=told | about)
    held.close()
    return file


def alerting(number: int, incident: str = "", **given: Any) -> JudgedPair:
    """A row that alerts."""
    return row(number, level=3, incident=incident or f"i{number}", **given)


def file_sensor(name: str, file: Path, rows: int = ROWS, patience: float = QUICK) -> Sensor:
    """A sensor that is a history."""
    return Sensor(SensorSource(name, str(file)), FileModel(file), rows, patience)


def remote_sensor(name: str, url: str, token: str = "", bounds: Bounds | None = None, rows: int = ROWS) -> Sensor:
    """A sensor that is another `serve`."""
    bounds = bounds or Bounds(QUICK)
    return Sensor(SensorSource(name, url), RemoteModel(name, url, token, None, bounds), rows, bounds.seconds)


def fleet_of(*sensors: Sensor, rows: int = ROWS) -> Fleet:
    """A fleet that has looked once."""
    made = Fleet(sensors, rows, QUICK)
    made.look()
    return made


@contextmanager
def answering(
    body: bytes = b"", status: int = 200, wait: float = 0.0, drip: float = 0.0, headers: Sequence[tuple[str, str]] = ()
) -> Iterator[str]:
    """A server that answers everything so; `drip`: seconds between the bytes of it, headers and all."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ended.wait(wait)
            if drip:
                for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
                    if ended.wait(drip):
                        return
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                return
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """What takes no longer, however slow the machine may be: `seconds` is far above what is expected."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


__all__ = ["NOW", "alerting", "answering", "at_most", "file_sensor", "fleet_of", "history_with", "remote_sensor", "row"]
