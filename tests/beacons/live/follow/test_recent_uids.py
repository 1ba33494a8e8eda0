"""Uids of the newest connections, also where they come one by one for weeks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from zeek_beacons.live.follow.recent_uids import RecentUids
from zeek_beacons.pairs import Pairs

from ...readers.logs import T0


def table(*numbers: int) -> pa.Table:
    """Connections of one host, one a second."""
    return pa.table(
        {
            "ts": pa.array([T0 + number for number in numbers]),
            "uid": [f"C{number}" for number in numbers],
            "id.orig_h": ["10.0.0.1"] * len(numbers),
            "id.resp_p": pa.array([443] * len(numbers)),
        }
    )


def newest(uids: RecentUids, number: int) -> str:
    pairs = Pairs.build([{"orig_h": "10.0.0.1", "resp": "203.0.113.9", "resp_p": 443, "start": [T0 + number]}])
    return uids.newest(pairs, np.array([0]))[0]


@pytest.mark.parametrize("size", [1, 3, 400])
def test_small_reads_are_held_together(size: int) -> None:
    uids = RecentUids(most=1000)
    for begin in range(0, 1200, size):
        uids.take(table(*range(begin, begin + size)))
    assert uids.pieces <= 3
    assert [newest(uids, number) for number in (1199, 1100)] == ["C1199", "C1100"]


def test_beyond_the_most_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons.live.follow.recent_uids.PIECE", 50)
    uids = RecentUids(most=200)
    for number in range(1000):
        uids.take(table(number))
    assert uids.pieces <= 6
    assert newest(uids, 999) == "C999"
    assert newest(uids, 500) == ""
