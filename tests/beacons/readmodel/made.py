"""Histories and results to read, built in the test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.beacons.live.made import candidate
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Changes, History, Limits
from zeek_beacons.live.protocol.messages import Candidate
from zeek_beacons.live.worker import Worker
from zeek_beacons.locality import locality
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.readers.candidate_rows import localized
from zeek_beacons.readers.first_sights import first_sights
from zeek_beacons.reports import result
from zeek_beacons.reports.queries import Sources
from zeek_beacons.scoring import Scoring
from zeek_beacons.store.judged import Conclusion, JudgedPair
from zeek_beacons.store.keys import packed, pair_number

NOW = 1_767_300_000.0  # wall clock of the histories, 2026-01-01T20:40Z
HOSTILE = "\u202egro.elpmaxe.c2\u2066 [bold]<script>\x1b[31m"


def site() -> list[Candidate]:
    """A site of candidates: two beacons of one host, one of another by name, one that is irregular, one too short."""
    by_name = {"resp": "c2.example", "named": 60, "server_name": "c2.example"}
    irregular = {"jitter": 1.0, "sleep": 500.0, "orig_bytes": [100 + 37 * k % 900 for k in range(40)]}
    return [
        candidate(1, n=80),
        candidate(2, n=60, sleep=300.0, resp_h="198.51.100.7", resp="198.51.100.7"),
        candidate(3, n=60, orig_h="10.0.0.9", resp_h="203.0.113.40", **by_name),
        candidate(4, n=40, orig_h="10.0.1.7", resp_h="203.0.113.80", resp="203.0.113.80", **irregular),
        candidate(5, n=3, orig_h="10.0.1.8", resp_h="203.0.113.81", resp="203.0.113.81"),
    ]


def judged(candidates: Iterable[Candidate], scoring: Scoring) -> Scored:
    """What `score` concludes of the same connections."""
    is_local = locality(Config().local_nets)
    pairs = Pairs.build([localized(dict(one.row), is_local) for one in candidates])
    pairs = replace(pairs, traits=first_sights(pairs, Config().min_connections))
    return score(pairs, scoring, Config())


def result_of(scored: Scored, folder: Path, summary: dict[str, Any] | None = None) -> Path:
    """A result.sqlite in this folder."""
    folder.mkdir(exist_ok=True)
    file = folder / result.NAME
    result.write(scored, summary or {"profile": "balanced"}, Sources(), file)
    return file


def history_of(candidates: Sequence[Candidate], path: Path, scoring: Scoring) -> HistoryGuard:
    """A history that a sidecar has judged these candidates with, still open."""
    guard = HistoryGuard(path, Limits(), wall=lambda: NOW, patience=60.0)
    guard.start()
    Worker("me", scoring, Config(), guard).work(candidates, AllowList())
    assert guard.health.working, guard.health.last_error
    return guard


def row(number: int = 0, **given: Any) -> JudgedPair:
    """A row of `verdicts`."""
    orig_h, resp = given.pop("orig_h", "10.0.0.1"), given.pop("resp", f"203.0.113.{number}")
    key = (orig_h, resp, given.pop("resp_p", 443), "tcp", "conn")
    addr = given.pop("addr", f"203.0.113.{number % 250}")
    level = given.get("level", 0)
    made: dict[str, Any] = {
        "service": "ssl",
        "name": "",
        "kind": "beacon",
        "label": "beacon" if level else "benign",
        "severity": level,
        "level": level,
        "near_miss": 0,
        "suppressed": "",
        "allowed_by": "",
        "score": 0.9 if level else 0.2,
        "calibrated": 1,
        "threshold": 0.75,
        "sleep": 60.0,
        "jitter": 0.1,
        "conns": 50,
        "named": 0,
        "evidence": 50,
        "needed": 8,
        "first_ts": NOW - 7200,
        "last_ts": NOW - 60,
        "spark": bytes(range(24)),
        "spark_begin": NOW - 7200,
        "incident": "",
        "model": "m",
        "sensor": "",
        "uids": "",
    }
    return JudgedPair(
        id=pair_number(key),
        **dict(zip(KEY_COLUMNS, key, strict=True)),
        orig_n=packed(key[0]),
        addr=addr,
        addr_n=packed(addr),
        **(made | given),
    )


def store(history: History, rows: Iterable[JudgedPair], now: float = NOW, **more: Any) -> None:
    """Has a history keep rows, as of one batch."""
    history.store(Changes(concluded=[Conclusion(one) for one in rows], **more), now)
