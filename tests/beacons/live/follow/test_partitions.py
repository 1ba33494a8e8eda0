"""What waits for what among the partitions of a topic, without a broker."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.live.follow import partitions as module
from zeek_beacons.live.follow.messages import log_of_topic, row_of
from zeek_beacons.live.follow.partitions import Partition, Partitions

CONN, SSL = b'{"_path":"conn","ts":1.0}', b'{"_path":"ssl","ts":1.0}'


def held(*numbers: int, wait: float = 10.0) -> tuple[Partitions, list[Partition]]:
    found = Partitions(wait)
    made = [Partition("zeek", number, 0, 0, 0, 0.0) for number in numbers]
    for one in made:
        found.add(one)
    return found, made


def lines(found: Partitions, wall: float, now: float = 0.0, at_once: bool = False) -> int:
    return sum(block.data.count(b"\n") for one in found.connections(wall, now, at_once) for block in one.rows.blocks())


def test_connections_wait_for_the_other_partitions() -> None:
    found, (one, other) = held(0, 1)
    found.take(one, 0, CONN, 100.0, 1000.0, 0.0)
    found.take(other, 0, SSL, 105.0, 1000.0, 0.0)
    assert lines(found, 1000.0) == 0  # the other partition is at 105
    assert [part.log for part in found.beside()] == ["ssl"]
    found.take(other, 1, SSL, 110.0, 1000.0, 0.0)
    found.take(one, 1, CONN, 120.0, 1000.0, 0.0)
    assert lines(found, 1000.0) == 1
    assert (one.progress, other.progress) == (1, 2)
    found.ended(one, 0.0)
    found.ended(other, 0.0)
    assert lines(found, 129.0) == 0  # ten seconds after it came, when nothing more is there
    assert lines(found, 131.0) == 1
    assert one.progress == 2


def test_nobody_waits_for_a_partition_that_is_silent() -> None:
    found, (one, _) = held(0, 1)
    found.take(one, 0, CONN, 100.0, 200.0, 5.0)
    assert lines(found, 200.0, 5.0) == 0
    assert lines(found, 200.0, module.SILENT + 1.0) == 0  # of the one that spoke it is known how far it is
    found.ended(one, module.SILENT + 1.0)
    assert lines(found, 200.0, module.SILENT + 1.0) == 1


def test_too_many_wait_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2 * len(CONN) + 2)
    found, (one, _) = held(0, 1)
    for offset in range(5):
        found.take(one, offset, CONN, 100.0, 100.0, 0.0)
    assert lines(found, 100.0) == 3
    assert found.counts.hurried == 3


def test_a_partition_that_is_ahead_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AHEAD", 3)
    found, (one, other) = held(0, 1)
    found.take(other, 0, SSL, 100.0, 1000.0, 0.0)
    for offset in range(4):
        found.take(one, offset, CONN, 200.0, 1000.0, 0.0)
    assert list(found.ahead(1000.0, 0.0)) == [(one, True)]
    found.take(other, 1, SSL, 300.0, 1000.0, 0.0)
    assert list(found.ahead(1000.0, 0.0)) == [(one, False)]


def test_gaps_are_missed_and_a_topic_that_begins_anew_is_told_of() -> None:
    found, (one,) = held(0)
    found.take(one, 7, CONN, 1.0, 1.0, 0.0)  # where it begins is not for us to say
    found.take(one, 10, CONN, 1.0, 1.0, 0.0)
    found.take(one, 0, CONN, 1.0, 1.0, 0.0)
    assert (found.counts.missed, found.counts.cut, one.next) == (2, 1, 1)


def test_what_waits_of_a_partition_that_is_lost_is_left_to_others() -> None:
    found, (one, other) = held(0, 1)
    found.take(one, 0, CONN, 1.0, 1.0, 0.0)
    found.take(one, 1, SSL, 1.0, 1.0, 0.0)
    found.take(other, 0, CONN, 1.0, 1.0, 0.0)
    found.remove("zeek", 0)
    assert not list(found.beside())
    assert lines(found, 1.0, at_once=True) == 1


@pytest.mark.parametrize(
    ("topic", "log"),
    [
        ("zeek", ""),
        ("zeek-conn", "conn"),
        ("prod.zeek.ssl.v1", "ssl"),
        ("ZEEK_HTTP", "http"),
        ("conn", "conn"),
        ("connections", ""),
    ],
)
def test_what_topics_are_named_after(topic: str, log: str) -> None:
    assert log_of_topic(topic) == log


def test_rows_tell_their_log() -> None:
    fields = {"ts": 1.0, "id.orig_h": "a", "id.resp_h": "b", "id.resp_p": 1, "proto": "tcp"}
    assert row_of(json.dumps(fields).encode(), "").log == "conn"
    assert row_of(json.dumps(fields | {"_path": "weird"}).encode(), "conn").log == ""
    assert row_of(b'{"x":1}', "dns").log == "dns"
    assert row_of(b'{"x":1}', "").log == ""
    assert row_of(b'{\n "_path": "conn",\r\n "n": NaN}\n', "").line == b'{  "_path": "conn",   "n": NaN}\n'


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.none(), st.binary(), st.builds(lambda row: json.dumps(row).encode(), st.dictionaries(st.text(), st.text()))
    )
)
def test_whatever_a_message_holds_is_one_line_or_none(value: bytes | None) -> None:
    row = row_of(value, "conn")
    assert row.line.count(b"\n") == bool(row.log)
    assert bool(row.problem) == (not row.log)
