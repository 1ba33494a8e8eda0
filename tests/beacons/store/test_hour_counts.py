"""Counts by hour: they come back as they were, overlap without doubling, and are bounded."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.store.hour_counts import HOUR, count, merged, pack, unpack

STARTS = st.lists(st.floats(0, 4e9), min_size=1, max_size=40).map(lambda starts: np.sort(np.array(starts)))
NEAR = st.lists(st.floats(1.7e9, 1.7e9 + 100 * HOUR), min_size=1, max_size=40).map(lambda some: np.sort(np.array(some)))


@given(STARTS)
def test_counts_come_back_as_they_were(start: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    first, counts = count(start)
    again, found = unpack(pack(first, counts))
    assert (again, found.tolist()) == (first, counts.tolist())
    assert first + len(counts) - 1 == int(start[-1] // HOUR)


@given(NEAR, st.integers(1, 200))
def test_parts_of_the_same_connections_make_the_whole(
    start: np.ndarray[tuple[int], np.dtype[np.float64]], most: int
) -> None:
    whole = count(start)
    cut = len(start) // 2
    hours = np.floor(start / HOUR)
    behind = start[hours > hours[cut]]
    parts = [count(start[hours <= hours[cut]]), *([count(behind)] if len(behind) else []), count(start[cut:])]
    first, counts = merged(parts, most)
    kept = whole[1][-min(most, len(whole[1])) :]
    assert (first, counts.tolist()) == (whole[0] + len(whole[1]) - len(kept), kept.tolist())


def test_nothing_makes_nothing() -> None:
    assert merged([], 5)[1].tolist() == []


@given(st.binary())
def test_no_bytes_are_taken_for_counts(blob: bytes) -> None:
    first, counts = unpack(blob)
    assert (first, len(counts)) == (0, 0) or pack(first, counts)
