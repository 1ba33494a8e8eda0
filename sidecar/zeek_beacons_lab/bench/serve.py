"""What the console costs: a large history, twenty requests a second, and beside it a sidecar with a real Zeek.

The history has all pairs that `bench live` fills in, each with a verdict; the first ones alert. Latencies are taken
from when a request was due, so that one that waits for another counts its wait.
"""

from __future__ import annotations

import http.client
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.incidents import identity
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Limits
from zeek_beacons.live.protocol.messages import Candidate
from zeek_beacons.live.worker import Worker
from zeek_beacons.operator_file.telemetry import rows
from zeek_beacons.scoring import Scoring
from zeek_beacons.store.keys import packed, pair_number
from zeek_beacons_lab.bench import live

PATHS = {"beacons page": "/", "API list": "/api/v1/beacons?limit=50"}
RATE = 20  # requests a second
CANDIDATES = 500  # a second, from Zeek
PATIENCE = 60.0  # seconds until the console answers for the first time
WORKERS = 16  # requests that may be under way


@dataclass(slots=True)
class Served:
    """What the console's answers took, in milliseconds, by name; how many were none."""

    taken: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PATHS})
    failed: int = 0

    def line(self, name: str) -> str:
        """p50 and p99 as cells of a table."""
        p50, p99 = np.percentile(self.taken[name], [50, 99]) if self.taken[name] else (np.nan, np.nan)
        return f"{p50:.0f} | {p99:.0f}"


def bench(pairs: int, beacons: int, seconds: float) -> Iterator[str]:
    """Measures console and sidecar alone and together, and yields the report, line by line."""
    with tempfile.TemporaryDirectory(prefix="bench-serve-") as folder:
        history = Path(folder) / "history.db"
        size = fill(history, pairs, beacons)
        yield f"{pairs:,} pairs, {beacons:,} beacons, {size / 1e6:.0f} MB; {RATE} requests a second"
        with console(history) as (port, process):
            alone = ask(port, seconds)
            memory = live.resident(process.pid)
        without = live.run(Path(folder), CANDIDATES, seconds)
        with console(history) as (port, process):
            served = Served()
            asking = threading.Thread(target=lambda: ask(port, seconds, served))
            asking.start()
            beside = live.run(Path(folder), CANDIDATES, seconds)
            asking.join()
            memory = max(memory, live.resident(process.pid))
    yield ""
    yield "| | alone p50 ms | p99 ms | beside the sidecar p50 ms | p99 ms |"
    yield "|---|---|---|---|---|"
    for name in PATHS:
        yield f"| {name} | {alone.line(name)} | {served.line(name)} |"
    yield ""
    yield f"| sidecar at {CANDIDATES} candidates/s | p50 ms | p99 ms | sustained |"
    yield "|---|---|---|---|"
    for name, one in (("without the console", without), ("with it", beside)):
        p50, p99 = np.percentile(one.latencies, [50, 99]) * 1000
        yield f"| {name} | {p50:.0f} | {p99:.0f} | {'yes' if one.sustained else 'no'} |"
    yield ""
    yield f"console process: {memory / 1e6:.0f} MB; requests that failed: {alone.failed + served.failed}"


