"""Pairs: the one data structure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.pairs import OBSERVATION_COLUMNS, OPTIONAL, PAIR_COLUMNS, STATE_CODE, STATES, Pairs, round_time


def one(starts: list[float], **given: Any) -> dict[str, Any]:
    return {"orig_h": "10.0.0.5", "resp": "203.0.113.9", "resp_p": 443, "start": starts} | given


def batch() -> Pairs:
    return Pairs.build(
        [one([5.0, 1.0, 3.0], resp_p=1), one([], resp_p=2), one([7.0], resp_p=3), one([2.0, 2.0], resp_p=4)]
    )


def test_build_sorts_rounds_and_fills_in() -> None:
    pairs = Pairs.build(
        [one([60.0000004, 0.1234567], duration=[1.0000004, np.nan], orig_bytes=[1, 2], state=["SF", "nonsense"])]
    )
    assert pairs.start.tolist() == [0.123457, 60.0]
    assert np.array_equal(pairs.duration, [np.nan, 1.0], equal_nan=True)
    assert (pairs.orig_bytes.tolist(), pairs.state.tolist()) == ([2, 1], [0, STATE_CODE["SF"]])
    assert np.isnan([*pairs.resp_bytes, *pairs.resp_hosts, *pairs.site_hosts]).all()
    assert (pairs.proto[0], pairs.addr[0], pairs.conns[0], pairs.named[0], pairs.first_ts[0]) == (
        *("tcp", "203.0.113.9", 2, 0),
        0.123457,
    )


def test_columns_have_fixed_kinds() -> None:
    for pairs in (Pairs.empty(), batch()):
        kinds = {name: getattr(pairs, name).dtype for name in (*PAIR_COLUMNS, *OBSERVATION_COLUMNS, "offsets")}
        assert {name for name, kind in kinds.items() if kind == np.object_} == {
            *("orig_h", "resp", "proto", "channel", "addr", "service", "server_name", "dns_name"),
            *("cert_name", "cert_issuer", "user_agent", "process", "parent", "user", "intel", "traits"),
        }
        assert {name for name, kind in kinds.items() if kind == np.int64} == {
            *("resp_p", "conns", "named", "name_conns", "offsets")
        }
        assert {name for name, kind in kinds.items() if kind == np.bool_} == {"orig_local", "resp_local"}
        assert kinds["state"] == np.uint8
        assert all(kinds[name] == np.float64 for name in OBSERVATION_COLUMNS[:-1])
    assert set(KEY_COLUMNS) < set(PAIR_COLUMNS)
    assert STATES[0] == ""


def test_counts_and_last() -> None:
    pairs = batch()
    assert len(pairs) == 4
    assert pairs.counts.tolist() == [3, 0, 1, 2]
    assert np.array_equal(pairs.last_ts, [5.0, np.nan, 7.0, 2.0], equal_nan=True)
    assert len(Pairs.empty().last_ts) == len(Pairs.empty()) == 0


@pytest.mark.parametrize(
    "index", [np.array([2, 0]), np.array([True, False, True, False]), np.array([], dtype=np.int64)]
)
def test_take(index: Any) -> None:
    pairs, taken = batch(), batch().take(index)
    positions = np.flatnonzero(index) if index.dtype == bool else index
    assert taken.resp_p.tolist() == pairs.resp_p[positions].tolist()
    for row, position in enumerate(positions):
        expected = pairs.start[pairs.offsets[position] : pairs.offsets[position + 1]]
        assert taken.start[taken.offsets[row] : taken.offsets[row + 1]].tolist() == expected.tolist()


def test_a_batch_of_which_nothing_is_left_out_is_the_batch_itself() -> None:
    pairs = batch()
    assert pairs.latest(3) is pairs
    assert pairs.take(np.arange(4)) is pairs
    assert pairs.take(np.ones(4, dtype=np.bool_)) is pairs
    assert pairs.take(np.array([0, 1, 3, 2])) is not pairs
    assert len(pairs.take(np.array([0, 1, 2, 3, 3]))) == 5


def test_latest_keeps_the_newest_and_the_counts() -> None:
    pairs = batch().latest(2)
    assert pairs.start.tolist() == [3.0, 5.0, 7.0, 2.0, 2.0]
    assert pairs.counts.tolist() == [2, 0, 1, 2]
    assert pairs.conns.tolist() == [3, 0, 1, 2]
    assert pairs.first_ts[0] == 1.0
    with pytest.raises(ValueError, match="expected at least 1"):
        pairs.latest(0)


@given(st.lists(st.lists(st.integers(0, 50), max_size=12), max_size=8), st.integers(1, 13))
def test_latest_of_any_batch(times: list[list[int]], keep: int) -> None:
    pairs = Pairs.build([one([float(at) for at in starts], resp_p=port) for port, starts in enumerate(times)])
    latest = pairs.latest(keep)
    for row, starts in enumerate(times):
        held = latest.start[latest.offsets[row] : latest.offsets[row + 1]].tolist()
        assert held == sorted(map(float, starts))[-keep:]


@given(st.permutations(list(range(6))))
def test_observations_have_one_order(order: list[int]) -> None:
    columns: dict[str, list[Any]] = {
        "start": [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
        "duration": [1.0, 1.0, np.nan, 2.0, 1.0, 0.0],
        "orig_bytes": [1.0, 2.0, 1.0, 1.0, 1.0, 0.0],
        "resp_bytes": [1.0, 1.0, 1.0, 1.0, np.nan, 0.0],
        "state": ["SF", "SF", "SF", "S0", "SF", "SF"],
    }
    plain = Pairs.build([one(columns["start"], **{k: v for k, v in columns.items() if k != "start"})])
    moved_columns = {name: [values[at] for at in order] for name, values in columns.items()}
    moved = Pairs.build([one(moved_columns["start"], **{k: v for k, v in moved_columns.items() if k != "start"})])
    for name in OBSERVATION_COLUMNS:
        assert np.array_equal(getattr(plain, name), getattr(moved, name), equal_nan=name != "state")


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="duration: 1 values for 2 starts"):
        Pairs.build([one([1.0, 2.0], duration=[1.0])])


@given(st.floats(-1e9, 4e9))
def test_rounding_is_what_conn_log_prints(seconds: float) -> None:
    rounded = float(round_time(np.array(seconds)))
    assert rounded == float(f"{rounded:.6f}")
    assert abs(rounded - seconds) <= 1e-6
    assert float(round_time(np.array(rounded))) == rounded


def test_a_pair_by_name_and_its_twin() -> None:
    pairs = Pairs.build(
        [
            one([1.0, 2.0], named=2, server_name="a.example"),
            one([1.0, 2.0], named=2, server_name="a.example", resp="a.example", addr="203.0.113.9"),
            one([1.0, 2.0], named=1, server_name="a.example", resp_p=1),
            one([1.0, 2.0], named=2, server_name="", resp_p=2),
            one([1.0, 2.0]),
            one([1.0, 2.0, 3.0], named=3, server_name="a.example", name_conns=2, resp_p=3),
        ]
    )
    assert pairs.is_named.tolist() == [False, True, False, False, False, False]
    assert pairs.is_twin.tolist() == [True, False, False, False, False, False]
    assert pairs.name_conns.tolist() == [2, 2, 1, 0, 0, 2]


def test_ends_are_local_as_zeek_takes_them_unless_somebody_says_otherwise() -> None:
    pairs = Pairs.build(
        [
            one([1.0]),
            one([1.0], resp="10.0.0.9"),
            one([1.0], orig_h="2001:db8::1", resp="c2.example", addr="198.51.100.7"),
            one([1.0], orig_local=False, resp_local=True),
            one([1.0], orig_h="203.0.114.1", resp="c2.example"),
        ]
    )
    assert pairs.orig_local.tolist() == [True, True, True, False, False]
    assert pairs.resp_local.tolist() == [True, True, True, True, False]


def test_columns_that_came_later_may_be_missing() -> None:
    whole = Pairs.build([one([1.0, 2.0], named=2, server_name="a.example"), one([3.0], resp="45.0.0.1")])
    given = {name: getattr(whole, name) for name in (*PAIR_COLUMNS, *OBSERVATION_COLUMNS, "offsets")}
    older = Pairs.of(**{name: values for name, values in given.items() if name not in OPTIONAL})
    for name in OPTIONAL:
        column = getattr(older, name)
        assert column.dtype == getattr(whole, name).dtype
        assert np.array_equal(column, getattr(whole, name), equal_nan=column.dtype == np.float64), name


def test_groups_are_no_single_host() -> None:
    addresses = ["224.0.0.251", "ff02::fb", "255.255.255.255", "10.0.0.255", "203.0.113.9", "fe80::1"]
    pairs = Pairs.build([one([1.0], resp=addr) for addr in addresses])
    assert pairs.is_multicast.tolist() == [True, True, True, False, False, False]


def test_what_is_computed_once_for_all_can_be_changed_by_none() -> None:
    pairs = Pairs.build([one([1.0, 2.0, 3.0]), one([1.0] * 5, resp="c2.example", addr="203.0.113.9")])
    assert pairs.counts is pairs.counts
    assert pairs.take(np.array([1])).counts.tolist() == [5]
    for name in ("counts", "last_ts", "is_named"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(pairs, name)[0] = 0
