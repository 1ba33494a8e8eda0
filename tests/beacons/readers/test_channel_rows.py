"""Rows of channels become pairs by the rules that hold for connections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.config import Config
from zeek_beacons.locality import is_private
from zeek_beacons.pairs import OBSERVATION_COLUMNS, Pairs
from zeek_beacons.readers import channel_rows
from zeek_beacons.readers.channel_rows import ChannelCollector, ChannelRows

T0 = 1.7e9
MOST = 8

Row = tuple[str, str, float, float]  # orig_h, resp, start, bytes
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["10.0.0.5", "10.0.0.6"]),
        st.sampled_from(["a.example", "b.example", "203.0.113.9"]),
        st.integers(0, 10).map(lambda second: T0 + second),
        st.sampled_from([100.0, 200.0, float("nan")]),
    ),
    max_size=60,
)


def objects(values: list[str]) -> Any:
    return np.array(values, dtype=np.object_)


def rows(given: list[Row], addr: str = "45.0.0.9") -> ChannelRows:
    n = len(given)
    return ChannelRows(
        orig_h=objects([row[0] for row in given]),
        resp=objects([row[1] for row in given]),
        resp_p=np.full(n, 53),
        proto=objects(["udp"] * n),
        addr=objects([addr] * n),
        service=objects(["dns"] * n),
        start=np.array([row[2] for row in given]),
        duration=np.full(n, np.nan),
        orig_bytes=np.array([row[3] for row in given]),
        resp_bytes=np.full(n, 7.0),
        state=np.full(n, 3, dtype=np.uint8),
    )


def collected(given: list[Row], at_once: int) -> Pairs:
    collector = ChannelCollector(Config(max_observations=MOST), "dns", is_private)
    for begin in range(0, len(given), at_once):
        collector.take(rows(given[begin : begin + at_once]))
    return collector.pairs()


@given(ROWS, st.integers(1, 60))
def test_each_pair_counts_all_and_holds_the_newest(given: list[Row], at_once: int) -> None:
    found = collected(given, at_once)
    by_key: dict[tuple[str, str], list[Row]] = {}
    for row in given:
        by_key.setdefault(row[:2], []).append(row)
    described = [
        {
            "orig_h": orig_h,
            "resp": resp,
            "resp_p": 53,
            "proto": "udp",
            "start": [row[2] for row in same],
            "orig_bytes": [row[3] for row in same],
            "resp_bytes": [7.0] * len(same),
            "state": ["SF"] * len(same),
        }
        for (orig_h, resp), same in sorted(by_key.items())
    ]
    told = Pairs.build(described).latest(MOST)
    assert list(found.keys()) == [(*key[:-1], "dns") for key in map(tuple, told.keys())]
    for name in ("conns", "first_ts", "offsets", *OBSERVATION_COLUMNS):
        np.testing.assert_array_equal(getattr(found, name), getattr(told, name), err_msg=name)
    assert set(found.addr) <= {"45.0.0.9"}
    assert not found.named.any()


@given(ROWS)
def test_looking_through_often_changes_nothing(given: list[Row]) -> None:
    once = collected(given, 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channel_rows, "MOST_PENDING", 3)
        often = collected(given, 7)
    for name in ("conns", "first_ts", "offsets", "resp_hosts", *OBSERVATION_COLUMNS):
        np.testing.assert_array_equal(getattr(often, name), getattr(once, name), err_msg=name)


def test_pairs_beyond_the_most_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_rows, "MOST_PAIRS", 2)
    collector = ChannelCollector(Config(), "dns", is_private)
    collector.take(rows([("10.0.0.5", f"{name}.example", T0, 1.0) for name in "abcab"]))
    collector.take(rows([("10.0.0.5", "c.example", T0 + 1, 1.0), ("10.0.0.5", "a.example", T0 + 2, 1.0)]))
    assert collector.left_out == 2
    assert collector.pairs().conns.tolist() == [3, 2]


def test_the_newest_server_and_what_is_known_of_the_site() -> None:
    collector = ChannelCollector(Config(), "dns", is_private)
    collector.take(rows([("10.0.0.5", "a.example", T0 + 5, 1.0)], addr="10.0.0.53"))
    collector.take(rows([("10.0.0.5", "a.example", T0, 1.0), ("10.0.0.6", "a.example", T0, 1.0)]))
    site = Pairs.build([{"orig_h": "10.0.0.9", "resp": "203.0.113.1", "resp_p": 443, "start": [T0], "site_hosts": 40}])
    found = collector.pairs(site)
    assert found.addr.tolist() == ["10.0.0.53", "45.0.0.9"]
    assert (found.resp_local.tolist(), found.orig_local.tolist()) == ([True, False], [True, True])
    assert (found.resp_hosts.tolist(), found.site_hosts.tolist()) == ([2, 2], [40, 40])
    assert not len(ChannelCollector(Config(), "http", is_private).pairs())
