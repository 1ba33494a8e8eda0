"""`bench follow` takes every connection on every road, and says what it came to."""

from __future__ import annotations

from pathlib import Path

from zeek_beacons_lab.bench.follow import ROADS, bench


def test_every_road_takes_every_connection(tmp_path: Path) -> None:
    lines = list(bench(3000, 40, 3, 3600.0, 500_000, 1, tmp_path))
    rows = [line.split(" | ") for line in lines[-len(ROADS) :]]
    assert [row[0].removeprefix("| ") for row in rows] == list(ROADS)
    assert [int(row[5]) > 0 for row in rows] == [False, True, True]
    assert all(float(row[3].replace(",", "")) > 0 for row in rows)
