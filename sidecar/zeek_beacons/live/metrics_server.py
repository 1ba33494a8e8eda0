"""Answers GET /metrics over HTTP, in threads of its own. What it tells: `metrics.py`."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.metrics import render
from zeek_beacons.live.status import State

MOST_AT_ONCE = 8  # requests; more are closed unanswered
LOOP_PATIENCE = 5.0  # seconds that the sidecar may take to say how it is
PATIENCE = 10.0  # seconds that a client may take to ask, and to read

log = logging.getLogger(__name__)


class MetricsServer:
    """Listens from its creation on, answers from `start` on. `address`: HOST:PORT, where HOST is an IP address."""

    def __init__(self, address: str) -> None:
        """Raises ConfigError where the address is none, or taken."""
        host, port = _split(address)
        try:
            self._server = _Server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            raise ConfigError(f"metrics: {address}: {error.strerror}") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens; the system's choice where port 0 was asked for."""
        return int(self._server.server_address[1])

    def start(self, read: Callable[[], State]) -> None:
        """Answers from now on. `read`: called in threads of this server; may raise TimeoutError."""
        self._server.set_app(_app(read))
        self._thread.start()

    def start_beside(self, loop: asyncio.AbstractEventLoop, read: Callable[[], State]) -> None:
        """Answers from now on. `read`: called in the loop, which may be too busy to answer."""

        async def told() -> State:
            return read()

        self.start(lambda: asyncio.run_coroutine_threadsafe(told(), loop).result(LOOP_PATIENCE))

    def close(self) -> None:
        """Listens no more; answers under way are not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
        if not (port.isascii() and port.isdigit() and int(port) < 2**16):
            raise ValueError
    except ValueError as error:
        raise ConfigError(f"metrics is {address!r}, expected ADDRESS:PORT, such as 127.0.0.1:9479") from error
    return host, int(port)


def _app(read: Callable[[], State]) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    def answer(environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        status, body, kind = _answer(environ, read)
        respond(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def _answer(environ: WSGIEnvironment, read: Callable[[], State]) -> tuple[str, bytes, str]:
    """Status, body and content type."""
    if environ["REQUEST_METHOD"] != "GET":
        return "405 Method Not Allowed", b"GET only\n", "text/plain"
    if environ.get("PATH_INFO") != "/metrics":
        return "404 Not Found", b"metrics are at /metrics\n", "text/plain"
    try:
        state = read()
    except TimeoutError:
        return "503 Service Unavailable", b"the sidecar does not answer\n", "text/plain"
    body, kind = render(state, time.time(), environ.get("HTTP_ACCEPT", ""))
    return "200 OK", body, kind


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """A line a scrape helps nobody."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily) -> None:
        self.address_family = family
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])  # asks no DNS
        self.setup_environ()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self._free.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("metrics_request_failed", exc_info=True)
