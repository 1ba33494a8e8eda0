"""Pairs by how long their connections are open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.readmodel.made import NOW
from zeek_beacons.live.history.store import Changes, History, Limits
from zeek_beacons.pairs import Pairs
from zeek_beacons.readmodel import ReadModel
from zeek_beacons.store.long_connection import LongConnection
from zeek_beacons.store.long_connections import DAY, of_pairs

HOUR = 3600.0


def pair(durations: list[float], gap: float = HOUR, resp: str = "203.0.113.9", **given: Any) -> dict[str, Any]:
    start = NOW + gap * np.arange(len(durations))
    return {"orig_h": "10.0.0.1", "resp": resp, "resp_p": 443, "start": start, "duration": durations} | given


def test_the_longest_connection_and_the_fullest_day_are_found() -> None:
    pairs = Pairs.build([pair([60.0, 5 * HOUR, 60.0]), pair([1.0], resp="203.0.113.10"), pair([HOUR] * 30)])
    first, third = list(of_pairs(pairs))
    assert (first.longest, first.longest_start, first.day_sum) == (5 * HOUR, NOW + HOUR, 5 * HOUR + 120)
    assert (third.longest, third.day_sum, third.conns) == (HOUR, 24 * HOUR, 30)


def test_connections_of_more_than_a_day_count_as_a_day() -> None:
    (found,) = of_pairs(Pairs.build([pair([3 * DAY])]))
    assert (found.longest, found.day_sum) == (3 * DAY, DAY)


def test_the_longest_stands_where_it_is_not_held_any_more() -> None:
    pairs = Pairs.build([pair([60.0] * 3, conns=9), pair([2 * HOUR], resp="203.0.113.10", conns=9)])
    keys = [("10.0.0.1", addr, 443, "tcp", "conn") for addr in ("203.0.113.9", "203.0.113.10", "203.0.113.11")]
    gone = dict.fromkeys(keys, (NOW - DAY, HOUR))
    first, second = list(of_pairs(pairs, gone=gone))
    assert (first.longest, first.longest_start, first.day_sum) == (HOUR, NOW - DAY, HOUR)
    assert (second.longest, second.longest_start, second.day_sum) == (2 * HOUR, NOW, 2 * HOUR)


def test_a_pair_by_name_is_left_to_its_addresses() -> None:
    by_name = pair([HOUR], resp="c2.example", addr="203.0.113.9", named=1, server_name="c2.example")
    by_address = pair([HOUR], named=1, name_conns=1, server_name="c2.example")
    (found,) = of_pairs(Pairs.build([by_name, by_address]))
    assert (found.addr, found.name) == ("203.0.113.9", "c2.example")


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 5 * 86_400), st.none() | st.floats(0, 2 * DAY)), min_size=1, max_size=12),
        max_size=5,
    )
)
def test_the_fullest_day_is_what_a_look_at_every_day_gives(every: list[list[tuple[float, float | None]]]) -> None:
    made = []
    for number, some in enumerate(every):
        start, duration = [NOW + at for at, _ in some], [np.nan if long is None else long for _, long in some]
        made.append(pair([], resp=f"203.0.113.{number}") | {"start": start, "duration": duration})
    pairs = Pairs.build(made)
    found = {one.addr: one.day_sum for one in of_pairs(pairs, least=1e-9)}
    for row in range(len(pairs)):
        held = slice(*pairs.offsets[row : row + 2])
        begun, long = pairs.start[held], np.minimum(np.nan_to_num(pairs.duration[held]), DAY)
        fullest = max(long[(begun >= at) & (begun < at + DAY)].sum() for at in begun)
        assert found.get(pairs.resp[row], 0.0) == pytest.approx(fullest, abs=1e-3)


def test_of_what_is_told_twice_the_longest_stands(path: Path) -> None:
    def told(longest: float, uid: str, is_open: int, name: str = "") -> LongConnection:
        key = ("10.0.0.1", "203.0.113.9", 443, "tcp")
        return LongConnection(*key, "", name, longest, NOW, uid, is_open, longest, 1, None, None, NOW)

    history = History.open(path, Limits())
    for one in (told(4 * HOUR, "C1", 1, "c2.example"), told(5 * HOUR, "C1", 0), told(2 * HOUR, "C2", 1)):
        history.store(Changes(long_connections=[one]), NOW)
    (found,) = ReadModel.open(path).long_connections().rows
    assert (found.longest, found.uid, found.is_open, found.name) == (5 * HOUR, "C1", False, "c2.example")
    assert history.prune(NOW + 31 * DAY) == 1
    assert ReadModel.open(path).long_connections().total == 0
    history.close()
