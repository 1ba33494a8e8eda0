"""The history file: written whole or not at all, bounded, and nobody else's."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.beacons.live.histories import NOW, stored
from tests.beacons.live.made import candidate
from zeek_beacons.live.history.store import HOUR, Changes, History, Limits
from zeek_beacons.store.observation_codec import pack


def test_a_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    history = History.open(path, Limits())
    good, bad = stored(), stored(addr=None)
    with pytest.raises(sqlite3.IntegrityError):
        history.store(Changes(pairs={("a", "b", 1, "tcp", "conn"): good, ("c", "b", 1, "tcp", "conn"): bad}), NOW)
    assert history.pairs() == 0


def test_old_pairs_are_forgotten(path: Path) -> None:
    history = History.open(path, Limits(days=30))
    row = stored(observations=pack(candidate(1).row))
    for day in range(0, 60, 10):
        history.store(Changes(pairs={("10.0.0.1", f"r{day}", 1, "tcp", "conn"): row}), NOW + day * 24 * HOUR)
    assert history.prune(NOW + 50 * 24 * HOUR) == 2
    assert history.pairs() == 4
    assert history.prune(NOW + 50 * 24 * HOUR) == 0


def test_the_size_is_capped_and_given_back(path: Path) -> None:
    size = 500_000
    history = History.open(path, Limits(size=size))
    row = stored(observations=b"x" * 2000)
    for block in range(20):
        pairs = {(f"10.0.0.{host}", f"r{block}", 1, "tcp", "conn"): row for host in range(100)}
        history.store(Changes(pairs=pairs), NOW + block * HOUR)
    assert history.size() > size
    while history.prune(NOW + 20 * HOUR):
        pass
    assert history.size() <= size
    kept = [resp for (resp,) in history._db.execute("SELECT DISTINCT resp FROM pairs")]
    assert "r19" in kept
    assert "r0" not in kept
    history.close()
    assert path.stat().st_size < 2 * size