def fill(path: Path, pairs: int, beacons: int) -> int:
    """Writes a history of so many pairs, each with its verdict; the first ones alert. Returns the file's bytes."""
    live.fill(path, pairs)
    alerting, quiet = _templates(path)
    names = list(alerting["verdicts"])
    with sqlite3.connect(path) as db:
        keys = db.execute("SELECT orig_h, resp, resp_p, proto FROM pairs ORDER BY rowid LIMIT ?", (pairs,)).fetchall()
        for number, key in enumerate(keys):
            made = alerting if number < beacons else quiet
            score = made["verdicts"]["score"] * (1 - number / pairs / 10)
            own = dict(zip(("orig_h", "resp", "resp_p", "proto"), key, strict=True))
            own |= {"id": pair_number(key), "score": score}
            own |= {"orig_n": packed(key[0]), "addr": key[1], "addr_n": packed(key[1]), "name": ""}
            own |= {"incident": identity(key)} if made is alerting else {}
            row = made["verdicts"] | own
            places = ", ".join("?" * len(names))
            db.execute(f"INSERT OR REPLACE INTO verdicts VALUES ({places})", [row[name] for name in names])  # noqa: S608
            if made is not alerting:
                continue
            for table in ("details", "hourly"):
                if table in made:
                    copy = list((made[table] | {"id": own["id"]}).values())
                    db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(copy))})", copy)  # noqa: S608
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def _templates(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows that a sidecar writes of a pair that alerts and of one that does not, by table."""
    held = HistoryGuard(path, Limits(days=3650.0, size=1 << 40))
    held.start()
    worker = Worker("bench", Scoring.load(threads=1), Config(), held)
    rng = np.random.default_rng(1)
    now = time.time()
    waits = {"192.0.2.1": np.full(64, 60.0), "192.0.2.2": rng.exponential(600.0, 64)}
    candidates = []
    for resp, gaps in waits.items():
        starts = now - 64 * 600 + np.cumsum(gaps)
        ends = {"id.orig_h": "10.255.0.1", "id.resp_h": resp, "id.resp_p": 443, "proto": "tcp", "conn_state": "SF"}
        sizes = {"duration": 0.5, "orig_bytes": 300.0, "resp_bytes": 900.0}
        found, _ = rows([ends | sizes | {"ts": float(ts)} for ts in starts])
        candidates += [_candidate(row) for row, _ in found]
    verdicts = worker.work(candidates, AllowList())
    held.close()
    if [bool(verdict.level) for verdict in verdicts] != [True, False]:
        raise ConfigError("the model does not judge the two pairs that the bench is made of as it should")
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        made = []
        for one in candidates:
            number, tables = pair_number(one.key), {}
            for table in ("verdicts", "details", "hourly"):
                row = db.execute(f"SELECT * FROM {table} WHERE id = ?", (number,)).fetchone()  # noqa: S608
                if row is not None:
                    tables[table] = dict(row)
            made.append(tables)
    return made[0], made[1]


def _candidate(row: dict[str, Any]) -> Candidate:
    key = (row["orig_h"], row["resp"], row["resp_p"], row["proto"], row["channel"])
    return Candidate("bench", "bench", "1", 1, 0.0, "", 0, row["addr"], "gate", key, row)


@contextmanager
def console(history: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A console over a history, once it answers: its port, and its process."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    command = [sys.executable, "-m", "zeek_beacons", "serve", "--history", str(history)]
    command += ["--listen", f"127.0.0.1:{port}", "--state", str(history.with_name("status.json"))]
    spool = {"ZEEK_BEACONS_SERVE_SPOOL": str(history.with_name("spool"))}
    with history.with_name("console.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | spool)  # noqa: S603
        try:
            deadline = time.monotonic() + PATIENCE
            while _status(port, PATHS["API list"]) != 200:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ConfigError(f"the console does not answer: {history.with_name('console.log').read_text()}")
                time.sleep(0.2)
            for path in (*PATHS.values(), *PATHS.values()):  # what is made once is made
                _status(port, path)
            yield port, process
        finally:
            process.terminate()
            process.wait(PATIENCE)


def ask(port: int, seconds: float, served: Served | None = None) -> Served:
    """Asks in turn for the page and the list, RATE times a second."""
    served = served or Served()
    lock, names, began = threading.Lock(), list(PATHS), time.monotonic()

    def one(number: int) -> None:
        due, name = began + number / RATE, names[number % len(names)]
        time.sleep(max(0.0, due - time.monotonic()))
        status = _status(port, PATHS[name])
        with lock:
            served.taken[name].append((time.monotonic() - due) * 1000)
            served.failed += status != 200

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, range(int(seconds * RATE))))
    return served


def _status(port: int, path: str) -> int:
    """The status of an answer that was read to its end; 0 where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return 0
    finally:
        connection.close()
