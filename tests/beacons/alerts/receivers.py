"""Receivers of alerts on loopback, each stopped by the test that started it."""

from __future__ import annotations

import contextlib
import http.server
import random
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"


@dataclass
class Received:
    """What a receiver got, and where it listens."""

    port: int = 0
    messages: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


class Threads(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what is tested."""


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def frames(data: bytes) -> list[bytes]:
    """Messages of a stream by octet counting; an unfinished one is left out."""
    found = []
    while data:
        count, _, rest = data.partition(b" ")
        if len(rest) < int(count):
            break
        found.append(rest[: int(count)])
        data = rest[int(count) :]
    return found


@contextmanager
def syslog_udp() -> Iterator[Received]:
    got = Received()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            got.messages.append(self.request[0])

    with bound(socketserver.UDPServer, Handler, got):
        yield got


@contextmanager
def syslog_stream(tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Received]:
    """A receiver over TCP, or TLS with a server's context."""
    got = Received()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            way = self.request if tls is None else tls.wrap_socket(self.request, server_side=True)
            data = b""
            while part := way.recv(65_536):
                data += part
            got.messages += frames(data)
            if tls is not None:
                with contextlib.suppress(OSError):
                    way.unwrap()
                way.close()

    with bound(Threads, Handler, got, port):
        yield got


@contextmanager
def webhook(
    answer: Callable[[http.server.BaseHTTPRequestHandler], None] | None = None, port: int = 0
) -> Iterator[Received]:
    """A web server; `answer` answers each request once it is read, by default with 204."""
    got = Received()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.messages.append(self.rfile.read(int(self.headers["content-length"])))
            got.headers.append({name.lower(): value for name, value in self.headers.items()})
            got.paths.append(self.path)
            (answer or status(204))(self)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with bound(Threads, Handler, got, port):
        yield got


def status(code: int, **headers: str) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    """An answer with nothing but a status and headers."""

    def send(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("content-length", "0")
        request.end_headers()

    return send


@contextmanager
def mail_server(refuse: bytes = b"", tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Received]:
    """An SMTP server; it answers `refuse` to what comes as a message, where given. With `tls` from the start."""
    got = Received()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            way = self.request if tls is None else tls.wrap_socket(self.request, server_side=True)
            with way.makefile("rwb", buffering=0) as talk:
                talk.write(b"220 here\r\n")
                while line := talk.readline():
                    word = line.split()[0].upper() if line.split() else b""
                    if word == b"DATA":
                        talk.write(b"354 go on\r\n")
                        message = b""
                        while (part := talk.readline()) not in (b".\r\n", b""):
                            message += part.removeprefix(b".")
                        if not refuse:
                            got.messages.append(message)
                        talk.write(refuse or b"250 taken\r\n")
                    elif word == b"EHLO":
                        talk.write(b"250-here\r\n250 AUTH PLAIN\r\n")
                    elif word == b"AUTH":
                        got.headers.append({"auth": line.decode().split()[-1]})
                        talk.write(b"235 welcome\r\n")
                    elif word == b"QUIT":
                        talk.write(b"221 bye\r\n")
                        break
                    else:
                        talk.write(b"250 well\r\n")
            if tls is not None:
                way.close()

    with bound(Threads, Handler, got, port):
        yield got


def free_port() -> int:
    """A port at which nobody listens now, and from which nobody calls later: below those that systems choose from.

    A client that tries again and again to reach one of those on its own machine comes to call from it at last.
    """
    for port in random.SystemRandom().sample(range(10_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise RuntimeError("no port is free")


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for loopback, which is its own authority, and a server's context with it. Needs openssl."""
    key, made = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", f"subjectAltName=IP:{HOST}", "-days", "2"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return made, context


@contextmanager
def bound(
    kind: type[socketserver.TCPServer], handler: type[socketserver.BaseRequestHandler], got: Received, port: int = 0
) -> Iterator[None]:
    server = kind((HOST, port), handler)
    got.port = int(server.socket.getsockname()[1])
    with _serving(server):
        yield
