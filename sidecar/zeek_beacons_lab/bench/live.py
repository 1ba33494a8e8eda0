"""What the live loop sustains: a real Zeek that publishes candidates at a steady rate, and a real sidecar.

Zeek makes the candidates in script (mean 64 observations, one in a hundred 512; a share of them timers that alert, the
others waits by chance) and takes the time from publishing one
to the end of its verdict's handling, the notice included. A rate is sustained where every candidate is answered within
the last two seconds of the feed and none was left out of a queue or lost.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.errors import ConfigError
from zeek_beacons.keys import CONN
from zeek_beacons.live.history.rows import STORED
from zeek_beacons.live.history.store import Changes, History, Limits
from zeek_beacons.live.pcap_loop import find_zeek, scripts
from zeek_beacons.pairs import PRESENTED_TEXTS, PROCESS, Floats
from zeek_beacons.store.observation_codec import pack

TICK = 0.02  # seconds between Zeek's publications
LATE = 2.0  # seconds after the feed in which the last verdicts must come
PATIENCE = 120.0  # seconds after which a run is given up
OBSERVATIONS, MOST, MOST_SHARE = 59, 512, 0.01  # which makes a mean of 64

# What all pairs of a filled history share, beside what is not known of them.
DESCRIBED: dict[str, object] = dict.fromkeys(("server_name", "dns_name", *PRESENTED_TEXTS, *PROCESS[:-1], "traits"), "")
DESCRIBED |= {"service": "ssl", "named": 0, "name_conns": 0, "dns_named": 0, "orig_local": 1, "resp_local": 0}
DESCRIBED |= {"resp_hosts": 1.0, "site_hosts": 500.0}
FEED = Path(__file__).parent / "feed.zeek"


@dataclass(frozen=True, slots=True)
class Live:
    """What one rate came to."""

    rate: int
    published: int
    answered: int
    lost: int  # by Zeek's count, and candidates that the sidecar left out of a full queue
    lag: float  # seconds from the end of the feed to the last verdict
    latencies: Floats  # seconds
    memory: float  # the sidecar's resident bytes in the end
    cpu: tuple[float, float]  # seconds of CPU that Zeek and the sidecar took for a second of the feed

    @property
    def sustained(self) -> bool:
        """Whether all were answered in time and none was lost."""
        return self.answered == self.published and not self.lost and self.lag <= LATE


def bench(rates: Sequence[int], seconds: float, histories: Sequence[int], alerting: float) -> Iterator[str]:
    """Runs the rates and the history sizes one after the other and yields the report, line by line."""
    yield "| candidates/s | answered | sustained | p50 ms | p99 ms | sidecar MB | Zeek CPU | sidecar CPU |"
    yield "|---|---|---|---|---|---|---|---|"
    for rate in rates:
        with tempfile.TemporaryDirectory(prefix="bench-live-") as folder:
            live = run(Path(folder), rate, seconds, alerting)
        p50, p99 = np.percentile(live.latencies, [50, 99]) * 1000
        yield (
            f"| {rate:,} | {live.answered:,} of {live.published:,} | {'yes' if live.sustained else 'no'} | {p50:.0f} "
            f"| {p99:.0f} | {live.memory / 1e6:.0f} | {live.cpu[0]:.0%} | {live.cpu[1]:.0%} |"
        )
    yield ""
    yield "| pairs in history | file MB | sidecar MB at 100 candidates/s |"
    yield "|---|---|---|"
    for pairs in histories:
        with tempfile.TemporaryDirectory(prefix="bench-live-") as folder:
            size = fill(Path(folder) / "history.db", pairs)
            live = run(Path(folder), 100, seconds, alerting)
        yield f"| {pairs:,} | {size / 1e6:.0f} | {live.memory / 1e6:.0f} |"


def run(folder: Path, rate: int, seconds: float, alerting: float = 1.0) -> Live:
    """One Zeek and one sidecar in `folder`, where a history may lie; `alerting`: the share of timers, 0 to 1.

    Raises ConfigError where they do not get far.
    """
    total = int(rate * seconds)
    values: dict[str, float] = {"RATE": rate, "TOTAL": total, "TICK": TICK, "OBSERVATIONS": OBSERVATIONS, "MOST": MOST}
    values["ALERTING"] = alerting
    environment = os.environ | {f"FEED_{name}": str(value) for name, value in values.items()}
    port = free_port()
    zeek_command = [str(find_zeek()), "-b", str(scripts()), str(FEED), f"Beacons::listen_port={port}/tcp"]
    sidecar_command = [sys.executable, "-m", "zeek_beacons", "sidecar", "--zeek", f"ws://127.0.0.1:{port}"]
    sidecar_command += ["--history", str(folder / "history.db"), "--state", str(folder / "status.json")]
    with (folder / "zeek.out").open("wb") as out, (folder / "sidecar.log").open("wb") as log:
        zeek = subprocess.Popen(zeek_command, cwd=folder, env=environment, stdout=out, stderr=out)  # noqa: S603
        sidecar = subprocess.Popen(sidecar_command, stdout=log, stderr=log)  # noqa: S603
        try:
            number, answered, lost, ended = _watch(folder, zeek, sidecar, total)
            memory = resident(sidecar.pid)
            cpu = (_cpu(zeek.pid) / seconds, _cpu(sidecar.pid) / seconds)
            for process in (sidecar, zeek):
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)
        finally:
            for process in (sidecar, zeek):
                process.kill()
                process.wait()
    status: dict[str, Any] = json.loads((folder / "status.json").read_text())
    latencies = np.loadtxt(folder / "latencies", ndmin=1)
    lost += status["dropped"] + status["gaps"]
    return Live(rate, number, answered, lost, max(0.0, ended - seconds), latencies, memory, cpu)


def _watch(
    folder: Path, zeek: subprocess.Popen[bytes], sidecar: subprocess.Popen[bytes], total: int
) -> tuple[int, int, int, float]:
    """Waits until all is answered: candidates published, answered, lost, and when the last answer came."""
    began = time.monotonic()
    said = [0, 0, 0, 0, 0.0]
    while time.monotonic() - began < PATIENCE:
        time.sleep(0.25)
        if zeek.poll() is not None or sidecar.poll() is not None:
            break
        lines = (folder / "zeek.out").read_text().split("\n")[:-1]
        if lines and lines[-1][0].isdigit():
            said = [float(word) for word in lines[-1].split()]
        if said[1] >= total:
            return int(said[0]), int(said[1]), int(said[3]), said[4]
    if not said[0]:
        words = [(folder / name).read_text()[-500:] for name in ("zeek.out", "sidecar.log")]
        raise ConfigError(f"the live loop did not get going: {words}")
    return int(said[0]), int(said[1]), int(said[3]), said[4]


def fill(path: Path, pairs: int, seed: int = 1) -> int:
    """Writes a history of so many pairs with a mean of 64 observations. Returns the file's bytes."""
    rng = np.random.default_rng(seed)
    history = History.open(path, Limits(days=3650.0, size=1 << 40))
    for first in range(0, pairs, 10_000):
        rows = {}
        for number in range(first, min(pairs, first + 10_000)):
            n = MOST if number % round(1 / MOST_SHARE) == 0 else OBSERVATIONS
            start = np.round(1.7e9 + np.cumsum(rng.uniform(30, 90, n)), 6)
            sizes = rng.integers(100, 5_000, n).astype(np.float64)
            row = {"start": start, "duration": np.round(rng.random(n), 6), "orig_bytes": sizes, "resp_bytes": sizes}
            blob = pack(row | {"state": np.full(n, "SF", dtype=np.object_)})
            addr = f"45.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            described = {"addr": addr, "conns": n, "first_ts": float(start[0])} | DESCRIBED
            rows["10.1.1.1", addr, 443, "tcp", CONN] = (*map(described.get, STORED), blob)
        history.store(Changes(pairs=rows), time.time())
    history.close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def free_port() -> int:
    """A port of loopback at which nobody listens now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def resident(pid: int) -> float:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu(pid: int) -> float:
    """Seconds of user and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
