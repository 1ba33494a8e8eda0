"""A server on loopback that answers as `zeek-beacons serve` does, from a file; and what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from zeek_beacons.readmodel import Filter, Listing, Page, ReadModel, plain

TOKEN = "read-me"


@dataclass
class Answering:
    """How it answers. `status`, `body`: in place of lists."""

    model: ReadModel
    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # path, Authorization
    url: str = ""

    def answer(self, target: str) -> bytes:
        if self.body is not None:
            return self.body
        parts = urlsplit(target)
        given: dict[str, Any] = {name: values[0] for name, values in parse_qs(parts.query).items()}
        which = Filter(
            host=given.get("host", ""),
            severity=given.get("severity", ""),
            min_score=float(given["min_score"]) if "min_score" in given else None,
        )
        page = Page(int(given["offset"]), int(given["limit"])) if "limit" in given else Page()
        model = self.model
        if given.get("below_gate") == "true":
            return json.dumps(plain(model.below_gate())).encode()
        lists: dict[str, Callable[[], Listing[Any]]] = {
            "beacons": lambda: model.beacons(which, page),
            "connections": lambda: model.pairs(which, page),
            "hosts": lambda: model.hosts(which, page),
            "alerts": lambda: model.alerts(which=which, page=page),
            "long-connections": lambda: model.long_connections(float(given["min_duration"]), which, page),
        }
        found = lists[parts.path.removeprefix("/api/v1/")]()
        rows = [plain(row) | {"acknowledged": False} for row in found.rows]  # of operators: no part of a row
        return json.dumps({"rows": rows, "total": found.total, "offset": page.offset}).encode()


@contextmanager
def answering(file: Path, **given: Any) -> Iterator[Answering]:
    """A server until the end of the block."""
    made = Answering(ReadModel.open(file), **given)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers.get("Authorization", "")))
            body = made.answer(self.path)
            self.send_response(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
