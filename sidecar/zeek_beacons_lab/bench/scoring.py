"""What the scoring thread costs a candidate, without Zeek and sockets: decoding, judging, encoding.

The candidates are those of the live loop's feed as Zeek writes them: 59 connections each and one in a hundred 512,
every pair another server of one of 500 hosts, a timer of a minute that alerts; or, of those that shall not alert, waits
by chance. The history is on disk. Each batch size has a sidecar of its own, which has seen one batch before it counts.
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


def made(number: int, alerting: float) -> str:
    """A candidate as Zeek writes it. `alerting`: the share that are timers, 0 to 1."""
    rng = np.random.default_rng(number)
    n = MOST if number % round(1 / MOST_SHARE) == round(1 / MOST_SHARE) - 1 else OBSERVATIONS
    is_timer = number % 100 < round(100 * alerting)
    waits = 54 + rng.integers(0, 7000, n) / 1000 if is_timer else rng.exponential(60.0, n)
    sizes = [300] * n if is_timer else rng.integers(100, 9_000, n).tolist()
    starts = np.round(BEGIN + np.cumsum(waits), 6).tolist()
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
        "resp_p": 443,
        "proto": "tcp",
        "resp": server,
        "service": "ssl",
        "conns": n,
        "named": 0,
        "name_conns": 0,
        "first_ts": starts[0],
        "last_ts": starts[-1],
        "resp_hosts": 1,
        "site_hosts": HOSTS,
        "reason": "gate",
        "dropped": 0,
        "starts": starts,
        "durations": [0.25] * n,
        "orig_bytes": sizes,
        "resp_bytes": sizes,
        "states": ["SF"] * n,
    }
    return json.dumps(content)
