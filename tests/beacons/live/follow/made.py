"""A small site's logs as a Zeek writes them: rows by the time at which they are written, and the files at any time."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...readers.logs import CONN, T0, conn, json_log, tsv

HOUR = 3600.0
SSL = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "server_name", "cert_chain_fps"]
HTTP = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "trans_depth", "method", "host", "uri"]
HTTP += ["user_agent", "request_body_len", "response_body_len", "status_code"]
DNS = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "query", "qtype_name", "rtt", "rcode"]
DNS += ["Z", "answers", "TTLs"]
X509 = ["ts", "fingerprint", "certificate.serial", "certificate.subject", "certificate.issuer"]
X509 += ["certificate.not_valid_before", "certificate.not_valid_after", "san.dns"]
COLUMNS = {"conn": CONN, "ssl": SSL, "http": HTTP, "dns": DNS, "x509": X509}
Site = dict[str, list[tuple[float, dict[str, Any]]]]  # by log: when each row is written, and the row


def site(seed: int = 7, hours: float = 3.0, beacons: int = 3, pairs: int = 16) -> Site:
    """Beacons over TLS, people over HTTP, queries, and connections that are left open and go on in another row."""
    rng = np.random.default_rng(seed)
    logs: Site = {name: [] for name in COLUMNS}
    for number in range(beacons):
        for at in np.arange(60.0 * (number + 1), hours * HOUR, 45.0 + 30 * number):
            _session(
                logs, rng, at + rng.uniform(0, 2), f"10.0.0.{10 + number}", f"203.0.113.{number}", f"c{number}.example"
            )
    for number in range(pairs):
        for at in np.sort(rng.uniform(0, hours * HOUR, int(rng.integers(2, 60)))):
            host = f"10.0.1.{rng.integers(1, 9)}"
            if number % 2:
                _session(logs, rng, at, host, f"198.51.100.{number}", f"www{number}.example")
            else:
                _requests(logs, rng, at, host, f"192.0.2.{number}", f"site{number}.example")
    for at in np.arange(300.0, hours * HOUR, 1800.0):  # left open, and continued in another row
        uid = f"O{at}"
        half = conn(
            at, uid=uid, id__orig_h="10.0.0.9", id__orig_p=int(at), conn_state="S1", duration=600.0, history="ShAD"
        )
        more = conn(
            at + 900, uid=uid + "b", id__orig_h="10.0.0.9", id__orig_p=int(at), conn_state="OTH", history="DAdA"
        )
        logs["conn"] += [(half["ts"] + 900.0, half), (more["ts"] + 60.0, more)]
    return {name: sorted(rows, key=lambda row: row[0]) for name, rows in logs.items()}


def _session(logs: Site, rng: np.random.Generator, at: float, orig: str, resp: str, name: str) -> None:
    at, port = round(float(at), 6), int(rng.integers(20_000, 60_000))
    uid, took = f"C{orig}{at}", round(float(rng.exponential(4.0)), 6)
    ends = {"uid": uid, "id.orig_h": orig, "id.orig_p": port, "id.resp_h": resp, "id.resp_p": 443}
    row = conn(at, service="ssl", duration=took, orig_bytes=int(rng.integers(200, 240))) | ends
    logs["conn"].append((row["ts"] + took + 5, row))
    told = {"ts": row["ts"], "version": "TLSv13", "server_name": name, "cert_chain_fps": [f"f{resp}"]}
    logs["ssl"].append((row["ts"] + 0.1, ends | told))
    if not any(one["fingerprint"] == f"f{resp}" for _, one in logs["x509"]):
        text = {"certificate.serial": "01", "certificate.subject": f"CN={name}", "certificate.issuer": "CN=CA"}
        days = {"certificate.not_valid_before": T0 - 9e5, "certificate.not_valid_after": T0 + 9e6}
        logs["x509"].append((row["ts"], {"ts": row["ts"], "fingerprint": f"f{resp}", "san.dns": [name]} | text | days))
    _query(logs, at - 0.5, orig, name, resp)


def _requests(logs: Site, rng: np.random.Generator, at: float, orig: str, resp: str, name: str) -> None:
    at, port = round(float(at), 6), int(rng.integers(20_000, 60_000))
    uid = f"H{orig}{at}"
    ends = {"uid": uid, "id.orig_h": orig, "id.orig_p": port, "id.resp_h": resp, "id.resp_p": 80}
    row = conn(at, service="http", duration=30.0) | ends
    logs["conn"].append((row["ts"] + 35, row))
    for depth in range(1, 4):
        told = {"ts": row["ts"] + 5.0 * depth, "trans_depth": depth, "method": "GET", "host": name, "status_code": 200}
        told |= {"uri": f"/p{rng.integers(3)}", "user_agent": "agent/1", "request_body_len": 0, "response_body_len": 90}
        logs["http"].append((told["ts"], ends | told))
    _query(logs, at - 0.5, orig, name, resp)


def _query(logs: Site, at: float, orig: str, name: str, resp: str) -> None:
    row: dict[str, Any] = {
        "ts": round(T0 + at, 6),
        "uid": f"D{orig}{at}",
        "id.orig_h": orig,
        "id.orig_p": 53_000,
        "proto": "udp",
    }
    row |= {"id.resp_h": "10.0.0.1", "id.resp_p": 53, "query": name, "qtype_name": "A", "rtt": 0.02, "rcode": 0, "Z": 0}
    logs["dns"].append((row["ts"] + 0.02, row | {"answers": [resp], "TTLs": [300.0]}))


def written(logs: Site, name: str, since: float = -np.inf, until: float = np.inf) -> list[dict[str, Any]]:
    """The rows of a log that are written in some time."""
    return [row for at, row in logs[name] if since <= at < until]


def data(name: str, rows: Sequence[dict[str, Any]], as_json: bool = False) -> bytes:
    """These rows as a log."""
    return json_log(rows) if as_json else tsv(rows, COLUMNS[name], name, close=False)


def whole(folder: Path, logs: Site, as_json: bool = False) -> Path:
    """A folder with all of it, a file a log."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in logs:
        (folder / f"{name}.log").write_bytes(data(name, written(logs, name), as_json))
    return folder


def grown(folder: Path, logs: Site, until: float, more: int = 0, as_json: bool = False) -> None:
    """The files as they are at a time, with so many bytes of the next line, which is not complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in logs:
        done, rest = data(name, written(logs, name, until=until), as_json), written(logs, name, since=until)[:1]
        line = data(name, rest, as_json).rsplit(b"\n", 2)[-2] if rest else b""
        (folder / f"{name}.log").write_bytes(done + line[: min(more, max(0, len(line) - 1))])


def rotated(folder: Path, logs: Site, hour: float = HOUR) -> list[tuple[Path, bytes]]:
    """The files of each hour in turn, as zeekctl packs them, named by day and hour."""
    made = []
    for number in range(int((logs["conn"][-1][0] - T0) // hour) + 1):
        since, until = T0 + number * hour, T0 + (number + 1) * hour
        for name in sorted(logs, key=lambda one: one == "conn"):
            rows = written(logs, name, since if number else -np.inf, until)
            body = data(name, rows).replace(b"2026-01-01-00-00-00\n", b"2026-01-01-%02d-00-00\n" % number, 1)
            path = folder / "2026-01-01" / f"{name}.{number:02d}:00:00-{number + 1:02d}:00:00.log.gz"
            made.append((path, gzip.compress(body)))
    return made
