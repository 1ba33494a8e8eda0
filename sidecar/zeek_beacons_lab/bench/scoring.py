"""What the scoring thread costs a candidate, without Zeek and sockets: decoding, judging, encoding.

The candidates are those of the live loop's feed as Zeek writes them: 59 connections each and one in a hundred 512,
every pair of one of 500 hosts. A share of them are timers of a minute, each with a server of its own, that alert; the
others are what makes up a sensor's candidates: browsing, waits by chance, clocks that are set, looks for updates. The
history is on disk. Each batch size has a sidecar of its own, which has seen one batch before it counts.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Limits
from zeek_beacons.live.protocol import wire
from zeek_beacons.live.protocol.frames import Event
from zeek_beacons.live.protocol.messages import Candidate
from zeek_beacons.live.worker import Worker
from zeek_beacons.pairs import Floats
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.bench.live import MOST, MOST_SHARE, OBSERVATIONS

BEGIN = 1_700_000_000.0
HOSTS = 500


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of CPU of the whole process for one candidate, by what they went to."""

    batch: int
    decoding: float
    judging: float  # with the thread that writes the history
    encoding: float
    alerts: float  # share of the candidates


def bench(batches: Sequence[int], candidates: int, alerting: float) -> Iterator[str]:
    """Measures each batch size on so many candidates and yields the report, line by line."""
    yield "| candidates a batch | decode ms | judge ms | encode ms | all ms | alert |"
    yield "|---|---|---|---|---|---|"
    for batch in batches:
        cost = measure(batch, candidates, alerting)
        parts = cost.decoding, cost.judging, cost.encoding
        told = " | ".join(f"{1e3 * part:.3f}" for part in (*parts, sum(parts)))
        yield f"| {batch} | {told} | {cost.alerts:.0%} |"


def measure(batch: int, candidates: int, alerting: float) -> Cost:
    """What a candidate costs in batches of this size. Raises ConfigError where one is not read."""
    texts = [made(number, alerting) for number in range(candidates + batch)]
    decoding = judging = encoding = 0.0
    alerts = 0
    with tempfile.TemporaryDirectory(prefix="bench-scoring-") as folder:
        history = HistoryGuard(Path(folder) / "history.db", Limits(), patience=60.0, slow=60.0)
        worker = Worker("bench", Scoring.load(), Config(), history)
        for first in range(0, len(texts), batch):
            began = time.process_time()
            read = decoded(texts[first : first + batch])
            at_hand = time.process_time()
            verdicts = worker.work(read, AllowList(), progress={("zeek", "b1"): first + batch})
            judged = time.process_time()
            for verdict in verdicts:
                wire.encode(verdict)
            if first:
                decoding += at_hand - began
                judging += judged - at_hand
                encoding += time.process_time() - judged
                alerts += sum(verdict.level > 0 for verdict in verdicts)
        history.close()
    return Cost(batch, decoding / candidates, judging / candidates, encoding / candidates, alerts / candidates)


def decoded(texts: Sequence[str]) -> list[Candidate]:
    """The candidates in these texts. Raises ConfigError where one is none."""
    found = [wire.decode(Event("Beacons::candidate", text)) for text in texts]
    read = [one for one in found if isinstance(one, Candidate)]
    if len(read) < len(found):
        raise ConfigError("a candidate of the benchmark is none")
    return read


@dataclass(frozen=True, slots=True)
class _Pair:
    """Connections of one pair: what tells the kinds of candidates apart."""

    waits: Floats  # seconds
    orig_bytes: list[int]
    resp_bytes: list[int]
    port: int = 443
    proto: str = "tcp"
    service: str = "ssl"
    name: str = ""


def _alike(rng: np.random.Generator, n: int) -> _Pair:
    return _Pair(54 + rng.integers(0, 7000, n) / 1000, [300] * n, [300] * n)


def _browsing(rng: np.random.Generator, n: int) -> _Pair:
    waits = np.where(rng.random(n) < 0.7, rng.exponential(4.0, n), rng.lognormal(6.0, 1.5, n))
    sizes = rng.lognormal([[6.5], [9.0]], 1.2, (2, n)).astype(int).tolist()
    return _Pair(waits, sizes[0], sizes[1], name=f"www.shop{rng.integers(1 << 30)}.example")


def _clock(rng: np.random.Generator, n: int) -> _Pair:
    return _Pair(64.0 + rng.normal(0, 0.5, n), [48] * n, [48] * n, 123, "udp", "ntp")


def _by_chance(rng: np.random.Generator, n: int) -> _Pair:
    sizes = rng.integers(100, 9_000, (2, n)).tolist()
    return _Pair(rng.exponential(60.0, n) ** 1.5, *sizes)


def _updates(rng: np.random.Generator, n: int) -> _Pair:
    sizes = rng.integers(400, 2_000, (2, n)).tolist()
    return _Pair(300 + rng.uniform(-20, 20, n), sizes[0], sizes[1], name="settings-win.data.microsoft.com")


# What does not alert: of ten, so many of each.
OTHERS = (*[_browsing] * 5, *[_by_chance] * 2, _clock, *[_updates] * 2)


def made(number: int, alerting: float) -> str:
    """A candidate as Zeek writes it. `alerting`: the share that are timers of servers that nobody knows, 0 to 1."""
    rng = np.random.default_rng(number)
    n = MOST if number % round(1 / MOST_SHARE) == round(1 / MOST_SHARE) - 1 else OBSERVATIONS
    alerts = int((number + 1) * alerting + 0.5) > int(number * alerting + 0.5)
    like = _alike(rng, n) if alerts else OTHERS[number % len(OTHERS)](rng, n)
    starts = np.round(BEGIN + np.cumsum(like.waits), 6).tolist()
    server = f"45.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    content: dict[str, Any] = {
        "v": 3,
        "sensor": "bench",
        "node": "zeek",
        "boot": "b1",
        "seq": number + 1,
        "ts": starts[-1],
        "uid": "CHhAvVGS1DHFjwGM9",
        "orig_h": f"10.0.{number % HOSTS >> 8}.{number % HOSTS & 255}",
        "orig_p": 40_000,
        "resp_h": server,
        "resp_p": like.port,
        "proto": like.proto,
        "resp": like.name or server,
        "service": like.service,
        "server_name": like.name,
        "conns": n,
        "named": n if like.name else 0,
        "name_conns": n if like.name else 0,
        "first_ts": starts[0],
        "last_ts": starts[-1],
        "resp_hosts": 1,
        "site_hosts": HOSTS,
        "reason": "gate",
        "dropped": 0,
        "starts": starts,
        "durations": [0.25] * n,
        "orig_bytes": like.orig_bytes,
        "resp_bytes": like.resp_bytes,
        "states": ["SF"] * n,
    }
    return json.dumps(content)
