"""Histories and the workers that use them, built in the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.beacons.live.made import T0, candidate
from zeek_beacons.allow import AllowList
from zeek_beacons.keys import Key
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.site import SiteChanges
from zeek_beacons.live.history.store import Changes, Limits
from zeek_beacons.live.protocol.messages import Candidate
from zeek_beacons.live.worker import Worker
from zeek_beacons.scoring import Scoring

RULES = Scoring.rules_only()
NOW = 2_000_000_000.0
KEY = candidate(1).key
MODEL, BUDGET = RULES.identity, 1.5


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def guarded(path: Path, clock: Callable[[], float] = Clock(), **limits: Any) -> HistoryGuard:  # noqa: B008
    made = HistoryGuard(path, Limits(**limits), clock=clock, wall=lambda: NOW)
    made.start()
    return made


def judge(worker: Worker, candidates: Sequence[Candidate], **more: Any) -> list[Any]:
    return worker.work(candidates, AllowList(), **more)


def at(seq: int, times: Sequence[float], **given: Any) -> Candidate:
    """A candidate with observations at these seconds after T0."""
    n = len(times)
    starts = [T0 + time for time in times]
    vectors = {"starts": starts, "durations": [0.5] * n, "orig_bytes": [seq] * n, "resp_bytes": [9] * n}
    return candidate(seq, **({"n": n, "first_ts": min(starts), "states": ["SF"] * n} | vectors | given))


def stored(addr: str | None = "a", observations: bytes = b"") -> tuple[Any, ...]:
    """A pair as the history's table has it; without an address it cannot be written."""
    presented = ("", "", None, None, None, None, "", None, None, None)
    rest = (None,) * 4 + ("", "", "", "", None, "")  # facts of the channel dns; traits; the process; a hit
    return (addr, "", "", 1, 1, 0.0, None, None, "", 0, 0, True, False, None, *presented, *rest, observations)


def site_key(number: int, host: int = 0) -> Key:
    return f"10.0.0.{host}", f"r{number}", 443, "tcp", "conn"


def site_pairs(scores: Sequence[float], hosts: int = 10, **more: Any) -> Changes:
    """Pairs that scored so, in turn of some hosts."""
    scored: list[tuple[Key, float, float | None]] = [
        (site_key(number, number % hosts), score, None) for number, score in enumerate(scores)
    ]
    return Changes(site=SiteChanges(MODEL, BUDGET, scored, **more))
