"""A console that really listens, on a free loopback port, over a history or a result made in the test."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from tests.beacons.live.histories import RULES, guarded
from tests.beacons.live.made import candidate
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.worker import Worker
from zeek_beacons.readmodel import PairRow
from zeek_beacons.serve.settings import ServeConfig
from zeek_beacons.serve.start import server_config, surface_of
from zeek_beacons.serve.surface import Surface

# Names as an attacker may choose them.
HOSTILE = ("<script>alert(1)</script>.example", "=cmd|'/c'!a1.example", "a\\x1b[2J.example", "x" * 250)


def history(folder: Path, beacons: int = 6) -> Path:
    """A history with beacons, some of them to servers with hostile names, and a pair that is none."""
    path = folder / "history.db"
    held = guarded(path)
    worker = Worker("me", RULES, Config(threshold=0.5), held)
    batch = []
    for number in range(1, beacons + 1):
        resp = HOSTILE[number - 1] if number <= len(HOSTILE) else f"c2-{number}.example"
        named: dict[str, Any] = {
            "resp": resp,
            "server_name": resp,
            "named": 64,
            "name_conns": 64,
            "resp_h": f"203.0.113.{number % 250}",
        }
        batch.append(candidate(number, orig_h=f"10.0.{number // 250}.{number % 250}", **named))
    batch.append(candidate(beacons + 1, orig_h="10.9.9.9", n=9, jitter=1.0))
    verdicts = worker.work(batch, AllowList())
    assert sum(verdict.level > 0 for verdict in verdicts) == beacons
    held.close()
    return path


def certificate(folder: Path) -> dict[str, str]:
    """Settings with a certificate for 127.0.0.1 that nobody vouches for; the test is skipped without openssl."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=console"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1"]
    tls = {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}
    try:
        subprocess.run([*made, "-keyout", tls["tls_key"], "-out", tls["tls_cert"]], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    return tls


@dataclass(slots=True)
class Running:
    """A console that runs: what it shares, a client that has no token, and tokens of both kinds."""

    surface: Surface
    client: httpx.Client
    reads: dict[str, str]
    writes: dict[str, str]
    trusted: ssl.SSLContext | bool = True

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(f"/api/v1/{path}", **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.client.post(f"/api/v1/{path}", headers=self.writes | more.pop("headers", {}), **more)

    def delete(self, path: str) -> httpx.Response:
        return self.client.delete(f"/api/v1/{path}", headers=self.writes)

    def job(self, name: str) -> dict[str, Any]:
        """A job once it has ended."""
        while (found := self.get(f"jobs/{name}").json())["state"] in ("waiting", "running"):
            time.sleep(0.1)
        assert isinstance(found, dict)
        return found

    def beacon(self) -> dict[str, Any]:
        """The row of a beacon."""
        found = self.get("beacons?limit=1").json()["rows"][0]
        assert set(PairRow.__dataclass_fields__) < found.keys()
        assert isinstance(found, dict)
        return found


@contextmanager
def console(folder: Path, **settings: Any) -> Iterator[Running]:
    """A console over what is in `folder`: a history, unless `report` names a result."""
    given = {"spool": str(folder / "spool"), "state": str(folder / "status.json"), "listen": "127.0.0.1:0"}
    if "report" not in settings:
        given["history"] = str(folder / "history.db")
    own = ServeConfig(**(given | settings))
    surface = surface_of(own, SidecarConfig(), Config())
    server = uvicorn.Server(server_config(surface))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        tokens = {kind: surface.store.make_token(kind, kind == "writer") for kind in ("reader", "writer")}
        reads, writes = ({"Authorization": f"Bearer {tokens[kind]}"} for kind in ("reader", "writer"))
        scheme = "https" if own.tls_cert else "http"
        trusted = ssl.create_default_context(cafile=own.tls_cert) if own.tls_cert else True
        with httpx.Client(base_url=f"{scheme}://127.0.0.1:{port}", timeout=60, verify=trusted) as client:
            yield Running(surface, client, reads, writes, trusted)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
