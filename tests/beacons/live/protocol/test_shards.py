"""Which pairs a sidecar judges: how it is given, the topics that belong to it, and what it tells Zeek of it."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.live.made import ME
from zeek_beacons.live.protocol import frames
from zeek_beacons.live.protocol.messages import Resync, SidecarHeartbeat, SidecarHello
from zeek_beacons.live.protocol.shards import MOST_SHARDS, WHOLE, Shard, shards
from zeek_beacons.live.protocol.wire import encode


def test_one_shard_or_each_of_them() -> None:
    assert shards("2/4") == (Shard(2, 4),)
    assert shards("any/3") == (Shard(1, 3), Shard(2, 3), Shard(3, 3))
    assert shards("any/1") == shards("1/1") == (WHOLE,)


@pytest.mark.parametrize("wrong", ["", "2", "0/4", "5/4", "1/65", "any/0", "-1/4", "2/4 ", "a/4", "1/2/3", "\u0661/2"])
def test_what_is_none(wrong: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        shards(wrong)


@given(st.text(max_size=12))
def test_any_text_is_shards_or_an_error(text: str) -> None:
    with suppress(ValueError):
        assert all(1 <= one.number <= one.of <= MOST_SHARDS for one in shards(text))


def test_no_topic_is_the_beginning_of_another_one() -> None:
    every = [
        topic for of in range(2, MOST_SHARDS + 1) for n in range(1, of + 1) for topic in frames.topics(Shard(n, of))
    ]
    every.sort()
    assert not any(later.startswith(one) for one, later in pairwise(every))
    assert frames.topics() == list(frames.SUBSCRIPTIONS)


def test_a_shard_is_told_where_there_are_several() -> None:
    def told(*messages: SidecarHello | SidecarHeartbeat | Resync) -> list[tuple[object, object]]:
        content = [json.loads(encode(one).text) for one in messages]
        return [(one.get("shard"), one.get("shards")) for one in content]

    def all_of(shard: Shard) -> list[tuple[object, object]]:
        hello = SidecarHello("a", "host:1", "0", "m", shard)
        return told(hello, SidecarHeartbeat("a", 0, 0, 0, shard), Resync("a", shard=shard))

    assert all_of(Shard(2, 4)) == [(2, 4), (2, None), (2, None)]
    assert all_of(WHOLE) == [(None, None)] * 3
    assert ME.shard is WHOLE
